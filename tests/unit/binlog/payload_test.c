// SPDX-License-Identifier: Apache-2.0
// Transaction payloads: with and without compression, with the widest window, and too long to be
// held: read in pieces from a file and from a pipe, with the same changes as from memory, and none
// of them when a byte of the event is missing or wrong.
#define _POSIX_C_SOURCE 200809L
#include "binlog/reader.h"
#include "binlog/source_file.h"
#include "record/json_writer.h"
#include "tests/unit/binlog/temporary_log.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#define GOLDEN "tests/golden/mysql/compressed.binlog"
#define ROW_COPIES 4000 // of a row of about 1,000 bytes: more than any block that is read
#define ROOM_BYTES ((size_t)1 << 20)

#define WIDE_WINDOW_LOG 27 // of level 22: 128 MB

enum { COMPRESSION_ZSTD = 0, COMPRESSION_NONE = 255 };

// How a payload is made. A server leaves it plain where it finds no gain in compressing.
enum packing { PACKED_PLAIN, PACKED_ZSTD, PACKED_ZSTD_WIDE };

static const struct reader_options options = {
    .source_name = "test", .version = "0", .verify_checksums = true};

// --- logs with payloads --------------------------------------------------------------------------

static void unpack(struct buf *out, struct slice event)
{
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    size_t at = EVENT_HEADER_BYTES;
    while (memcmp(event.ptr + at, magic, sizeof magic) != 0)
        at++;
    out->len = ZSTD_decompress(buf_reserve(out, ROOM_BYTES), ROOM_BYTES, event.ptr + at,
                               event.len - at - EVENT_CHECKSUM_BYTES);
    assert_false(ZSTD_isError(out->len));
}

static void put_field(struct buf *out, uint8_t field, uint64_t value)
{
    put_le(out, field, 1);
    put_le(out, 9, 1); // bytes of the number: length-encoded, in eight bytes
    put_le(out, 0xfe, 1);
    put_le(out, value, 8);
}

// In two calls: where the size is known at once, the window is no wider.
static void pack(struct buf *out, struct slice plain, int window_log)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(plain.len);
    ZSTD_inBuffer in = {plain.ptr, plain.len, 0};
    ZSTD_outBuffer packed = {buf_reserve(out, room), room, 0};
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    assert_false(ZSTD_isError(ZSTD_compressStream2(context, &packed, &in, ZSTD_e_continue)));
    assert_int_equal(ZSTD_compressStream2(context, &packed, &in, ZSTD_e_end), 0);
    out->len = packed.pos;
    ZSTD_freeCCtx(context);
}

static void put_payload(struct buf *out, struct slice plain, enum packing packing)
{
    struct buf packed = {0};
    struct buf body = {0};
    if (packing == PACKED_PLAIN)
        buf_slice(&packed, plain);
    else
        pack(&packed, plain, packing == PACKED_ZSTD_WIDE ? WIDE_WINDOW_LOG : 0);
    put_field(&body, 1, packed.len);
    put_field(&body, 2, packing == PACKED_PLAIN ? COMPRESSION_NONE : COMPRESSION_ZSTD);
    put_field(&body, 3, plain.len);
    put_le(&body, 0, 1);
    buf_slice(&body, buf_bytes(&packed));
    put_event(out, EVENT_TRANSACTION_PAYLOAD, 0, body.ptr, body.len);
    buf_deinit(&body);
    buf_deinit(&packed);
}

static size_t find_inner(struct slice plain, uint8_t code)
{
    size_t at = 0;
    while (plain.ptr[at + 4] != code) {
        at += size_at(plain, at);
        assert_true(at < plain.len);
    }
    return at;
}

// Its first table map and rows again and again, each time with another text, so that compressing
// makes them little smaller.
static void put_copies(struct buf *out, struct slice plain, size_t copies)
{
    size_t begin = find_inner(plain, EVENT_TABLE_MAP);
    size_t rows = begin + size_at(plain, begin);
    size_t end = rows + size_at(plain, rows);
    uint32_t random = 4711;
    buf_append(out, plain.ptr, begin);
    for (size_t i = 0; i < copies; i++) {
        size_t start = out->len;
        buf_append(out, plain.ptr + begin, end - begin);
        for (size_t k = start + rows - begin; i && k < out->len; k++) {
            random = random * 1664525 + 1013904223;
            if (out->ptr[k] == 'a')
                out->ptr[k] = (uint8_t)(' ' + (random >> 16) % 90);
        }
    }
    buf_append(out, plain.ptr + end, plain.len - end);
}

