// SPDX-License-Identifier: Apache-2.0
// Suspects: see suspect.h.
#include "verify/suspect.h"

#include "common/mem.h"

#include <stdlib.h>

void suspects_add(struct suspects *suspects, const struct shape *shape, size_t table,
                  struct slice key, const struct cell *cells)
{
    struct suspect suspect = {.table = table, .key = arena_copy(&suspects->arena, key)};
    if (cells) {
        suspect.cells = arena_alloc(&suspects->arena, shape->n_key * sizeof *suspect.cells);
        for (size_t i = 0; i < shape->n_key; i++)
            suspect.cells[i] =
                (struct cell){arena_copy(&suspects->arena, cells[i].text), cells[i].is_null};
    }
    if (suspects->n == suspects->cap) {
        suspects->cap = suspects->cap ? 2 * suspects->cap : 64;
        suspects->items = mem_realloc(suspects->items, suspects->cap * sizeof *suspects->items);
    }
    suspects->items[suspects->n++] = suspect;
}

void suspects_deinit(struct suspects *suspects)
{
    free(suspects->items);
    arena_deinit(&suspects->arena);
    *suspects = (struct suspects){0};
}
