// SPDX-License-Identifier: Apache-2.0
// Redis beside: see beside.h.
#define _POSIX_C_SOURCE 200809L
#include "appliers/redis/beside.h"

#include "appliers/redis/checkpoint.h"
#include "appliers/redis/scan.h"
#include "appliers/redis/shown.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define STATE_PREFIX "tailrace:rebuild-state:"
#define STATE_BYTES (sizeof STATE_PREFIX + SINK_GROUP_BYTES)
#define COMPARING "comparing"
#define RENAMING "renaming"

static const char *const phases[] = {[BESIDE_NONE] = "",
                                     [BESIDE_FILLING] = "filling",
                                     [BESIDE_DISCARDING] = "discarding",
                                     [BESIDE_SWAPPING] = "swapping"};

// --- the state ---

static struct slice state_key(char key[STATE_BYTES], const char *group)
{
    int n = snprintf(key, STATE_BYTES, STATE_PREFIX "%s", group);
    return slice_of(key, (size_t)n);
}

static bool get_field(struct pipeline *pipeline, const char *group, const char *field,
                      struct buf *value, struct err *err)
{
    char key[STATE_BYTES];
    struct slice args[] = {slice_of_str("HGET"), state_key(key, group), slice_of_str(field)};
    redisReply *reply = NULL;
    buf_clear(value);
    if (!pipeline_add(pipeline, 3, args, err) || !pipeline_next(pipeline, &reply, err))
        return err_wrap(err, "reading the rebuild's state");
    if (reply->type == REDIS_REPLY_STRING)
        buf_append(value, reply->str, reply->len);
    freeReplyObject(reply);
    return true;
}

static bool redis_read(struct sink *sink, const char *group, struct beside_state *state,
                       struct err *err)
{
    struct pipeline *pipeline = sink_pipeline(sink);
    struct buf phase = {0}, plan = {0};
    *state = (struct beside_state){BESIDE_NONE, NULL};
    bool done = get_field(pipeline, group, "phase", &phase, err) &&
                get_field(pipeline, group, "plan", &plan, err);
    unsigned found = BESIDE_NONE;
    while (done && found <= BESIDE_SWAPPING && strcmp(phases[found], buf_cstr(&phase)) != 0)
        found++;
    if (done && found > BESIDE_SWAPPING)
        done = err_set(err, ERR_CORRUPT, "Redis: " STATE_PREFIX "%s has the phase \"%s\"", group,
                       buf_cstr(&phase));
    else if (done && found != BESIDE_NONE)
        *state = (struct beside_state){(enum beside_phase)found, mem_strdup(buf_cstr(&plan))};
    buf_deinit(&phase);
    buf_deinit(&plan);
    return done;
}

static bool add_word(struct pipeline *pipeline, const char *word, struct err *err)
{
    struct slice args[] = {slice_of_str(word)};
    return pipeline_add(pipeline, 1, args, err);
}

// A step of the state is WATCH; HGET owner; MULTI, commands, EXEC. This is what comes before the
// commands: it proves that the rebuild is in our hand.
static bool step_begin(struct pipeline *pipeline, const struct beside *beside, struct err *err)
{
    char key[STATE_BYTES];
    struct buf owner = {0};
    struct slice watch[] = {slice_of_str("WATCH"), state_key(key, beside->group)};
    bool done = pipeline_add(pipeline, 2, watch, err) && pipeline_skip(pipeline, 1, err) &&
                get_field(pipeline, beside->group, "owner", &owner, err);
    if (done && strcmp(buf_cstr(&owner), beside->owner) != 0)
        done = beside_refuse_owner(err);
    buf_deinit(&owner);
    return done && add_word(pipeline, "MULTI", err);
}

static bool step_end(struct pipeline *pipeline, struct err *err)
{
    bool raced;
    return add_word(pipeline, "EXEC", err) && pipeline_read_exec(pipeline, &raced, err) &&
           (!raced || beside_refuse_owner(err));
}

