// SPDX-License-Identifier: Apache-2.0
// Row events: images, extra data, rows without bytes; truncated and lying ones.
#include "binlog/row.h"
#include "tests/unit/binlog/log_bytes.h"

#include <string.h>

static const struct table_filter everything;

// A log with its first table map in the cache.
struct fixture {
    struct buf log;
    struct table_maps maps;
    struct event_format format;
    struct arena arena;
    struct plain plain;
    struct row_event rows; // that were read last
};

static struct event event_at(struct fixture *fixture, uint8_t code, size_t n)
{
    size_t at = find_event(buf_bytes(&fixture->log), code, n);
    size_t size = size_at(buf_bytes(&fixture->log), at);
    struct event event = {.code = code, .bytes = slice_of(fixture->log.ptr + at, size)};
    event.size = (uint32_t)size;
    event.body = slice_of(event.bytes.ptr + EVENT_HEADER_BYTES,
                          size - EVENT_HEADER_BYTES - EVENT_CHECKSUM_BYTES);
    return event;
}

static void open_log(struct fixture *fixture, const char *path)
{
    struct err err;
    *fixture = (struct fixture){0};
    load_file(&fixture->log, path);
    memset(fixture->format.post_header_bytes, 8, EVENT_CODES);
    struct event map = event_at(fixture, EVENT_TABLE_MAP, 0);
    assert_true(table_maps_add(&fixture->maps, &map, &fixture->format, &everything, &err));
}

static void close_log(struct fixture *fixture)
{
    table_maps_clear(&fixture->maps);
    arena_deinit(&fixture->arena);
    plain_deinit(&fixture->plain);
    buf_deinit(&fixture->log);
}

// The number of rows, or -1 with *err.
static int read_rows(struct fixture *fixture, const struct event *event, struct err *err)
{
    struct row_event *rows = &fixture->rows;
    if (!row_event_parse(rows, event, &fixture->format, &fixture->maps, &fixture->plain, err))
        return -1;
    int n = 0;
    for (; !row_event_done(rows); n++)
        if (!row_event_next(rows, &fixture->arena, err))
            return -1;
    return n;
}

static void reads_the_rows_of_an_event(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    open_log(&fixture, "tests/golden/mysql/update_delete.binlog");
    struct event insert = event_at(&fixture, EVENT_WRITE_ROWS, 0);
    assert_int_equal(read_rows(&fixture, &insert, &err), 3);
    struct event update = event_at(&fixture, EVENT_UPDATE_ROWS, 0);
    assert_int_equal(read_rows(&fixture, &update, &err), 2);
    struct event delete = event_at(&fixture, EVENT_DELETE_ROWS, 0);
    assert_int_equal(read_rows(&fixture, &delete, &err), 1);
    const struct row_event *rows = &fixture.rows;
    assert_int_equal(rows->before.values[0].i, 2); // DELETE … WHERE id = 2
    close_log(&fixture);
}

static void absent_columns_are_not_null(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    open_log(&fixture, "tests/golden/mysql/minimal_image.binlog");
    struct event update = event_at(&fixture, EVENT_UPDATE_ROWS, 1); // SET b = NULL WHERE id = 2
    assert_int_equal(read_rows(&fixture, &update, &err), 1);
    const struct row_event *rows = &fixture.rows;
    assert_int_equal(rows->before.values[0].i, 2);
    assert_int_equal(rows->before.values[1].kind, VALUE_ABSENT);
    assert_int_equal(rows->after.values[0].kind, VALUE_ABSENT);
    assert_int_equal(rows->after.values[2].kind, VALUE_NULL);
    close_log(&fixture);
}

static struct event copy_of(const struct event *event, size_t n, uint8_t **copy)
{
    struct event cut = *event;
    *copy = malloc(EVENT_HEADER_BYTES + n);
    memcpy(*copy, event->bytes.ptr, EVENT_HEADER_BYTES + n);
    cut.bytes = slice_of(*copy, EVENT_HEADER_BYTES + n);
    cut.body = slice_of(*copy + EVENT_HEADER_BYTES, n);
    return cut;
}

static void prefixes_are_corrupt_or_fewer_rows(void **state)
{
    (void)state;
    static const uint8_t codes[] = {EVENT_WRITE_ROWS, EVENT_UPDATE_ROWS, EVENT_DELETE_ROWS};
    struct fixture fixture;
    open_log(&fixture, "tests/golden/mysql/update_delete.binlog");
    for (size_t i = 0; i < sizeof codes; i++) {
        struct event whole = event_at(&fixture, codes[i], 0);
        struct err err;
        int n_rows = read_rows(&fixture, &whole, &err);
        int n_whole = 0;
        for (size_t n = 0; n < whole.body.len; n++) {
            uint8_t *copy;
            struct event event = copy_of(&whole, n, &copy);
            int got = read_rows(&fixture, &event, &err);
            if (got >= 0)
                n_whole++;
            else
                assert_int_equal(err.class, ERR_CORRUPT);
            assert_true(got < n_rows);
            free(copy);
        }
        assert_int_equal(n_whole, n_rows - 1); // the ends of all rows but the last
    }
    close_log(&fixture);
}

