// SPDX-License-Identifier: Apache-2.0
// Consumer: see consumer.h. Back-pressure: a full worker is waited for; when it stays full (a slow
// or hanging target), its partitions are paused and the client is polled on, so that this process
// stays a member of its group and the partitions of other workers go on.
#define _POSIX_C_SOURCE 200809L
#include "appliers/core/consumer.h"

#include "appliers/core/consumer_conf.h"
#include "appliers/core/message.h"
#include "appliers/core/progress.h"
#include "common/clock.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "kafka/wake.h"
#include "record/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define POLL_MS 50
#define FEW_RECORDS 16  // that a worker has: with more to write, another one begins
#define POLLS_A_LOOK 16 // while records come: the clock is not asked for each
#define FULL_WAIT_MS 50
#define PAUSE_AFTER_MS 1000
#define DROP_WAIT_MS 5000 // for what is being written of partitions that go to others
#define DROP_LOOK_MS 50
#define LEAVE_MS 10000
#define STOP_LEAVE_MS 700
#define COMMIT_EVERY_MS 1000
#define COMMITTED_TIMEOUT_MS 2000
#define BEGINNINGS_TIMEOUT_MS 1000
// So much taken from the client's queue is worth a look whether it can fetch again.
#define WAKE_BYTES 2097152

struct pending {
    rd_kafka_message_t *message;
    struct lane *lane;
};

struct consumer {
    struct consumer_options options;
    rd_kafka_t *rk;
    struct kafka_wake *wake;
    size_t taken_bytes;     // since it was woken
    struct topic_end *ends; // until_caught_up: as they were at the start
    size_t n_ends;
    struct progress progress;
    struct lane **lanes; // ours
    size_t n_lanes;
    struct lane **dropped; // ours once; a worker may still look at them
    size_t n_dropped;
    struct lane *last;       // that got a record
    struct pending *pending; // records for workers that are full
    size_t n_pending;
    bool has_paused; // lanes, until nothing is pending: what was may also be taken away
    bool assigned;   // at least once
    bool leaving;
    bool failed;
    struct err err;
};

// --- lanes ---

static struct lane *find_lane(struct consumer *consumer, const char *topic, int32_t partition)
{
    struct lane *last = consumer->last;
    if (last && last->partition == partition && strcmp(last->topic, topic) == 0)
        return last;
    for (size_t i = 0; i < consumer->n_lanes; i++)
        if (consumer->lanes[i]->partition == partition &&
            strcmp(consumer->lanes[i]->topic, topic) == 0)
            return consumer->last = consumer->lanes[i];
    return NULL;
}

static bool is_wanted(const struct consumer_options *options, const char *topic)
{
    for (size_t i = 0; i < options->n_topics; i++)
        if (strcmp(options->topics[i], topic) == 0)
            return true;
    return !options->topics;
}

static void keep_wanted(struct consumer *consumer)
{
    size_t kept = 0;
    for (size_t i = 0; i < consumer->n_ends; i++)
        if (is_wanted(&consumer->options, consumer->ends[i].topic))
            consumer->ends[kept++] = consumer->ends[i];
    consumer->n_ends = kept;
}

// To the last record, committed or not: a producer hears of its commit a moment before consumers
// do, so what was published just now may not be visible yet. An open transaction is waited for.
static bool find_ends(struct consumer *consumer, struct err *err)
{
    const struct config *config = consumer->options.config;
    rd_kafka_t *rk;
    bool done = kafka_open_uncommitted(config, &rk, err) &&
                topic_ends_list(rk, config->source.name, &consumer->ends, &consumer->n_ends, err);
    if (rk)
        rd_kafka_destroy(rk);
    if (done)
        keep_wanted(consumer);
    return done;
}

static int64_t find_end(const struct consumer *consumer, const char *topic, int32_t partition)
{
    const struct topic_end *end =
        topic_ends_find(consumer->ends, consumer->n_ends, topic, partition);
    return end && end->end > end->first ? end->end : 0;
}

