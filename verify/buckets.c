// SPDX-License-Identifier: Apache-2.0
// Buckets: see buckets.h.
#include "verify/buckets.h"

#include "common/mem.h"

#include <stdlib.h>

#define LEAST 256
#define MOST ((size_t)1 << 20) // of all tables together
#define ROWS_A_BUCKET 8

void buckets_init(struct buckets *buckets, const struct shape_list *tables)
{
    size_t n_tables = tables->n;
    size_t most = MOST;
    while (n_tables > 0 && most > LEAST && most > 2 * MOST / n_tables)
        most /= 2;
    *buckets = (struct buckets){.n_tables = n_tables};
    buckets->tables = mem_zalloc((n_tables + 1) * sizeof *buckets->tables);
    for (size_t i = 0; i < n_tables; i++) {
        size_t n = LEAST;
        while (n < most && n * ROWS_A_BUCKET < tables->shapes[i].rows_about)
            n *= 2;
        buckets->tables[i] = (struct bucket_table){.first = buckets->n, .n = n};
        buckets->n += n;
    }
    buckets->items = mem_zalloc((buckets->n + 1) * sizeof *buckets->items);
}

void buckets_deinit(struct buckets *buckets)
{
    free(buckets->tables);
    free(buckets->items);
    *buckets = (struct buckets){0};
}
