// SPDX-License-Identifier: Apache-2.0
// Compare: see compare.h. Threads: the caller's reads the target, one more the source.
#define _POSIX_C_SOURCE 200809L
#include "verify/compare.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/stop.h"
#include "verify/progress.h"
#include "verify/report.h"
#include "verify/throttle.h"

#include <pthread.h>
#include <stdlib.h>

#define GROUP_ROWS 150000 // whose keys are held at a time, of each side
#define ROUND_MS 2000     // between two savings of the progress, or as long
#define ROUND_SAVINGS 20  // as so many of them take

// A row of a group: its hashes, and its key in its side's own form.
struct entry {
    struct row_hash hash;
    size_t table;
    size_t key_at; // in keys
    size_t key_len;
};

struct entries {
    struct entry *items;
    size_t n;
    size_t cap;
    struct buf keys;
};

// Where the source's thread stands, and until when it reads.
struct reading {
    size_t *table; // in the list
    struct source_place *source;
    uint64_t until_ms;
};

struct comparison {
    struct run *run;
    struct reading *reading;
    struct progress *progress; // that is saved; else `own`
    struct progress own;
    uint8_t *is_open;       // of each bucket: it differed and was not looked at yet
    uint8_t *is_chosen;     // it belongs to the group that is collected; NULL: buckets are filled
    struct shape_list list; // the tables that are read now
    size_t *numbers;        // of these in run->tables
    struct entries entries[2];
    struct renderer renderer; // of the source's thread
    struct buf scratch[2];
    size_t table; // that the source's thread reads: its number in list
    _Atomic bool is_given_up;
    struct err source_err;
};

static void keep_entry(struct entries *entries, struct row_hash hash, size_t table)
{
    if (entries->n == entries->cap) {
        entries->cap = entries->cap ? 2 * entries->cap : 1024;
        entries->items = mem_realloc(entries->items, entries->cap * sizeof *entries->items);
    }
    entries->items[entries->n++] = (struct entry){hash, table, entries->keys.len, 0};
}

// The source's key as cells one behind the other: NULL or not, length, bytes.
static void keep_cells(struct entries *entries, const struct cell *cells, size_t n)
{
    struct entry *entry = &entries->items[entries->n - 1];
    for (size_t i = 0; i < n; i++) {
        size_t len = cells[i].text.len;
        buf_char(&entries->keys, cells[i].is_null ? 1 : 0);
        buf_append(&entries->keys, &len, sizeof len);
        buf_slice(&entries->keys, cells[i].text);
    }
    entry->key_len = entries->keys.len - entry->key_at;
}

static void read_cells(const struct entries *entries, const struct entry *entry, struct cell *cells,
                       size_t n)
{
    const uint8_t *ptr = entries->keys.ptr + entry->key_at;
    for (size_t i = 0; i < n; i++) {
        size_t len;
        memcpy(&len, ptr + 1, sizeof len);
        cells[i] = (struct cell){slice_of(ptr + 1 + sizeof len, len), *ptr == 1};
        ptr += 1 + sizeof len + len;
    }
}

// --- both sides, row by row ---

// Into its bucket, or, true, its key is to be kept.
static bool take_hash(struct comparison *comparison, size_t table, struct row_hash hash,
                      enum throttle_side side)
{
    struct buckets *buckets = &comparison->progress->buckets;
    size_t at = buckets_at(buckets, table, hash.key);
    throttle_row(comparison->run->throttle, side);
    if (comparison->is_chosen)
        return comparison->is_chosen[at] != 0;
    if (side == THROTTLE_SOURCE)
        buckets_add(buckets, at, hash.row);
    else
        buckets_take(buckets, at, hash.row);
    buckets->tables[table].rows[side]++;
    return false;
}

static bool take_source(void *into, const struct cell *cells, struct err *err)
{
    struct comparison *comparison = into;
    struct renderer *renderer = &comparison->renderer;
    const struct shape *shape = &comparison->list.shapes[comparison->table];
    size_t table = comparison->numbers[comparison->table];
    if (atomic_load_explicit(&comparison->is_given_up, memory_order_relaxed))
        return err_set(err, ERR_STOPPED, "the other side could not be read");
    renderer_take(renderer, comparison->run, shape, cells);
    struct row_hash hash =
        run_hash(comparison->run, buf_bytes(&renderer->key), buf_bytes(&renderer->row),
                 &comparison->scratch[THROTTLE_SOURCE]);
    if (!take_hash(comparison, table, hash, THROTTLE_SOURCE))
        return true;
    keep_entry(&comparison->entries[THROTTLE_SOURCE], hash, table);
    keep_cells(&comparison->entries[THROTTLE_SOURCE], renderer->cells, shape->n_key);
    return true;
}

