// SPDX-License-Identifier: Apache-2.0
// Position: the checkpoint's JSON in both directions.
#include "record/position.h"

#include "tests/unit/test.h"

#define FULL                                                                                       \
    "{\"gtid\":\"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5\",\"file\":\"binlog.000002\","           \
    "\"pos\":1234,\"rows\":18446744073709551615,\"filter\":\"00ffffffffffffff\","                  \
    "\"ts_us\":1795248900250123,\"server\":\"server_id 7\"}"

static void test_both_directions(void **state)
{
    (void)state;
    struct position position = {0};
    struct position copy = {0};
    struct buf out = {0};
    struct err err;
    assert_works(position_read(&position, str(FULL), &err), &err);
    assert_string_equal(position.file, "binlog.000002");
    assert_true(position.pos == 1234 && position.rows == UINT64_MAX);
    assert_true(position.filter == 0x00ffffffffffffff && position.ts_us == 1795248900250123);
    assert_string_equal(position.server_uuid, "server_id 7");
    position_copy(&copy, &position);
    position_deinit(&position);
    buf_char(&out, '{');
    position_write_fields(&out, &copy);
    buf_char(&out, '}');
    assert_text(buf_bytes(&out), FULL);
    position_deinit(&copy);
    buf_deinit(&out);
}

static void test_empty(void **state)
{
    (void)state;
    struct position position = {0};
    struct buf out = {0};
    position_write_fields(&out, &position);
    assert_text(buf_bytes(&out), "\"gtid\":\"\",\"file\":\"\",\"pos\":0,\"rows\":0,"
                                 "\"filter\":\"0000000000000000\",\"ts_us\":0,\"server\":\"\"");
    buf_deinit(&out);
}

static void test_passes_over_other_members(void **state)
{
    (void)state;
    struct position position = {0};
    struct err err;
    const char *json = "{\"v\":[1,{\"pos\":5}],\"gtid\":\"\",\"file\":\"f\",\"pos\":1,\"rows\":0,"
                       "\"filter\":\"\",\"more\":{\"rows\":9},\"ts_us\":0,\"server\":\"s\"}";
    assert_works(position_read(&position, str(json), &err), &err);
    assert_true(position.pos == 1 && position.rows == 0);
    position_deinit(&position);
}

static void test_truncation(void **state)
{
    (void)state;
    struct position position = {.pos = 77};
    struct err err;
    for (size_t n = 0; n < strlen(FULL); n++) {
        struct slice cut = exact_copy(slice_of(FULL, n));
        assert_fails(position_read(&position, cut, &err), &err, ERR_CORRUPT);
        assert_int_equal(err.offset, n);
        free((void *)cut.ptr);
    }
    assert_true(position.pos == 77);
}

// FULL with one text in it replaced.
static void refused(const char *old, const char *new, uint64_t offset)
{
    struct buf json = {0};
    struct position position = {0};
    struct err err;
    const char *at = strstr(FULL, old);
    buf_append(&json, FULL, strlen(FULL) - strlen(at));
    buf_str(&json, new);
    buf_str(&json, at + strlen(old));
    assert_fails(position_read(&position, buf_bytes(&json), &err), &err, ERR_CORRUPT);
    assert_int_equal(err.offset, offset);
    buf_deinit(&json);
}

static void test_faults_have_offsets(void **state)
{
    (void)state;
    refused("1234", "-1", 80);
    refused("1234", "1.0", 80);
    refused("1234", "\"1\"", 80);
    refused("18446744073709551615", "18446744073709551616", 92);
    refused("\"pos\":1234,", "", 0);
    refused("\"pos\"", "\"rows\":1,\"pos\"", 95);
    refused("9562:1-5", "9562:5-1", 48);
    refused("00ffffffffffffff", "00fffffffffffffff", 122);
    refused("00ffffffffffffff", "x", 122);
    refused("server_id 7", "0123456789012345678901234567890123456789012345678901234567890123", 175);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_directions),           cmocka_unit_test(test_empty),
        cmocka_unit_test(test_passes_over_other_members), cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_faults_have_offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
