// SPDX-License-Identifier: Apache-2.0
// Bytes of binlogs for tests: golden files as they are, events made by hand, and a source that
// reads from memory. Tests run from the root of the project.
#ifndef TAILRACE_TESTS_UNIT_BINLOG_LOG_BYTES_H
#define TAILRACE_TESTS_UNIT_BINLOG_LOG_BYTES_H

#include "binlog/event.h"
#include "binlog/source.h"
#include "common/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#define LOG_MAGIC_BYTES 4

static inline void load_file(struct buf *out, const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n;
    do {
        n = fread(buf_reserve(out, 65536), 1, 65536, file);
        out->len += n;
    } while (n);
    fclose(file);
}

static inline void put_le(struct buf *out, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_char(out, (char)(value >> (8 * i) & 0xff));
}

// Appends an event with a checksum, as a server of the golden files would write it.
static inline void put_event(struct buf *out, uint8_t code, unsigned flags, const void *body,
                             size_t n)
{
    size_t start = out->len;
    size_t size = EVENT_HEADER_BYTES + n + EVENT_CHECKSUM_BYTES;
    put_le(out, 1795248900, 4);
    put_le(out, code, 1);
    put_le(out, 1, 4);
    put_le(out, size, 4);
    put_le(out, 0, 4);
    put_le(out, flags, 2);
    buf_append(out, body, n);
    put_le(out, crc32_z(0, out->ptr + start, out->len - start), 4);
}

// Puts the right checksum on an event whose bytes were changed.
static inline void mend_checksum(uint8_t *event, size_t size)
{
    uint32_t crc = (uint32_t)crc32_z(0, event, size - EVENT_CHECKSUM_BYTES);
    for (size_t i = 0; i < EVENT_CHECKSUM_BYTES; i++)
        event[size - EVENT_CHECKSUM_BYTES + i] = (uint8_t)(crc >> (8 * i));
}

static inline size_t size_at(struct slice log, size_t at)
{
    struct cursor cur = cursor_of(slice_of(log.ptr + at, log.len - at));
    cursor_skip(&cur, 9);
    return cursor_u32(&cur);
}

// Where the n-th (from 0) event of that type starts in a log with its magic; fails the test where
// there is none.
static inline size_t find_event(struct slice log, uint8_t code, size_t n)
{
    for (size_t at = LOG_MAGIC_BYTES; at + EVENT_HEADER_BYTES <= log.len; at += size_at(log, at))
        if (log.ptr[at + 4] == code && n-- == 0)
            return at;
    fail_msg("no event of type %u", code);
    return 0;
}

// Events from memory, without the magic. What does not make a whole event any more comes out as it
// is.
struct memory_source {
    struct source source;
    struct slice left;
};

static inline enum source_result memory_next(struct source *source, unsigned timeout_ms,
                                             struct slice *event, struct err *err)
{
    (void)timeout_ms, (void)err;
    struct memory_source *memory = (struct memory_source *)source;
    if (memory->left.len == 0)
        return SOURCE_END;
    size_t size = size_at(memory->left, 0);
    if (size < EVENT_HEADER_BYTES || size > memory->left.len)
        size = memory->left.len;
    *event = slice_of(memory->left.ptr, size);
    memory->left = slice_of(memory->left.ptr + size, memory->left.len - size);
    return SOURCE_EVENT;
}

static inline void memory_close(struct source *source)
{
    free(source);
}

static inline struct source *memory_open(struct slice events)
{
    struct memory_source *memory = calloc(1, sizeof *memory);
    memory->source = (struct source){.next = memory_next, .close = memory_close, .name = "memory"};
    memory->left = events;
    return &memory->source;
}

#endif
