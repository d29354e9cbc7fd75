// SPDX-License-Identifier: Apache-2.0
// Recheck: see recheck.h. Suspects are taken in batches, so that little time lies between the
// readings of one.
#include "verify/recheck.h"

#include "common/backoff.h"
#include "common/mem.h"
#include "common/stop.h"
#include "verify/fence.h"

#include <stdlib.h>

#define BATCH 1000
#define PAUSE_FIRST_MS 20
#define PAUSE_MOST_MS 1000

struct batch {
    struct run *run;
    struct suspect **items; // sorted by table and key
    size_t n;
    struct renderer renderer;
    struct buf scratch;
    size_t table;       // that is being read
    bool is_second;     // reading of the source
    struct buf *source; // of recheck_read: where the rows go
    struct buf *target;
};

static int compare_places(const struct suspect *a, size_t table, struct slice key)
{
    if (a->table != table)
        return a->table < table ? -1 : 1;
    int order = memcmp(a->key.ptr, key.ptr, a->key.len < key.len ? a->key.len : key.len);
    return order ? order : (a->key.len > key.len) - (a->key.len < key.len);
}

static int compare_suspects(const void *left, const void *right)
{
    const struct suspect *b = *(const struct suspect *const *)right;
    return compare_places(*(const struct suspect *const *)left, b->table, b->key);
}

