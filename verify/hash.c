// SPDX-License-Identifier: Apache-2.0
// Hash: see hash.h.
#define _DEFAULT_SOURCE // getentropy
#include "verify/hash.h"

#include "common/little_endian.h"

#include <errno.h>
#include <unistd.h>

#define BLOCK_ROUNDS 2
#define FINAL_ROUNDS 4

struct state {
    uint64_t v0, v1, v2, v3;
};

bool hash_key_draw(struct hash_key *key, struct err *err)
{
    if (getentropy(key, sizeof *key) == 0)
        return true;
    return err_set(err, ERR_INTERNAL, "the system gives no random numbers: %s", strerror(errno));
}

static inline uint64_t rotate(uint64_t v, int bits)
{
    return v << bits | v >> (64 - bits);
}

static inline void mix(struct state *s, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        s->v0 += s->v1;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

static inline void take(struct state *s, uint64_t block)
{
    s->v3 ^= block;
    mix(s, BLOCK_ROUNDS);
    s->v0 ^= block;
}

struct hash hash_of(const struct hash_key *key, struct slice bytes)
{
    struct state s = {key->k0 ^ 0x736f6d6570736575, key->k1 ^ 0x646f72616e646f6d ^ 0xee,
                      key->k0 ^ 0x6c7967656e657261, key->k1 ^ 0x7465646279746573};
    size_t whole = bytes.len & ~(size_t)7;
    struct hash hash;
    for (size_t i = 0; i < whole; i += 8)
        take(&s, le_u64(bytes.ptr + i));
    uint64_t last = (uint64_t)bytes.len << 56;
    for (size_t i = whole; i < bytes.len; i++)
        last |= (uint64_t)bytes.ptr[i] << (8 * (i - whole));
    take(&s, last);
    s.v2 ^= 0xee;
    mix(&s, FINAL_ROUNDS);
    hash.low = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    s.v1 ^= 0xdd;
    mix(&s, FINAL_ROUNDS);
    hash.high = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    return hash;
}