static bool take_target(void *into, const struct found *found, struct err *err)
{
    struct comparison *comparison = into;
    size_t table = comparison->numbers[found->table];
    struct entries *entries = &comparison->entries[THROTTLE_TARGET];
    if (atomic_load_explicit(&comparison->is_given_up, memory_order_relaxed))
        return err_set(err, ERR_STOPPED, "the other side could not be read");
    struct row_hash hash =
        run_hash(comparison->run, found->key, found->row, &comparison->scratch[THROTTLE_TARGET]);
    if (!take_hash(comparison, table, hash, THROTTLE_TARGET))
        return true;
    keep_entry(entries, hash, table);
    buf_slice(&entries->keys, found->key);
    entries->items[entries->n - 1].key_len = found->key.len;
    return true;
}

static bool pause_source(void *into, struct err *err)
{
    struct comparison *comparison = into;
    return throttle_pause(comparison->run->throttle, err);
}

static void *read_source(void *into)
{
    struct comparison *comparison = into;
    const struct run *run = comparison->run;
    struct reading *reading = comparison->reading;
    bool done = true;
    while (done && *reading->table < comparison->list.n) {
        const struct source_scan scan = {.mysql = run->mysql,
                                         .shape = &comparison->list.shapes[*reading->table],
                                         .chunk_rows = run->config->verify.chunk_rows,
                                         .row = take_source,
                                         .pause = pause_source,
                                         .into = comparison,
                                         .until_ms = reading->until_ms};
        comparison->table = *reading->table;
        done = source_scan(&scan, reading->source, &comparison->source_err);
        if (!reading->source->is_done)
            break;
        ++*reading->table;
        buf_clear(&reading->source->after);
        reading->source->is_done = false;
    }
    if (!done)
        atomic_store(&comparison->is_given_up, true);
    return done ? comparison : NULL;
}

// Reads on on both sides, at the same time.
static bool read_on(struct comparison *comparison, struct scan_part *target, struct err *err)
{
    const struct run *run = comparison->run;
    pthread_t thread;
    void *source_done = NULL;
    if (pthread_create(&thread, NULL, read_source, comparison) != 0)
        return err_set(err, ERR_INTERNAL, "no thread can be started");
    bool done =
        (target && target->is_done) ||
        run->driver->scan(run->target, &comparison->list, target, take_target, comparison, err);
    bool target_failed = !done && !atomic_load(&comparison->is_given_up);
    if (!done)
        atomic_store(&comparison->is_given_up, true);
    pthread_join(thread, &source_done);
    if (!source_done && !target_failed)
        *err = comparison->source_err;
    return done && source_done;
}

static void begin_reading(struct comparison *comparison, const char *what)
{
    uint64_t rows_about = 0;
    for (size_t i = 0; i < comparison->list.n; i++)
        rows_about += comparison->list.shapes[i].rows_about;
    throttle_begin(comparison->run->throttle, what, rows_about);
}

// Reads the tables of `list` from both sides, from end to end.
static bool read_both(struct comparison *comparison, const char *what, struct err *err)
{
    struct source_place source = {0};
    size_t table = 0;
    struct reading reading = {.table = &table, .source = &source};
    comparison->reading = &reading;
    begin_reading(comparison, what);
    bool done = read_on(comparison, NULL, err);
    throttle_end(comparison->run->throttle);
    buf_deinit(&source.after);
    return done;
}

// The same in rounds, from where the progress stands; it is saved after each.
static bool read_in_rounds(struct comparison *comparison, struct err *err)
{
    struct progress *progress = comparison->progress;
    struct reading reading = {.table = &progress->source_table, .source = &progress->source};
    uint64_t round_ms = ROUND_MS;
    bool done = true;
    comparison->reading = &reading;
    begin_reading(comparison, "reading both sides");
    while (done && (progress->source_table < comparison->list.n || !progress->target.is_done)) {
        reading.until_ms = progress->target.until_ms = clock_steady_ms() + round_ms;
        done = read_on(comparison, &progress->target, err);
        uint64_t read_ms = clock_steady_ms();
        done = done && progress_save(progress, comparison->run, err);
        uint64_t saved_ms = clock_steady_ms() - read_ms;
        round_ms = saved_ms > ROUND_MS / ROUND_SAVINGS ? saved_ms * ROUND_SAVINGS : ROUND_MS;
    }
    throttle_end(comparison->run->throttle);
    return done;
}

