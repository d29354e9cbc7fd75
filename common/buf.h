// SPDX-License-Identifier: Apache-2.0
// Buffer: bytes that grow at the end. {0} is an empty one; it keeps its memory over buf_clear, so a
// buffer that is used again does not allocate. buf_deinit frees it. Slices of it die at the next
// append.
#ifndef TAILRACE_COMMON_BUF_H
#define TAILRACE_COMMON_BUF_H

#include "common/err.h"
#include "common/slice.h"

struct buf {
    uint8_t *ptr;
    size_t len;
    size_t cap;
};

// Makes room for n more bytes.
void buf_grow(struct buf *buf, size_t n);

void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_deinit(struct buf *buf);

// Where the next n bytes go; the caller writes at most n and then adds what it wrote to len.
static inline uint8_t *buf_reserve(struct buf *buf, size_t n)
{
    if (n > buf->cap - buf->len || !buf->ptr)
        buf_grow(buf, n);
    return buf->ptr + buf->len;
}

static inline void buf_append(struct buf *buf, const void *ptr, size_t n)
{
    if (n)
        memcpy(buf_reserve(buf, n), ptr, n);
    buf->len += n;
}

static inline void buf_slice(struct buf *buf, struct slice bytes)
{
    buf_append(buf, bytes.ptr, bytes.len);
}

static inline void buf_str(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

static inline void buf_char(struct buf *buf, char c)
{
    *buf_reserve(buf, 1) = (uint8_t)c;
    buf->len++;
}

// The n low bytes, the lowest first; n up to 8.
static inline void buf_le(struct buf *buf, uint64_t value, size_t n)
{
    uint8_t *to = buf_reserve(buf, n);
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(value >> (8 * i));
    buf->len += n;
}

static inline void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

static inline struct slice buf_bytes(const struct buf *buf)
{
    return slice_of(buf->ptr, buf->len);
}

// The content as a C string, borrowed: a NUL is kept behind the last byte and not counted.
static inline const char *buf_cstr(struct buf *buf)
{
    *buf_reserve(buf, 1) = 0;
    return (const char *)buf->ptr;
}

#endif
