// SPDX-License-Identifier: Apache-2.0
// Payload: see payload.h. MySQL manual: "Binary Log Transaction Compression",
// Transaction_payload_event.
//
//   TRANSACTION_PAYLOAD   fields: type · length · value, all length-encoded, up to type 0, which
//                         has no length: 1 bytes of the payload · 2 compression (0 zstd, 255 none)
//                         · 3 bytes uncompressed; then the payload, to the end: whole events,
//                         without checksums
//   MariaDB               one byte: 0x80 | algorithm (0 zlib) << 4 | n · uncompressed bytes, n
//                         bytes big-endian · zlib
//
// Memory grows with what really comes out, never with a length that an event only claims.
#include "binlog/payload.h"

#include "common/mem.h"

#include <stdlib.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY // ZSTD_createDCtx_advanced, which every shared zstd has
#include <zstd.h>
#include <zstd_errors.h>

#define STEP_BYTES ((size_t)128 << 10)
#define SIZE_OFFSET 9 // of an event's own size in its header

enum payload_field { FIELD_END = 0, FIELD_BYTES = 1, FIELD_COMPRESSION = 2, FIELD_PLAIN_BYTES = 3 };
enum { COMPRESSION_ZSTD = 0, COMPRESSION_NONE = 255 };

struct payload_head {
    uint64_t bytes;
    uint64_t compression;
    uint64_t plain_bytes;
    bool has_bytes;
    bool has_compression;
    bool has_plain_bytes;
};

static bool read_field(struct payload_head *head, uint64_t type, struct cursor *cur,
                       struct err *err)
{
    size_t offset = cursor_offset(cur);
    uint64_t length = cursor_lenenc(cur);
    struct cursor value = cursor_sub(cur, length > cursor_left(cur) ? SIZE_MAX : (size_t)length);
    uint64_t number = cursor_lenenc(&value);
    if (!cursor_done(&value))
        return err_at(err, ERR_CORRUPT, offset, "field %llu of a transaction payload is damaged",
                      (unsigned long long)type);
    switch (type) {
    case FIELD_BYTES:
        head->bytes = number;
        head->has_bytes = true;
        return true;
    case FIELD_COMPRESSION:
        head->compression = number;
        head->has_compression = true;
        return true;
    case FIELD_PLAIN_BYTES:
        head->plain_bytes = number;
        head->has_plain_bytes = true;
        return true;
    default: // of the server's numbers
        return err_at(err, ERR_UNSUPPORTED, offset,
                      "field %llu of a transaction payload is not "
                      "known",
                      (unsigned long long)type);
    }
}

static bool read_head(struct payload_head *head, const struct event *outer, struct cursor *cur,
                      struct err *err)
{
    for (;;) {
        uint64_t type = cursor_lenenc(cur);
        if (cur->failed)
            return event_too_short(outer, cur, err);
        if (type == FIELD_END)
            return true;
        if (!read_field(head, type, cur, err))
            return false;
    }
}

static bool check_head(const struct payload_head *head, const struct event *outer,
                       const struct cursor *cur, struct err *err)
{
    size_t offset = cursor_offset(cur);
    size_t found = cursor_left(cur) + outer->body_beyond;
    if (!head->has_bytes || !head->has_compression)
        return err_at(err, ERR_CORRUPT, offset, "a transaction payload without size or kind");
    if (head->compression != COMPRESSION_ZSTD && head->compression != COMPRESSION_NONE)
        return err_at(err, ERR_UNSUPPORTED, offset,
                      "compression %llu of a transaction payload is "
                      "not known: zstd (0) and none (255) are",
                      (unsigned long long)head->compression);
    if (head->bytes != found)
        return err_at(err, ERR_CORRUPT, offset, "a transaction payload says %llu bytes and has %zu",
                      (unsigned long long)head->bytes, found);
    if (head->compression == COMPRESSION_ZSTD && !head->has_plain_bytes)
        return err_at(err, ERR_CORRUPT, offset,
                      "a transaction payload without its uncompressed size");
    return true;
}