// --- groups ---

static bool has_open(const struct comparison *comparison, const struct bucket_table *table)
{
    return memchr(comparison->is_open + table->first, 1, table->n) != NULL;
}

// The tables with an open bucket; false: there is none.
static bool list_open(struct comparison *comparison)
{
    const struct shape_list *tables = &comparison->run->tables;
    comparison->list.n = 0;
    for (size_t i = 0; i < tables->n; i++) {
        if (!has_open(comparison, &comparison->progress->buckets.tables[i]))
            continue;
        comparison->numbers[comparison->list.n] = i;
        comparison->list.shapes[comparison->list.n++] = tables->shapes[i];
    }
    return comparison->list.n > 0;
}

// Chooses open buckets up to the number of rows that may be held.
static void choose_group(struct comparison *comparison)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < comparison->list.n; i++) {
        const struct bucket_table *table =
            &comparison->progress->buckets.tables[comparison->numbers[i]];
        uint64_t most = table->rows[0] > table->rows[1] ? table->rows[0] : table->rows[1];
        uint64_t rows_each = most / table->n + 1;
        for (size_t k = table->first; k < table->first + table->n; k++) {
            bool fits = rows < GROUP_ROWS;
            comparison->is_chosen[k] = comparison->is_open[k] && fits;
            if (!comparison->is_chosen[k])
                continue;
            comparison->is_open[k] = 0;
            rows += rows_each;
        }
    }
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->table != b->table)
        return a->table < b->table ? -1 : 1;
    if (a->hash.key.high != b->hash.key.high)
        return a->hash.key.high < b->hash.key.high ? -1 : 1;
    if (a->hash.key.low != b->hash.key.low)
        return a->hash.key.low < b->hash.key.low ? -1 : 1;
    if (a->hash.row.high != b->hash.row.high)
        return a->hash.row.high < b->hash.row.high ? -1 : 1;
    return (a->hash.row.low > b->hash.row.low) - (a->hash.row.low < b->hash.row.low);
}

static bool is_same_key(const struct entry *a, const struct entry *b)
{
    return a->table == b->table && hash_equal(a->hash.key, b->hash.key);
}

// Sorted, and the same row only once: a scan may show one twice, and a table without a key have
// one twice.
static void sort_entries(struct entries *entries)
{
    size_t kept = 0;
    if (entries->n > 1)
        qsort(entries->items, entries->n, sizeof *entries->items, compare_entries);
    for (size_t i = 0; i < entries->n; i++)
        if (kept == 0 || compare_entries(&entries->items[kept - 1], &entries->items[i]) != 0)
            entries->items[kept++] = entries->items[i];
    entries->n = kept;
}

static void suspect_source(struct comparison *comparison, const struct entry *entry,
                           struct suspects *suspects)
{
    const struct run *run = comparison->run;
    const struct shape *shape = &run->tables.shapes[entry->table];
    struct cell *cells = arena_alloc(&suspects->arena, shape->n_key * sizeof *cells);
    struct buf key = {0};
    read_cells(&comparison->entries[THROTTLE_SOURCE], entry, cells, shape->n_key);
    run->driver->put_key(run->target, &key, shape, cells);
    suspects_add(suspects, shape, entry->table, buf_bytes(&key), cells);
    buf_deinit(&key);
}

static void suspect_target(struct comparison *comparison, const struct entry *entry,
                           struct suspects *suspects)
{
    const struct run *run = comparison->run;
    const struct shape *shape = &run->tables.shapes[entry->table];
    const struct entries *entries = &comparison->entries[THROTTLE_TARGET];
    struct slice key = slice_of(entries->keys.ptr + entry->key_at, entry->key_len);
    struct cell *cells = arena_alloc(&suspects->arena, shape->n_key * sizeof *cells);
    bool is_possible = run->driver->read_key(run->target, shape, key, &suspects->arena, cells);
    suspects_add(suspects, shape, entry->table, key, is_possible ? cells : NULL);
}

// How many entries from the first on have its key.
static size_t count_same(const struct entry *entry, const struct entry *end)
{
    size_t n = 0;
    while (entry + n < end && is_same_key(entry, entry + n))
        n++;
    return n;
}