// Claims the partition in the target; *offset says where reading starts.
static bool add_lane(struct consumer *consumer, const char *topic, int32_t partition,
                     int64_t *offset)
{
    const struct consumer_options *options = &consumer->options;
    struct sink_partition claimed = {options->group, topic, partition};
    struct sink_checkpoint checkpoint;
    if (!options->driver->claim(options->control, &claimed, options->owner, &checkpoint,
                                &consumer->err))
        return err_wrap(&consumer->err, "topic %s partition %d", topic, (int)partition);
    CRASH_POINT(apply_claimed);
    struct lane *lane = mem_zalloc(sizeof *lane);
    snprintf(lane->topic, sizeof lane->topic, "%s", topic);
    lane->partition = partition;
    lane->next = checkpoint.offset;
    lane->high = checkpoint.high;
    lane->truncated = checkpoint.truncated;
    lane->end_wanted = find_end(consumer, topic, partition);
    lane->end_seen = -1;
    lane->committed = -1;
    lane->worker = options->workers[consumer->n_lanes % options->n_workers];
    consumer->lanes =
        mem_realloc((void *)consumer->lanes, (consumer->n_lanes + 1) * sizeof(struct lane *));
    consumer->lanes[consumer->n_lanes++] = lane;
    *offset = checkpoint.offset == SINK_OFFSET_NONE ? RD_KAFKA_OFFSET_BEGINNING : checkpoint.offset;
    return true;
}

static void forget_pending(struct consumer *consumer, const struct lane *lane)
{
    size_t kept = 0;
    for (size_t i = 0; i < consumer->n_pending; i++) {
        if (consumer->pending[i].lane == lane)
            rd_kafka_message_destroy(consumer->pending[i].message);
        else
            consumer->pending[kept++] = consumer->pending[i];
    }
    consumer->n_pending = kept;
}

// False: one of its records is being written yet.
static bool wait_dropped(struct lane *lane, uint64_t until_ms)
{
    while (!worker_drop(lane->worker, lane, DROP_LOOK_MS))
        if (clock_steady_ms() >= until_ms || stop_requested())
            return false;
    return true;
}

static void drop_lane(struct consumer *consumer, const char *topic, int32_t partition,
                      uint64_t until_ms)
{
    struct lane *lane = find_lane(consumer, topic, partition);
    if (!lane)
        return;
    forget_pending(consumer, lane);
    if (!consumer->leaving && !wait_dropped(lane, until_ms))
        log_warn("a partition is given up while it is being written",
                 LOG_FIELDS(log_str("topic", topic), log_u64("partition", (uint64_t)partition)));
    size_t i = 0;
    while (consumer->lanes[i] != lane)
        i++;
    consumer->lanes[i] = consumer->lanes[--consumer->n_lanes];
    consumer->dropped =
        mem_realloc((void *)consumer->dropped, (consumer->n_dropped + 1) * sizeof(struct lane *));
    consumer->dropped[consumer->n_dropped++] = lane;
    consumer->last = NULL;
}

// --- the group ---

// Where each lane stands, as far as the group does not know it. What follows the last record up to
// the end are marks of transactions: once they were seen, the group may have it that nothing is
// left.
static rd_kafka_topic_partition_list_t *collect_offsets(struct consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < consumer->n_lanes; i++) {
        struct lane *lane = consumer->lanes[i];
        bool is_idle;
        int64_t next = worker_next(lane->worker, lane, &is_idle);
        if (is_idle && lane->end_seen > next)
            next = lane->end_seen;
        if (next < 0 || next == lane->committed)
            continue;
        lane->committed = next;
        rd_kafka_topic_partition_list_add(list, lane->topic, lane->partition)->offset = next;
    }
    return list;
}

static void commit_offsets(struct consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = collect_offsets(consumer);
    if (list->cnt > 0)
        rd_kafka_commit(consumer->rk, list, 1);
    CRASH_POINT(apply_group_told);
    rd_kafka_topic_partition_list_destroy(list);
}