static bool add_fields(struct pipeline *pipeline, const struct beside *beside, const char *phase,
                       const char *stage, struct err *err)
{
    char key[STATE_BYTES];
    struct slice args[] = {slice_of_str("HSET"),  state_key(key, beside->group),
                           slice_of_str("phase"), slice_of_str(phase),
                           slice_of_str("stage"), slice_of_str(stage)};
    return pipeline_add(pipeline, 6, args, err);
}

static bool add_forget(struct pipeline *pipeline, const struct beside *beside, struct err *err)
{
    char key[STATE_BYTES];
    struct slice args[] = {slice_of_str("DEL"), state_key(key, beside->group)};
    return pipeline_add(pipeline, 2, args, err);
}

// Makes the state, or takes it in hand as it is.
static bool take_state(struct pipeline *pipeline, const struct beside *beside, struct err *err)
{
    char key[STATE_BYTES];
    struct slice hash = state_key(key, beside->group);
    struct slice phase[] = {slice_of_str("HSETNX"), hash, slice_of_str("phase"),
                            slice_of_str(phases[BESIDE_FILLING])};
    struct slice plan[] = {slice_of_str("HSETNX"), hash, slice_of_str("plan"),
                           slice_of_str(beside->plan)};
    struct slice owner[] = {slice_of_str("HSET"), hash, slice_of_str("owner"),
                            slice_of_str(beside->owner)};
    bool raced;
    return add_word(pipeline, "MULTI", err) && pipeline_add(pipeline, 4, phase, err) &&
           pipeline_add(pipeline, 4, plan, err) && pipeline_add(pipeline, 4, owner, err) &&
           add_word(pipeline, "EXEC", err) && pipeline_read_exec(pipeline, &raced, err);
}

// --- keys ---

// The tables' prefixes, and what is done with the keys that have one.
struct walk {
    struct sink *sink;
    const struct beside *beside;
    struct buf *prefixes;
    struct beside_size *sizes;        // of a measurement
    uint64_t *sampled, *sample_bytes; // likewise
    bool is_filled;
    uint64_t done; // keys that were removed or renamed
};

static void walk_init(struct walk *walk, struct sink *sink, const struct beside *beside)
{
    *walk = (struct walk){.sink = sink, .beside = beside};
    walk->prefixes = mem_zalloc((beside->n_tables + 1) * sizeof *walk->prefixes);
    for (size_t i = 0; i < beside->n_tables; i++)
        sink_write_prefix(sink, &walk->prefixes[i], slice_of_str(beside->tables[i].db),
                          slice_of_str(beside->tables[i].name));
}

static void walk_deinit(struct walk *walk)
{
    for (size_t i = 0; i < walk->beside->n_tables; i++)
        buf_deinit(&walk->prefixes[i]);
    free(walk->prefixes);
}

static bool skip(struct slice *key, const char *prefix)
{
    size_t n = strlen(prefix);
    if (key->len < n || memcmp(key->ptr, prefix, n) != 0)
        return false;
    *key = slice_of(key->ptr + n, key->len - n);
    return true;
}

// A key taken apart: [tombstone:][rebuild:]row
struct name {
    bool is_tombstone;
    bool is_beside;
    size_t table; // of the row; n_tables: of none
    struct slice row;
};

static struct name name_of(const struct walk *walk, const redisReply *key)
{
    struct name name = {.row = slice_of(key->str, key->len)};
    name.is_tombstone = skip(&name.row, TOMBSTONE_PREFIX);
    name.is_beside = skip(&name.row, BESIDE_PREFIX);
    for (name.table = 0; name.table < walk->beside->n_tables; name.table++) {
        const struct buf *prefix = &walk->prefixes[name.table];
        if (name.row.len >= prefix->len && memcmp(name.row.ptr, prefix->ptr, prefix->len) == 0)
            break;
    }
    return name;
}

static bool is_of(const struct walk *walk, const struct name *name, bool is_beside)
{
    return name->table < walk->beside->n_tables && name->is_beside == is_beside;
}

static struct slice write_name(struct buf *out, const struct name *name, bool is_beside)
{
    buf_clear(out);
    if (name->is_tombstone)
        buf_str(out, TOMBSTONE_PREFIX);
    if (is_beside)
        buf_str(out, BESIDE_PREFIX);
    buf_slice(out, name->row);
    return buf_bytes(out);
}