bool payload_begin(struct payload *payload, const struct event *outer, struct source *source,
                   struct err *err)
{
    struct payload_head head = {0};
    struct cursor cur = event_cursor(outer);
    if (!read_head(&head, outer, &cur, err) || !check_head(&head, outer, &cur, err))
        return false;
    payload->is_compressed = head.compression == COMPRESSION_ZSTD;
    payload->input = cursor_rest(&cur);
    payload->source = source;
    payload->at = outer->bytes.len;
    payload->beyond = outer->body_beyond;
    payload->left = head.has_plain_bytes ? head.plain_bytes : head.bytes;
    payload->begin = 0;
    buf_clear(&payload->plain);
    if (!payload->context && payload->is_compressed)
        payload->context = ZSTD_createDCtx_advanced(
            (ZSTD_customMem){window_take, window_return, &payload->window});
    if (payload->is_compressed && !payload->context)
        return err_set(err, ERR_INTERNAL, "zstd has no memory");
    if (payload->context)
        ZSTD_DCtx_reset(payload->context, ZSTD_reset_session_only);
    return true;
}

// More of a long event, when what was at hand is used up.
static bool refill(struct payload *payload, struct err *err)
{
    return payload->input.len || payload->beyond == 0 ||
           source_read_piece(payload->source, &payload->at, &payload->beyond, &payload->input, err);
}

static bool decompress_failed(const struct payload *payload, size_t result, struct err *err)
{
    if (ZSTD_getErrorCode(result) != ZSTD_error_memory_allocation)
        return err_set(err, ERR_CORRUPT, "a transaction payload: zstd: %s",
                       ZSTD_getErrorName(result));
    if (payload->window.err.class == ERR_NONE)
        return err_set(err, ERR_INTERNAL, "zstd has no memory");
    *err = payload->window.err;
    return false;
}

static bool decompress_step(struct payload *payload, struct err *err)
{
    struct buf *plain = &payload->plain;
    ZSTD_inBuffer in = {payload->input.ptr, payload->input.len, 0};
    ZSTD_outBuffer out = {buf_reserve(plain, STEP_BYTES), STEP_BYTES, 0};
    size_t result = ZSTD_decompressStream(payload->context, &out, &in);
    window_rest(&payload->window);
    if (ZSTD_isError(result))
        return decompress_failed(payload, result, err);
    payload->input = slice_of(payload->input.ptr + in.pos, payload->input.len - in.pos);
    if (out.pos > payload->left)
        return err_set(err, ERR_CORRUPT, "a transaction payload holds more than it says");
    if (out.pos == 0 && in.pos == 0)
        return err_set(err, ERR_CORRUPT,
                       "a transaction payload ends too early, %llu bytes are "
                       "missing",
                       (unsigned long long)payload->left);
    plain->len += out.pos;
    payload->left -= out.pos;
    return true;
}

static bool copy_step(struct payload *payload, struct err *err)
{
    size_t n = payload->input.len < STEP_BYTES ? payload->input.len : STEP_BYTES;
    if (n == 0 || n > payload->left)
        return err_set(err, ERR_CORRUPT, "a transaction payload holds other than it says");
    buf_append(&payload->plain, payload->input.ptr, n);
    payload->input = slice_of(payload->input.ptr + n, payload->input.len - n);
    payload->left -= n;
    return true;
}

// Brings n bytes together behind `begin`; what was handed out before makes room.
static bool fill(struct payload *payload, size_t n, struct err *err)
{
    struct buf *plain = &payload->plain;
    if (n <= plain->len - payload->begin)
        return true;
    if (payload->begin)
        memmove(plain->ptr, plain->ptr + payload->begin, plain->len - payload->begin);
    plain->len -= payload->begin;
    payload->begin = 0;
    while (plain->len < n) {
        if (!refill(payload, err))
            return false;
        if (!(payload->is_compressed ? decompress_step(payload, err) : copy_step(payload, err)))
            return false;
    }
    return true;
}

static bool at_end(const struct payload *payload)
{
    return payload->left == 0 && payload->begin == payload->plain.len;
}

