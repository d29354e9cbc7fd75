// SPDX-License-Identifier: Apache-2.0
// Fence: see fence.h. Consumers are librdkafka's simple ones: they belong to no group.
#include "verify/fence.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "kafka/topic.h"
#include "record/topic.h"
#include "verify/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECKPOINT_TAIL 2000 // records from its end in which the last checkpoint is looked for
#define POLL_MS 10
#define PROBE_MS 3000
#define TELL_FIRST_MS 5000 // of waiting, after which it says so, and again
#define TELL_EVERY_MS 15000
#define TOPIC_BYTES FENCE_TOPIC_BYTES

struct fence {
    const struct config *config;
    rd_kafka_t *committed;   // reads what is committed
    rd_kafka_t *uncommitted; // for ends only
    char checkpoint_name[TOPIC_BYTES];
    rd_kafka_topic_t *checkpoint_topic; // being consumed; NULL: not yet
    struct position checkpoint;
    bool has_checkpoint;
};

// A partition that has to be passed.
struct gate {
    char topic[TOPIC_BYTES];
    int32_t partition;
    int64_t end;
    int64_t applied;
    bool is_passed;
};

struct gates {
    struct gate *items;
    size_t n;
};

// How long is waited, and when it is told next.
struct patience {
    uint64_t began_ms;
    uint64_t until_ms;
    uint64_t tell_ms;
};

static struct patience have_patience(const struct fence *fence)
{
    uint64_t now_ms = clock_steady_ms();
    return (struct patience){now_ms, now_ms + fence->config->verify.fence_timeout_ms,
                             now_ms + TELL_FIRST_MS};
}

// *waited_s: for so long by now.
static bool is_to_tell(struct patience *patience, uint64_t *waited_s)
{
    uint64_t now_ms = clock_steady_ms();
    *waited_s = (now_ms - patience->began_ms) / 1000;
    if (now_ms < patience->tell_ms)
        return false;
    patience->tell_ms = now_ms + TELL_EVERY_MS;
    return true;
}

// --- open ---

bool fence_open(const struct config *config, struct fence **fence, struct err *err)
{
    struct fence *made = mem_zalloc(sizeof *made);
    made->config = config;
    snprintf(made->checkpoint_name, sizeof made->checkpoint_name, "%.230s.checkpoint",
             config->source.name);
    bool done = kafka_open_plain(config, &made->committed, err) &&
                kafka_open_uncommitted(config, &made->uncommitted, err);
    if (!done) {
        fence_close(made);
        made = NULL;
    }
    *fence = made;
    return done;
}

void fence_close(struct fence *fence)
{
    if (!fence)
        return;
    if (fence->checkpoint_topic) {
        rd_kafka_consume_stop(fence->checkpoint_topic, 0);
        rd_kafka_topic_destroy(fence->checkpoint_topic);
    }
    if (fence->committed)
        rd_kafka_destroy(fence->committed);
    if (fence->uncommitted)
        rd_kafka_destroy(fence->uncommitted);
    position_deinit(&fence->checkpoint);
    free(fence);
}

// --- the publisher's checkpoint ---

static void take_kind(void *into, struct slice name, enum json_type type, struct slice content)
{
    if (slice_eq_str(name, "kind") && type == JSON_IS_STRING)
        *(bool *)into = slice_eq_str(content, "checkpoint");
}

static bool take_checkpoint(struct fence *fence, const rd_kafka_message_t *message, struct err *err)
{
    bool is_checkpoint = false;
    struct slice key = slice_of(message->key, message->key_len);
    if (!message->payload || !json_each_member(key, take_kind, &is_checkpoint) || !is_checkpoint)
        return true;
    position_deinit(&fence->checkpoint);
    fence->checkpoint = (struct position){.file = ""};
    fence->has_checkpoint = true;
    return position_read(&fence->checkpoint, slice_of(message->payload, message->len), err) ||
           err_wrap(err, "topic %s, offset %" PRId64, fence->checkpoint_name, message->offset);
}

static bool start_checkpoint(struct fence *fence, int64_t from, struct err *err)
{
    if (fence->checkpoint_topic)
        rd_kafka_consume_stop(fence->checkpoint_topic, 0);
    else
        fence->checkpoint_topic =
            rd_kafka_topic_new(fence->committed, fence->checkpoint_name, NULL);
    if (fence->checkpoint_topic && rd_kafka_consume_start(fence->checkpoint_topic, 0, from) == 0)
        return true;
    return kafka_err(err, rd_kafka_last_error(), fence->checkpoint_name);
}

