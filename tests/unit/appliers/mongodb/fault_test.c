// SPDX-License-Identifier: Apache-2.0
// What is tried again and what ends the process, by domain and code as the client library and the
// server give them.
#include "appliers/mongodb/sink.h"
#include "tests/unit/test.h"

static enum err_class class_of(uint32_t domain, uint32_t code)
{
    bson_error_t error = {.domain = domain, .code = code, .message = "what it says"};
    struct err err;
    assert_false(sink_fail(&err, NULL, &error, "commit"));
    assert_non_null(strstr(err.text, "commit: what it says"));
    return err.class;
}

static void lost_servers_pass(void **state)
{
    (void)state;
    assert_int_equal(class_of(MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_SOCKET), ERR_RETRY);
    assert_int_equal(class_of(MONGOC_ERROR_SERVER_SELECTION, MONGOC_ERROR_SERVER_SELECTION_FAILURE),
                     ERR_RETRY);
    // "Server closed connection. calling hello on …", of a server that is killed
    assert_int_equal(class_of(MONGOC_ERROR_CLIENT, MONGOC_ERROR_STREAM_CONNECT), ERR_RETRY);
}

static void servers_that_change_pass(void **state)
{
    (void)state;
    assert_int_equal(class_of(MONGOC_ERROR_SERVER, 10107), ERR_RETRY); // not the primary
    assert_int_equal(class_of(MONGOC_ERROR_SERVER, 112), ERR_RETRY);   // a write conflict
}

static void what_must_be_mended_is_refused(void **state)
{
    (void)state;
    assert_int_equal(class_of(MONGOC_ERROR_CLIENT, MONGOC_ERROR_CLIENT_AUTHENTICATE), ERR_REFUSED);
    assert_int_equal(class_of(MONGOC_ERROR_SERVER, 13), ERR_REFUSED);    // not authorized
    assert_int_equal(class_of(MONGOC_ERROR_SERVER, 11000), ERR_REFUSED); // a duplicate key
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_servers_pass),
        cmocka_unit_test(servers_that_change_pass),
        cmocka_unit_test(what_must_be_mended_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
