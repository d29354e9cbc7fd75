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

#define UUID "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define HEAD "{\"gtid\":\"" UUID ":1-9\",\"file\":\"b.000003\",\"pos\":99,\"rows\":2,"
#define TAIL                                                                                       \
    "\"filter\":\"0000000000000001\",\"ts_us\":5,\"server\":\"s\",\"file_ts\":1795248900,"         \
    "\"pending\":["
#define XA_ONE                                                                                     \
    "{\"xid\":\"X'61',X'',1\",\"gtid\":\"" UUID ":4\",\"file\":\"b.000001\",\"pos\":1234,"         \
    "\"before\":\"\"}"
#define XA_TWO                                                                                     \
    "{\"xid\":\"X'62',X'',1\",\"gtid\":\"" UUID                                                    \
    ":6\",\"file\":\"b.000002\",\"pos\":4,\"before\":\"\"}"
#define PENDING HEAD TAIL XA_ONE "," XA_TWO "]}"

static void assert_written(const struct position *position, const char *text)
{
    struct buf out = {0};
    buf_char(&out, '{');
    position_write_fields(&out, position);
    buf_char(&out, '}');
    assert_text(buf_bytes(&out), text);
    buf_deinit(&out);
}

static void assert_set(const struct gtid_set *set, const char *text)
{
    struct buf out = {0};
    gtid_set_write(&out, set);
    assert_text(buf_bytes(&out), text);
    buf_deinit(&out);
}

// With pending XA transactions reading begins where the first of them is.
static void test_pending(void **state)
{
    (void)state;
    struct position position = {0};
    struct position begin = {0};
    struct err err;
    assert_works(position_read(&position, str(PENDING), &err), &err);
    assert_written(&position, PENDING);
    assert_works(position_begin(&begin, &position, &err), &err);
    assert_set(&begin.executed, UUID ":1-3:5:7-9");
    assert_string_equal(begin.file, "b.000001");
    assert_true(begin.pos == 1234 && begin.rows == 0 && begin.file_ts == 0);
    pending_remove(&position.pending, "X'61',X'',1");
    pending_remove(&position.pending, "X'63',X'',1"); // is not there
    assert_written(&position, HEAD TAIL XA_TWO "]}");
    position.pending.items[0].gtid.kind = GTID_NONE; // of a time without GTIDs: by file
    assert_works(position_begin(&begin, &position, &err), &err);
    assert_true(gtid_set_is_empty(&begin.executed));
    pending_remove(&position.pending, "X'62',X'',1");
    assert_works(position_begin(&begin, &position, &err), &err);
    assert_set(&begin.executed, UUID ":1-9");
    assert_true(begin.pos == 99 && begin.rows == 2 && begin.file_ts == 1795248900);
    position_deinit(&begin);
    position_deinit(&position);
}

static void test_pending_of_mariadb(void **state)
{
    (void)state;
    static const char json[] =
        "{\"gtid\":\"0-1-9,2-1-7\",\"file\":\"b\",\"pos\":9,\"rows\":0,\"filter\":\"\",\"ts_us\":0,"
        "\"server\":\"\",\"pending\":[{\"xid\":\"x\",\"gtid\":\"0-1-5\",\"file\":\"a\",\"pos\":4,"
        "\"before\":\"0-1-4,2-1-7\"}]}";
    struct position position = {0};
    struct position begin = {0};
    struct err err;
    assert_works(position_read(&position, str(json), &err), &err);
    assert_works(position_begin(&begin, &position, &err), &err);
    assert_set(&begin.executed, "0-1-4,2-1-7");
    position_deinit(&begin);
    position_deinit(&position);
}

static void test_pending_that_is_wrong(void **state)
{
    (void)state;
    static const char no_gtid[] = "[{\"xid\":\"x\",\"gtid\":\"?\",\"file\":\"\",\"pos\":1,"
                                  "\"before\":\"\"}]";
    static const char second[] = "[" XA_ONE ",{\"xid\":\"\"}]";
    static const char *const lists[] = {"{}", "[1]", "[{}]", second, no_gtid};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct pending_list list = {0};
        struct err err;
        assert_fails(pending_read(&list, str(lists[i]), &err), &err, ERR_CORRUPT);
        assert_int_equal(list.n, 0);
    }
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
        cmocka_unit_test(test_both_directions),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_pending_of_mariadb),
        cmocka_unit_test(test_pending_that_is_wrong),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_passes_over_other_members),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_faults_have_offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