// Takes what is there; *at_end: it was read to its end.
static bool read_checkpoints(struct fence *fence, bool *at_end, struct err *err)
{
    bool done = true;
    *at_end = false;
    for (;;) {
        rd_kafka_message_t *message = rd_kafka_consume(fence->checkpoint_topic, 0, POLL_MS);
        if (!message)
            return true;
        *at_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (!message->err)
            done = take_checkpoint(fence, message, err);
        else if (!*at_end && !kafka_reader_goes_on(message->err))
            done = kafka_err(err, message->err, fence->checkpoint_name);
        rd_kafka_message_destroy(message);
        if (!done || *at_end)
            return done;
    }
}

static bool first_checkpoint(struct fence *fence, struct err *err)
{
    int32_t n_partitions;
    uint64_t until_ms = clock_steady_ms() + KAFKA_TIMEOUT_MS;
    bool at_end = false, from_beginning = false;
    if (!kafka_partition_count(fence->committed, fence->checkpoint_name, &n_partitions, err))
        return false;
    if (n_partitions == 0)
        return err_set(err, ERR_UNAVAILABLE,
                       "there is no topic %s: nothing was ever published under this name",
                       fence->checkpoint_name);
    if (!start_checkpoint(fence, RD_KAFKA_OFFSET_TAIL(CHECKPOINT_TAIL), err))
        return false;
    while (!fence->has_checkpoint || !at_end) {
        if (!read_checkpoints(fence, &at_end, err))
            return false;
        if (at_end && !fence->has_checkpoint && from_beginning)
            return err_set(err, ERR_UNAVAILABLE, "topic %s holds no checkpoint",
                           fence->checkpoint_name);
        if (at_end && !fence->has_checkpoint) {
            from_beginning = true;
            if (!start_checkpoint(fence, RD_KAFKA_OFFSET_BEGINNING, err))
                return false;
        }
        if (clock_steady_ms() > until_ms)
            return err_set(err, ERR_RETRY, "topic %s cannot be read", fence->checkpoint_name);
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped");
    }
    return true;
}

// "binlog.000042": by length first, as the number grows by a digit after 999999.
static int compare_files(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len != b_len)
        return a_len < b_len ? -1 : 1;
    return strcmp(a, b);
}

// By file and position on the server that the publisher reads too, else by GTIDs.
static bool covers(const struct position *checkpoint, const struct position *position)
{
    bool same_server = strcmp(checkpoint->server_uuid, position->server_uuid) == 0;
    int order = compare_files(checkpoint->file, position->file);
    if (same_server && checkpoint->file[0] &&
        (order > 0 || (order == 0 && checkpoint->pos >= position->pos)))
        return true;
    return !gtid_set_is_empty(&position->executed) &&
           gtid_set_is_subset(&position->executed, &checkpoint->executed);
}

static void tell_publisher(const struct fence *fence, const struct position *position,
                           struct patience *patience)
{
    uint64_t waited_s;
    if (is_to_tell(patience, &waited_s))
        log_info("waits for the publisher",
                 LOG_FIELDS(log_u64("seconds", waited_s), log_str("file", fence->checkpoint.file),
                            log_u64("pos", fence->checkpoint.pos),
                            log_str("source_file", position->file),
                            log_u64("source_pos", position->pos)));
}

static bool wait_publisher(struct fence *fence, const struct position *position,
                           struct patience *patience, struct err *err)
{
    bool at_end;
    if (!fence->checkpoint_topic && !first_checkpoint(fence, err))
        return false;
    while (!covers(&fence->checkpoint, position)) {
        if (!read_checkpoints(fence, &at_end, err))
            return false;
        if (covers(&fence->checkpoint, position))
            break;
        tell_publisher(fence, position, patience);
        if (clock_steady_ms() > patience->until_ms)
            return err_set(err, ERR_UNAVAILABLE,
                           "the publisher is behind: it is at %s:%" PRIu64
                           ", the source at %s:%" PRIu64 "; is it running?",
                           fence->checkpoint.file, fence->checkpoint.pos, position->file,
                           position->pos);
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped");
    }
    return true;
}

// --- ends ---

