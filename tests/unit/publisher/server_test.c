// SPDX-License-Identifier: Apache-2.0
// Server: what it lacks of a set. On MariaDB two histories may use the same sequence numbers.
#include "binlog/server.h"

#include "tests/unit/test.h"

static void assert_lacks(const struct server *server, const char *set_text, const char *expected)
{
    struct gtid_set set = {0};
    struct buf out = {0};
    struct err err;
    assert_true(gtid_set_parse(&set, slice_of_str(set_text), &err));
    server_lacks(server, &set, &out);
    assert_string_equal(buf_cstr(&out), expected);
    gtid_set_deinit(&set);
    buf_deinit(&out);
}

static void test_mysql(void **state)
{
    (void)state;
#define A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define B "4e11fa47-71ca-11e1-9e33-c80aa9429562"
    struct server server = {.gtid_mode = true};
    struct err err;
    assert_true(gtid_set_parse(&server.executed, slice_of_str(A ":1-10:tag:1-3"), &err));
    assert_lacks(&server, "", "");
    assert_lacks(&server, A ":1-10:tag:2", "");
    assert_lacks(&server, A ":3-12", A ":11-12");
    assert_lacks(&server, A ":1-10:tag:1-4," B ":1", A ":tag:4," B ":1");
    server_deinit(&server);
}

// Server 1 was the primary up to 103, server 2 went on.
static void test_mariadb(void **state)
{
    (void)state;
    struct server server = {.gtid_mode = true, .is_mariadb = true};
    buf_str(&server.known, "0-1-103,0-2-106,7-1-5,7-1-9");
    assert_lacks(&server, "", "");
    assert_lacks(&server, "0-1-103", "");
    assert_lacks(&server, "0-1-50,7-1-9", "");
    assert_lacks(&server, "0-2-106", "");
    assert_lacks(&server, "0-1-104", "0-1-104 (of server_id 1 its last is 0-1-103)");
    assert_lacks(&server, "0-1-105", "0-1-105 (of server_id 1 its last is 0-1-103)");
    assert_lacks(&server, "0-3-1,7-1-10",
                 "0-3-1 (of server_id 3 its last is none), 7-1-10 (of server_id 1 its last is "
                 "7-1-9)");
    server_deinit(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mysql),
        cmocka_unit_test(test_mariadb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