// A page in one MULTI; nothing where nothing was added.
static bool end_page(struct pipeline *pipeline, uint64_t n, struct err *err)
{
    bool raced;
    return n == 0 || (add_word(pipeline, "EXEC", err) && pipeline_read_exec(pipeline, &raced, err));
}

static bool add_del(struct walk *walk, const redisReply *key, uint64_t *n, struct err *err)
{
    struct pipeline *pipeline = sink_pipeline(walk->sink);
    struct slice args[] = {slice_of_str("DEL"), slice_of(key->str, key->len)};
    return ((*n)++ > 0 || add_word(pipeline, "MULTI", err)) && pipeline_add(pipeline, 2, args, err);
}

static bool remove_beside(void *into, const redisReply *keys, struct err *err)
{
    struct walk *walk = into;
    uint64_t n = 0;
    for (size_t i = 0; i < keys->elements; i++) {
        struct name name = name_of(walk, keys->element[i]);
        if (is_of(walk, &name, true) && !add_del(walk, keys->element[i], &n, err))
            return false;
    }
    walk->done += n;
    return end_page(sink_pipeline(walk->sink), n, err);
}

static bool count_beside(void *into, const redisReply *keys, struct err *err)
{
    struct walk *walk = into;
    (void)err;
    for (size_t i = 0; i < keys->elements; i++) {
        struct name name = name_of(walk, keys->element[i]);
        walk->done += is_of(walk, &name, true);
    }
    return true;
}

// Whatever is beside: of rows, then of tombstones.
static bool walk_beside(struct walk *walk, scan_fn *visit, struct err *err)
{
    struct pipeline *pipeline = sink_pipeline(walk->sink);
    return scan_keys(pipeline, BESIDE_PREFIX "*", visit, walk, err) &&
           scan_keys(pipeline, TOMBSTONE_PREFIX BESIDE_PREFIX "*", visit, walk, err);
}

// --- compare ---

static bool ask_beside(struct walk *walk, const redisReply *keys, bool *is_asked, struct err *err)
{
    struct buf key = {0};
    bool done = true;
    for (size_t i = 0; done && i < keys->elements; i++) {
        struct name name = name_of(walk, keys->element[i]);
        is_asked[i] = is_of(walk, &name, false);
        if (!is_asked[i])
            continue;
        struct slice args[] = {slice_of_str("EXISTS"), write_name(&key, &name, true)};
        done = pipeline_add(sink_pipeline(walk->sink), 2, args, err);
    }
    buf_deinit(&key);
    return done;
}

// Leaves those asked for that are not there.
static bool hear_beside(struct walk *walk, const redisReply *keys, bool *is_asked, struct err *err)
{
    for (size_t i = 0; i < keys->elements; i++) {
        redisReply *reply;
        if (!is_asked[i])
            continue;
        if (!pipeline_next(sink_pipeline(walk->sink), &reply, err))
            return false;
        is_asked[i] = reply->type == REDIS_REPLY_INTEGER && reply->integer == 0;
        freeReplyObject(reply);
    }
    return true;
}

static bool remove_others(void *into, const redisReply *keys, struct err *err)
{
    struct walk *walk = into;
    bool *goes = mem_zalloc((keys->elements + 1) * sizeof *goes);
    uint64_t n = 0;
    bool done = ask_beside(walk, keys, goes, err) && hear_beside(walk, keys, goes, err);
    for (size_t i = 0; done && i < keys->elements; i++)
        done = !goes[i] || add_del(walk, keys->element[i], &n, err);
    done = done && end_page(sink_pipeline(walk->sink), n, err);
    if (done && n > 0) {
        walk->done += n;
        CRASH_POINT(rebuild_redis_removed);
    }
    free(goes);
    return done;
}

// --- rename ---

// EXEC's answer. A key that SCAN gave twice, or whose time was up, is not there any more.
static bool read_renamed(struct pipeline *pipeline, struct err *err)
{
    redisReply *reply = NULL;
    bool done = pipeline_skip(pipeline, pipeline->n_pending - 1, err) &&
                pipeline_next(pipeline, &reply, err);
    for (size_t i = 0; done && i < reply->elements; i++)
        if (reply->element[i]->type == REDIS_REPLY_ERROR &&
            strcmp(reply->element[i]->str, "ERR no such key") != 0)
            done = reply_fail(err, reply->element[i]->str);
    freeReplyObject(reply);
    return done;
}

