// SPDX-License-Identifier: Apache-2.0
// Hash: SipHash-2-4 with 128 bits (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), under a
// key that is drawn anew in each run. Sums of such hashes, modulo 2^64 in each half, do not depend
// on the order of what was added, and two changes cannot be made to cancel each other out without
// knowing the key: what XOR or a sum of checksums would not notice.
#ifndef TAILRACE_VERIFY_HASH_H
#define TAILRACE_VERIFY_HASH_H

#include "common/err.h"
#include "common/slice.h"

struct hash {
    uint64_t low;
    uint64_t high;
};

struct hash_key {
    uint64_t k0;
    uint64_t k1;
};

// From the system's random numbers.
MUST_CHECK bool hash_key_draw(struct hash_key *key, struct err *err);

struct hash hash_of(const struct hash_key *key, struct slice bytes);

static inline bool hash_equal(struct hash a, struct hash b)
{
    return a.low == b.low && a.high == b.high;
}

#endif
