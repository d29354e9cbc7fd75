// SPDX-License-Identifier: Apache-2.0
// Bytes of the wire as hex digits, for the tests of decoders.
#ifndef TAILRACE_TESTS_UNIT_BINLOG_HEX_H
#define TAILRACE_TESTS_UNIT_BINLOG_HEX_H

#include "tests/unit/test.h"

#include <string.h>

// The bytes in memory of exactly their size. Free with free(3).
static inline struct slice hex(const char *digits)
{
    size_t len = strlen(digits) / 2;
    uint8_t *bytes = mem_alloc(len ? len : 1);
    for (size_t i = 0; i < len; i++) {
        const char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return slice_of(bytes, len);
}

#endif
