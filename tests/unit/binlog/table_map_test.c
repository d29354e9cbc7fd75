// SPDX-License-Identifier: Apache-2.0
// Table map: what golden ones say, the cache, and truncated, lying and unknown metadata.
#include "binlog/table_map.h"
#include "tests/unit/binlog/log_bytes.h"

#include <string.h>

static const struct table_filter everything;

static struct event_format format_v2(bool is_mariadb)
{
    struct event_format format = {.is_known = true, .header_bytes = EVENT_HEADER_BYTES};
    format.is_mariadb = is_mariadb;
    format.post_header_bytes[EVENT_TABLE_MAP] = 8;
    return format;
}

static struct event event_of(struct buf *log, const char *path)
{
    load_file(log, path);
    size_t at = find_event(buf_bytes(log), EVENT_TABLE_MAP, 0);
    size_t size = size_at(buf_bytes(log), at);
    struct event event = {.code = EVENT_TABLE_MAP, .bytes = slice_of(log->ptr + at, size)};
    event.body = slice_of(log->ptr + at + EVENT_HEADER_BYTES,
                          size - EVENT_HEADER_BYTES - EVENT_CHECKSUM_BYTES);
    return event;
}

static struct table_map *add(struct table_maps *maps, const struct event *event)
{
    struct event_format format = format_v2(false);
    struct err err;
    assert_true(table_maps_add(maps, event, &format, &everything, &err));
    assert_non_null(maps->last);
    return maps->last;
}

static void reads_columns_and_key(void **state)
{
    (void)state;
    struct buf log = {0};
    struct table_maps maps = {0};
    struct event event = event_of(&log, "tests/golden/mysql/composite_key.binlog");
    const struct table *table = &add(&maps, &event)->table;
    assert_true(slice_eq_str(table->db, "golden"));
    assert_true(slice_eq_str(table->name, "t"));
    assert_int_equal(table->n_columns, 3);
    assert_true(slice_eq_str(table->columns[1].name, "b"));
    assert_int_equal(table->n_key, 2); // PRIMARY KEY (b, a)
    assert_int_equal(table->key[0], 1);
    assert_int_equal(table->key[1], 0);
    table_maps_clear(&maps);
    buf_deinit(&log);
}

static void prefix_key_is_the_whole_column(void **state)
{
    (void)state;
    struct buf log = {0};
    struct table_maps maps = {0};
    struct event event = event_of(&log, "tests/golden/mysql/prefix_key.binlog");
    const struct table *table = &add(&maps, &event)->table;
    assert_int_equal(table->n_key, 1);
    assert_int_equal(table->key[0], 0);
    table_maps_clear(&maps);
    buf_deinit(&log);
}

static void the_same_bytes_are_read_once(void **state)
{
    (void)state;
    struct buf log = {0};
    struct table_maps maps = {0};
    struct event event = event_of(&log, "tests/golden/mysql/enums.binlog");
    struct table_map *map = add(&maps, &event);
    size_t bytes = maps.bytes;
    assert_ptr_equal(add(&maps, &event), map);
    assert_int_equal(maps.n, 1);
    assert_int_equal(maps.bytes, bytes);
    assert_ptr_equal(table_maps_find(&maps, map->id), map);
    assert_null(table_maps_find(&maps, map->id + 1));
    table_maps_clear(&maps);
    assert_int_equal(maps.n, 0);
    assert_int_equal(maps.bytes, 0);
    buf_deinit(&log);
}

static void the_cache_is_bounded(void **state)
{
    (void)state;
    struct buf log = {0};
    struct table_maps maps = {0};
    struct event event = event_of(&log, "tests/golden/mysql/no_key.binlog");
    uint8_t *id = log.ptr + (event.body.ptr - log.ptr);
    for (unsigned i = 0; i < TABLE_MAPS_MAX + 10; i++) {
        id[0] = (uint8_t)i;
        id[1] = (uint8_t)(i >> 8);
        (void)add(&maps, &event);
    }
    assert_int_equal(maps.n, TABLE_MAPS_MAX);
    assert_null(table_maps_find(&maps, 9)); // the oldest are gone
    assert_non_null(table_maps_find(&maps, 10));
    table_maps_clear(&maps);
    buf_deinit(&log);
}