static void one_byte_more_is_corrupt(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    open_log(&fixture, "tests/golden/mysql/update_delete.binlog");
    struct event event = event_at(&fixture, EVENT_WRITE_ROWS, 0);
    event.body.len++; // the first byte of the checksum
    assert_int_equal(read_rows(&fixture, &event, &err), -1);
    assert_int_equal(err.class, ERR_CORRUPT);
    assert_true(err.has_offset);
    close_log(&fixture);
}

static void extra_data_are_passed_over(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    open_log(&fixture, "tests/golden/mysql/update_delete.binlog");
    struct event event = event_at(&fixture, EVENT_WRITE_ROWS, 0);
    struct buf longer = {0};
    size_t post_header = EVENT_HEADER_BYTES + 8;
    buf_append(&longer, event.bytes.ptr, post_header);
    put_le(&longer, 5, 2); // its own two bytes and three more
    buf_append(&longer, "abc", 3);
    buf_append(&longer, event.bytes.ptr + post_header + 2,
               EVENT_HEADER_BYTES + event.body.len - post_header - 2);
    event.bytes = buf_bytes(&longer);
    event.body = slice_of(longer.ptr + EVENT_HEADER_BYTES, longer.len - EVENT_HEADER_BYTES);
    assert_int_equal(read_rows(&fixture, &event, &err), 3);
    longer.ptr[post_header] = 1; // not even its own length
    assert_int_equal(read_rows(&fixture, &event, &err), -1);
    assert_int_equal(err.class, ERR_CORRUPT);
    assert_int_equal(err.offset, post_header);
    buf_deinit(&longer);
    close_log(&fixture);
}

static void lies_about_tables_and_columns_are_corrupt(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    open_log(&fixture, "tests/golden/mysql/update_delete.binlog");
    struct event whole = event_at(&fixture, EVENT_WRITE_ROWS, 0);
    uint8_t *copy;
    struct event event = copy_of(&whole, whole.body.len, &copy);
    copy[EVENT_HEADER_BYTES + 10]++; // the number of columns
    assert_int_equal(read_rows(&fixture, &event, &err), -1);
    assert_int_equal(err.class, ERR_CORRUPT);
    copy[EVENT_HEADER_BYTES + 10]--;
    copy[EVENT_HEADER_BYTES]++; // the table's number
    assert_int_equal(read_rows(&fixture, &event, &err), -1);
    assert_int_equal(err.class, ERR_CORRUPT);
    assert_int_equal(err.offset, EVENT_HEADER_BYTES);
    free(copy);
    close_log(&fixture);
}

// INSERT INTO t () VALUES () with MINIMAL images: one row of no bytes. Rows of no bytes before
// others cannot be.
static void a_row_may_have_no_bytes(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    open_log(&fixture, "tests/golden/mysql/update_delete.binlog");
    struct event whole = event_at(&fixture, EVENT_WRITE_ROWS, 0);
    uint8_t *copy;
    struct event event = copy_of(&whole, 13, &copy);
    copy[EVENT_HEADER_BYTES + 11] = 0; // none of the columns is present
    event.body.len = 12;
    assert_int_equal(read_rows(&fixture, &event, &err), 1);
    event.body.len = 13;
    assert_int_equal(read_rows(&fixture, &event, &err), -1);
    assert_int_equal(err.class, ERR_CORRUPT);
    free(copy);
    close_log(&fixture);
}

// A partial update cut at each byte; and with an option that this version has never heard of.
static void partial_updates_are_checked(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err;
    open_log(&fixture, "tests/golden/mysql/partial_json.binlog");
    memset(fixture.format.post_header_bytes, 10, EVENT_CODES);
    struct event whole = event_at(&fixture, EVENT_PARTIAL_UPDATE_ROWS, 0);
    for (size_t n = 0; n < whole.body.len; n++) {
        uint8_t *copy;
        struct event event = copy_of(&whole, n, &copy);
        assert_int_equal(read_rows(&fixture, &event, &err), -1);
        assert_int_equal(err.class, ERR_CORRUPT);
        free(copy);
    }
    uint8_t *copy;
    struct event event = copy_of(&whole, whole.body.len, &copy);
    assert_int_equal(read_rows(&fixture, &whole, &err), 1);
    const struct row_event *rows = &fixture.rows;
    struct slice last = rows->before.values[4].text; // "one": it ends the image before
    assert_int_equal(last.len, 3);
    size_t options = (size_t)(last.ptr + 3 - whole.bytes.ptr);
    assert_int_equal(copy[options], 1);
    copy[options] = 3;
    assert_int_equal(read_rows(&fixture, &event, &err), -1);
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    free(copy);
    close_log(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_rows_of_an_event),
        cmocka_unit_test(absent_columns_are_not_null),
        cmocka_unit_test(prefixes_are_corrupt_or_fewer_rows),
        cmocka_unit_test(one_byte_more_is_corrupt),
        cmocka_unit_test(extra_data_are_passed_over),
        cmocka_unit_test(lies_about_tables_and_columns_are_corrupt),
        cmocka_unit_test(a_row_may_have_no_bytes),
        cmocka_unit_test(partial_updates_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