static bool rename_page(void *into, const redisReply *keys, struct err *err)
{
    struct walk *walk = into;
    struct pipeline *pipeline = sink_pipeline(walk->sink);
    struct buf to = {0};
    uint64_t n = 0;
    bool done = true;
    for (size_t i = 0; done && i < keys->elements; i++) {
        const redisReply *from = keys->element[i];
        struct name name = name_of(walk, from);
        if (!is_of(walk, &name, true))
            continue;
        struct slice args[] = {slice_of_str("RENAME"), slice_of(from->str, from->len),
                               write_name(&to, &name, false)};
        done =
            (n++ > 0 || add_word(pipeline, "MULTI", err)) && pipeline_add(pipeline, 3, args, err);
    }
    done = done && (n == 0 || (add_word(pipeline, "EXEC", err) && read_renamed(pipeline, err)));
    buf_deinit(&to);
    if (done && n > 0) {
        walk->done += n;
        CRASH_POINT(rebuild_redis_renamed);
    }
    return done;
}

// --- measure ---

// The first key of each table in a page stands for the others.
static bool sample(struct walk *walk, const redisReply *key, size_t table, struct err *err)
{
    struct slice args[] = {slice_of_str("MEMORY"), slice_of_str("USAGE"),
                           slice_of(key->str, key->len)};
    struct pipeline *pipeline = sink_pipeline(walk->sink);
    redisReply *reply;
    if (!pipeline_add(pipeline, 3, args, err) || !pipeline_next_any(pipeline, &reply, err))
        return false;
    if (reply->type == REDIS_REPLY_INTEGER) {
        walk->sampled[table]++;
        walk->sample_bytes[table] += (uint64_t)reply->integer;
    }
    freeReplyObject(reply);
    return true;
}

static bool measure_page(void *into, const redisReply *keys, struct err *err)
{
    struct walk *walk = into;
    size_t sampled = walk->beside->n_tables;
    for (size_t i = 0; i < keys->elements; i++) {
        struct name name = name_of(walk, keys->element[i]);
        if (name.is_tombstone || !is_of(walk, &name, walk->is_filled))
            continue;
        walk->sizes[name.table].objects++;
        if (name.table != sampled && !sample(walk, keys->element[i], name.table, err))
            return false;
        sampled = name.table;
    }
    return true;
}

static bool redis_measure(struct sink *sink, const struct beside *beside, bool is_filled,
                          struct beside_size *sizes, struct err *err)
{
    struct walk walk;
    size_t n = beside->n_tables;
    walk_init(&walk, sink, beside);
    walk.sizes = sizes;
    walk.is_filled = is_filled;
    walk.sampled = mem_zalloc((n + 1) * sizeof *walk.sampled);
    walk.sample_bytes = mem_zalloc((n + 1) * sizeof *walk.sample_bytes);
    memset(sizes, 0, n * sizeof *sizes);
    bool done = scan_keys(sink_pipeline(sink), is_filled ? BESIDE_PREFIX "*" : NULL, measure_page,
                          &walk, err);
    for (size_t i = 0; i < n; i++)
        if (walk.sampled[i])
            sizes[i].bytes = sizes[i].objects * (walk.sample_bytes[i] / walk.sampled[i]);
    free(walk.sampled);
    free(walk.sample_bytes);
    walk_deinit(&walk);
    return done;
}

// --- the steps ---

static bool refuse_taken(struct sink *sink, const struct beside *beside, struct err *err)
{
    struct walk walk;
    walk_init(&walk, sink, beside);
    bool done = walk_beside(&walk, count_beside, err) &&
                (walk.done == 0 || beside_refuse_name(err, BESIDE_PREFIX "…"));
    walk_deinit(&walk);
    return done;
}

