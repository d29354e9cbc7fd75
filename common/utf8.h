// SPDX-License-Identifier: Apache-2.0
// UTF-8: which bytes are it, by RFC 3629: no surrogates, no over-long forms, nothing beyond
// U+10FFFF.
#ifndef TAILRACE_COMMON_UTF8_H
#define TAILRACE_COMMON_UTF8_H

#include "common/slice.h"

#define UTF8_BYTES_MAX 4                   // of a character
#define UTF8_HIGH_BITS 0x8080808080808080u // those of a word; ASCII has none of them

// How many bytes in front are valid, in characters of at most `most` bytes.
size_t utf8_valid_length(struct slice text, size_t most);

static inline bool utf8_is_short_ascii(struct slice text)
{
    uint8_t all = 0;
    for (size_t i = 0; i < text.len; i++)
        all |= text.ptr[i];
    return all < 0x80;
}

// Nearly every text is, so all of it is looked at before anything is decided; of a word or more the
// last word from the end.
static inline bool utf8_is_ascii(struct slice text)
{
    uint64_t word;
    uint64_t all = 0;
    if (text.len < sizeof word)
        return utf8_is_short_ascii(text);
    for (size_t at = 0; text.len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text.ptr + at, sizeof word);
        all |= word;
    }
    memcpy(&word, text.ptr + text.len - sizeof word, sizeof word);
    return !((all | word) & UTF8_HIGH_BITS);
}

static inline bool utf8_is_valid(struct slice text)
{
    return utf8_is_ascii(text) || utf8_valid_length(text, UTF8_BYTES_MAX) == text.len;
}

#endif
