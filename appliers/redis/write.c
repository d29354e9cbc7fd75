// SPDX-License-Identifier: Apache-2.0
// Write: see write.h.
//   hash    DEL; HSET of the columns that are not NULL and of the guard; PEXPIRE
//   json    SET, with PX
//   patch   HSET; HDEL of what is NULL now
#include "appliers/redis/write.h"

#include "appliers/redis/mapping.h"
#include "appliers/redis/shown.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_BYTES 24
#define OURS "tailrace:"
#define ARGS_HEAD 6 // command, script, count of keys, key, time to live, count of fields

// Redis before 5 sends scripts to its replicas as they stand, unless it is told to send what they
// write. Lua hands over a few thousand values at a time at most.
#define SCRIPT_HEAD                                                                                \
    "if redis.replicate_commands then redis.replicate_commands() end "                             \
    "local key, ttl = KEYS[1], tonumber(ARGV[1]) "

// A row, where a key is. ARGV: time to live in ms (0: the one it has), field, value, …
static const char hash_script[] =
    SCRIPT_HEAD "if redis.call('EXISTS', key) == 0 then return 0 end "
                "if ttl == 0 then ttl = redis.call('PTTL', key) end "
                "redis.call('DEL', key) "
                "for i = 2, #ARGV, 1000 do "
                "redis.call('HSET', key, unpack(ARGV, i, math.min(i + 999, #ARGV))) end "
                "if ttl >= 0 then redis.call('PEXPIRE', key, math.max(ttl, 1)) end "
                "return 1";

// The same with the row as one text. ARGV: time to live, text
static const char json_script[] =
    SCRIPT_HEAD "if redis.call('EXISTS', key) == 0 then return 0 end "
                "if ttl == 0 then ttl = redis.call('PTTL', key) end "
                "redis.call('SET', key, ARGV[2]) "
                "if ttl >= 0 then redis.call('PEXPIRE', key, math.max(ttl, 1)) end "
                "return 1";

// Some columns, where a hash is. ARGV: time to live, how many of the others are fields with their
// values, these, then fields that go
static const char patch_script[] =
    SCRIPT_HEAD "local type, set = redis.call('TYPE', key).ok, tonumber(ARGV[2]) + 2 "
                "if type == 'none' then return 0 end "
                "if type ~= 'hash' then redis.call('DEL', key) return 0 end "
                "for i = 3, set, 1000 do "
                "redis.call('HSET', key, unpack(ARGV, i, math.min(i + 999, set))) end "
                "for i = set + 1, #ARGV do redis.call('HDEL', key, ARGV[i]) end "
                "if ttl > 0 then redis.call('PEXPIRE', key, ttl) end "
                "return 1";

// --- what becomes of an effect ---

static bool has_field(const struct effect *effect)
{
    for (size_t i = 0; i < effect->table->n_columns; i++)
        if (!value_is_null(&effect->row[i]))
            return true;
    return false;
}

// What cannot be written may be forgotten where a key may be away; else it is refused.
static bool give_up(struct write *write, const struct rules *rules, struct err *err,
                    const char *why)
{
    write->kind = WRITE_FORGET;
    return rules->policy != POLICY_MIRROR || err_set(err, ERR_REFUSED, "%s", why);
}

static bool write_of_row(struct write *write, const struct rules *rules, const struct batch *batch,
                         struct err *err)
{
    bool is_there = rules->policy == POLICY_REFRESH;
    write->kind = is_there ? WRITE_ROW_THERE : WRITE_ROW;
    if (rules->is_json || batch->guarded || has_field(write->effect))
        return true;
    return give_up(write, rules, err,
                   "all columns are NULL: Redis has no empty hash; with [apply] guard = on it is "
                   "not empty, and [redis] format = json has one");
}

static bool write_of_patch(struct write *write, const struct rules *rules, struct err *err)
{
    write->kind = rules_are_of_cache(rules) ? WRITE_PATCH_THERE : WRITE_PATCH;
    return !rules->is_json ||
           give_up(write, rules, err,
                   "an update without the whole row cannot change a JSON string ([redis] format = "
                   "json): SET GLOBAL binlog_row_image = FULL on the source, or format = hash");
}

bool write_of(struct write *write, const struct rules *rules, const struct batch *batch,
              const struct effect *effect, struct err *err)
{
    *write = (struct write){WRITE_FORGET, effect};
    if (rules->policy == POLICY_INVALIDATE)
        return true;
    switch (effect->kind) {
    case EFFECT_REPLACE:
        return write_of_row(write, rules, batch, err);
    case EFFECT_PATCH:
        return write_of_patch(write, rules, err);
    case EFFECT_DELETE:
        if (rules->policy == POLICY_MIRROR && batch->guarded)
            write->kind = WRITE_DELETE;
        return true;
    }
    return true;
}