static bool redis_begin(struct sink *sink, const struct beside *beside, struct err *err)
{
    struct beside_state state;
    if (!sink_may_rebuild(sink, err) || !redis_read(sink, beside->group, &state, err))
        return false;
    free(state.plan);
    return (state.phase != BESIDE_NONE || refuse_taken(sink, beside, err)) &&
           take_state(sink_pipeline(sink), beside, err);
}

static bool write_discarding(struct pipeline *pipeline, const struct beside *beside,
                             struct err *err)
{
    struct sink_checkpoint *filled;
    size_t n;
    if (!checkpoint_list(pipeline, beside->beside_group, &filled, &n, err))
        return false;
    bool done = step_begin(pipeline, beside, err) &&
                add_fields(pipeline, beside, phases[BESIDE_DISCARDING], "", err) &&
                checkpoint_forget(pipeline, beside->beside_group, filled, n, err) &&
                step_end(pipeline, err);
    free(filled);
    return done;
}

// The checkpoints go first: without them nothing of what is left is taken for filled.
static bool redis_discard(struct sink *sink, const struct beside *beside, struct err *err)
{
    struct pipeline *pipeline = sink_pipeline(sink);
    struct walk walk;
    if (!take_state(pipeline, beside, err) || !write_discarding(pipeline, beside, err))
        return false;
    CRASH_POINT(rebuild_discarding);
    walk_init(&walk, sink, beside);
    bool done = walk_beside(&walk, remove_beside, err) && step_begin(pipeline, beside, err) &&
                add_forget(pipeline, beside, err) && step_end(pipeline, err);
    walk_deinit(&walk);
    return done;
}

static bool redis_fence(struct sink *sink, const struct beside *beside,
                        const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                        struct err *err)
{
    struct pipeline *pipeline = sink_pipeline(sink);
    struct checkpoint_set set = {beside->group, beside->beside_group, checkpoints, n_checkpoints};
    return step_begin(pipeline, beside, err) &&
           add_fields(pipeline, beside, phases[BESIDE_SWAPPING], COMPARING, err) &&
           checkpoint_fence(pipeline, &set, err) && step_end(pipeline, err);
}

static bool compare_all(struct walk *walk, struct err *err)
{
    struct pipeline *pipeline = sink_pipeline(walk->sink);
    if (!scan_keys(pipeline, NULL, remove_others, walk, err))
        return false;
    log_info("removed what is not in the rebuild", LOG_FIELDS(log_u64("keys", walk->done)));
    CRASH_POINT(rebuild_redis_compared);
    return step_begin(pipeline, walk->beside, err) &&
           add_fields(pipeline, walk->beside, phases[BESIDE_SWAPPING], RENAMING, err) &&
           step_end(pipeline, err);
}

static bool rename_all(struct walk *walk, struct err *err)
{
    uint64_t all = 0;
    do {
        walk->done = 0;
        if (!walk_beside(walk, rename_page, err))
            return false;
        all += walk->done;
    } while (walk->done > 0);
    log_info("in place", LOG_FIELDS(log_u64("keys", all)));
    return true;
}

static bool redis_swap(struct sink *sink, const struct beside *beside, struct err *err)
{
    struct buf stage = {0};
    struct walk walk;
    walk_init(&walk, sink, beside);
    bool done = get_field(sink_pipeline(sink), beside->group, "stage", &stage, err) &&
                (strcmp(buf_cstr(&stage), RENAMING) == 0 || compare_all(&walk, err)) &&
                rename_all(&walk, err);
    buf_deinit(&stage);
    walk_deinit(&walk);
    return done;
}

static bool redis_end(struct sink *sink, const struct beside *beside,
                      const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                      struct err *err)
{
    struct pipeline *pipeline = sink_pipeline(sink);
    struct checkpoint_set set = {beside->group, beside->beside_group, checkpoints, n_checkpoints};
    return step_begin(pipeline, beside, err) && checkpoint_settle(pipeline, &set, err) &&
           add_forget(pipeline, beside, err) && step_end(pipeline, err);
}

const struct beside_driver redis_beside = {
    .enter = sink_enter_beside,
    .read = redis_read,
    .measure = redis_measure,
    .begin = redis_begin,
    .discard = redis_discard,
    .fence = redis_fence,
    .swap = redis_swap,
    .end = redis_end,
};
