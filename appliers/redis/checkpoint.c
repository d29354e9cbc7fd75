// SPDX-License-Identifier: Apache-2.0
// Redis checkpoints: see checkpoint.h.
#define _POSIX_C_SOURCE 200809L
#include "appliers/redis/checkpoint.h"

#include "appliers/core/beside.h"
#include "common/clock.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_BYTES (TOPIC_NAME_MAX + SINK_GROUP_BYTES + 64)
#define NUMBER_BYTES 24
#define SWAPPING "is_swapping"

static struct slice text_of(const char *text)
{
    return slice_of_str(text);
}

static struct slice hash_key(char key[KEY_BYTES], const char *group, const char *topic,
                             int32_t partition)
{
    int n = snprintf(key, KEY_BYTES, "tailrace:checkpoint:%s:%s:%" PRId32, group, topic, partition);
    return slice_of(key, (size_t)n);
}

static struct slice set_key(char key[KEY_BYTES], const char *group)
{
    int n = snprintf(key, KEY_BYTES, "tailrace:checkpoints:%s", group);
    return slice_of(key, (size_t)n);
}

static struct slice member_name(char name[KEY_BYTES], const char *topic, int32_t partition)
{
    int n = snprintf(name, KEY_BYTES, "%s:%" PRId32, topic, partition);
    return slice_of(name, (size_t)n);
}

static struct slice i64_text(char text[NUMBER_BYTES], int64_t v)
{
    return slice_of(text, (size_t)snprintf(text, NUMBER_BYTES, "%" PRId64, v));
}

static bool add_word(struct pipeline *pipeline, const char *word, struct err *err)
{
    struct slice args[] = {text_of(word)};
    return pipeline_add(pipeline, 1, args, err);
}

// The value of a field in the reply of HGETALL, "" where it is not there.
static const char *find_field(const redisReply *reply, const char *field)
{
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        if (strcmp(reply->element[i]->str, field) == 0)
            return reply->element[i + 1]->str;
    return "";
}

static int64_t find_offset(const redisReply *reply, const char *field)
{
    const char *text = find_field(reply, field);
    return *text ? strtoll(text, NULL, 10) : SINK_OFFSET_NONE;
}

static void read_hash(const redisReply *reply, struct sink_checkpoint *checkpoint)
{
    checkpoint->offset = find_offset(reply, "offset");
    checkpoint->high = find_offset(reply, "high");
    if (checkpoint->high < checkpoint->offset)
        checkpoint->high = checkpoint->offset; // written before there was a guard
    checkpoint->truncated = find_offset(reply, "truncated");
    snprintf(checkpoint->truncated_at, sizeof checkpoint->truncated_at, "%s",
             find_field(reply, "truncated_at"));
    snprintf(checkpoint->owner, sizeof checkpoint->owner, "%s", find_field(reply, "owner"));
    snprintf(checkpoint->gtid, sizeof checkpoint->gtid, "%s", find_field(reply, "gtid"));
    snprintf(checkpoint->file, sizeof checkpoint->file, "%s", find_field(reply, "file"));
    checkpoint->pos = strtoull(find_field(reply, "pos"), NULL, 10);
    checkpoint->ts_us = strtoull(find_field(reply, "ts_us"), NULL, 10);
    checkpoint->applied_at_us = strtoull(find_field(reply, "applied_at_us"), NULL, 10);
}

static void name_checkpoint(struct sink_checkpoint *checkpoint, const char *topic,
                            int32_t partition)
{
    *checkpoint = (struct sink_checkpoint){.partition = partition};
    snprintf(checkpoint->topic, sizeof checkpoint->topic, "%s", topic);
}

