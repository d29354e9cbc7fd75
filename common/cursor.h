// SPDX-License-Identifier: Apache-2.0
// Cursor: the only reader of hostile bytes. Walks forward over one region and never leaves it.
//
// Failure is sticky: a read beyond the end sets `failed`, yields 0 or an empty slice and does not
// move, so a parser may read a few fields and check once; it must check before a value is used as a
// count, a size or an index. One sub-cursor for each length-prefixed region; `base` keeps offsets
// of sub-cursors relative to the outermost one. Everything is inline: this is the inner loop of the
// decoder.
#ifndef TAILRACE_COMMON_CURSOR_H
#define TAILRACE_COMMON_CURSOR_H

#include "common/little_endian.h"
#include "common/slice.h"

struct cursor {
    const uint8_t *pos;
    const uint8_t *end;
    const uint8_t *base; // where offset 0 lies
    bool failed;
};

static inline struct cursor cursor_of(struct slice bytes)
{
    static const uint8_t nothing[1];
    const uint8_t *ptr = bytes.ptr ? bytes.ptr : nothing;
    return (struct cursor){ptr, ptr + bytes.len, ptr, false};
}

static inline size_t cursor_left(const struct cursor *cur)
{
    return (size_t)(cur->end - cur->pos);
}

static inline size_t cursor_offset(const struct cursor *cur)
{
    return (size_t)(cur->pos - cur->base);
}

// True when all bytes were read and no read failed.
static inline bool cursor_done(const struct cursor *cur)
{
    return !cur->failed && cur->pos == cur->end;
}

// The next n bytes, borrowed from the region; NULL (and failed) when there are fewer.
static inline const uint8_t *cursor_take(struct cursor *cur, size_t n)
{
    if (cur->failed || n > cursor_left(cur)) {
        cur->failed = true;
        return NULL;
    }
    const uint8_t *ptr = cur->pos;
    cur->pos += n;
    return ptr;
}

static inline struct slice cursor_bytes(struct cursor *cur, size_t n)
{
    const uint8_t *ptr = cursor_take(cur, n);
    return ptr ? (struct slice){ptr, n} : (struct slice){NULL, 0};
}

static inline struct slice cursor_rest(struct cursor *cur)
{
    return cursor_bytes(cur, cursor_left(cur));
}

static inline void cursor_skip(struct cursor *cur, size_t n)
{
    (void)cursor_take(cur, n);
}

// A cursor over the next n bytes, which this one skips; a failed one over nothing when there are
// fewer.
static inline struct cursor cursor_sub(struct cursor *cur, size_t n)
{
    const uint8_t *ptr = cursor_take(cur, n);
    if (!ptr)
        return (struct cursor){cur->pos, cur->pos, cur->base, true};
    return (struct cursor){ptr, ptr + n, cur->base, false};
}

// Unsigned little-endian integer of n bytes, n from 1 to 8.
static inline uint64_t cursor_le(struct cursor *cur, size_t n)
{
    const uint8_t *ptr = cursor_take(cur, n);
    uint64_t v = 0;
    if (ptr)
        for (size_t i = 0; i < n; i++)
            v |= (uint64_t)ptr[i] << (8 * i);
    return v;
}

// Unsigned big-endian integer of n bytes, n from 1 to 8.
static inline uint64_t cursor_be(struct cursor *cur, size_t n)
{
    const uint8_t *ptr = cursor_take(cur, n);
    uint64_t v = 0;
    if (ptr)
        for (size_t i = 0; i < n; i++)
            v = v << 8 | ptr[i];
    return v;
}

static inline uint8_t cursor_u8(struct cursor *cur)
{
    const uint8_t *ptr = cursor_take(cur, 1);
    return ptr ? *ptr : 0;
}

static inline uint16_t cursor_u16(struct cursor *cur)
{
    const uint8_t *ptr = cursor_take(cur, 2);
    return ptr ? le_u16(ptr) : 0;
}

static inline uint32_t cursor_u24(struct cursor *cur)
{
    const uint8_t *ptr = cursor_take(cur, 3);
    return ptr ? le_u16(ptr) | (uint32_t)ptr[2] << 16 : 0;
}

static inline uint32_t cursor_u32(struct cursor *cur)
{
    const uint8_t *ptr = cursor_take(cur, 4);
    return ptr ? le_u32(ptr) : 0;
}

static inline uint64_t cursor_u48(struct cursor *cur)
{
    const uint8_t *ptr = cursor_take(cur, 6);
    return ptr ? le_u48(ptr) : 0;
}

static inline uint64_t cursor_u64(struct cursor *cur)
{
    const uint8_t *ptr = cursor_take(cur, 8);
    return ptr ? le_u64(ptr) : 0;
}

// MySQL's length-encoded integer: < 251 itself, 252 + 2 bytes, 253 + 3 bytes, 254 + 8 bytes; 251
// and 255 fail.
static inline uint64_t cursor_lenenc(struct cursor *cur)
{
    uint8_t first = cursor_u8(cur);
    if (first < 251)
        return first;
    if (first == 252)
        return cursor_u16(cur);
    if (first == 253)
        return cursor_u24(cur);
    if (first == 254)
        return cursor_u64(cur);
    cur->failed = true;
    return 0;
}

// Bytes prefixed by a length-encoded integer.
static inline struct slice cursor_lenenc_bytes(struct cursor *cur)
{
    uint64_t n = cursor_lenenc(cur);
    if (n > cursor_left(cur)) {
        cur->failed = true;
        return (struct slice){NULL, 0};
    }
    return cursor_bytes(cur, (size_t)n);
}

#endif
