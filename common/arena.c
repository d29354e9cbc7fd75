// SPDX-License-Identifier: Apache-2.0
// Arena: see arena.h. A chain of blocks; the newest is filled from `next` to `end`.
#include "common/arena.h"

#include "common/mem.h"

#include <stdalign.h>
#include <stdlib.h>

#define ARENA_BLOCK_BYTES 16384
#define ARENA_ALIGN alignof(max_align_t)

struct arena_block {
    struct arena_block *older;
    size_t size;
    alignas(max_align_t) uint8_t bytes[];
};

static void add_block(struct arena *arena, size_t size)
{
    struct arena_block *block = mem_alloc(sizeof *block + size);
    block->older = arena->blocks;
    block->size = size;
    arena->blocks = block;
    arena->next = block->bytes;
    arena->end = block->bytes + size;
}

void *arena_alloc(struct arena *arena, size_t n)
{
    n = (n + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (n > (size_t)(arena->end - arena->next) || !arena->blocks) {
        size_t first = arena->block_bytes ? arena->block_bytes : ARENA_BLOCK_BYTES;
        size_t size = arena->blocks ? 2 * arena->blocks->size : first;
        add_block(arena, n > size ? n : size);
    }
    uint8_t *ptr = arena->next;
    arena->next += n;
    arena->used_bytes += n;
    return ptr;
}

void *arena_zalloc(struct arena *arena, size_t n)
{
    return memset(arena_alloc(arena, n), 0, n);
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
    return slice_of(arena_str(arena, bytes), bytes.len);
}

char *arena_str(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static void free_blocks(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *older = arena->blocks->older;
        free(arena->blocks);
        arena->blocks = older;
    }
    arena->next = arena->end = NULL;
}

void arena_take_back(struct arena *arena)
{
    size_t used = arena->used_bytes;
    arena->used_bytes = 0;
    if (!arena->blocks)
        return;
    size_t keep = used > arena->peak_bytes / 2 ? used : arena->peak_bytes / 2;
    arena->peak_bytes = used > arena->peak_bytes ? used : keep;
    bool one_block = !arena->blocks->older;
    bool too_large = arena->blocks->size > 4 * keep + ARENA_BLOCK_BYTES;
    if (one_block && !too_large) {
        arena->next = arena->blocks->bytes;
        return;
    }
    free_blocks(arena);
    add_block(arena, keep > ARENA_BLOCK_BYTES ? keep : ARENA_BLOCK_BYTES);
}

void arena_deinit(struct arena *arena)
{
    free_blocks(arena);
    *arena = (struct arena){0};
}
