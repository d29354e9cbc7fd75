// SPDX-License-Identifier: Apache-2.0
// Little-endian numbers in bytes, on any machine and at any address. Each byte is named, of which
// compilers make one load; of a loop they often do not. Putting them: buf_le.
#ifndef TAILRACE_COMMON_LITTLE_ENDIAN_H
#define TAILRACE_COMMON_LITTLE_ENDIAN_H

#include <stdint.h>
#include <string.h>

static inline uint16_t le_u16(const uint8_t *ptr)
{
    return (uint16_t)(ptr[0] | ptr[1] << 8);
}

static inline uint32_t le_u32(const uint8_t *ptr)
{
    return ptr[0] | (uint32_t)ptr[1] << 8 | (uint32_t)ptr[2] << 16 | (uint32_t)ptr[3] << 24;
}

static inline uint64_t le_u48(const uint8_t *ptr)
{
    return le_u32(ptr) | (uint64_t)le_u16(ptr + 4) << 32;
}

static inline uint64_t le_u64(const uint8_t *ptr)
{
    return le_u32(ptr) | (uint64_t)le_u32(ptr + 4) << 32;
}

static inline float le_float(const uint8_t *ptr)
{
    uint32_t bits = le_u32(ptr);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