static bool begins_with(struct slice text, const char *head)
{
    size_t n = strlen(head);
    return text.len >= n && memcmp(text.ptr, head, n) == 0;
}

bool write_check_table(const struct rules *rules, const struct table *table, struct err *err)
{
    static const char *const ours[] = {OURS "checkpoint:", OURS "checkpoints:", OURS "tombstone:",
                                       OURS "rebuild:", OURS "rebuild-state:"};
    struct buf prefix = {0};
    bool good = key_template_takes(&rules->key, table->db, table->name);
    if (!good)
        err_set(err, ERR_REFUSED,
                "[redis] key leaves out {db} or {table}, as [tables] include names a single one, "
                "and this is another: exclude it, or put them into the key");
    mapping_write_prefix(&prefix, &rules->key, table);
    bool is_ours = slice_eq_str(buf_bytes(&prefix), OURS);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        is_ours = is_ours || begins_with(buf_bytes(&prefix), ours[i]);
    if (good && is_ours)
        good = err_set(err, ERR_REFUSED,
                       "table " SLICE_FMT "." SLICE_FMT " would overwrite what tailrace keeps in "
                       "the target under " SLICE_FMT ": exclude it, or set another [redis] key",
                       SLICE_ARG(table->db), SLICE_ARG(table->name), SLICE_ARG(buf_bytes(&prefix)));
    buf_deinit(&prefix);
    return good;
}

// --- commands ---

void writer_deinit(struct writer *writer)
{
    buf_deinit(&writer->key);
    buf_deinit(&writer->fields);
    free(writer->args);
    free(writer->ends);
}

struct slice writer_key(struct writer *writer, const struct effect *effect)
{
    buf_clear(&writer->key);
    buf_str(&writer->key, writer->rules->before);
    mapping_write_key(&writer->key, &writer->rules->key, effect->table, effect->row);
    return buf_bytes(&writer->key);
}

static bool add_del(struct writer *writer, struct slice key, struct err *err)
{
    struct slice args[] = {slice_of_str("DEL"), key};
    return pipeline_add(writer->pipeline, 2, args, err);
}

static bool add_tombstone(struct writer *writer, struct slice key, struct slice guard,
                          struct err *err)
{
    shown_write_tombstone(&writer->fields, key);
    struct slice args[] = {slice_of_str("SET"), buf_bytes(&writer->fields), guard,
                           slice_of_str("EX"), slice_of_str(writer->guard_s)};
    return pipeline_add(writer->pipeline, 5, args, err);
}

static struct slice ttl_text(const struct writer *writer, char text[NUMBER_BYTES])
{
    return slice_of(text, (size_t)snprintf(text, NUMBER_BYTES, "%" PRIu64, writer->rules->ttl_ms));
}

static bool add_expiry(struct writer *writer, struct slice key, struct err *err)
{
    char text[NUMBER_BYTES];
    struct slice args[] = {slice_of_str("PEXPIRE"), key, ttl_text(writer, text)};
    return writer->rules->ttl_ms == 0 || pipeline_add(writer->pipeline, 3, args, err);
}

static void reserve_args(struct writer *writer, size_t n_columns)
{
    size_t n = ARGS_HEAD + 2 * (n_columns + 1); // the guard is one more
    if (writer->cap_args >= n)
        return;
    writer->args = mem_realloc(writer->args, n * sizeof *writer->args);
    writer->ends = mem_realloc(writer->ends, (n_columns + 1) * sizeof *writer->ends);
    writer->cap_args = n;
}

// Puts the columns that are there and not NULL, and the guard (empty: none), as names and texts
// into the arguments from `n` on; returns where they end.
static size_t put_fields(struct writer *writer, size_t n, struct slice guard,
                         const struct effect *effect)
{
    const struct table *table = effect->table;
    buf_clear(&writer->fields);
    for (size_t i = 0; i < table->n_columns; i++) {
        if (!value_is_null(&effect->row[i]))
            mapping_write_value(&writer->fields, &effect->row[i]);
        writer->ends[i] = writer->fields.len;
    }
    for (size_t i = 0, start = 0; i < table->n_columns; start = writer->ends[i++]) {
        if (value_is_null(&effect->row[i]))
            continue;
        writer->args[n++] = table->columns[i].name;
        writer->args[n++] = slice_of(writer->fields.ptr + start, writer->ends[i] - start);
    }
    if (guard.len) {
        writer->args[n++] = slice_of_str(GUARD_FIELD);
        writer->args[n++] = guard;
    }
    return n;
}