static void unwanted_tables_are_not_read(void **state)
{
    (void)state;
    struct buf log = {0};
    struct table_maps maps = {0};
    struct event event = event_of(&log, "tests/golden/mysql/no_key.binlog");
    struct event_format format = format_v2(false);
    const struct table_filter filter = {.exclude = "golden.t"};
    struct err err;
    event.body.len -= 8; // damage that nobody looks at
    assert_true(table_maps_add(&maps, &event, &format, &filter, &err));
    assert_false(maps.last->is_wanted);
    table_maps_clear(&maps);
    buf_deinit(&log);
}

// Optional metadata may end at any field, so a prefix can be whole; it must never be anything but
// that or corrupt.
static void prefixes_are_corrupt(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "tests/golden/mysql/enums.binlog", "tests/golden/mysql/composite_key.binlog",
        "tests/golden/mysql/integers.binlog", "tests/golden/mysql/charsets.binlog"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct buf log = {0};
        struct event_format format = format_v2(false);
        struct event whole = event_of(&log, paths[i]);
        size_t whole_bytes = 0;
        for (size_t n = 0; n < whole.body.len; n++) {
            uint8_t *copy = malloc(EVENT_HEADER_BYTES + n);
            memcpy(copy, whole.bytes.ptr, EVENT_HEADER_BYTES + n);
            struct event event = {.code = EVENT_TABLE_MAP};
            event.bytes = slice_of(copy, EVENT_HEADER_BYTES + n);
            event.body = slice_of(copy + EVENT_HEADER_BYTES, n);
            struct table_maps maps = {0};
            struct err err;
            if (table_maps_add(&maps, &event, &format, &everything, &err))
                whole_bytes++;
            else
                assert_int_equal(err.class, ERR_CORRUPT);
            table_maps_clear(&maps);
            free(copy);
        }
        assert_in_range(whole_bytes, 1, 8); // one for each end of a field
        buf_deinit(&log);
    }
}

struct damage {
    const char *bytes; // a TLV that is put behind the event's own
    size_t n;
    enum err_class class;
};

static void bad_metadata_fields_are_refused(void **state)
{
    (void)state;
    static const struct damage damages[] = {
        {"\x0e\x00", 2, ERR_UNSUPPORTED},     // the first field that no server has
        {"\x00\x00", 2, ERR_UNSUPPORTED},     // no field at all
        {"\x04\x02\x01v", 4, ERR_CORRUPT},    // names, which were there before
        {"\x08\x01\x02", 3, ERR_CORRUPT},     // a key of the third column of two
        {"\x08\x02\x00", 3, ERR_CORRUPT},     // longer than it is
        {"\x0c\x02\x80\x00", 4, ERR_CORRUPT}, // visibility, which was there before
        {"\x06\x01\x01", 3, ERR_CORRUPT},     // labels of an ENUM that is not there
        {"\x07\xfe\xff\xff\xff\xff\xff\xff\xff\xff", 10, ERR_CORRUPT}, // 2^64 - 1 bytes
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct buf log = {0};
        struct buf bytes = {0};
        struct table_maps maps = {0};
        struct event_format format = format_v2(false);
        struct event event = event_of(&log, "tests/golden/mysql/no_key.binlog");
        struct err err;
        buf_append(&bytes, event.bytes.ptr, EVENT_HEADER_BYTES + event.body.len);
        buf_append(&bytes, damages[i].bytes, damages[i].n);
        event.bytes = buf_bytes(&bytes);
        event.body = slice_of(bytes.ptr + EVENT_HEADER_BYTES, bytes.len - EVENT_HEADER_BYTES);
        assert_false(table_maps_add(&maps, &event, &format, &everything, &err));
        if (err.class != damages[i].class)
            fail_msg("damage %zu: %s", i, err.text);
        assert_int_equal(maps.n, 0);
        table_maps_clear(&maps);
        buf_deinit(&bytes);
        buf_deinit(&log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_columns_and_key),
        cmocka_unit_test(prefix_key_is_the_whole_column),
        cmocka_unit_test(the_same_bytes_are_read_once),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test(unwanted_tables_are_not_read),
        cmocka_unit_test(prefixes_are_corrupt),
        cmocka_unit_test(bad_metadata_fields_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