// Both lists side by side: a key is suspect that is on one side only or has not one same row.
static void find_suspects(struct comparison *comparison, struct suspects *suspects)
{
    const struct entries *sources = &comparison->entries[THROTTLE_SOURCE];
    const struct entries *targets = &comparison->entries[THROTTLE_TARGET];
    const struct entry *s = sources->items, *s_end = s + sources->n;
    const struct entry *t = targets->items, *t_end = t + targets->n;
    while (s < s_end || t < t_end) {
        bool both = s < s_end && t < t_end && is_same_key(s, t);
        bool take_s = both || t == t_end || (s < s_end && compare_entries(s, t) < 0);
        size_t n_s = take_s ? count_same(s, s_end) : 0;
        size_t n_t = both || !take_s ? count_same(t, t_end) : 0;
        bool same = n_s == 1 && n_t == 1 && hash_equal(s->hash.row, t->hash.row);
        if (take_s && !same)
            suspect_source(comparison, s, suspects);
        else if (!take_s)
            suspect_target(comparison, t, suspects);
        s += n_s;
        t += n_t;
    }
}

static void clear_entries(struct comparison *comparison)
{
    for (int side = 0; side < 2; side++) {
        comparison->entries[side].n = 0;
        buf_clear(&comparison->entries[side].keys);
    }
}

static bool look_closer(struct comparison *comparison, suspects_fn *fn, struct err *err)
{
    struct suspects suspects = {0};
    choose_group(comparison);
    clear_entries(comparison);
    if (!read_both(comparison, "looking at keys", err))
        return false;
    sort_entries(&comparison->entries[THROTTLE_SOURCE]);
    sort_entries(&comparison->entries[THROTTLE_TARGET]);
    find_suspects(comparison, &suspects);
    bool done = fn(comparison->run, &suspects, err);
    suspects_deinit(&suspects);
    return done;
}

// A table with more differences than anybody reads: its other buckets are not looked at, and the
// report says so.
static void give_up_hopeless(struct comparison *comparison)
{
    const struct run *run = comparison->run;
    for (size_t i = 0; i < run->tables.n; i++) {
        struct bucket_table *table = &comparison->progress->buckets.tables[i];
        if (has_open(comparison, table) && report_is_full(run->report, i)) {
            memset(comparison->is_open + table->first, 0, table->n);
            report_cut(run->report, i);
        }
    }
}

static void open_buckets(struct comparison *comparison)
{
    const struct run *run = comparison->run;
    for (size_t i = 0; i < run->tables.n; i++) {
        const struct bucket_table *table = &comparison->progress->buckets.tables[i];
        for (size_t k = table->first; k < table->first + table->n; k++)
            comparison->is_open[k] = !buckets_is_zero(&comparison->progress->buckets, k);
        report_rows(run->report, i, table->rows[THROTTLE_SOURCE], table->rows[THROTTLE_TARGET]);
    }
}

static void comparison_deinit(struct comparison *comparison)
{
    for (int side = 0; side < 2; side++) {
        free(comparison->entries[side].items);
        buf_deinit(&comparison->entries[side].keys);
        buf_deinit(&comparison->scratch[side]);
    }
    renderer_deinit(&comparison->renderer);
    progress_close(&comparison->own);
    free(comparison->is_open);
    free(comparison->is_chosen);
    free(comparison->list.shapes);
    free(comparison->numbers);
}

static void comparison_init(struct comparison *comparison)
{
    const struct run *run = comparison->run;
    comparison->progress = run->progress ? run->progress : &comparison->own;
    if (!comparison->progress->buckets.items)
        buckets_init(&comparison->progress->buckets, &run->tables);
    size_t n = comparison->progress->buckets.n;
    comparison->is_open = mem_zalloc(n + 1);
    comparison->numbers = mem_zalloc((run->tables.n + 1) * sizeof *comparison->numbers);
    comparison->list.shapes = mem_zalloc((run->tables.n + 1) * sizeof *comparison->list.shapes);
    for (size_t i = 0; i < run->tables.n; i++) {
        if (run->tables.shapes[i].unsupported)
            continue;
        comparison->numbers[comparison->list.n] = i;
        comparison->list.shapes[comparison->list.n++] = run->tables.shapes[i];
    }
}

bool compare_run(struct run *run, suspects_fn *fn, struct err *err)
{
    struct comparison comparison = {.run = run};
    comparison_init(&comparison);
    bool done = run->progress ? read_in_rounds(&comparison, err)
                              : read_both(&comparison, "reading both sides", err);
    if (done) {
        open_buckets(&comparison);
        comparison.is_chosen = mem_zalloc(comparison.progress->buckets.n + 1);
    }
    while (done && list_open(&comparison)) {
        done = look_closer(&comparison, fn, err);
        give_up_hopeless(&comparison);
    }
    comparison_deinit(&comparison);
    return done;
}
