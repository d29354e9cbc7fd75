// SPDX-License-Identifier: Apache-2.0
// Shown: see shown.h. A key that holds another type than [redis] format says (it was changed) shows
// nothing, and is written.
#include "appliers/redis/shown.h"

#include "appliers/redis/mapping.h"

#define MEMBER "\"" GUARD_FIELD "\":\""
#define JSON_END "-64" // bytes of a string that hold the member and what is around it

_Static_assert(sizeof MEMBER + GUARD_TEXT_BYTES + 4 <= 64, "JSON_END is too short");

void shown_write_tombstone(struct buf *out, struct slice key)
{
    buf_clear(out);
    buf_str(out, TOMBSTONE_PREFIX);
    buf_slice(out, key);
}

void shown_append_json(struct buf *object, struct slice guard)
{
    object->len--; // the brace
    if (object->ptr[object->len - 1] != '{')
        buf_char(object, ',');
    buf_str(object, MEMBER);
    buf_slice(object, guard);
    buf_str(object, "\"}");
}

// … "_tailrace":"P:O"}
bool shown_read_json(struct slice end, struct guard *guard)
{
    static const char member[] = MEMBER;
    size_t n = sizeof member - 1;
    if (end.len < n + 3 || memcmp(end.ptr + end.len - 2, "\"}", 2) != 0)
        return false;
    size_t stop = end.len - 2, start = stop;
    while (start > 0 && end.ptr[start - 1] != '"')
        start--;
    return start > n && memcmp(end.ptr + start - n, member, n) == 0 &&
           (end.ptr[start - n - 1] == ',' || end.ptr[start - n - 1] == '{') &&
           guard_read(slice_of(end.ptr + start, stop - start), guard);
}

// --- objects ---

bool shown_ask(struct pipeline *pipeline, struct slice key, bool is_json, struct err *err)
{
    struct slice type[] = {slice_of_str("TYPE"), key};
    struct slice field[] = {slice_of_str("HGET"), key, slice_of_str(GUARD_FIELD)};
    struct slice end[] = {slice_of_str("GETRANGE"), key, slice_of_str(JSON_END),
                          slice_of_str("-1")};
    return pipeline_add(pipeline, 2, type, err) &&
           pipeline_add(pipeline, is_json ? 4 : 3, is_json ? end : field, err);
}

static struct slice text_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? slice_of(reply->str, reply->len) : slice_of(NULL, 0);
}

// WRONGTYPE is an answer: TYPE says the same. Any other error is one.
static bool next_answer(struct pipeline *pipeline, redisReply **reply, struct err *err)
{
    if (!pipeline_next_any(pipeline, reply, err))
        return false;
    return (*reply)->type != REDIS_REPLY_ERROR || strncmp((*reply)->str, "WRONGTYPE", 9) == 0 ||
           reply_fail(err, (*reply)->str);
}

bool shown_hear(struct pipeline *pipeline, bool is_json, struct shown_object *object,
                struct err *err)
{
    redisReply *type = NULL, *value = NULL;
    bool done = next_answer(pipeline, &type, err) && next_answer(pipeline, &value, err);
    *object = (struct shown_object){.exists = false};
    if (done && type->type == REDIS_REPLY_STATUS) {
        bool is_ours = strcmp(type->str, is_json ? "string" : "hash") == 0;
        object->exists = strcmp(type->str, "none") != 0;
        object->has_guard = is_ours && (is_json ? shown_read_json(text_of(value), &object->guard)
                                                : guard_read(text_of(value), &object->guard));
    }
    freeReplyObject(type);
    freeReplyObject(value);
    return done;
}

// --- effects ---

static bool ask(const struct shown *shown, const struct effect *effect, struct buf *key,
                struct buf *tombstone, struct err *err)
{
    buf_clear(key);
    buf_str(key, shown->rules->before);
    mapping_write_key(key, &shown->rules->key, effect->table, effect->row);
    shown_write_tombstone(tombstone, buf_bytes(key));
    struct slice buried[] = {slice_of_str("GET"), buf_bytes(tombstone)};
    return shown_ask(shown->pipeline, buf_bytes(key), shown->rules->is_json, err) &&
           pipeline_add(shown->pipeline, 2, buried, err);
}

// A dead letter is replayed from before the checkpoint: what it has was never applied.
static bool is_letter(const struct shown *shown, const struct effect *effect)
{
    return effect->offset < shown->batch->partitions[effect->partition].from;
}

// What becomes of a write that is done a second time. A key that is not there went with its time,
// or was never put there, where the rules allow that; else somebody removed it, and gets it back.
// With refresh what carries no guard of ours was put there by others, and may be newer than the
// change: it is removed, and never shows an older state.
static enum write_kind settle(const struct shown *shown, const struct write *write,
                              const struct shown_object *object, const struct guard *buried)
{
    const struct rules *rules = shown->rules;
    struct guard own = guard_of(shown->batch, write->effect);
    bool is_there = object->exists;
    bool has_guard = is_there ? object->has_guard : buried != NULL;
    if (has_guard && guard_shows(is_there ? &object->guard : buried, &own))
        return WRITE_NOTHING;
    if (rules->policy == POLICY_REFRESH)
        return is_there ? WRITE_FORGET : WRITE_NOTHING;
    bool is_expired = !is_there && rules->ttl_ms > 0 && !is_letter(shown, write->effect);
    return is_expired ? WRITE_NOTHING : write->kind;
}

static bool hear(const struct shown *shown, struct write *write, struct err *err)
{
    struct guard guard;
    struct shown_object object;
    redisReply *tombstone = NULL;
    bool done = shown_hear(shown->pipeline, shown->rules->is_json, &object, err) &&
                next_answer(shown->pipeline, &tombstone, err);
    if (done) {
        bool is_buried = guard_read(text_of(tombstone), &guard);
        write->kind = settle(shown, write, &object, is_buried ? &guard : NULL);
    }
    freeReplyObject(tombstone);
    return done;
}

// An invalidation may be done any number of times.
static bool is_to_ask(const struct shown *shown, const struct write *write)
{
    return shown->rules->policy != POLICY_INVALIDATE &&
           guard_is_replay(shown->batch, write->effect);
}

bool shown_settle(const struct shown *shown, struct write *writes, size_t *n, struct err *err)
{
    struct buf key = {0}, tombstone = {0};
    size_t kept = 0;
    bool done = true;
    for (size_t i = 0; done && i < *n; i++)
        if (is_to_ask(shown, &writes[i]))
            done = ask(shown, writes[i].effect, &key, &tombstone, err);
    for (size_t i = 0; done && i < *n; i++) {
        if (is_to_ask(shown, &writes[i]))
            done = hear(shown, &writes[i], err);
        if (writes[i].kind != WRITE_NOTHING)
            writes[kept++] = writes[i];
    }
    *n = kept;
    buf_deinit(&key);
    buf_deinit(&tombstone);
    return done;
}
