// SPDX-License-Identifier: Apache-2.0
// Run: see run.h.
#include "verify/run.h"

#include "common/mem.h"

#include <stdlib.h>

const char *run_lacks(const struct run *run)
{
    return run->driver->lacks ? run->driver->lacks(run->target) : NULL;
}

void renderer_take(struct renderer *renderer, const struct run *run, const struct shape *shape,
                   const struct cell *cells)
{
    if (renderer->cap_cells < shape->n_key) {
        renderer->cap_cells = shape->n_key;
        renderer->cells = mem_realloc(renderer->cells, shape->n_key * sizeof *renderer->cells);
    }
    for (size_t i = 0; i < shape->n_key; i++)
        renderer->cells[i] = cells[shape->key[i]];
    buf_clear(&renderer->key);
    buf_clear(&renderer->row);
    run->driver->put_key(run->target, &renderer->key, shape, renderer->cells);
    run->driver->put_row(run->target, &renderer->row, shape, cells);
}

void renderer_deinit(struct renderer *renderer)
{
    buf_deinit(&renderer->key);
    buf_deinit(&renderer->row);
    free(renderer->cells);
}

struct row_hash run_hash(const struct run *run, struct slice key, struct slice row,
                         struct buf *scratch)
{
    struct row_hash hash = {.key = hash_of(&run->key, key)};
    buf_clear(scratch);
    buf_append(scratch, &hash.key, sizeof hash.key);
    buf_slice(scratch, row);
    hash.row = hash_of(&run->key, buf_bytes(scratch));
    return hash;
}
