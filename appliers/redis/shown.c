// SPDX-License-Identifier: Apache-2.0
// Shown: see shown.h. A key that holds another type than [redis] format says (it was changed) shows
// nothing, and is written.
#include "appliers/redis/shown.h"

#include "appliers/redis/mapping.h"

#define MEMBER "\"" GUARD_FIELD "\":\""
#define JSON_END "-64" // bytes of a string that hold the member and what is around it

_Static_assert(sizeof MEMBER + GUARD_TEXT_BYTES + 4 <= 64, "JSON_END is too short");

bool shown_check_name(const struct table *table, struct err *err)
{
    static const char *const ours[] = {"checkpoint", "checkpoints", "tombstone", "rebuild",
                                       "rebuild-state"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (slice_eq_str(table->db, "tailrace") && slice_eq_str(table->name, ours[i]))
            return err_set(err, ERR_REFUSED,
                           "table tailrace.%s would overwrite what tailrace keeps in the target: "
                           "exclude it",
                           ours[i]);
    return true;
}

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
    buf_str(key, shown->prefix);
    mapping_write_key(key, effect->table, effect->row);
    shown_write_tombstone(tombstone, buf_bytes(key));
    struct slice buried[] = {slice_of_str("GET"), buf_bytes(tombstone)};
    return shown_ask(shown->pipeline, buf_bytes(key), shown->is_json, err) &&
           pipeline_add(shown->pipeline, 2, buried, err);
}

static bool hear(const struct shown *shown, const struct effect *effect, bool *is_shown,
                 struct err *err)
{
    struct guard own = guard_of(shown->batch, effect);
    struct shown_object object;
    redisReply *tombstone = NULL;
    bool done = shown_hear(shown->pipeline, shown->is_json, &object, err) &&
                next_answer(shown->pipeline, &tombstone, err);
    if (done && !object.exists)
        object.has_guard = guard_read(text_of(tombstone), &object.guard);
    *is_shown = done && object.has_guard && guard_shows(&object.guard, &own);
    freeReplyObject(tombstone);
    return done;
}

bool shown_leave_out(const struct shown *shown, const struct effect **effects, size_t *n,
                     struct err *err)
{
    struct buf key = {0}, tombstone = {0};
    size_t kept = 0;
    bool done = true;
    for (size_t i = 0; done && i < *n; i++)
        if (guard_is_replay(shown->batch, effects[i]))
            done = ask(shown, effects[i], &key, &tombstone, err);
    for (size_t i = 0; done && i < *n; i++) {
        bool is_shown = false;
        if (guard_is_replay(shown->batch, effects[i]))
            done = hear(shown, effects[i], &is_shown, err);
        if (!is_shown)
            effects[kept++] = effects[i];
    }
    *n = kept;
    buf_deinit(&key);
    buf_deinit(&tombstone);
    return done;
}