bool payload_next(struct payload *payload, struct slice *event, struct err *err)
{
    *event = slice_of(NULL, 0);
    if (at_end(payload))
        return true;
    if (!fill(payload, EVENT_HEADER_BYTES, err))
        return false;
    struct cursor cur =
        cursor_of(slice_of(payload->plain.ptr + payload->begin, EVENT_HEADER_BYTES));
    cursor_skip(&cur, SIZE_OFFSET);
    size_t size = cursor_u32(&cur);
    if (size < EVENT_HEADER_BYTES || size > SOURCE_EVENT_BYTES_MAX)
        return err_set(err, ERR_CORRUPT, "an event of %zu bytes in a transaction payload", size);
    if (!fill(payload, size, err))
        return false;
    *event = slice_of(payload->plain.ptr + payload->begin, size);
    payload->begin += size;
    return true;
}

void payload_deinit(struct payload *payload)
{
    ZSTD_freeDCtx(payload->context);
    buf_deinit(&payload->plain);
    *payload = (struct payload){0};
}

static bool plain_stream(struct plain *plain, struct err *err)
{
    if (plain->stream)
        return inflateReset(plain->stream) == Z_OK || err_set(err, ERR_INTERNAL, "zlib: no reset");
    z_stream *stream = mem_zalloc(sizeof *stream);
    if (inflateInit(stream) != Z_OK) {
        free(stream);
        return err_set(err, ERR_INTERNAL, "zlib has no memory");
    }
    plain->stream = stream;
    return true;
}

static bool read_plain_bytes(struct cursor *cur, uint64_t *n, struct err *err)
{
    size_t offset = cursor_offset(cur);
    uint8_t head = cursor_u8(cur);
    unsigned algorithm = head >> 4 & 7;
    unsigned n_bytes = head & 0x0f;
    if (cur->failed || !(head & 0x80) || n_bytes < 1 || n_bytes > 4)
        return err_at(err, ERR_CORRUPT, offset, "compressed data have no valid head");
    if (algorithm != 0)
        return err_at(err, ERR_UNSUPPORTED, offset, "compression %u is not known: zlib (0) is",
                      algorithm);
    *n = cursor_be(cur, n_bytes);
    if (cur->failed || *n > SOURCE_EVENT_BYTES_MAX)
        return err_at(err, ERR_CORRUPT, offset, "compressed data of a size that cannot be");
    return true;
}

// Inflates up to n bytes in all, in growing steps. True also when fewer came out.
static bool inflate_all(struct plain *plain, struct slice input, size_t n)
{
    z_stream *stream = plain->stream;
    stream->next_in = (Bytef *)(uintptr_t)input.ptr; // zlib only reads there
    stream->avail_in = (uInt)input.len;
    int result = Z_OK;
    while (result == Z_OK && plain->bytes.len <= n) {
        size_t room = n + 1 - plain->bytes.len; // one more than said, to notice too much
        if (room > STEP_BYTES)
            room = STEP_BYTES;
        stream->next_out = buf_reserve(&plain->bytes, room);
        stream->avail_out = (uInt)room;
        result = inflate(stream, Z_NO_FLUSH);
        plain->bytes.len += room - stream->avail_out;
    }
    return result == Z_STREAM_END && plain->bytes.len == n && stream->avail_in == 0;
}

bool plain_inflate(struct plain *plain, struct cursor *cur, struct err *err)
{
    uint64_t n = 0;
    size_t offset = cursor_offset(cur);
    if (!read_plain_bytes(cur, &n, err) || !plain_stream(plain, err))
        return false;
    buf_clear(&plain->bytes);
    if (!inflate_all(plain, cursor_rest(cur), (size_t)n))
        return err_at(err, ERR_CORRUPT, offset,
                      "compressed data do not yield the %llu bytes that "
                      "they say",
                      (unsigned long long)n);
    (void)buf_reserve(&plain->bytes, 1); // so that even no bytes have an address
    *cur = cursor_of(buf_bytes(&plain->bytes));
    return true;
}

void plain_deinit(struct plain *plain)
{
    if (plain->stream)
        inflateEnd(plain->stream);
    free(plain->stream);
    buf_deinit(&plain->bytes);
    *plain = (struct plain){0};
}
