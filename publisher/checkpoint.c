// SPDX-License-Identifier: Apache-2.0
// Checkpoint: see checkpoint.h.
#include "publisher/checkpoint.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "kafka/topic.h"
#include "kafka/partition.h"
#include "publisher/tree.h"
#include "record/json_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define TOPIC_PARTITIONS_MAX 100000
#define MARK_PAUSE_MS 20
#define KEY_CHECKPOINT "{\"kind\":\"checkpoint\"}"

void checkpoint_topic_name(struct buf *out, const char *name)
{
    buf_printf(out, "%s.checkpoint", name);
}

void checkpoint_write_key(struct buf *out)
{
    buf_str(out, KEY_CHECKPOINT);
}

void checkpoint_write(struct buf *out, const struct checkpoint *checkpoint)
{
    buf_printf(out, "{\"version\":%d,\"running\":%s,\"instance\":", VERSION,
               checkpoint->running ? "true" : "false");
    json_write_string(out, slice_of_str(checkpoint->instance));
    buf_printf(out, ",\"alive_ms\":%llu,", (unsigned long long)checkpoint->alive_ms);
    position_write_fields(out, &checkpoint->position);
    if (checkpoint->epoch > 0)
        buf_printf(out, ",\"epoch\":%llu", (unsigned long long)checkpoint->epoch);
    if (checkpoint->transaction[0]) {
        buf_str(out, ",\"transaction\":");
        json_write_string(out, slice_of_str(checkpoint->transaction));
    }
    if (checkpoint->counts.len > 0) {
        buf_str(out, ",\"counts\":");
        json_write_string(out, buf_bytes(&checkpoint->counts));
    }
    if (!gtid_set_is_empty(&checkpoint->shown)) {
        buf_str(out, ",\"shown\":\"");
        gtid_set_write(out, &checkpoint->shown);
        buf_char(out, '"');
    }
    buf_char(out, '}');
}

void checkpoint_deinit(struct checkpoint *checkpoint)
{
    gtid_set_deinit(&checkpoint->shown);
    position_deinit(&checkpoint->position);
    buf_deinit(&checkpoint->counts);
}

void checkpoint_mark_write_key(struct buf *out)
{
    buf_str(out, "{\"kind\":\"start\"}");
}

void checkpoint_mark_write(struct buf *out, const char *mark)
{
    buf_printf(out, "{\"version\":%d,\"mark\":", VERSION);
    json_write_string(out, slice_of_str(mark));
    buf_char(out, '}');
}

void checkpoint_topic_write_key(struct buf *out, const char *topic)
{
    buf_str(out, "{\"kind\":\"topic\",\"topic\":");
    json_write_string(out, slice_of_str(topic));
    buf_char(out, '}');
}

void checkpoint_topic_write(struct buf *out, const struct checkpoint_topic *topic)
{
    buf_printf(out, "{\"version\":%d,\"partitions\":%d,\"db\":", VERSION, (int)topic->n_partitions);
    json_write_string(out, slice_of_str(topic->db));
    buf_str(out, ",\"table\":");
    json_write_string(out, slice_of_str(topic->table));
    buf_char(out, '}');
}

static bool read_shown(struct checkpoint *checkpoint, yajl_val tree, struct err *err)
{
    const char *shown = tree_text(tree, "shown");
    gtid_set_deinit(&checkpoint->shown);
    return !shown || gtid_set_parse(&checkpoint->shown, slice_of_str(shown), err) ||
           err_set(err, ERR_CORRUPT, "\"shown\" is no GTID set");
}

static bool read_checkpoint(struct checkpoint *checkpoint, yajl_val tree, struct slice value,
                            struct err *err)
{
    const char *path[] = {"running", NULL};
    yajl_val running = yajl_tree_get(tree, path, yajl_t_any);
    const char *instance = tree_text(tree, "instance");
    int64_t alive_ms = tree_number(tree, "alive_ms");
    int64_t epoch = tree_number(tree, "epoch");
    if (!(YAJL_IS_TRUE(running) || YAJL_IS_FALSE(running)) || !instance || alive_ms < 0)
        return err_set(err, ERR_CORRUPT, "\"running\", \"instance\" or \"alive_ms\" is missing");
    checkpoint->running = YAJL_IS_TRUE(running);
    checkpoint->alive_ms = (uint64_t)alive_ms;
    checkpoint->epoch = epoch > 0 ? (uint64_t)epoch : 0;
    const char *transaction = tree_text(tree, "transaction");
    const char *counts = tree_text(tree, "counts");
    snprintf(checkpoint->instance, sizeof checkpoint->instance, "%s", instance);
    snprintf(checkpoint->transaction, sizeof checkpoint->transaction, "%s",
             transaction ? transaction : "");
    buf_clear(&checkpoint->counts);
    buf_str(&checkpoint->counts, counts ? counts : "");
    position_deinit(&checkpoint->position);
    return read_shown(checkpoint, tree, err) && position_read(&checkpoint->position, value, err);
}