// The client has no protocol any more where the group was left meanwhile: then it matters no more.
static bool is_cooperative(rd_kafka_t *rk)
{
    const char *protocol = rd_kafka_rebalance_protocol(rk);
    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

// Puts the first offset for "the beginning", where nothing was applied yet. The client library asks
// for it too, but half a second later where it has just heard of the topic. What cannot be found
// out is left to it.
static void find_beginnings(struct consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *first = rd_kafka_topic_partition_list_new(list->cnt);
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset == RD_KAFKA_OFFSET_BEGINNING)
            rd_kafka_topic_partition_list_add(first, list->elems[i].topic, list->elems[i].partition)
                ->offset = RD_KAFKA_OFFSET_BEGINNING;
    if (first->cnt > 0 && !rd_kafka_offsets_for_times(consumer->rk, first, BEGINNINGS_TIMEOUT_MS))
        for (int i = 0; i < first->cnt; i++)
            if (!first->elems[i].err && first->elems[i].offset >= 0)
                rd_kafka_topic_partition_list_set_offset(
                    list, first->elems[i].topic, first->elems[i].partition, first->elems[i].offset);
    rd_kafka_topic_partition_list_destroy(first);
}

static void assign(struct consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_t *rk = consumer->rk;
    uint64_t begin = clock_steady_ms();
    for (int i = 0; i < list->cnt && !consumer->failed; i++) {
        rd_kafka_topic_partition_t *one = &list->elems[i];
        consumer->failed = !add_lane(consumer, one->topic, one->partition, &one->offset);
    }
    if (!consumer->failed)
        consumer->failed = !dead_letter_log_expect(consumer->options.letters, rk, &consumer->err);
    consumer->assigned = true;
    if (consumer->failed) {
        rd_kafka_assign(rk, NULL);
        return;
    }
    find_beginnings(consumer, list);
    if (is_cooperative(rk))
        rd_kafka_error_destroy(rd_kafka_incremental_assign(rk, list));
    else
        rd_kafka_assign(rk, list);
    log_info("partitions assigned",
             LOG_FIELDS(log_u64("new", (uint64_t)list->cnt), log_u64("all", consumer->n_lanes),
                        log_u64("ms", clock_steady_ms() - begin)));
}

static void revoke(struct consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_t *rk = consumer->rk;
    uint64_t until_ms = clock_steady_ms() + DROP_WAIT_MS;
    bool is_lost = rd_kafka_assignment_lost(rk);
    for (int i = 0; i < list->cnt; i++)
        drop_lane(consumer, list->elems[i].topic, list->elems[i].partition, until_ms);
    rd_kafka_resume_partitions(rk, list); // a pause would outlive the assignment
    if (is_cooperative(rk))
        rd_kafka_error_destroy(rd_kafka_incremental_unassign(rk, list));
    else
        rd_kafka_assign(rk, NULL);
    log_info(is_lost ? "partitions lost" : "partitions revoked",
             LOG_FIELDS(log_u64("gone", (uint64_t)list->cnt), log_u64("all", consumer->n_lanes)));
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *into)
{
    struct consumer *consumer = into;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assign(consumer, list);
    } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        if (!consumer->leaving)
            commit_offsets(consumer);
        revoke(consumer, list);
    } else {
        rd_kafka_assign(rk, NULL);
        consumer->failed = true;
        err_set(&consumer->err, ERR_RETRY, "the consumer group failed: %s", rd_kafka_err2str(code));
    }
}

// A commit that came too late for its rebalance is of no harm: the target's checkpoint is what
// counts.
static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *offsets, void *into)
{
    (void)rk;
    (void)offsets;
    (void)into;
    if (code)
        log_debug("the group did not take offsets",
                  LOG_FIELDS(log_str("text", rd_kafka_err2str(code))));
}

// --- open ---

static void add_topics(const struct consumer_options *options,
                       rd_kafka_topic_partition_list_t *topics)
{
    struct buf pattern = {0};
    for (size_t i = 0; i < options->n_topics; i++)
        rd_kafka_topic_partition_list_add(topics, options->topics[i], RD_KAFKA_PARTITION_UA);
    if (!options->topics) {
        topic_write_pattern(&pattern, options->config->source.name);
        rd_kafka_topic_partition_list_add(topics, buf_cstr(&pattern), RD_KAFKA_PARTITION_UA);
    }
    buf_deinit(&pattern);
}

static bool join(struct consumer *consumer, struct err *err)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    add_topics(&consumer->options, topics);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code ? kafka_err(err, code, "subscribing") : true;
}

