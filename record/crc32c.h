// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli) of a record's key and value bytes, one after the other: the header `crc32c`,
// 8 lower-case hex digits, by which a consumer proves that the content is what was produced.
#ifndef TAILRACE_RECORD_CRC32C_H
#define TAILRACE_RECORD_CRC32C_H

#include "common/slice.h"

// Start with 0; feed pieces one after the other. Uses the processor's instruction where it has one.
uint32_t crc32c(uint32_t crc, struct slice bytes);

// The same without that instruction.
uint32_t crc32c_portable(uint32_t crc, struct slice bytes);

#endif
