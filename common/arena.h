// SPDX-License-Identifier: Apache-2.0
// Arena: memory that is handed out piece by piece and taken back all at once. {0} is an empty one;
// block_bytes may be set in it.
// Pieces live until arena_reset or arena_deinit. A reset keeps one block, as large as all that was
// in use, so that a steady load stops allocating; what an outlier left behind is given back at the
// reset after the next.
#ifndef TAILRACE_COMMON_ARENA_H
#define TAILRACE_COMMON_ARENA_H

#include "common/slice.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; // the newest first; pieces come from it
    uint8_t *next;
    uint8_t *end;
    size_t used_bytes;  // handed out since the last reset
    size_t peak_bytes;  // the most between two resets, of the last few
    size_t block_bytes; // of the first block; 0: 16 KiB
};

// n bytes, aligned for any type, not zeroed.
void *arena_alloc(struct arena *arena, size_t n);
void *arena_zalloc(struct arena *arena, size_t n);

// A copy in the arena; arena_str's has a NUL behind it that is not counted.
struct slice arena_copy(struct arena *arena, struct slice bytes);
char *arena_str(struct arena *arena, struct slice text);

// What arena_reset does when there is something to do.
void arena_take_back(struct arena *arena);

// Where the last resets found nothing in use, all that was too large is gone already.
static inline void arena_reset(struct arena *arena)
{
    if (arena->used_bytes || arena->peak_bytes)
        arena_take_back(arena);
}

void arena_deinit(struct arena *arena);

#endif