// The golden log, magic included, with its two payloads made anew.
static void make_log(struct buf *out, size_t copies, enum packing packing)
{
    struct buf log = {0};
    load_file(&log, GOLDEN);
    buf_append(out, log.ptr, LOG_MAGIC_BYTES);
    for (size_t at = LOG_MAGIC_BYTES; at < log.len; at += size_at(buf_bytes(&log), at)) {
        struct slice event = slice_of(log.ptr + at, size_at(buf_bytes(&log), at));
        struct buf plain = {0};
        struct buf longer = {0};
        if (event.ptr[4] == EVENT_TRANSACTION_PAYLOAD) {
            unpack(&plain, event);
            put_copies(&longer, buf_bytes(&plain), copies);
            put_payload(out, buf_bytes(&longer), packing);
        } else {
            buf_slice(out, event);
        }
        buf_deinit(&longer);
        buf_deinit(&plain);
    }
    buf_deinit(&log);
}

// The same log of a server with binlog_checksum = NONE: only the format description keeps its own.
static void drop_checksums(struct buf *log)
{
    struct buf whole = *log;
    *log = (struct buf){0};
    buf_append(log, whole.ptr, LOG_MAGIC_BYTES);
    for (size_t at = LOG_MAGIC_BYTES; at < whole.len; at += size_at(buf_bytes(&whole), at)) {
        size_t size = size_at(buf_bytes(&whole), at);
        uint8_t *event = whole.ptr + at;
        if (event[4] == EVENT_FORMAT_DESCRIPTION) {
            event[size - EVENT_CHECKSUM_BYTES - 1] = 0; // the algorithm
            mend_checksum(event, size);
            buf_append(log, event, size);
            continue;
        }
        size_t start = log->len;
        buf_append(log, event, size - EVENT_CHECKSUM_BYTES);
        for (size_t i = 0; i < 4; i++)
            log->ptr[start + 9 + i] = (uint8_t)((size - EVENT_CHECKSUM_BYTES) >> (8 * i));
    }
    buf_deinit(&whole);
}

// --- the ways to read them -----------------------------------------------------------------------

static struct source *open_file(struct slice log)
{
    struct err err;
    write_temporary(log);
    struct source *source = source_file_open(temporary, &err);
    assert_works(source != NULL, &err);
    return source;
}

// A process writes the log; it ends when that is read, or when nobody reads on.
static struct source *open_pipe(struct slice log)
{
    int ends[2];
    char name[32];
    struct err err;
    assert_int_equal(pipe(ends), 0);
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        ssize_t n = 1;
        close(ends[0]);
        for (size_t at = 0; at < log.len && n > 0; at += (size_t)n)
            n = write(ends[1], log.ptr + at, log.len - at);
        _exit(0);
    }
    close(ends[1]);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    struct source *source = source_file_open(name, &err);
    assert_works(source != NULL, &err);
    close(ends[0]);
    return source;
}

static struct source *open_memory(struct slice log)
{
    return memory_open(slice_of(log.ptr + LOG_MAGIC_BYTES, log.len - LOG_MAGIC_BYTES));
}

typedef struct source *open_log(struct slice log);

static open_log *const ways[] = {open_file, open_pipe};

// Appends all values of all changes, as JSON. False and *err where the reader stops.
static bool put_values(struct buf *out, struct source *source, struct err *err)
{
    struct reader *reader = reader_open_take(source, &options, err);
    struct reader_item item = {.kind = READER_IDLE};
    bool ok = true;
    while (ok && item.kind != READER_END) {
        ok = reader_next(reader, 0, &item, err);
        for (size_t i = 0; ok && item.kind == READER_CHANGE && i < item.change->table->n_columns;
             i++) {
            if (item.change->before)
                json_write_value(out, &item.change->before[i]);
            buf_char(out, '>');
            if (item.change->after)
                json_write_value(out, &item.change->after[i]);
        }
    }
    reader_close(reader);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    return ok;
}

static void assert_same_values(struct slice log, struct slice wanted, open_log *open)
{
    struct buf got = {0};
    struct err err;
    assert_works(put_values(&got, open(log), &err), &err);
    assert_true(slice_eq(buf_bytes(&got), wanted));
    buf_deinit(&got);
}

// --- tests ---------------------------------------------------------------------------------------