// The columns that are NULL now.
static size_t put_nulls(struct writer *writer, size_t n, const struct effect *effect)
{
    for (size_t i = 0; i < effect->table->n_columns; i++)
        if (effect->row[i].kind == VALUE_NULL)
            writer->args[n++] = effect->table->columns[i].name;
    return n;
}

// Nothing to set, or to remove, is no command.
static bool add_set(struct writer *writer, struct slice key, struct slice guard,
                    const struct effect *effect, struct err *err)
{
    writer->args[0] = slice_of_str("HSET");
    writer->args[1] = key;
    size_t n = put_fields(writer, 2, guard, effect);
    return n == 2 || pipeline_add(writer->pipeline, n, writer->args, err);
}

static bool add_unset(struct writer *writer, struct slice key, const struct effect *effect,
                      struct err *err)
{
    writer->args[0] = slice_of_str("HDEL");
    writer->args[1] = key;
    size_t n = put_nulls(writer, 2, effect);
    return n == 2 || pipeline_add(writer->pipeline, n, writer->args, err);
}

static void put_json(struct writer *writer, struct slice guard, const struct effect *effect)
{
    buf_clear(&writer->fields);
    mapping_write_json(&writer->fields, effect->table, effect->row);
    if (guard.len)
        shown_append_json(&writer->fields, guard);
}

static bool add_row(struct writer *writer, struct slice key, struct slice guard,
                    const struct effect *effect, struct err *err)
{
    char ttl[NUMBER_BYTES];
    if (!writer->rules->is_json)
        return add_del(writer, key, err) && add_set(writer, key, guard, effect, err) &&
               add_expiry(writer, key, err);
    put_json(writer, guard, effect);
    struct slice args[] = {slice_of_str("SET"), key, buf_bytes(&writer->fields), slice_of_str("PX"),
                           ttl_text(writer, ttl)};
    return pipeline_add(writer->pipeline, writer->rules->ttl_ms ? 5 : 3, args, err);
}

// The head of the arguments of a script; returns where its own begin.
static size_t put_script(struct writer *writer, const char *script, struct slice key,
                         char ttl[NUMBER_BYTES])
{
    writer->args[0] = slice_of_str("EVAL");
    writer->args[1] = slice_of_str(script);
    writer->args[2] = slice_of_str("1");
    writer->args[3] = key;
    writer->args[4] = ttl_text(writer, ttl);
    return 5;
}

static bool add_row_there(struct writer *writer, struct slice key, struct slice guard,
                          const struct effect *effect, struct err *err)
{
    char ttl[NUMBER_BYTES];
    bool is_json = writer->rules->is_json;
    size_t n = put_script(writer, is_json ? json_script : hash_script, key, ttl);
    if (is_json) {
        put_json(writer, guard, effect);
        writer->args[n++] = buf_bytes(&writer->fields);
    } else {
        n = put_fields(writer, n, guard, effect);
    }
    return pipeline_add(writer->pipeline, n, writer->args, err);
}

static bool add_patch_there(struct writer *writer, struct slice key, struct slice guard,
                            const struct effect *effect, struct err *err)
{
    char ttl[NUMBER_BYTES], count[NUMBER_BYTES];
    size_t head = put_script(writer, patch_script, key, ttl) + 1;
    size_t n = put_fields(writer, head, guard, effect);
    writer->args[head - 1] =
        slice_of(count, (size_t)snprintf(count, sizeof count, "%zu", n - head));
    n = put_nulls(writer, n, effect);
    return pipeline_add(writer->pipeline, n, writer->args, err);
}

bool writer_add(struct writer *writer, const struct batch *batch, const struct write *write,
                struct err *err)
{
    const struct effect *effect = write->effect;
    char text[GUARD_TEXT_BYTES];
    struct guard own = guard_of(batch, effect);
    struct slice guard = slice_of(text, batch->guarded ? guard_write(text, &own) : 0);
    struct slice key = writer_key(writer, effect);
    reserve_args(writer, effect->table->n_columns);
    switch (write->kind) {
    case WRITE_ROW:
        return add_row(writer, key, guard, effect, err);
    case WRITE_ROW_THERE:
        return add_row_there(writer, key, guard, effect, err);
    case WRITE_PATCH:
        return add_set(writer, key, guard, effect, err) && add_unset(writer, key, effect, err);
    case WRITE_PATCH_THERE:
        return add_patch_there(writer, key, guard, effect, err);
    case WRITE_DELETE:
        return add_del(writer, key, err) && add_tombstone(writer, key, guard, err);
    case WRITE_FORGET:
        return add_del(writer, key, err);
    case WRITE_NOTHING:
        break;
    }
    return true;
}