static void topic_deinit(struct checkpoint_topic *topic)
{
    free(topic->topic);
    free(topic->db);
    free(topic->table);
}

static struct checkpoint_topic *find_topic(const struct checkpoint_log *log, const char *name)
{
    for (size_t i = 0; i < log->n_topics; i++)
        if (strcmp(log->topics[i].topic, name) == 0)
            return &log->topics[i];
    return NULL;
}

static void remove_topic(struct checkpoint_log *log, const char *name)
{
    struct checkpoint_topic *topic = find_topic(log, name);
    if (!topic)
        return;
    topic_deinit(topic);
    *topic = log->topics[--log->n_topics];
}

static bool take_topic(struct checkpoint_log *log, const char *name, yajl_val tree, struct err *err)
{
    int64_t partitions = tree_number(tree, "partitions");
    const char *db = tree_text(tree, "db");
    const char *table = tree_text(tree, "table");
    if (partitions < 1 || partitions > TOPIC_PARTITIONS_MAX || !db || !table)
        return err_set(err, ERR_CORRUPT, "\"partitions\", \"db\" or \"table\" is missing or wrong");
    remove_topic(log, name);
    log->topics = mem_realloc(log->topics, (log->n_topics + 1) * sizeof *log->topics);
    log->topics[log->n_topics++] = (struct checkpoint_topic){
        .topic = mem_strdup(name),
        .db = mem_strdup(db),
        .table = mem_strdup(table),
        .n_partitions = (int32_t)partitions,
    };
    return true;
}

static bool take_value(struct checkpoint_log *log, const char *topic, struct slice value,
                       struct err *err)
{
    yajl_val tree = tree_parse(value, "value", err);
    if (!tree)
        return false;
    bool ok = tree_version(tree, VERSION, err);
    if (ok && topic)
        ok = take_topic(log, topic, tree, err);
    else if (ok)
        ok = log->found = read_checkpoint(&log->last, tree, value, err);
    yajl_tree_free(tree);
    return ok;
}

// Records of the kinds that snapshot_log.h describes.
static bool take_snapshot(struct checkpoint_log *log, yajl_val key, struct slice value,
                          struct err *err)
{
    yajl_val tree = value.len > 0 ? tree_parse(value, "value", err) : NULL;
    if (value.len > 0 && !tree)
        return false;
    bool ok = snapshot_log_take(&log->snapshots, key, tree, value, err);
    yajl_tree_free(tree);
    return ok;
}

static bool take_mark(struct checkpoint_log *log, struct slice value, struct err *err)
{
    yajl_val tree = value.len > 0 ? tree_parse(value, "value", err) : NULL;
    if (value.len > 0 && !tree)
        return false;
    const char *mark = tree ? tree_text(tree, "mark") : NULL;
    log->has_mark |= mark && log->mark && strcmp(mark, log->mark) == 0;
    snprintf(log->last_mark, sizeof log->last_mark, "%s", mark ? mark : "");
    yajl_tree_free(tree);
    return true;
}

static bool take_record(struct checkpoint_log *log, yajl_val key, struct slice value,
                        struct err *err)
{
    const char *kind = tree_text(key, "kind");
    const char *topic = tree_text(key, "topic");
    bool is_topic = kind && strcmp(kind, "topic") == 0;
    if (!kind || (is_topic && !topic))
        return err_set(err, ERR_CORRUPT, "a key has no kind or topic");
    if (strcmp(kind, "snapshot") == 0 || strcmp(kind, "control") == 0)
        return take_snapshot(log, key, value, err);
    if (strcmp(kind, "start") == 0)
        return take_mark(log, value, err);
    if (!is_topic && strcmp(kind, "checkpoint") != 0)
        return err_set(err, ERR_UNSUPPORTED, "a key of kind \"%s\" is of a later tailrace", kind);
    if (value.len > 0)
        return take_value(log, is_topic ? topic : NULL, value, err);
    if (is_topic)
        remove_topic(log, topic);
    else
        log->found = false;
    return true;
}

