// SPDX-License-Identifier: Apache-2.0
// Event: headers, checksums, format descriptions; truncated, lying and damaged ones.
#include "tests/unit/binlog/log_bytes.h"

#include <string.h>

#define GOLDEN "tests/golden/mysql/update_delete.binlog"
#define GOLDEN_MARIADB "tests/golden/mariadb/update_delete.binlog"
#define GOLDEN_NO_CHECKSUM "tests/golden/mysql/checksum_none.binlog"

static struct event_format format_of(const char *path, struct buf *log)
{
    struct event_format format = {0};
    struct event event;
    struct err err;
    load_file(log, path);
    struct slice bytes =
        slice_of(log->ptr + LOG_MAGIC_BYTES, size_at(buf_bytes(log), LOG_MAGIC_BYTES));
    assert_true(event_parse(bytes, &format, true, &event, &err));
    assert_int_equal(event.code, EVENT_FORMAT_DESCRIPTION);
    assert_true(event_format_parse(&event, true, &format, &err));
    return format;
}

static void reads_format_descriptions(void **state)
{
    (void)state;
    struct buf log = {0};
    struct event_format format = format_of(GOLDEN, &log);
    assert_true(format.has_checksum);
    assert_false(format.is_mariadb);
    assert_int_equal(format.header_bytes, 19);
    assert_int_equal(strncmp(format.server_version, "9.", 2), 0);
    assert_int_equal(format.post_header_bytes[EVENT_QUERY], 13);
    assert_int_equal(format.post_header_bytes[EVENT_TABLE_MAP], 8);
    assert_int_equal(format.post_header_bytes[EVENT_WRITE_ROWS], 10);
    buf_clear(&log);
    format = format_of(GOLDEN_MARIADB, &log);
    assert_true(format.has_checksum);
    assert_true(format.is_mariadb);
    assert_int_equal(format.post_header_bytes[EVENT_MARIADB_GTID], 19);
    buf_clear(&log);
    assert_false(format_of(GOLDEN_NO_CHECKSUM, &log).has_checksum);
    buf_deinit(&log);
}

static void in_use_flag_is_not_part_of_the_checksum(void **state)
{
    (void)state;
    struct buf log = {0};
    struct event_format format = format_of(GOLDEN, &log);
    struct event event;
    struct err err;
    log.ptr[LOG_MAGIC_BYTES + 17] |= EVENT_FLAG_IN_USE;
    struct slice bytes =
        slice_of(log.ptr + LOG_MAGIC_BYTES, size_at(buf_bytes(&log), LOG_MAGIC_BYTES));
    assert_true(event_parse(bytes, &format, true, &event, &err));
    assert_true(event_format_parse(&event, true, &format, &err));
    buf_deinit(&log);
}

static void format_prefixes_are_corrupt(void **state)
{
    (void)state;
    struct buf log = {0};
    (void)format_of(GOLDEN, &log);
    size_t size = size_at(buf_bytes(&log), LOG_MAGIC_BYTES);
    for (size_t n = 0; n < size; n++) {
        // the size in the header is made to fit, so that the body is what is too short
        uint8_t *copy = malloc(n + 1);
        memcpy(copy, log.ptr + LOG_MAGIC_BYTES, n);
        if (n >= 13)
            copy[9] = (uint8_t)n, copy[10] = copy[11] = copy[12] = 0;
        struct event_format format = {0};
        struct event event;
        struct err err;
        bool ok = event_parse(slice_of(copy, n), &format, true, &event, &err) &&
                  event_format_parse(&event, true, &format, &err);
        assert_false(ok);
        assert_int_equal(err.class, ERR_CORRUPT);
        assert_true(err.has_offset);
        free(copy);
    }
    buf_deinit(&log);
}

static void wrong_checksum_is_corrupt(void **state)
{
    (void)state;
    struct buf log = {0};
    struct event_format format = format_of(GOLDEN, &log);
    struct buf bytes = {0};
    struct event event;
    struct err err;
    put_event(&bytes, EVENT_XID, 0, "12345678", 8);
    assert_true(event_parse(buf_bytes(&bytes), &format, true, &event, &err));
    assert_int_equal(event.body.len, 8);
    bytes.ptr[EVENT_HEADER_BYTES]++;
    assert_false(event_parse(buf_bytes(&bytes), &format, true, &event, &err));
    assert_int_equal(err.class, ERR_CORRUPT);
    assert_int_equal(err.offset, bytes.len - EVENT_CHECKSUM_BYTES);
    assert_true(event_parse(buf_bytes(&bytes), &format, false, &event, &err));
    buf_deinit(&bytes);
    buf_deinit(&log);
}

static void lying_sizes_are_corrupt(void **state)
{
    (void)state;
    struct buf log = {0};
    struct event_format format = format_of(GOLDEN, &log);
    struct buf bytes = {0};
    struct event event;
    struct err err;
    put_event(&bytes, EVENT_XID, 0, "12345678", 8);
    bytes.ptr[9]++;
    assert_false(event_parse(buf_bytes(&bytes), &format, true, &event, &err));
    assert_int_equal(err.class, ERR_CORRUPT);
    assert_int_equal(err.offset, 9);
    // the largest that has no room for its checksum, and the smallest that has
    buf_clear(&bytes);
    put_event(&bytes, EVENT_STOP, 0, NULL, 0);
    assert_true(event_parse(buf_bytes(&bytes), &format, true, &event, &err));
    bytes.ptr[9]--;
    struct slice shorter = slice_of(bytes.ptr, bytes.len - 1);
    assert_false(event_parse(shorter, &format, true, &event, &err));
    assert_int_equal(err.class, ERR_CORRUPT);
    buf_deinit(&bytes);
    buf_deinit(&log);
}

