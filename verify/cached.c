// SPDX-License-Identifier: Apache-2.0
// Cached: see cached.h. The target is read through a connection of its own, as suspects are looked
// at in between.
#include "verify/cached.h"

#include "common/mem.h"
#include "verify/recheck.h"
#include "verify/report.h"
#include "verify/throttle.h"

#include <stdlib.h>

#define GROUP_KEYS 1000             // that are looked up in the source at a time
#define OPEN_KEYS 1000              // that are rechecked at a time
#define SEEN_MOST ((size_t)1 << 20) // beyond it one that a scan shows twice may be reported twice

// Keys that were suspect once, by their hashes: half of the slots at most.
struct seen {
    struct hash *slots; // {0, 0} is free
    size_t n;
    size_t n_slots; // a power of two
};

struct caching {
    struct run *run;
    suspects_fn *fn;
    struct suspects group; // of the target, with what it holds
    struct suspects open;  // that differed from the source
    struct seen seen;
    uint64_t *rows; // of the target, by table
    uint64_t *held; // those that the source has too
    struct buf scratch;
};

// --- keys that were seen ---

// True when it was not there.
static bool put_hash(struct hash *slots, size_t n_slots, struct hash hash)
{
    size_t at = (size_t)hash.low & (n_slots - 1);
    for (; slots[at].low || slots[at].high; at = (at + 1) & (n_slots - 1))
        if (hash_equal(slots[at], hash))
            return false;
    slots[at] = hash;
    return true;
}

static void grow_seen(struct seen *seen)
{
    size_t n_slots = seen->n_slots ? 2 * seen->n_slots : 1024;
    struct hash *slots = mem_zalloc(n_slots * sizeof *slots);
    for (size_t i = 0; i < seen->n_slots; i++)
        if (seen->slots[i].low || seen->slots[i].high)
            put_hash(slots, n_slots, seen->slots[i]);
    free(seen->slots);
    seen->slots = slots;
    seen->n_slots = n_slots;
}

static bool is_new(struct seen *seen, struct hash hash)
{
    if (seen->n == SEEN_MOST)
        return true;
    if (2 * (seen->n + 1) > seen->n_slots)
        grow_seen(seen);
    bool is = put_hash(seen->slots, seen->n_slots, hash);
    seen->n += is;
    return is;
}

// --- what is there ---

static bool judge_open(struct caching *caching, struct err *err)
{
    bool done = caching->open.n == 0 || caching->fn(caching->run, &caching->open, err);
    suspects_deinit(&caching->open);
    return done;
}

static void open_suspect(struct caching *caching, const struct suspect *suspect)
{
    const struct run *run = caching->run;
    buf_clear(&caching->scratch);
    buf_append(&caching->scratch, &suspect->table, sizeof suspect->table);
    buf_slice(&caching->scratch, suspect->key);
    if (is_new(&caching->seen, hash_of(&run->key, buf_bytes(&caching->scratch))))
        suspects_add(&caching->open, &run->tables.shapes[suspect->table], suspect->table,
                     suspect->key, suspect->cells);
}

// Compares the group with the source; what differs is looked at closer when there is enough of it.
static bool sift_group(struct caching *caching, struct err *err)
{
    bool done = recheck_sift(caching->run, &caching->group, err);
    for (size_t i = 0; done && i < caching->group.n; i++) {
        const struct suspect *suspect = &caching->group.items[i];
        caching->held[suspect->table] += suspect->before.is_there;
        if (suspect->verdict != VERDICT_EQUAL)
            open_suspect(caching, suspect);
    }
    suspects_deinit(&caching->group);
    return done && (caching->open.n < OPEN_KEYS || judge_open(caching, err));
}

static bool take_target(void *into, const struct found *found, struct err *err)
{
    struct caching *caching = into;
    struct run *run = caching->run;
    const struct shape *shape = &run->tables.shapes[found->table];
    struct suspects *group = &caching->group;
    throttle_row(run->throttle, THROTTLE_TARGET);
    caching->rows[found->table]++;
    if (report_is_full(run->report, found->table)) {
        report_cut(run->report, found->table);
        return true;
    }
    struct cell *cells = arena_alloc(&group->arena, (shape->n_key + 1) * sizeof *cells);
    bool is_possible = run->driver->read_key(run->target, shape, found->key, &group->arena, cells);
    suspects_add(group, shape, found->table, found->key, is_possible ? cells : NULL);
    struct suspect *suspect = &group->items[group->n - 1];
    suspect->target =
        (struct sighting){true, run_hash(run, found->key, found->row, &caching->scratch).row};
    if (group->n < GROUP_KEYS)
        return true;
    return throttle_pause(run->throttle, err) && sift_group(caching, err);
}

// --- the source's rows ---

static bool take_count(void *into, const struct cell *cells, struct err *err)
{
    struct buf text = {0};
    (void)err;
    buf_slice(&text, cells[0].text);
    *(uint64_t *)into = strtoull(buf_cstr(&text), NULL, 10);
    buf_deinit(&text);
    return true;
}

static bool count_table(struct caching *caching, size_t table, struct err *err)
{
    struct run *run = caching->run;
    const struct shape *shape = &run->tables.shapes[table];
    struct buf sql = {0};
    uint64_t rows = 0;
    buf_str(&sql, "SELECT COUNT(*) FROM ");
    mysql_quote_name(&sql, slice_of_str(shape->db));
    buf_char(&sql, '.');
    mysql_quote_name(&sql, slice_of_str(shape->name));
    bool done = mysql_each(run->mysql, buf_cstr(&sql), take_count, &rows, err);
    uint64_t held = caching->held[table];
    report_rows(run->report, table, rows, caching->rows[table]);
    report_absent(run->report, table, rows > held ? rows - held : 0, run_lacks(run));
    buf_deinit(&sql);
    return done;
}

static bool read_target(struct caching *caching, struct err *err)
{
    struct run *run = caching->run;
    struct target *scanned;
    uint64_t rows_about = 0;
    for (size_t i = 0; i < run->tables.n; i++)
        rows_about += run->tables.shapes[i].rows_about;
    throttle_begin(run->throttle, "reading what is there", rows_about);
    bool done = run->driver->open(run->config, &scanned, err) &&
                run->driver->scan(scanned, &run->tables, NULL, take_target, caching, err) &&
                sift_group(caching, err) && judge_open(caching, err);
    throttle_end(run->throttle);
    run->driver->close(scanned);
    return done;
}

bool cached_run(struct run *run, suspects_fn *fn, struct err *err)
{
    struct caching caching = {.run = run, .fn = fn};
    caching.rows = mem_zalloc((run->tables.n + 1) * sizeof *caching.rows);
    caching.held = mem_zalloc((run->tables.n + 1) * sizeof *caching.held);
    bool done = read_target(&caching, err);
    for (size_t i = 0; done && i < run->tables.n; i++)
        if (!run->tables.shapes[i].unsupported)
            done = count_table(&caching, i, err);
    suspects_deinit(&caching.group);
    suspects_deinit(&caching.open);
    free(caching.seen.slots);
    free(caching.rows);
    free(caching.held);
    buf_deinit(&caching.scratch);
    return done;
}