bool fence_topic(const struct fence *fence, const struct shape *shape, char topic[TOPIC_BYTES],
                 struct err *err)
{
    struct buf name = {0};
    bool done = topic_write_table(&name, fence->config->source.name, slice_of_str(shape->db),
                                  slice_of_str(shape->name), err);
    snprintf(topic, TOPIC_BYTES, "%s", buf_cstr(&name));
    buf_deinit(&name);
    return done;
}

static bool add_gates(struct fence *fence, const struct shape *shape, struct gates *gates,
                      struct err *err)
{
    char topic[TOPIC_BYTES];
    int32_t n_partitions;
    int64_t first;
    if (!fence_topic(fence, shape, topic, err) ||
        !kafka_partition_count(fence->uncommitted, topic, &n_partitions, err))
        return false;
    for (int32_t i = 0; i < n_partitions; i++) {
        struct gate gate = {.partition = i, .applied = -2};
        memcpy(gate.topic, topic, sizeof topic);
        if (!kafka_watermarks(fence->uncommitted, topic, i, &first, &gate.end, err))
            return false;
        gate.is_passed = gate.end <= first; // it is empty
        gates->items = mem_realloc(gates->items, (gates->n + 1) * sizeof *gates->items);
        gates->items[gates->n++] = gate;
    }
    return true;
}

// --- what lies between a checkpoint and an end ---

static struct gate *find_gate(const struct gates *gates, const rd_kafka_message_t *message)
{
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
    for (size_t i = 0; i < gates->n; i++)
        if (gates->items[i].partition == message->partition &&
            strcmp(gates->items[i].topic, topic) == 0)
            return &gates->items[i];
    return NULL;
}

struct probe {
    rd_kafka_topic_t *topic;
    int32_t partition;
};

// Reads behind the checkpoint of each gate that is not passed, up to the first record or the end
// of what is committed.
static bool probe_gates(struct fence *fence, struct gates *gates, struct err *err)
{
    struct probe *probes = mem_zalloc((gates->n + 1) * sizeof *probes);
    bool *is_told = mem_zalloc(gates->n + 1);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(fence->committed);
    uint64_t until_ms = clock_steady_ms() + PROBE_MS;
    size_t n_open = 0;
    bool done = true;
    for (size_t i = 0; done && i < gates->n; i++) {
        struct gate *gate = &gates->items[i];
        if (gate->is_passed)
            continue;
        int64_t from = gate->applied < 0 ? RD_KAFKA_OFFSET_BEGINNING : gate->applied;
        probes[i] = (struct probe){rd_kafka_topic_new(fence->committed, gate->topic, NULL),
                                   gate->partition};
        if (!probes[i].topic ||
            rd_kafka_consume_start_queue(probes[i].topic, gate->partition, from, queue))
            done = kafka_err(err, rd_kafka_last_error(), gate->topic);
        n_open++;
    }
    while (done && n_open > 0 && clock_steady_ms() < until_ms && !stop_requested()) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(queue, POLL_MS);
        if (!message)
            continue;
        struct gate *gate = find_gate(gates, message);
        bool is_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (gate && !is_told[gate - gates->items] && (is_end || !message->err)) {
            is_told[gate - gates->items] = true;
            gate->is_passed = message->offset >= gate->end;
            n_open--;
        } else if (message->err && !is_end && !kafka_reader_goes_on(message->err)) {
            done = kafka_err(err, message->err, "reading records");
        }
        rd_kafka_message_destroy(message);
    }
    for (size_t i = 0; i < gates->n; i++) {
        if (!probes[i].topic)
            continue;
        rd_kafka_consume_stop(probes[i].topic, probes[i].partition);
        rd_kafka_topic_destroy(probes[i].topic);
    }
    rd_kafka_queue_destroy(queue);
    free(probes);
    free(is_told);
    return done;
}

// --- the applier ---

// Asks the target where it is; *moved: somewhere else than the last time.
static bool ask_target(struct run *run, struct gates *gates, size_t *n_left, bool *moved,
                       struct err *err)
{
    *n_left = 0;
    *moved = false;
    for (size_t i = 0; i < gates->n; i++) {
        struct gate *gate = &gates->items[i];
        int64_t applied;
        if (gate->is_passed)
            continue;
        if (!run->driver->applied(run->target, gate->topic, gate->partition, &applied, err))
            return false;
        *moved |= applied != gate->applied;
        gate->applied = applied;
        gate->is_passed = applied >= gate->end;
        *n_left += !gate->is_passed;
    }
    return true;
}