static struct suspect *find(const struct batch *batch, size_t table, struct slice key)
{
    size_t low = 0, high = batch->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_places(batch->items[middle], table, key);
        if (order == 0)
            return batch->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

// --- reading ---

static bool take_source(void *into, const struct cell *cells, struct err *err)
{
    struct batch *batch = into;
    struct run *run = batch->run;
    (void)err;
    renderer_take(&batch->renderer, run, &run->tables.shapes[batch->table], cells);
    struct slice key = buf_bytes(&batch->renderer.key);
    struct slice row = buf_bytes(&batch->renderer.row);
    struct suspect *suspect = find(batch, batch->table, key);
    if (!suspect)
        return true; // equal in the server's eyes only
    struct sighting *sighting = batch->is_second ? &suspect->after : &suspect->before;
    *sighting = (struct sighting){true, run_hash(run, key, row, &batch->scratch).row};
    if (batch->source) {
        buf_clear(batch->source);
        buf_slice(batch->source, row);
    }
    return true;
}

static bool take_target(void *into, const struct found *found, struct err *err)
{
    struct batch *batch = into;
    struct suspect *suspect = find(batch, batch->table, found->key);
    (void)err;
    if (!suspect)
        return true; // MongoDB's int32 7 is also found as int64 7
    suspect->target =
        (struct sighting){true, run_hash(batch->run, found->key, found->row, &batch->scratch).row};
    suspect->guard = hash_of(&batch->run->key, found->guard);
    if (batch->target) {
        buf_clear(batch->target);
        buf_slice(batch->target, found->row);
    }
    return true;
}

// The items of one table: [first, end).
static size_t table_end(const struct batch *batch, size_t first)
{
    size_t end = first;
    while (end < batch->n && batch->items[end]->table == batch->items[first]->table)
        end++;
    return end;
}

static bool read_source(struct batch *batch, bool is_second, struct err *err)
{
    struct run *run = batch->run;
    bool done = true;
    batch->is_second = is_second;
    for (size_t first = 0, end; done && first < batch->n; first = end) {
        end = table_end(batch, first);
        batch->table = batch->items[first]->table;
        const struct shape *shape = &run->tables.shapes[batch->table];
        struct cell *cells = mem_alloc((end - first) * shape->n_key * sizeof *cells);
        size_t n = 0;
        for (size_t i = first; i < end; i++) {
            struct suspect *suspect = batch->items[i];
            *(is_second ? &suspect->after : &suspect->before) = (struct sighting){0};
            if (suspect->cells)
                memcpy(cells + n++ * shape->n_key, suspect->cells, shape->n_key * sizeof *cells);
        }
        done = n == 0 || source_lookup(run->mysql, shape, cells, n, take_source, batch, err);
        free(cells);
    }
    return done;
}

static bool read_target(struct batch *batch, struct err *err)
{
    struct run *run = batch->run;
    struct slice *keys = mem_alloc((batch->n + 1) * sizeof *keys);
    bool done = true;
    for (size_t first = 0, end; done && first < batch->n; first = end) {
        end = table_end(batch, first);
        batch->table = batch->items[first]->table;
        for (size_t i = first; i < end; i++) {
            batch->items[i]->target = (struct sighting){0};
            batch->items[i]->guard = (struct hash){0};
            keys[i - first] = batch->items[i]->key;
        }
        done = run->driver->lookup(run->target, &run->tables.shapes[batch->table], keys,
                                   end - first, take_target, batch, err);
    }
    free(keys);
    return done;
}

// --- judging ---

static bool same_sighting(const struct sighting *a, const struct sighting *b)
{
    return a->is_there == b->is_there && (!a->is_there || hash_equal(a->row, b->row));
}

static void judge(const struct run *run, struct suspect *suspect)
{
    bool is_away = !suspect->target.is_there && run_lacks(run);
    if (is_away || same_sighting(&suspect->target, &suspect->before) ||
        same_sighting(&suspect->target, &suspect->after)) {
        suspect->verdict = VERDICT_EQUAL;
        return;
    }
    bool rested = same_sighting(&suspect->before, &suspect->after);
    bool is_same = suspect->same > 0 && same_sighting(&suspect->was, &suspect->after) &&
                   same_sighting(&suspect->was_target, &suspect->target) &&
                   hash_equal(suspect->was_guard, suspect->guard);
    suspect->same = !rested ? 0 : is_same ? suspect->same + 1 : 1;
    suspect->was = suspect->after;
    suspect->was_target = suspect->target;
    suspect->was_guard = suspect->guard;
    if (suspect->same < RECHECK_SAME)
        return;
    suspect->verdict = !suspect->target.is_there  ? VERDICT_MISSING
                       : !suspect->after.is_there ? VERDICT_EXTRA
                                                  : VERDICT_DIFFERENT;
}

static bool wait_fence(struct batch *batch, struct err *err)
{
    struct run *run = batch->run;
    struct position position = {.file = ""};
    bool *tables = mem_zalloc(run->tables.n + 1);
    for (size_t i = 0; i < batch->n; i++)
        tables[batch->items[i]->table] = true;
    bool done = source_position(run->mysql, &position, err) &&
                fence_wait(run->fence, run, &position, tables, err);
    position_deinit(&position);
    free(tables);
    return done;
}

static bool try_batch(struct batch *batch, struct err *err)
{
    if (!read_source(batch, false, err) || !wait_fence(batch, err) || !read_target(batch, err) ||
        !read_source(batch, true, err))
        return false;
    for (size_t i = 0; i < batch->n; i++)
        judge(batch->run, batch->items[i]);
    return true;
}

// Up to BATCH of those that are open, from *from on.
static void fill_batch(struct batch *batch, struct suspects *suspects, size_t *from)
{
    batch->n = 0;
    for (; *from < suspects->n && batch->n < BATCH; ++*from)
        if (suspects->items[*from].verdict == VERDICT_OPEN)
            batch->items[batch->n++] = &suspects->items[*from];
    if (batch->n > 1)
        qsort(batch->items, batch->n, sizeof(struct suspect *), compare_suspects);
}

// One try of all that are open; *n_open: how many remain.
static bool try_all(struct batch *batch, struct suspects *suspects, size_t *n_open, struct err *err)
{
    *n_open = 0;
    for (size_t from = 0; from < suspects->n;) {
        fill_batch(batch, suspects, &from);
        if (batch->n > 0 && !try_batch(batch, err))
            return false;
    }
    for (size_t i = 0; i < suspects->n; i++)
        *n_open += suspects->items[i].verdict == VERDICT_OPEN;
    return true;
}

bool recheck_sift(struct run *run, struct suspects *suspects, struct err *err)
{
    struct batch batch = {.run = run};
    bool done = true;
    batch.items = mem_alloc((BATCH + 1) * sizeof(struct suspect *));
    for (size_t from = 0; done && from < suspects->n;) {
        fill_batch(&batch, suspects, &from);
        done = batch.n == 0 || read_source(&batch, false, err);
        for (size_t i = 0; done && i < batch.n; i++)
            if (same_sighting(&batch.items[i]->target, &batch.items[i]->before))
                batch.items[i]->verdict = VERDICT_EQUAL;
    }
    free(batch.items);
    renderer_deinit(&batch.renderer);
    buf_deinit(&batch.scratch);
    return done;
}

bool recheck_run(struct run *run, struct suspects *suspects, struct err *err)
{
    struct batch batch = {.run = run};
    struct backoff backoff = {.first_ms = PAUSE_FIRST_MS, .most_ms = PAUSE_MOST_MS};
    size_t n_open = suspects->n;
    bool done = true;
    batch.items = mem_alloc((BATCH + 1) * sizeof(struct suspect *));
    for (uint64_t i = 0; done && n_open > 0 && i < run->config->verify.tries; i++) {
        done = i == 0 || backoff_wait(&backoff) || err_set(err, ERR_STOPPED, "stopped");
        done = done && try_all(&batch, suspects, &n_open, err);
    }
    for (size_t i = 0; done && i < suspects->n; i++)
        if (suspects->items[i].verdict == VERDICT_OPEN)
            suspects->items[i].verdict = VERDICT_UNDECIDED;
    free(batch.items);
    renderer_deinit(&batch.renderer);
    buf_deinit(&batch.scratch);
    return done;
}

bool recheck_read(struct run *run, const struct suspect *suspect, struct buf *source,
                  struct buf *target, struct err *err)
{
    struct suspect copy = *suspect;
    struct suspect *items[] = {&copy};
    struct batch batch = {.run = run, .items = items, .n = 1, .source = source, .target = target};
    buf_clear(source);
    buf_clear(target);
    bool done = read_source(&batch, false, err) && read_target(&batch, err);
    renderer_deinit(&batch.renderer);
    buf_deinit(&batch.scratch);
    return done;
}
