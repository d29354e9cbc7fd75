// SPDX-License-Identifier: Apache-2.0
// Truncate: see truncate.h. SCAN misses no key that is there from its start to its end; those that
// the partition wrote are, as only its owner deletes them.
#include "appliers/redis/truncate.h"

#include "appliers/core/truncation.h"
#include "appliers/redis/checkpoint.h"
#include "appliers/redis/mapping.h"
#include "appliers/redis/scan.h"
#include "appliers/redis/shown.h"
#include "appliers/redis/write.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>

#define TRIES 5

struct step {
    const struct truncate *truncate;
    const struct batch *batch;
    struct truncation_rule rule;
    struct buf pattern;
    uint64_t deleted;
};

// The table's keys as a glob: db:table:*
static void write_pattern(struct buf *out, const struct rules *rules, const struct table *table)
{
    struct buf prefix = {0};
    buf_str(&prefix, rules->before);
    mapping_write_prefix(&prefix, &rules->key, table);
    for (size_t i = 0; i < prefix.len; i++) {
        if (strchr("*?[]\\^", prefix.ptr[i]))
            buf_char(out, '\\');
        buf_char(out, (char)prefix.ptr[i]);
    }
    buf_char(out, '*');
    buf_deinit(&prefix);
}

static struct slice key_at(const redisReply *keys, size_t i)
{
    return slice_of(keys->element[i]->str, keys->element[i]->len);
}

enum key_fate { KEY_STAYS, KEY_GOES, KEY_GOES_UNGUARDED };

// Keys that SCAN gave, and what becomes of each.
struct page {
    const redisReply *keys;
    enum key_fate *fates;
};

static bool hear_fate(const struct step *step, enum key_fate *fate, bool *refused, struct err *err)
{
    const struct truncate *truncate = step->truncate;
    struct shown_object object;
    *fate = KEY_STAYS;
    if (!shown_hear(truncate->pipeline, truncate->rules->is_json, &object, err))
        return false;
    if (!object.exists)
        return true;
    switch (truncation_fate(&step->rule, object.has_guard ? &object.guard : NULL)) {
    case TRUNCATION_KEEPS:
        break;
    case TRUNCATION_DELETES:
        *fate = object.has_guard || step->rule.deletes_all ? KEY_GOES : KEY_GOES_UNGUARDED;
        break;
    case TRUNCATION_REFUSES:
        *refused = true;
        break;
    }
    return true;
}

static bool choose(const struct step *step, const struct page *page, struct err *err)
{
    const redisReply *keys = page->keys;
    const struct truncate *truncate = step->truncate;
    bool done = true, refused = false;
    for (size_t i = 0; done && i < keys->elements; i++)
        done = shown_ask(truncate->pipeline, key_at(keys, i), truncate->rules->is_json, err);
    for (size_t i = 0; done && i < keys->elements; i++)
        done = hear_fate(step, &page->fates[i], &refused, err);
    return done && (!refused || truncation_refuse(truncate->batch, "a key", err));
}

// Looks again at what has no guard, under a WATCH: its owner may write it anew.
static bool watch_unguarded(const struct step *step, const struct page *page, struct err *err)
{
    const redisReply *keys = page->keys;
    enum key_fate *fates = page->fates;
    const struct truncate *truncate = step->truncate;
    bool done = true, refused = false;
    for (size_t i = 0; done && i < keys->elements; i++) {
        struct slice watch[] = {slice_of_str("WATCH"), key_at(keys, i)};
        if (fates[i] == KEY_GOES_UNGUARDED)
            done = pipeline_add(truncate->pipeline, 2, watch, err) &&
                   shown_ask(truncate->pipeline, key_at(keys, i), truncate->rules->is_json, err);
    }
    for (size_t i = 0; done && i < keys->elements; i++)
        if (fates[i] == KEY_GOES_UNGUARDED)
            done = pipeline_skip(truncate->pipeline, 1, err) &&
                   hear_fate(step, &fates[i], &refused, err);
    return done;
}

