// SPDX-License-Identifier: Apache-2.0
// murmur2: 32 bits, seed 0x9747b28c, four bytes at a time as little-endian integers.
#include "record/murmur2.h"

#include "common/little_endian.h"

#define SEED 0x9747b28c
#define FACTOR 0x5bd1e995

uint32_t murmur2(struct slice key)
{
    uint32_t h = SEED ^ (uint32_t)key.len;
    size_t whole = key.len & ~(size_t)3;
    for (size_t i = 0; i < whole; i += 4) {
        uint32_t k = le_u32(key.ptr + i) * FACTOR;
        k ^= k >> 24;
        h = h * FACTOR ^ k * FACTOR;
    }
    for (size_t i = whole; i < key.len; i++)
        h ^= (uint32_t)key.ptr[i] << (8 * (i - whole));
    if (whole < key.len)
        h *= FACTOR;
    h ^= h >> 13;
    h *= FACTOR;
    return h ^ h >> 15;
}

int32_t murmur2_partition(struct slice key, int32_t n_partitions)
{
    return (int32_t)(murmur2(key) & INT32_MAX) % n_partitions;
}