bool consumer_open(const struct consumer_options *options, struct consumer **consumer,
                   struct err *err)
{
    struct consumer *made = mem_zalloc(sizeof *made);
    made->options = *options;
    *consumer = made;
    rd_kafka_conf_t *conf = consumer_conf(options->config, options->driver, options->group, err);
    if (conf) {
        rd_kafka_conf_set_opaque(conf, made);
        rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
        rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    }
    if (conf && kafka_open_take(RD_KAFKA_CONSUMER, conf, &made->rk, err)) {
        made->wake = kafka_wake_new(made->rk);
        rd_kafka_poll_set_consumer(made->rk);
        if ((!options->until_caught_up || find_ends(made, err)) && join(made, err))
            return true;
    }
    consumer_free(made);
    *consumer = NULL;
    return false;
}

// --- records ---

static void set_paused(struct consumer *consumer, const struct worker *worker, bool paused)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < consumer->n_lanes; i++) {
        struct lane *lane = consumer->lanes[i];
        if (lane->worker != worker || lane->is_paused == paused)
            continue;
        lane->is_paused = paused;
        rd_kafka_topic_partition_list_add(list, lane->topic, lane->partition);
    }
    if (list->cnt > 0 && paused)
        rd_kafka_pause_partitions(consumer->rk, list);
    else if (list->cnt > 0)
        rd_kafka_resume_partitions(consumer->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static bool has_pending(const struct consumer *consumer, const struct worker *worker)
{
    for (size_t i = 0; i < consumer->n_pending; i++)
        if (consumer->pending[i].lane->worker == worker)
            return true;
    return false;
}

static void keep_pending(struct consumer *consumer, struct lane *lane, rd_kafka_message_t *message)
{
    consumer->pending =
        mem_realloc(consumer->pending, (consumer->n_pending + 1) * sizeof *consumer->pending);
    consumer->pending[consumer->n_pending++] = (struct pending){message, lane};
}

// Hands pending records over, in their order; a worker that took all of its own goes on reading.
static void push_pending(struct consumer *consumer)
{
    size_t kept = 0, n = consumer->n_pending;
    if (n == 0 && !consumer->has_paused)
        return;
    for (size_t i = 0; i < n; i++) {
        struct pending one = consumer->pending[i];
        bool is_behind = false; // a record that has to go before it
        for (size_t k = 0; k < kept; k++)
            is_behind = is_behind || consumer->pending[k].lane->worker == one.lane->worker;
        if (is_behind || !worker_push(one.lane->worker, one.lane, one.message))
            consumer->pending[kept++] = one;
    }
    consumer->n_pending = kept;
    for (size_t i = 0; i < consumer->options.n_workers; i++)
        if (!has_pending(consumer, consumer->options.workers[i]))
            set_paused(consumer, consumer->options.workers[i], false);
    consumer->has_paused = kept > 0;
}

// Where little comes, the records of all partitions go to the first worker, also while it writes:
// what is a few is sooner written in its next step than in one of another worker beside it, for
// steps cost more than records. Where more comes, to the next one that has little, else to the one
// that has the least.
static void choose_worker(const struct consumer *consumer, struct lane *lane)
{
    size_t least = SIZE_MAX;
    if (lane->is_paused || !worker_is_without(lane->worker, lane))
        return;
    for (size_t i = 0; i < consumer->options.n_workers && least >= FEW_RECORDS; i++) {
        size_t load = worker_load(consumer->options.workers[i]);
        if (load < least) {
            least = load;
            lane->worker = consumer->options.workers[i];
        }
    }
}

static void hand_over(struct consumer *consumer, struct lane *lane, rd_kafka_message_t *message)
{
    if (consumer->n_pending == 0)
        choose_worker(consumer, lane);
    struct worker *worker = lane->worker;
    struct err ignored; // it is looked at by the loop
    if (consumer->n_pending > 0 && has_pending(consumer, worker)) {
        keep_pending(consumer, lane, message);
        return;
    }
    for (unsigned waited_ms = 0; !worker_push(worker, lane, message); waited_ms += FULL_WAIT_MS) {
        if (waited_ms >= PAUSE_AFTER_MS || stop_requested() || worker_failed(worker, &ignored)) {
            keep_pending(consumer, lane, message);
            set_paused(consumer, worker, true);
            consumer->has_paused = true;
            return;
        }
        worker_wait_room(worker, FULL_WAIT_MS);
    }
}

// The offset where reading should go on is not there, says Kafka: for good only if its ends, asked
// for now, say so of what is not applied yet too.
static bool refuse_gap(struct consumer *consumer, const rd_kafka_message_t *message,
                       struct err *err)
{
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
    const struct lane *lane = find_lane(consumer, topic, message->partition);
    struct sink_checkpoint checkpoint = {.partition = message->partition};
    bool is_idle;
    if (!lane)
        return true; // of a partition that was given up
    snprintf(checkpoint.topic, sizeof checkpoint.topic, "%s", topic);
    checkpoint.offset = worker_next(lane->worker, lane, &is_idle);
    return (checkpoint.offset < 0 ||
            topic_end_follows(consumer->rk, &checkpoint, consumer->options.driver->name, err)) &&
           err_set(err, ERR_RETRY,
                   "topic %s partition %d: Kafka lost offset %" PRId64 " for a moment", topic,
                   (int)message->partition, message->offset);
}

static bool handle_event(struct consumer *consumer, const rd_kafka_message_t *message,
                         struct err *err)
{
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
    char text[512];
    struct lane *lane;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        lane = find_lane(consumer, topic, message->partition);
        if (lane)
            lane->end_seen = message->offset;
        return true;
    }
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        return refuse_gap(consumer, message, err);
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_resp_err_t code = rd_kafka_fatal_error(consumer->rk, text, sizeof text);
        return err_set(err, ERR_REFUSED, "Kafka: %s (%s)", text, rd_kafka_err2name(code));
    }
    if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && *topic == '^')
        return true; // nothing fits the pattern yet
    enum err_class class = kafka_err_class(message->err);
    if (class == ERR_REFUSED || class == ERR_CORRUPT)
        return err_set(err, class, "Kafka: %s %s", topic, rd_kafka_message_errstr(message));
    if (message->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED)
        return err_set(err, ERR_RETRY, "Kafka: %s", rd_kafka_message_errstr(message));
    log_warn("kafka", LOG_FIELDS(log_str("topic", topic),
                                 log_str("text", rd_kafka_message_errstr(message))));
    return true;
}