// MULTI; DEL of each key that goes (page NULL: none); HSET of each checkpoint of `batch`; EXEC.
// After the WATCH. *raced: nothing was done, as something that is watched was written.
static bool write_step(const struct truncate *truncate, const struct batch *batch,
                       const struct page *page, bool *raced, struct err *err)
{
    struct pipeline *pipeline = truncate->pipeline;
    struct slice multi[] = {slice_of_str("MULTI")};
    struct slice exec[] = {slice_of_str("EXEC")};
    if (!pipeline_add(pipeline, 1, multi, err))
        return false;
    for (size_t i = 0; page && i < page->keys->elements; i++) {
        struct slice del[] = {slice_of_str("DEL"), key_at(page->keys, i)};
        if (page->fates[i] != KEY_STAYS && !pipeline_add(pipeline, 2, del, err))
            return false;
    }
    return checkpoint_move(pipeline, truncate->group, batch, err) &&
           pipeline_add(pipeline, 1, exec, err) && pipeline_read_exec(pipeline, raced, err);
}

static bool watch_checkpoint(const struct truncate *truncate, const struct batch *batch,
                             struct err *err)
{
    return checkpoint_watch(truncate->pipeline, truncate->group, truncate->owner, batch, err);
}

static bool try_page(struct step *step, const redisReply *keys, bool *raced, struct err *err)
{
    struct page page = {keys, mem_zalloc(keys->elements * sizeof *page.fates)};
    uint64_t n = 0;
    *raced = false;
    bool done = watch_checkpoint(step->truncate, step->batch, err) && choose(step, &page, err) &&
                watch_unguarded(step, &page, err);
    for (size_t i = 0; i < keys->elements; i++)
        n += page.fates[i] != KEY_STAYS;
    if (done && n > 0)
        done = write_step(step->truncate, step->batch, &page, raced, err);
    if (done && !*raced && n > 0) {
        CRASH_POINT(truncate_stepped);
        step->deleted += n;
    }
    free(page.fates);
    return done;
}

static bool delete_page(void *into, const redisReply *keys, struct err *err)
{
    struct step *step = into;
    for (int tries = 0; tries < TRIES; tries++) {
        bool raced = false;
        if (keys->elements > 0 && !try_page(step, keys, &raced, err))
            return false;
        if (!raced)
            return true;
    }
    return err_set(err, ERR_RETRY, "Redis: others write the same keys all the time");
}

// The checkpoint, behind the truncation.
static bool move_checkpoint(const struct truncate *truncate, struct err *err)
{
    bool raced;
    CRASH_POINT(truncate_emptied);
    if (!watch_checkpoint(truncate, truncate->batch, err) ||
        !write_step(truncate, truncate->batch, NULL, &raced, err))
        return false;
    return !raced || err_set(err, ERR_RETRY, "the partition has another owner by now");
}

static bool settle_rule(struct step *step, struct err *err)
{
    const struct truncate *truncate = step->truncate;
    struct sink_checkpoint *checkpoints;
    size_t n;
    step->rule = (struct truncation_rule){
        .guard = {truncate->batch->partitions[truncate->batch->truncation.partition].partition,
                  truncate->batch->truncation.offset},
        .deletes_all = true};
    if (truncate->rules->policy != POLICY_MIRROR)
        return true;
    if (!checkpoint_list(truncate->pipeline, truncate->group, &checkpoints, &n, err))
        return false;
    bool done = truncation_rule_of(truncate->batch, checkpoints, n, &step->rule, err);
    free(checkpoints);
    return done;
}

static bool check_table(const struct truncate *truncate, struct err *err)
{
    const struct table *table = truncate->batch->truncation.table;
    return write_check_table(truncate->rules, table, err) ||
           err_wrap(err, "truncation of " SLICE_FMT "." SLICE_FMT, SLICE_ARG(table->db),
                    SLICE_ARG(table->name));
}

bool truncate_apply(const struct truncate *truncate, struct err *err)
{
    const struct batch *batch = truncate->batch;
    struct truncation_step held;
    truncation_step_init(&held, batch);
    struct step step = {.truncate = truncate, .batch = &held.batch};
    write_pattern(&step.pattern, truncate->rules, batch->truncation.table);
    bool done = check_table(truncate, err) && settle_rule(&step, err) &&
                scan_keys(truncate->pipeline, buf_cstr(&step.pattern), delete_page, &step, err) &&
                move_checkpoint(truncate, err);
    if (done)
        log_info("truncated", LOG_FIELDS(log_str("keys", buf_cstr(&step.pattern)),
                                         log_u64("partition", (uint64_t)step.rule.guard.partition),
                                         log_u64("deleted", step.deleted)));
    buf_deinit(&step.pattern);
    return done;
}