bool checkpoint_log_take(struct checkpoint_log *log, struct slice key, struct slice value,
                         struct err *err)
{
    yajl_val tree = tree_parse(key, "key", err);
    if (!tree)
        return false;
    bool ok = take_record(log, tree, value, err) || err_wrap(err, "key " SLICE_FMT, SLICE_ARG(key));
    yajl_tree_free(tree);
    return ok;
}

void checkpoint_log_deinit(struct checkpoint_log *log)
{
    for (size_t i = 0; i < log->n_topics; i++)
        topic_deinit(&log->topics[i]);
    free(log->topics);
    checkpoint_deinit(&log->last);
    snapshot_log_deinit(&log->snapshots);
    *log = (struct checkpoint_log){0};
}

const struct checkpoint_topic *checkpoint_log_topic(const struct checkpoint_log *log,
                                                    const char *topic)
{
    return find_topic(log, topic);
}

static bool take_message(void *into, const rd_kafka_message_t *message, struct err *err)
{
    return checkpoint_log_take(into, slice_of(message->key, message->key_len),
                               slice_of(message->payload, message->len), err);
}

static bool find_topic_of(rd_kafka_t *rk, const char *name, bool *exists, struct err *err)
{
    int32_t n_partitions;
    if (!kafka_partition_count(rk, name, &n_partitions, err))
        return false;
    *exists = n_partitions > 0;
    return n_partitions <= 1 ||
           err_set(err, ERR_REFUSED, "topic %s has %d partitions; a checkpoint needs 1", name,
                   (int)n_partitions);
}

bool checkpoint_read_on(rd_kafka_t *rk, const struct config *config, int64_t *end,
                        struct checkpoint_log *log, struct err *err)
{
    struct buf name = {0};
    int64_t first;
    checkpoint_topic_name(&name, config->source.name);
    struct partition_range range = {
        .rk = rk, .topic = buf_cstr(&name), .from = *end > 0 ? *end : RD_KAFKA_OFFSET_BEGINNING};
    bool done = log->exists || find_topic_of(rk, range.topic, &log->exists, err);
    if (done && log->exists)
        done = partition_end(rk, range.topic, 0, &first, &range.to, err) &&
               partition_read(&range, take_message, log, err);
    if (done && range.to > *end)
        *end = range.to;
    buf_deinit(&name);
    return done;
}

bool checkpoint_read(rd_kafka_t *rk, const struct config *config, struct checkpoint_log *log,
                     struct err *err)
{
    int64_t end = 0;
    return checkpoint_read_on(rk, config, &end, log, err);
}

static bool read_to_mark(rd_kafka_t *rk, const struct config *config, int64_t *end,
                         struct checkpoint_log *log, struct err *err)
{
    uint64_t until_ms = clock_steady_ms() + KAFKA_TIMEOUT_MS;
    for (;;) {
        if (!checkpoint_read_on(rk, config, end, log, err))
            return false;
        if (log->has_mark)
            return true;
        if (clock_steady_ms() > until_ms)
            return err_set(err, ERR_RETRY, "topic %s.checkpoint does not show what was written",
                           config->source.name);
        if (!stop_sleep_ms(MARK_PAUSE_MS))
            return err_set(err, ERR_STOPPED, "stopped while the checkpoint was read");
    }
}

bool checkpoint_read_mark(rd_kafka_t *rk, const struct config *config, const char *mark,
                          int64_t *end, struct checkpoint_log *log, struct err *err)
{
    log->mark = mark;
    log->has_mark = false;
    bool done = read_to_mark(rk, config, end, log, err);
    log->mark = NULL;
    return done;
}

bool checkpoint_create(rd_kafka_t *rk, const struct config *config, struct err *err)
{
    // Small segments and a low dirty ratio: a start reads it from its first record.
    static const char *const settings[] = {
        "cleanup.policy",
        "compact",
        "segment.bytes",
        "1048576",
        "min.cleanable.dirty.ratio",
        "0.1",
        "segment.ms",
        "3600000",
        NULL,
    };
    struct buf name = {0};
    checkpoint_topic_name(&name, config->source.name);
    bool ok = kafka_topic_create(rk, buf_cstr(&name), &(int32_t){1},
                                 (int32_t)config->kafka.replication, settings, err);
    buf_deinit(&name);
    return ok;
}
