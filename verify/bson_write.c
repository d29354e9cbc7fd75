// SPDX-License-Identifier: Apache-2.0
// BSON, the bytes: see bson_write.h.
#include "verify/bson_write.h"

#include "common/mem.h"

#include <bson/bson.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t bson_get_le(struct slice bytes, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n && i < bytes.len; i++)
        v |= (uint64_t)bytes.ptr[i] << (8 * i);
    return v;
}

void bson_put_string(struct buf *out, struct slice text)
{
    buf_char(out, TYPE_STRING);
    buf_le(out, text.len + 1, 4);
    buf_slice(out, text);
    buf_char(out, '\0');
}

void bson_put_binary(struct buf *out, struct slice bytes)
{
    buf_char(out, TYPE_BINARY);
    buf_le(out, bytes.len, 4);
    buf_char(out, '\0'); // subtype
    buf_slice(out, bytes);
}

void bson_put_double(struct buf *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    buf_char(out, TYPE_DOUBLE);
    buf_le(out, bits, 8);
}

// As Decimal128 where it can be one, else as string.
void bson_put_decimal(struct buf *out, struct slice text)
{
    bson_decimal128_t decimal;
    char *copy = mem_strndup(text.ptr, text.len); // libbson looks behind the length it is given
    bool is_one = bson_decimal128_from_string(copy, &decimal);
    free(copy);
    if (!is_one) {
        bson_put_string(out, text);
        return;
    }
    buf_char(out, TYPE_DECIMAL);
    buf_le(out, decimal.low, 8);
    buf_le(out, decimal.high, 8);
}

// A document is opened by its length, which is filled in at its end.
size_t bson_open_document(struct buf *out, uint8_t type)
{
    if (type)
        buf_char(out, (char)type);
    buf_le(out, 0, 4);
    return out->len - 4;
}

void bson_close_document(struct buf *out, size_t start)
{
    buf_char(out, '\0');
    uint32_t len = (uint32_t)(out->len - start);
    for (size_t i = 0; i < 4; i++)
        out->ptr[start + i] = (uint8_t)(len >> (8 * i));
}

// An element is type, name, bytes; a value is type, bytes: puts the name into the value that begins
// at `start`.
void bson_insert_name(struct buf *out, size_t start, struct slice name)
{
    buf_reserve(out, name.len + 1);
    memmove(out->ptr + start + 1 + name.len + 1, out->ptr + start + 1, out->len - start - 1);
    if (name.len)
        memcpy(out->ptr + start + 1, name.ptr, name.len);
    out->ptr[start + 1 + name.len] = 0;
    out->len += name.len + 1;
}

void bson_put_integer(struct buf *out, struct slice text, bool is_narrow)
{
    char copy[32];
    snprintf(copy, sizeof copy, SLICE_FMT, SLICE_ARG(text));
    errno = 0;
    long long v = strtoll(copy, NULL, 10);
    if (errno == ERANGE) {
        bson_put_decimal(out, text);
    } else if (is_narrow && v >= INT32_MIN && v <= INT32_MAX) {
        buf_char(out, TYPE_INT32);
        buf_le(out, (uint64_t)v, 4);
    } else {
        buf_char(out, TYPE_INT64);
        buf_le(out, (uint64_t)v, 8);
    }
}