// Lets the client fetch again where its queue was full.
static void wake_client(struct consumer *consumer)
{
    if (consumer->taken_bytes >= WAKE_BYTES && kafka_wake(consumer->wake))
        consumer->taken_bytes = 0;
}

static bool poll_once(struct consumer *consumer, bool *got, struct err *err)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->rk, POLL_MS);
    *got = message != NULL;
    if (consumer->failed) {
        *err = consumer->err;
        if (message)
            rd_kafka_message_destroy(message);
        return false;
    }
    if (!message) {
        wake_client(consumer); // else the record that would do it might wait for it
        return true;
    }
    if (message->err) {
        bool good = handle_event(consumer, message, err);
        rd_kafka_message_destroy(message);
        return good;
    }
    consumer->taken_bytes += message_queued_bytes(message);
    wake_client(consumer);
    CRASH_POINT(apply_polled);
    struct lane *lane = find_lane(consumer, rd_kafka_topic_name(message->rkt), message->partition);
    if (lane)
        hand_over(consumer, lane, message);
    else
        rd_kafka_message_destroy(message); // of a partition that was given up
    return true;
}

// --- run ---

static bool is_lane_done(struct lane *lane)
{
    bool is_idle;
    int64_t next = worker_next(lane->worker, lane, &is_idle);
    return next >= lane->end_wanted || (is_idle && lane->end_seen >= lane->end_wanted);
}

// Partitions that other processes of the group have are done when the group's offsets say so. (One
// that was killed has them until its session is over; then they come to us.)
static bool are_others_done(struct consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < consumer->n_ends; i++) {
        const struct topic_end *end = &consumer->ends[i];
        if (end->end > end->first && !find_lane(consumer, end->topic, end->partition))
            rd_kafka_topic_partition_list_add(list, end->topic, end->partition);
    }
    bool done = list->cnt == 0 || !rd_kafka_committed(consumer->rk, list, COMMITTED_TIMEOUT_MS);
    for (int i = 0; done && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *other = &list->elems[i];
        done = !other->err && other->offset >= find_end(consumer, other->topic, other->partition);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return done;
}