// MULTI; SADD the set, HSET the owner, HGETALL; EXEC. While a rebuild is swapped the owner counts
// for nothing, as whoever is refused here applies nothing, and the fence takes it from all others.
bool checkpoint_claim(struct pipeline *pipeline, const struct sink_partition *partition,
                      const char *owner, struct sink_checkpoint *checkpoint, struct err *err)
{
    char key[KEY_BYTES], set[KEY_BYTES], name[KEY_BYTES];
    struct slice hash = hash_key(key, partition->group, partition->topic, partition->partition);
    struct slice add[] = {text_of("SADD"), set_key(set, partition->group),
                          member_name(name, partition->topic, partition->partition)};
    struct slice take[] = {text_of("HSET"), hash, text_of("owner"), text_of(owner)};
    struct slice read[] = {text_of("HGETALL"), hash};
    redisReply *reply = NULL;
    if (!add_word(pipeline, "MULTI", err) || !pipeline_add(pipeline, 3, add, err) ||
        !pipeline_add(pipeline, 4, take, err) || !pipeline_add(pipeline, 2, read, err) ||
        !add_word(pipeline, "EXEC", err) || !pipeline_skip(pipeline, 4, err) ||
        !pipeline_next(pipeline, &reply, err))
        return err_wrap(err, "claiming the checkpoint");
    bool done = reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
                reply->element[2]->type == REDIS_REPLY_ARRAY;
    if (done) {
        name_checkpoint(checkpoint, partition->topic, partition->partition);
        read_hash(reply->element[2], checkpoint);
        done =
            !*find_field(reply->element[2], SWAPPING) || beside_refuse_claim(err, partition->group);
    } else {
        err_set(err, ERR_REFUSED, "claiming the checkpoint: Redis key %s holds something else",
                key);
    }
    freeReplyObject(reply);
    return done;
}

static bool add_watch(struct pipeline *pipeline, struct slice hash, struct err *err)
{
    struct slice watch[] = {text_of("WATCH"), hash};
    struct slice read[] = {text_of("HMGET"), hash, text_of("owner"), text_of("offset")};
    return pipeline_add(pipeline, 2, watch, err) && pipeline_add(pipeline, 4, read, err);
}

static bool holds(const redisReply *reply, const char *owner, int64_t offset)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !reply->element[0]->str ||
        strcmp(reply->element[0]->str, owner) != 0)
        return false;
    const char *text = reply->element[1]->str;
    return (text ? strtoll(text, NULL, 10) : SINK_OFFSET_NONE) == offset;
}

bool checkpoint_watch(struct pipeline *pipeline, const char *group, const char *owner,
                      const struct batch *batch, struct err *err)
{
    char key[KEY_BYTES];
    bool all_hold = true;
    for (size_t i = 0; i < batch->n_partitions; i++) {
        const struct batch_partition *partition = &batch->partitions[i];
        if (!add_watch(pipeline, hash_key(key, group, partition->topic, partition->partition), err))
            return false;
    }
    for (size_t i = 0; i < batch->n_partitions; i++) {
        redisReply *reply;
        if (!pipeline_skip(pipeline, 1, err) || !pipeline_next(pipeline, &reply, err))
            return err_wrap(err, "reading the checkpoint");
        all_hold = all_hold && holds(reply, owner, batch->partitions[i].from);
        freeReplyObject(reply);
    }
    return all_hold ||
           err_set(err, ERR_RETRY,
                   "a partition of this batch has another owner by now, or its checkpoint "
                   "was moved; nothing of the batch was written");
}

// Without a change of the partition (there were only tombstones) its position in the source stays.
static bool add_move(struct pipeline *pipeline, struct slice hash,
                     const struct batch_partition *partition, struct err *err)
{
    char offset[NUMBER_BYTES], pos[NUMBER_BYTES], ts[NUMBER_BYTES], applied[NUMBER_BYTES];
    char high[NUMBER_BYTES];
    int64_t highest = partition->next > partition->high ? partition->next : partition->high;
    struct slice args[] = {
        text_of("HSET"),          hash,
        text_of("offset"),        i64_text(offset, partition->next),
        text_of("high"),          i64_text(high, highest),
        text_of("applied_at_us"), i64_text(applied, (int64_t)clock_now_us()),
        text_of("gtid"),          text_of(partition->gtid),
        text_of("file"),          text_of(partition->file),
        text_of("pos"),           i64_text(pos, (int64_t)partition->pos),
        text_of("ts_us"),         i64_text(ts, (int64_t)partition->ts_us),
    };
    size_t n = sizeof args / sizeof args[0];
    return pipeline_add(pipeline, partition->file[0] ? n : 8, args, err);
}

