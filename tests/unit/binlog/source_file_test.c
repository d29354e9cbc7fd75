// SPDX-License-Identifier: Apache-2.0
// A binlog file as a source: the rotation it starts with, whole events, and files that are cut,
// encrypted or none.
#define _POSIX_C_SOURCE 200809L
#include "binlog/source_file.h"
#include "tests/unit/binlog/temporary_log.h"

#include <string.h>
#include <unistd.h>

#define GOLDEN "tests/golden/mysql/integers.binlog"

static void gives_a_rotation_then_all_events(void **state)
{
    (void)state;
    struct buf log = {0};
    struct slice event;
    struct err err;
    load_file(&log, GOLDEN);
    struct source *source = source_file_open(GOLDEN, &err);
    assert_non_null(source);
    assert_int_equal(source->next(source, 0, &event, &err), SOURCE_EVENT);
    assert_int_equal(event.ptr[4], EVENT_ROTATE);
    assert_int_equal(event.len, size_at(event, 0));
    struct slice name =
        slice_of(event.ptr + EVENT_HEADER_BYTES + 8, event.len - EVENT_HEADER_BYTES - 8);
    assert_true(slice_eq_str(name, "integers.binlog"));
    size_t at = LOG_MAGIC_BYTES;
    for (; at < log.len; at += size_at(buf_bytes(&log), at)) {
        assert_int_equal(source->next(source, 0, &event, &err), SOURCE_EVENT);
        assert_true(slice_eq(event, slice_of(log.ptr + at, size_at(buf_bytes(&log), at))));
    }
    assert_int_equal(source->next(source, 0, &event, &err), SOURCE_END);
    source_close(source);
    buf_deinit(&log);
}

static enum source_result read_to_end(struct err *err)
{
    struct source *source = source_file_open(temporary, err);
    if (!source)
        return SOURCE_ERROR;
    struct slice event;
    enum source_result result;
    do
        result = source->next(source, 0, &event, err);
    while (result == SOURCE_EVENT);
    source_close(source);
    return result;
}

static void every_prefix_ends_or_is_corrupt(void **state)
{
    (void)state;
    struct buf log = {0};
    load_file(&log, GOLDEN);
    size_t end = LOG_MAGIC_BYTES;
    for (size_t n = 0; n < log.len; n++) {
        struct err err;
        write_temporary(slice_of(log.ptr, n));
        enum source_result result = read_to_end(&err);
        if (n >= LOG_MAGIC_BYTES && n == end) {
            assert_int_equal(result, SOURCE_END);
            end += size_at(buf_bytes(&log), end);
        } else {
            assert_int_equal(result, SOURCE_ERROR);
            assert_int_equal(err.class, ERR_CORRUPT);
        }
    }
    buf_deinit(&log);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    struct err err;
    write_temporary(slice_of_str("\xfd"
                                 "bin and so on"));
    assert_null(source_file_open(temporary, &err));
    assert_int_equal(err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "encrypted"));
    write_temporary(slice_of_str("not a binlog"));
    assert_null(source_file_open(temporary, &err));
    assert_int_equal(err.class, ERR_CORRUPT);
    assert_null(source_file_open("/nonexistent/binlog.000001", &err));
    assert_int_equal(err.class, ERR_UNAVAILABLE);
}

// An event that claims more than the limit is refused before anything is read for it.
static void sizes_that_cannot_be_are_corrupt(void **state)
{
    (void)state;
    const uint64_t sizes[] = {0, EVENT_HEADER_BYTES - 1, SOURCE_EVENT_BYTES_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf log = {0};
        struct err err;
        buf_str(&log, "\xfe"
                      "bin");
        put_event(&log, EVENT_XID, 0, "12345678", 8);
        for (unsigned k = 0; k < 4; k++)
            log.ptr[LOG_MAGIC_BYTES + 9 + k] = (uint8_t)(sizes[i] >> (8 * k));
        write_temporary(buf_bytes(&log));
        assert_int_equal(read_to_end(&err), SOURCE_ERROR);
        assert_int_equal(err.class, ERR_CORRUPT);
        assert_int_equal(err.offset, 9);
        buf_deinit(&log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_a_rotation_then_all_events),
        cmocka_unit_test(every_prefix_ends_or_is_corrupt),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(sizes_that_cannot_be_are_corrupt),
    };
    return cmocka_run_group_tests(tests, make_temporary, remove_temporary);
}