// How many records the applier may be behind; *one: a partition of those.
static int64_t count_left(const struct gates *gates, const struct gate **one)
{
    int64_t left = 0;
    *one = NULL;
    for (size_t i = 0; i < gates->n; i++) {
        const struct gate *gate = &gates->items[i];
        if (gate->is_passed)
            continue;
        left += gate->end - (gate->applied > 0 ? gate->applied : 0);
        *one = gate;
    }
    return left;
}

static bool fail_behind(const struct run *run, const struct gates *gates, struct err *err)
{
    const struct gate *one;
    int64_t left = count_left(gates, &one);
    return err_set(err, ERR_UNAVAILABLE,
                   "the applier of %s is up to %" PRId64 " records behind (topic %s, partition %d "
                   "and others); is it running?",
                   run->driver->name, left, one ? one->topic : "", one ? (int)one->partition : 0);
}

static void tell_applier(const struct run *run, const struct gates *gates,
                         struct patience *patience)
{
    const struct gate *one;
    uint64_t waited_s;
    if (is_to_tell(patience, &waited_s))
        log_info("waits for the applier",
                 LOG_FIELDS(log_u64("seconds", waited_s), log_str("target", run->driver->name),
                            log_u64("records_left", (uint64_t)count_left(gates, &one))));
}

static bool wait_applier(struct fence *fence, struct run *run, struct gates *gates,
                         struct patience *patience, struct err *err)
{
    const struct gate *one;
    size_t n_left;
    bool moved;
    for (;;) {
        if (!ask_target(run, gates, &n_left, &moved, err))
            return false;
        if (n_left > 0 && !moved && !probe_gates(fence, gates, err))
            return false;
        count_left(gates, &one);
        if (!one)
            return true;
        tell_applier(run, gates, patience);
        if (clock_steady_ms() > patience->until_ms)
            return fail_behind(run, gates, err);
        if (!stop_sleep_ms(POLL_MS))
            return err_set(err, ERR_STOPPED, "stopped");
    }
}

bool fence_wait(struct fence *fence, struct run *run, const struct position *position,
                const bool *tables, struct err *err)
{
    struct patience patience = have_patience(fence);
    struct gates gates = {0};
    bool done = wait_publisher(fence, position, &patience, err);
    for (size_t i = 0; done && i < run->tables.n; i++)
        if (tables[i])
            done = add_gates(fence, &run->tables.shapes[i], &gates, err);
    done = done && wait_applier(fence, run, &gates, &patience, err);
    free(gates.items);
    return done;
}

bool fence_publisher(struct fence *fence, const struct position *position, struct err *err)
{
    struct patience patience = have_patience(fence);
    return wait_publisher(fence, position, &patience, err);
}

rd_kafka_t *fence_consumer(const struct fence *fence)
{
    return fence->committed;
}

bool fence_server(struct fence *fence, const char **server, struct err *err)
{
    bool at_end;
    *server = fence->checkpoint.server_uuid;
    return fence->checkpoint_topic ? read_checkpoints(fence, &at_end, err)
                                   : first_checkpoint(fence, err);
}

bool fence_ends(struct fence *fence, struct run *run, const struct shape *shape,
                struct fence_end **ends, size_t *n_ends, struct err *err)
{
    struct gates gates = {0};
    size_t n_left;
    bool moved;
    *ends = NULL;
    *n_ends = 0;
    bool done = add_gates(fence, shape, &gates, err);
    *ends = mem_zalloc((gates.n + 1) * sizeof **ends);
    for (size_t i = 0; done && i < gates.n; i++) {
        struct fence_end *end = &(*ends)[(*n_ends)++];
        *end = (struct fence_end){.partition = gates.items[i].partition, .end = gates.items[i].end};
        done = kafka_watermarks(fence->committed, gates.items[i].topic, end->partition, &end->first,
                                &end->committed, err);
        gates.items[i].end = end->committed;
    }
    done = done && ask_target(run, &gates, &n_left, &moved, err) &&
           (n_left == 0 || probe_gates(fence, &gates, err));
    for (size_t i = 0; done && i < gates.n; i++) {
        (*ends)[i].applied = gates.items[i].applied == -2 ? -1 : gates.items[i].applied;
        (*ends)[i].is_applied = gates.items[i].is_passed;
    }
    free(gates.items);
    return done;
}