static bool is_caught_up(struct consumer *consumer)
{
    if (consumer->n_ends == 0)
        return true;
    if (!consumer->assigned || consumer->n_pending > 0)
        return false;
    for (size_t i = 0; i < consumer->n_lanes; i++)
        if (!is_lane_done(consumer->lanes[i]))
            return false;
    return are_others_done(consumer);
}

// Records, about: marks of transactions have offsets too.
static uint64_t count_left(struct consumer *consumer)
{
    uint64_t left = 0;
    for (size_t i = 0; i < consumer->n_ends; i++) {
        const struct topic_end *end = &consumer->ends[i];
        struct lane *lane = find_lane(consumer, end->topic, end->partition);
        bool is_idle;
        int64_t next = lane ? worker_next(lane->worker, lane, &is_idle) : SINK_OFFSET_NONE;
        if (next < end->first)
            next = end->first;
        left += next < end->end ? (uint64_t)(end->end - next) : 0;
    }
    return left;
}

static bool check_workers(struct consumer *consumer, struct err *err)
{
    for (size_t i = 0; i < consumer->options.n_workers; i++)
        if (worker_failed(consumer->options.workers[i], err))
            return false;
    return true;
}

bool consumer_run(struct consumer *consumer, struct err *err)
{
    uint64_t looked_ms = 0, committed_ms = clock_steady_ms();
    for (unsigned polls = 0; !stop_requested(); polls++) {
        bool got;
        if (!poll_once(consumer, &got, err))
            return false;
        push_pending(consumer);
        if (got && polls % POLLS_A_LOOK > 0)
            continue;
        uint64_t now_ms = clock_steady_ms();
        if (now_ms - looked_ms < POLL_MS)
            continue;
        looked_ms = now_ms;
        if (!check_workers(consumer, err))
            return false;
        if (consumer->options.until_caught_up && is_caught_up(consumer))
            return true;
        if (now_ms - committed_ms >= COMMIT_EVERY_MS) {
            commit_offsets(consumer);
            committed_ms = now_ms;
            if (consumer->options.tells_progress && consumer->assigned)
                progress_tell(&consumer->progress, count_left(consumer), now_ms);
        }
    }
    return true;
}

static bool wait_left(struct consumer *consumer, rd_kafka_queue_t *queue)
{
    uint64_t until_ms = clock_steady_ms() + LEAVE_MS;
    while (!rd_kafka_consumer_closed(consumer->rk)) {
        if (clock_steady_ms() >= until_ms || stop_age_ms() >= STOP_LEAVE_MS)
            return false;
        rd_kafka_message_t *message = rd_kafka_consume_queue(queue, POLL_MS); // serves on_rebalance
        if (message)
            rd_kafka_message_destroy(message);
    }
    return true;
}

void consumer_leave(struct consumer *consumer)
{
    consumer->leaving = true;
    commit_offsets(consumer);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->rk);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consumer->rk, queue);
    if (error)
        log_warn("leaving the group", LOG_FIELDS(log_str("text", rd_kafka_error_string(error))));
    else if (!wait_left(consumer, queue))
        log_warn("the group was not left: it counts this member until its session timeout", NULL);
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_queue_destroy(queue);
}

void consumer_free(struct consumer *consumer)
{
    if (!consumer)
        return;
    for (size_t i = 0; i < consumer->n_pending; i++)
        rd_kafka_message_destroy(consumer->pending[i].message);
    kafka_wake_free(consumer->wake);
    if (consumer->rk)
        rd_kafka_destroy_flags(consumer->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    for (size_t i = 0; i < consumer->n_lanes; i++)
        free(consumer->lanes[i]);
    for (size_t i = 0; i < consumer->n_dropped; i++)
        free(consumer->dropped[i]);
    free((void *)consumer->lanes);
    free((void *)consumer->dropped);
    free(consumer->pending);
    free(consumer->ends);
    free(consumer);
}