// A rotation that heads a dump has a checksum or none, whatever the log has.
static void first_rotation_shows_its_checksum_itself(void **state)
{
    (void)state;
    struct event_format unknown = {0};
    struct buf bytes = {0};
    struct event event;
    struct err err;
    put_event(&bytes, EVENT_ROTATE, EVENT_FLAG_ARTIFICIAL, "\4\0\0\0\0\0\0\0log.1", 13);
    assert_true(event_parse(buf_bytes(&bytes), &unknown, true, &event, &err));
    assert_int_equal(event.body.len, 13);
    bytes.len -= EVENT_CHECKSUM_BYTES;
    bytes.ptr[9] -= EVENT_CHECKSUM_BYTES;
    assert_true(event_parse(buf_bytes(&bytes), &unknown, true, &event, &err));
    assert_int_equal(event.body.len, 13);
    buf_deinit(&bytes);
}

static void damaged_version_cannot_turn_checksums_off(void **state)
{
    (void)state;
    struct buf log = {0};
    struct event_format format = format_of(GOLDEN, &log);
    struct event event;
    struct err err;
    log.ptr[LOG_MAGIC_BYTES + EVENT_HEADER_BYTES + 2] = '1'; // 9.7 becomes 1.7
    struct slice bytes =
        slice_of(log.ptr + LOG_MAGIC_BYTES, size_at(buf_bytes(&log), LOG_MAGIC_BYTES));
    assert_true(event_parse(bytes, &format, true, &event, &err));
    assert_false(event_format_parse(&event, true, &format, &err));
    assert_int_equal(err.class, ERR_CORRUPT);
    buf_deinit(&log);
}

static void old_servers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        bool is_read;
    } servers[] = {
        {"5.0.96-log", true},       {"5.1.17-beta-log", false},   {"5.1.18-beta", true},
        {"5.1.73", true},           {"5.1.15-ndb-6.1.24", false}, {"5.2.2-a_drop6p13-log", false},
        {"10.11.19-MariaDB", true},
    };
    struct buf log = {0};
    (void)format_of(GOLDEN, &log);
    size_t size = size_at(buf_bytes(&log), LOG_MAGIC_BYTES);
    char *version = (char *)log.ptr + LOG_MAGIC_BYTES + EVENT_HEADER_BYTES + 2;
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
        struct event_format format = {0};
        struct event event;
        struct err err;
        memset(version, 0, EVENT_VERSION_BYTES);
        memcpy(version, servers[i].version, strlen(servers[i].version));
        assert_true(
            event_parse(slice_of(log.ptr + LOG_MAGIC_BYTES, size), &format, false, &event, &err));
        if (strncmp(version, "5.", 2) == 0) // no more types than such a server has
            event.body.len = 57 + 27;
        bool ok = event_format_parse(&event, false, &format, &err);
        assert_int_equal(ok, servers[i].is_read);
        if (!ok)
            assert_int_equal(err.class, ERR_UNSUPPORTED);
    }
    buf_deinit(&log);
}

static void events_are_located(void **state)
{
    (void)state;
    const uint64_t high = (uint64_t)1 << 32;
    static const struct event none = {.code = EVENT_XID, .size = 100};
    struct {
        uint32_t end_pos;
        uint16_t flags;
        uint64_t before, start, end;
    } cases[] = {
        {0, 0, 1000, 1000, 1100},                                 // not said
        {1100, 0, 1000, 1000, 1100},                              // as counted
        {5000, 0, 1000, 4900, 5000},                              // events were left out
        {200, 0, 1000, 1000, 1100},                               // counted from elsewhere
        {50, 0, high - 50, high - 50, high + 50},                 // the header has but 32 bits
        {500, 0, high - 50, high + 400, high + 500},              //
        {300, 0, 3 * high + 100, 3 * high + 200, 3 * high + 300}, //
        {0, EVENT_FLAG_ARTIFICIAL, 1000, 1000, 1000},             // takes no room
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct event event = none;
        event.end_pos = cases[i].end_pos;
        event.flags = cases[i].flags;
        uint64_t start = 0;
        uint64_t end = cases[i].before;
        event_locate(&event, &start, &end);
        assert_int_equal(start, cases[i].start);
        assert_int_equal(end, cases[i].end);
    }
}

static void every_type_has_a_reason(void **state)
{
    (void)state;
    unsigned known = 0;
    for (unsigned code = 0; code < EVENT_CODES; code++) {
        const struct event_kind *kind = event_kind_of((uint8_t)code);
        assert_non_null(kind->name);
        known += kind->action != EVENT_ACTION_NONE;
        if (kind->action == EVENT_ACTION_IGNORE || kind->action == EVENT_ACTION_REFUSE)
            assert_non_null(kind->reason);
    }
    assert_int_equal(known, 43 + 12); // MySQL 9.7: 0 to 42; MariaDB 10.11: 160 to 171
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_format_descriptions),
        cmocka_unit_test(in_use_flag_is_not_part_of_the_checksum),
        cmocka_unit_test(format_prefixes_are_corrupt),
        cmocka_unit_test(wrong_checksum_is_corrupt),
        cmocka_unit_test(lying_sizes_are_corrupt),
        cmocka_unit_test(first_rotation_shows_its_checksum_itself),
        cmocka_unit_test(damaged_version_cannot_turn_checksums_off),
        cmocka_unit_test(old_servers_are_refused),
        cmocka_unit_test(events_are_located),
        cmocka_unit_test(every_type_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
