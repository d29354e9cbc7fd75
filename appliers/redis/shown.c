// SPDX-License-Identifier: Apache-2.0
// Shown: see shown.h. A key that holds another type than [redis] format says (it was changed) shows
// nothing, and is written.
#include "appliers/redis/shown.h"

#include "appliers/redis/mapping.h"

#define TOMBSTONE_PREFIX "tailrace:tombstone:"
#define MEMBER "\"" GUARD_FIELD "\":\""
#define JSON_END "-64" // bytes of a string that hold the member and what is around it
#define REPLIES 3

_Static_assert(sizeof MEMBER + GUARD_TEXT_BYTES + 4 <= 64, "JSON_END is too short");

bool shown_check_name(const struct table *table, struct err *err)
{
    static const char *const ours[] = {"checkpoint", "checkpoints", "tombstone"};
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

static bool ask(const struct shown *shown, const struct effect *effect, struct buf *key,
                struct buf *tombstone, struct err *err)
{
    buf_clear(key);
    mapping_write_key(key, effect->table, effect->row);
    shown_write_tombstone(tombstone, buf_bytes(key));
    struct slice type[] = {slice_of_str("TYPE"), buf_bytes(key)};
    struct slice field[] = {slice_of_str("HGET"), buf_bytes(key), slice_of_str(GUARD_FIELD)};
    struct slice end[] = {slice_of_str("GETRANGE"), buf_bytes(key), slice_of_str(JSON_END),
                          slice_of_str("-1")};
    struct slice buried[] = {slice_of_str("GET"), buf_bytes(tombstone)};
    return pipeline_add(shown->pipeline, 2, type, err) &&
           pipeline_add(shown->pipeline, shown->is_json ? 4 : 3, shown->is_json ? end : field,
                        err) &&
           pipeline_add(shown->pipeline, 2, buried, err);
}

static struct slice text_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? slice_of(reply->str, reply->len) : slice_of(NULL, 0);
}

// From the replies to ask().
static bool shows(const struct shown *shown, const struct effect *effect,
                  redisReply *const *replies)
{
    struct guard own = guard_of(shown->batch, effect);
    struct guard found;
    const char *type = replies[0]->type == REDIS_REPLY_STATUS ? replies[0]->str : "";
    bool is_read;
    if (strcmp(type, "none") == 0)
        is_read = guard_read(text_of(replies[2]), &found);
    else if (shown->is_json)
        is_read = strcmp(type, "string") == 0 && shown_read_json(text_of(replies[1]), &found);
    else
        is_read = strcmp(type, "hash") == 0 && guard_read(text_of(replies[1]), &found);
    return is_read && guard_shows(&found, &own);
}

// WRONGTYPE is an answer: TYPE says the same. Any other error is one.
static bool check_reply(const redisReply *reply, struct err *err)
{
    return reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "WRONGTYPE", 9) == 0 ||
           reply_fail(err, reply->str);
}

static bool hear(const struct shown *shown, const struct effect *effect, bool *is_shown,
                 struct err *err)
{
    redisReply *replies[REPLIES] = {NULL};
    bool done = true;
    for (size_t i = 0; done && i < REPLIES; i++)
        done = pipeline_next_any(shown->pipeline, &replies[i], err) && check_reply(replies[i], err);
    if (done)
        *is_shown = shows(shown, effect, replies);
    for (size_t i = 0; i < REPLIES; i++)
        freeReplyObject(replies[i]);
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
