// SPDX-License-Identifier: Apache-2.0
// Base64: see base64.h. Three bytes are four characters of six bits each, the first byte in the
// highest bits.
#include "record/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct slice bytes)
{
    const uint8_t *in = bytes.ptr;
    size_t left = bytes.len;
    if (left == 0)
        return;
    uint8_t *to = buf_reserve(out, (left + 2) / 3 * 4);
    out->len += (left + 2) / 3 * 4;
    for (; left >= 3; left -= 3, in += 3, to += 4) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        to[0] = (uint8_t)alphabet[bits >> 18];
        to[1] = (uint8_t)alphabet[bits >> 12 & 63];
        to[2] = (uint8_t)alphabet[bits >> 6 & 63];
        to[3] = (uint8_t)alphabet[bits & 63];
    }
    if (left == 0)
        return;
    uint32_t bits = (uint32_t)in[0] << 16 | (left == 2 ? (uint32_t)in[1] << 8 : 0);
    to[0] = (uint8_t)alphabet[bits >> 18];
    to[1] = (uint8_t)alphabet[bits >> 12 & 63];
    to[2] = left == 2 ? (uint8_t)alphabet[bits >> 6 & 63] : '=';
    to[3] = '=';
}

// The six bits of a character, or -1.
static int bits_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

// `chars` characters (2 to 4) at `in` to chars - 1 bytes. Returns how many were good.
static size_t decode_group(const uint8_t *in, size_t chars, uint8_t *to)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < chars; i++) {
        int six = bits_of(in[i]);
        if (six < 0)
            return i;
        bits |= (uint32_t)six << (18 - 6 * i);
    }
    for (size_t i = 0; i + 1 < chars; i++)
        to[i] = (uint8_t)(bits >> (16 - 8 * i));
    uint32_t unused = bits << (8 * (chars - 1)) & 0xffffff;
    return unused ? chars - 1 : chars;
}

bool base64_decode(struct slice text, struct arena *arena, struct slice *bytes, size_t *offset)
{
    *offset = text.len;
    *bytes = (struct slice){NULL, 0};
    if (text.len % 4 != 0)
        return false;
    if (text.len == 0)
        return true;
    size_t padding = text.ptr[text.len - 1] != '=' ? 0 : text.ptr[text.len - 2] != '=' ? 1 : 2;
    uint8_t *to = arena_alloc(arena, text.len / 4 * 3);
    size_t done = 0;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t chars = i + 4 == text.len ? 4 - padding : 4;
        size_t good = decode_group(text.ptr + i, chars, to + done);
        if (good < chars) {
            *offset = i + good;
            return false;
        }
        done += chars - 1;
    }
    *bytes = slice_of(to, done);
    return true;
}
