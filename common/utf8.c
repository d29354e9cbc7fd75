// SPDX-License-Identifier: Apache-2.0
// UTF-8: see utf8.h.
#include "common/utf8.h"

// How many bytes in front are known to be ASCII: none, a word or four.
static size_t ascii_length(const uint8_t *ptr, size_t left)
{
    uint64_t words[4];
    if (left >= sizeof words) {
        memcpy(words, ptr, sizeof words);
        if (!((words[0] | words[1] | words[2] | words[3]) & UTF8_HIGH_BITS))
            return sizeof words;
    }
    if (left < sizeof *words)
        return 0;
    memcpy(words, ptr, sizeof *words);
    return words[0] & UTF8_HIGH_BITS ? 0 : sizeof *words;
}

// Of the character at ptr, 0 when there is none.
static size_t char_length(const uint8_t *ptr, size_t left)
{
    uint8_t first = ptr[0];
    if (first < 0x80)
        return 1;
    size_t n = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4 || left < n)
        return 0;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (ptr[1] < low || ptr[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((ptr[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

size_t utf8_valid_length(struct slice text, size_t most)
{
    size_t at = 0;
    while (at < text.len) {
        size_t n = ascii_length(text.ptr + at, text.len - at);
        if (n == 0) {
            n = char_length(text.ptr + at, text.len - at);
            if (n == 0 || n > most)
                break;
        }
        at += n;
    }
    return at;
}