static void payload_without_compression(void **state)
{
    (void)state;
    struct buf log = {0};
    struct buf plain = {0};
    struct buf wanted = {0};
    struct err err;
    load_file(&log, GOLDEN);
    make_log(&plain, 1, PACKED_PLAIN);
    assert_works(put_values(&wanted, open_memory(buf_bytes(&log)), &err), &err);
    assert_true(wanted.len > 0);
    assert_same_values(buf_bytes(&plain), buf_bytes(&wanted), open_memory);
    buf_deinit(&wanted);
    buf_deinit(&plain);
    buf_deinit(&log);
}

static void long_payloads_are_read_in_pieces(void **state)
{
    (void)state;
    static const enum packing packings[] = {PACKED_ZSTD, PACKED_PLAIN};
    for (size_t c = 0; c < COUNT_OF(packings); c++) {
        for (int checksums = 0; checksums < 2; checksums++) {
            struct buf log = {0};
            struct buf wanted = {0};
            struct err err;
            make_log(&log, ROW_COPIES, packings[c]);
            if (!checksums)
                drop_checksums(&log);
            assert_true(log.len > ROW_COPIES * 1000);
            assert_works(put_values(&wanted, open_memory(buf_bytes(&log)), &err), &err);
            for (size_t way = 0; way < COUNT_OF(ways); way++)
                assert_same_values(buf_bytes(&log), buf_bytes(&wanted), ways[way]);
            buf_deinit(&wanted);
            buf_deinit(&log);
        }
    }
}

// What is seen of a damaged log: nothing of the transaction that the damage is in.
static void assert_corrupt(struct slice log, const char *text, open_log *open)
{
    struct buf values = {0};
    struct err err;
    assert_false(put_values(&values, open(log), &err));
    assert_int_equal(err.class, ERR_CORRUPT);
    assert_non_null(strstr(err.text, text));
    assert_int_equal(values.len, 0);
    buf_deinit(&values);
}

static void nothing_of_a_long_payload_that_is_cut(void **state)
{
    (void)state;
    struct buf log = {0};
    make_log(&log, ROW_COPIES, PACKED_ZSTD);
    size_t at = find_event(buf_bytes(&log), EVENT_TRANSACTION_PAYLOAD, 0);
    size_t size = size_at(buf_bytes(&log), at);
    const size_t cuts[] = {EVENT_HEADER_BYTES, 100, 600, size / 2, size - 4, size - 1};
    for (size_t i = 0; i < COUNT_OF(cuts); i++)
        for (size_t way = 0; way < COUNT_OF(ways); way++)
            assert_corrupt(slice_of(log.ptr, at + cuts[i]), "the file ends inside an event",
                           ways[way]);
    buf_deinit(&log);
}

static void nothing_of_a_long_payload_with_a_flipped_bit(void **state)
{
    (void)state;
    struct buf log = {0};
    make_log(&log, ROW_COPIES, PACKED_ZSTD);
    size_t at = find_event(buf_bytes(&log), EVENT_TRANSACTION_PAYLOAD, 0);
    size_t size = size_at(buf_bytes(&log), at);
    const size_t places[] = {14, 30, 511, 512, 700000, size / 2, size - 5, size - 1};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        log.ptr[at + places[i]] ^= 0x10;
        for (size_t way = 0; way < COUNT_OF(ways); way++)
            assert_corrupt(buf_bytes(&log), "checksum", ways[way]);
        log.ptr[at + places[i]] ^= 0x10;
    }
    buf_deinit(&log);
}

// Wider than what lies in memory.
static void wide_windows(void **state)
{
    (void)state;
    struct buf log = {0};
    struct buf wide = {0};
    struct buf wanted = {0};
    struct err err;
    make_log(&log, ROW_COPIES, PACKED_ZSTD);
    make_log(&wide, ROW_COPIES, PACKED_ZSTD_WIDE);
    assert_works(put_values(&wanted, open_memory(buf_bytes(&log)), &err), &err);
    assert_same_values(buf_bytes(&wide), buf_bytes(&wanted), open_file);
    struct source *source = open_file(buf_bytes(&wide));
    assert_int_equal(setenv("TMPDIR", "/nowhere/at/all", 1), 0);
    assert_fails(put_values(&wanted, source, &err), &err, ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "TMPDIR"));
    unsetenv("TMPDIR");
    buf_deinit(&wanted);
    buf_deinit(&wide);
    buf_deinit(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_without_compression),
        cmocka_unit_test(long_payloads_are_read_in_pieces),
        cmocka_unit_test(wide_windows),
        cmocka_unit_test(nothing_of_a_long_payload_that_is_cut),
        cmocka_unit_test(nothing_of_a_long_payload_with_a_flipped_bit),
    };
    return cmocka_run_group_tests(tests, make_temporary, remove_temporary);
}
