// SPDX-License-Identifier: Apache-2.0
// Buckets: sums of the hashes of rows, those of the source less those of the target, by the hash of
// the key. Each table has its own, in proportion to its rows, up to a million in all. Two threads
// may add to them.
#ifndef TAILRACE_VERIFY_BUCKETS_H
#define TAILRACE_VERIFY_BUCKETS_H

#include "verify/hash.h"
#include "verify/shape.h"

#include <stdatomic.h>

struct bucket {
    _Atomic uint64_t low;
    _Atomic uint64_t high;
};

struct bucket_table {
    size_t first;     // of its buckets
    size_t n;         // of them, a power of two
    uint64_t rows[2]; // that were read of each side
};

struct buckets {
    struct bucket_table *tables;
    size_t n_tables;
    struct bucket *items;
    size_t n;
};

// All zero, for tables of that size.
void buckets_init(struct buckets *buckets, const struct shape_list *tables);
void buckets_deinit(struct buckets *buckets);

// The bucket of a key of that table.
static inline size_t buckets_at(const struct buckets *buckets, size_t table, struct hash key)
{
    const struct bucket_table *its = &buckets->tables[table];
    return its->first + (size_t)(key.high & (its->n - 1));
}

static inline void buckets_add(struct buckets *buckets, size_t at, struct hash row)
{
    struct bucket *bucket = &buckets->items[at];
    atomic_fetch_add_explicit(&bucket->low, row.low, memory_order_relaxed);
    atomic_fetch_add_explicit(&bucket->high, row.high, memory_order_relaxed);
}

static inline void buckets_take(struct buckets *buckets, size_t at, struct hash row)
{
    buckets_add(buckets, at, (struct hash){0 - row.low, 0 - row.high});
}

static inline bool buckets_is_zero(const struct buckets *buckets, size_t at)
{
    const struct bucket *bucket = &buckets->items[at];
    return atomic_load(&bucket->low) == 0 && atomic_load(&bucket->high) == 0;
}

#endif
