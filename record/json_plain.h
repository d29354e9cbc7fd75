// SPDX-License-Identifier: Apache-2.0
// Plain text of JSON: the bytes that stand in a string as they are. All do but the quote, the
// backslash and what is below a space. Looked for sixteen bytes at a time.
#ifndef TAILRACE_RECORD_JSON_PLAIN_H
#define TAILRACE_RECORD_JSON_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// GCC and clang use the machine's vectors for them.
typedef uint8_t json_block __attribute__((vector_size(16)));
typedef int8_t json_signed_block __attribute__((vector_size(16)));

static inline bool json_is_plain(uint8_t c)
{
    return c != '"' && c != '\\' && c >= 0x20;
}

// All ones in each byte that is not plain. With its bit of 2 turned over a byte is below 0x21 if it
// was below a space or a quote; machines compare signed bytes at once, hence 0x80.
static inline json_block json_not_plain(json_block bytes)
{
    json_signed_block turned = (json_signed_block)(bytes ^ (0x80 | 2));
    return (json_block)((turned < 0x21 - 0x80) | (bytes == '\\'));
}

// The place of the first byte that is not 0, in memory's order.
static inline size_t json_first_byte(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (size_t)__builtin_ctzll(word) / 8;
#else
    return (size_t)__builtin_clzll(word) / 8;
#endif
}

// How many of the first sixteen bytes are plain.
static inline size_t json_plain_of_block(const uint8_t *ptr)
{
    json_block bytes;
    uint64_t found[2];
    memcpy(&bytes, ptr, sizeof bytes);
    bytes = json_not_plain(bytes);
    memcpy(found, &bytes, sizeof found);
    if (found[0])
        return json_first_byte(found[0]);
    return found[1] ? 8 + json_first_byte(found[1]) : sizeof bytes;
}

// How many of the first bytes are plain.
static inline size_t json_plain_length(const uint8_t *ptr, size_t len)
{
    size_t at = 0;
    while (len - at >= sizeof(json_block)) {
        size_t n = json_plain_of_block(ptr + at);
        at += n;
        if (n < sizeof(json_block))
            return at;
    }
    while (at < len && json_is_plain(ptr[at]))
        at++;
    return at;
}

#endif