static bool add_truncated(struct pipeline *pipeline, struct slice hash,
                          const struct batch_partition *partition, struct err *err)
{
    char offset[NUMBER_BYTES], place[GUARD_PLACE_BYTES];
    guard_place(place, partition);
    struct slice args[] = {text_of("HSET"),         hash,
                           text_of("truncated"),    i64_text(offset, partition->truncated),
                           text_of("truncated_at"), text_of(place)};
    return pipeline_add(pipeline, 6, args, err);
}

bool checkpoint_move(struct pipeline *pipeline, const char *group, const struct batch *batch,
                     struct err *err)
{
    char key[KEY_BYTES];
    for (size_t i = 0; i < batch->n_partitions; i++) {
        const struct batch_partition *partition = &batch->partitions[i];
        struct slice hash = hash_key(key, group, partition->topic, partition->partition);
        bool is_truncated = batch->truncation.table && batch->truncation.partition == i;
        if (!add_move(pipeline, hash, partition, err) ||
            (is_truncated && !add_truncated(pipeline, hash, partition, err)))
            return false;
    }
    return true;
}

// Asks for the hash of each member; the replies come in the order of the members.
static bool ask_members(struct pipeline *pipeline, const char *group, const redisReply *members,
                        struct err *err)
{
    char key[KEY_BYTES];
    for (size_t i = 0; i < members->elements; i++) {
        int n =
            snprintf(key, sizeof key, "tailrace:checkpoint:%s:%s", group, members->element[i]->str);
        struct slice args[] = {text_of("HGETALL"), slice_of(key, (size_t)n)};
        if (!pipeline_add(pipeline, 2, args, err))
            return false;
    }
    return true;
}

static bool read_members(struct pipeline *pipeline, const redisReply *members,
                         struct sink_checkpoint *checkpoints, size_t *n, struct err *err)
{
    for (size_t i = 0; i < members->elements; i++) {
        redisReply *reply;
        if (!pipeline_next(pipeline, &reply, err))
            return false;
        const char *name = members->element[i]->str;
        const char *colon = strrchr(name, ':');
        if (reply->elements > 0 && colon && colon - name <= TOPIC_NAME_MAX) {
            struct sink_checkpoint *checkpoint = &checkpoints[(*n)++];
            name_checkpoint(checkpoint, "", (int32_t)strtol(colon + 1, NULL, 10));
            memcpy(checkpoint->topic, name, (size_t)(colon - name));
            read_hash(reply, checkpoint);
        }
        freeReplyObject(reply);
    }
    return true;
}

bool checkpoint_list(struct pipeline *pipeline, const char *group,
                     struct sink_checkpoint **checkpoints, size_t *n_checkpoints, struct err *err)
{
    char set[KEY_BYTES];
    struct slice args[] = {text_of("SMEMBERS"), set_key(set, group)};
    redisReply *members = NULL;
    *checkpoints = NULL;
    *n_checkpoints = 0;
    if (!pipeline_add(pipeline, 2, args, err) || !pipeline_next(pipeline, &members, err))
        return err_wrap(err, "reading the checkpoints");
    *checkpoints = mem_alloc((members->elements + 1) * sizeof **checkpoints);
    bool done = ask_members(pipeline, group, members, err) &&
                read_members(pipeline, members, *checkpoints, n_checkpoints, err);
    freeReplyObject(members);
    if (!done) {
        free(*checkpoints);
        *checkpoints = NULL;
    }
    return done;
}

// DEL, and HSET and SADD unless the checkpoint is to be none.
static bool add_reset(struct pipeline *pipeline, const char *group,
                      const struct sink_checkpoint *checkpoint, struct err *err)
{
    char key[KEY_BYTES], set[KEY_BYTES], name[KEY_BYTES];
    char offset[NUMBER_BYTES], high[NUMBER_BYTES], truncated[NUMBER_BYTES];
    struct slice hash = hash_key(key, group, checkpoint->topic, checkpoint->partition);
    bool is_none = checkpoint->high == SINK_OFFSET_NONE;
    struct slice forget[] = {text_of("DEL"), hash};
    struct slice list[] = {text_of(is_none ? "SREM" : "SADD"), set_key(set, group),
                           member_name(name, checkpoint->topic, checkpoint->partition)};
    struct slice put[] = {text_of("HSET"),         hash,
                          text_of("owner"),        text_of(""),
                          text_of("offset"),       i64_text(offset, checkpoint->offset),
                          text_of("high"),         i64_text(high, checkpoint->high),
                          text_of("truncated"),    i64_text(truncated, checkpoint->truncated),
                          text_of("truncated_at"), text_of(checkpoint->truncated_at)};
    return pipeline_add(pipeline, 2, forget, err) && pipeline_add(pipeline, 3, list, err) &&
           (is_none || pipeline_add(pipeline, 12, put, err));
}

