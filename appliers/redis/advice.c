// SPDX-License-Identifier: Apache-2.0
// Advice: see advice.h, and docs/redis.md, "What it needs".
#include "appliers/redis/advice.h"

#include "common/buf.h"

#include <string.h>

// The text of a line "NAME:…" of INFO; empty: it has none.
static bool find_line(struct pipeline *pipeline, const char *section, const char *name,
                      struct buf *text, struct err *err)
{
    struct slice args[] = {slice_of_str("INFO"), slice_of_str(section)};
    redisReply *reply;
    buf_clear(text);
    if (!pipeline_add(pipeline, 2, args, err) || !pipeline_next(pipeline, &reply, err))
        return false;
    const char *line = reply->str ? strstr(reply->str, name) : NULL;
    if (line) {
        line += strlen(name);
        buf_append(text, line, strcspn(line, "\r\n"));
    }
    freeReplyObject(reply);
    return true;
}

static bool look_at_persistence(struct pipeline *pipeline, struct buf *text, struct check *check,
                                struct err *err)
{
    if (!find_line(pipeline, "persistence", "\naof_enabled:", text, err))
        return false;
    if (strcmp(buf_cstr(text), "1") == 0)
        check_ok(check, "redis persistence", "appendonly yes");
    else
        check_warn(check, "redis persistence",
                   "appendonly no: after a crash it goes back to its last snapshot, or is empty, "
                   "and what follows is applied again. CONFIG SET appendonly yes");
    return true;
}

// Of a cache rows may go; what has no time to live, as checkpoints, stays with volatile-*.
static const char *eviction_advice(const struct rules *rules)
{
    return rules_are_of_cache(rules)
               ? "checkpoints may be thrown away with the rows, and then all is applied again. "
                 "CONFIG SET maxmemory-policy volatile-lru, with [redis] ttl"
               : "rows and checkpoints may be thrown away. CONFIG SET maxmemory-policy noeviction";
}

static bool look_at_eviction(struct pipeline *pipeline, const struct rules *rules,
                             struct check *check, struct err *err)
{
    struct buf text = {0};
    bool done = find_line(pipeline, "memory", "\nmaxmemory_policy:", &text, err);
    const char *policy = buf_cstr(&text);
    if (done && strncmp(policy, "allkeys", 7) == 0)
        check_warn(check, "redis eviction", "maxmemory-policy is %s: %s", policy,
                   eviction_advice(rules));
    else if (done)
        check_ok(check, "redis eviction", "maxmemory-policy is %s", policy);
    buf_deinit(&text);
    return done;
}

bool advice_print(struct pipeline *pipeline, const struct rules *rules, struct check *check,
                  struct err *err)
{
    struct buf text = {0};
    bool done = look_at_persistence(pipeline, &text, check, err) &&
                look_at_eviction(pipeline, rules, check, err);
    buf_deinit(&text);
    return done;
}