bool checkpoint_reset(struct pipeline *pipeline, const char *group,
                      const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                      struct err *err)
{
    if (!add_word(pipeline, "MULTI", err))
        return false;
    for (size_t i = 0; i < n_checkpoints; i++)
        if (!add_reset(pipeline, group, &checkpoints[i], err))
            return false;
    return (add_word(pipeline, "EXEC", err) && pipeline_skip(pipeline, pipeline->n_pending, err)) ||
           err_wrap(err, "setting the checkpoints");
}

// --- of a rebuild ---

static bool add_fence(struct pipeline *pipeline, const char *group,
                      const struct sink_checkpoint *checkpoint, struct err *err)
{
    char key[KEY_BYTES], set[KEY_BYTES], name[KEY_BYTES];
    struct slice put[] = {
        text_of("HSET"),   hash_key(key, group, checkpoint->topic, checkpoint->partition),
        text_of("owner"),  text_of(""),
        text_of(SWAPPING), text_of("1")};
    struct slice list[] = {text_of("SADD"), set_key(set, group),
                           member_name(name, checkpoint->topic, checkpoint->partition)};
    return pipeline_add(pipeline, 6, put, err) && pipeline_add(pipeline, 3, list, err);
}

bool checkpoint_fence(struct pipeline *pipeline, const struct checkpoint_set *set, struct err *err)
{
    for (size_t i = 0; i < set->n_checkpoints; i++)
        if (!add_fence(pipeline, set->group, &set->checkpoints[i], err) ||
            !add_fence(pipeline, set->beside_group, &set->checkpoints[i], err))
            return false;
    return true;
}

// What a reset leaves out.
static bool add_position(struct pipeline *pipeline, const char *group,
                         const struct sink_checkpoint *checkpoint, struct err *err)
{
    char key[KEY_BYTES], pos[NUMBER_BYTES], ts[NUMBER_BYTES], applied[NUMBER_BYTES];
    struct slice args[] = {
        text_of("HSET"),          hash_key(key, group, checkpoint->topic, checkpoint->partition),
        text_of("applied_at_us"), i64_text(applied, (int64_t)checkpoint->applied_at_us),
        text_of("gtid"),          text_of(checkpoint->gtid),
        text_of("file"),          text_of(checkpoint->file),
        text_of("pos"),           i64_text(pos, (int64_t)checkpoint->pos),
        text_of("ts_us"),         i64_text(ts, (int64_t)checkpoint->ts_us)};
    return checkpoint->offset == SINK_OFFSET_NONE || pipeline_add(pipeline, 12, args, err);
}

bool checkpoint_settle(struct pipeline *pipeline, const struct checkpoint_set *set, struct err *err)
{
    for (size_t i = 0; i < set->n_checkpoints; i++)
        if (!add_reset(pipeline, set->group, &set->checkpoints[i], err) ||
            !add_position(pipeline, set->group, &set->checkpoints[i], err))
            return false;
    return checkpoint_forget(pipeline, set->beside_group, set->checkpoints, set->n_checkpoints,
                             err);
}

bool checkpoint_forget(struct pipeline *pipeline, const char *group,
                       const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                       struct err *err)
{
    char key[KEY_BYTES];
    for (size_t i = 0; i < n_checkpoints; i++) {
        struct slice args[] = {
            text_of("DEL"), hash_key(key, group, checkpoints[i].topic, checkpoints[i].partition)};
        if (!pipeline_add(pipeline, 2, args, err))
            return false;
    }
    struct slice list[] = {text_of("DEL"), set_key(key, group)};
    return pipeline_add(pipeline, 2, list, err);
}
