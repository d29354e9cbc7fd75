// SPDX-License-Identifier: Apache-2.0
// Producer: see producer.h. librdkafka's manual, "Transactional producer API": a retriable error is
// tried again, one that requires an abort ends the transaction, a fatal one ends the handle. Here
// the last two both end the session: the caller closes the producer and begins again at the last
// committed checkpoint, which is the same as aborting and safer.
//
// Two lanes, each with a transactional.id of its own, take turns. The brokers write a transaction's
// markers after they have confirmed its commit, and a transaction of the same id that begins before
// that is refused (CONCURRENT_TRANSACTIONS); librdkafka asks again only after 20 ms, which no
// setting changes. The other lane can begin at once. It does so only after the commit was
// confirmed, so what it sends follows, in every partition, what can no longer be aborted; never are
// both open. A new publisher takes over both before it reads the checkpoint, always in the same
// order: an older one can commit at most in the lane that is not taken over yet.
#include "publisher/producer.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/crash.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SLICE_MS 100
#define FULL_MS 2 // between two tries to put a message into a full queue
#define ABORT_MS 500
#define INIT_MS 30000
#define STOP_MS 700 // what the brokers may take once the stop flag is raised
#define QUEUE_KBYTES_LEAST 8192
#define POLL_EVERY 256
#define LARGE_BYTES 65536
#define SMALL_BYTES 262144
#define FLUSH_LOOK_MS 1
#define FLUSH_LOOKS 100
#define LOST_MS 1000 // after librdkafka should have given a record up

#define LANES 2

struct producer_topic {
    rd_kafka_topic_t *handles[LANES];
};

struct producer {
    rd_kafka_t *lanes[LANES];
    rd_kafka_t *rk;   // the lane whose turn it is
    size_t turn;      // its number
    size_t n_lanes;   // 1 without transactions
    size_t n_ready;   // lanes that were taken over
    const char *name; // [source] name
    bool transactional;
    bool open;      // something was sent since the last commit
    bool undecided; // a commit was begun and did not end
    bool fenced;
    uint64_t open_bytes;
    uint64_t patience_ms; // of librdkafka with a record; UINT64_MAX: without end
    struct producer_counts counts;
    rd_kafka_resp_err_t failure; // of the first message that could not be delivered
    char failed_topic[256];
    size_t largest_bytes; // since the last commit, and which message that was
    struct buf largest;
};

// Only failures are reported (delivery.report.only.error). Runs inside rd_kafka_poll, in our
// thread.
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct producer *producer = opaque;
    (void)rk;
    if (!message->err || producer->failure)
        return;
    producer->failure = message->err;
    snprintf(producer->failed_topic, sizeof producer->failed_topic, "%s",
             rd_kafka_topic_name(message->rkt));
}

// What the configuration may set otherwise: throughput against latency and memory.
static bool set_tunables(rd_kafka_conf_t *conf, const struct config *config, struct err *err)
{
    static const char *const tunables[][2] = {
        {"linger.ms", "20"},
        {"batch.num.messages", "100000"},
        {"queue.buffering.max.messages", "100000"},
    };
    for (size_t i = 0; i < sizeof tunables / sizeof *tunables; i++)
        if (!kafka_is_configured(config, tunables[i][0]) &&
            !kafka_conf_set(conf, tunables[i][0], tunables[i][1], err))
            return false;
    if (kafka_is_configured(config, "queue.buffering.max.kbytes"))
        return true;
    // The queue must hold the largest message twice, or it would never go in.
    char text[32];
    uint64_t kbytes = kafka_conf_number(conf, "message.max.bytes") / 512;
    snprintf(text, sizeof text, "%" PRIu64,
             kbytes > QUEUE_KBYTES_LEAST ? kbytes : QUEUE_KBYTES_LEAST);
    return kafka_conf_set(conf, "queue.buffering.max.kbytes", text, err);
}

static bool set_guarantees(rd_kafka_conf_t *conf, const struct producer *producer, size_t lane,
                           struct err *err)
{
    char id[256];
    snprintf(id, sizeof id, "%s%s", producer->name, lane == 0 ? "" : ":2");
    return kafka_conf_set(conf, "enable.idempotence", "true", err) &&
           kafka_conf_set(conf, "acks", "all", err) &&
           kafka_conf_set(conf, "delivery.report.only.error", "true", err) &&
           (!producer->transactional || kafka_conf_set(conf, "transactional.id", id, err));
}

static bool open_lane(struct producer *producer, const struct config *config, size_t lane,
                      struct err *err)
{
    rd_kafka_conf_t *conf = kafka_conf_new(config, "publish", err);
    if (!conf)
        return false;
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (set_tunables(conf, config, err) && set_guarantees(conf, producer, lane, err))
        return kafka_open_take(RD_KAFKA_PRODUCER, conf, &producer->lanes[lane], err);
    rd_kafka_conf_destroy(conf);
    return false;
}

// A transaction that takes longer the broker aborts, and a record that does librdkafka fails.
static uint64_t patience_of(const struct producer *producer)
{
    const char *key = producer->transactional ? "transaction.timeout.ms" : "message.timeout.ms";
    uint64_t ms = kafka_conf_number(rd_kafka_conf(producer->rk), key);
    return ms > 0 ? ms + LOST_MS : UINT64_MAX;
}

struct producer *producer_open(const struct config *config, struct err *err)
{
    struct producer *producer = mem_zalloc(sizeof *producer);
    producer->name = config->source.name;
    producer->transactional = strcmp(config->publish.delivery, "exactly-once") == 0;
    producer->n_lanes = producer->transactional ? LANES : 1;
    for (size_t i = 0; i < producer->n_lanes; i++) {
        if (open_lane(producer, config, i, err))
            continue;
        producer_close(producer);
        return NULL;
    }
    producer->rk = producer->lanes[0];
    producer->patience_ms = patience_of(producer);
    return producer;
}

void producer_close(struct producer *producer)
{
    if (!producer)
        return;
    producer_abort(producer);
    for (size_t i = 0; i < LANES && producer->lanes[i]; i++) {
        rd_kafka_t *rk = producer->lanes[i];
        rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(rk, 0);
        rd_kafka_destroy(rk);
    }
    buf_deinit(&producer->largest);
    free(producer);
}

static bool is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static bool fail_fenced(struct producer *producer, struct err *err)
{
    producer->fenced = true;
    return err_set(
        err, ERR_REFUSED,
        "Kafka has given this producer up: another publisher named %s took over, or this "
        "one had a transaction open for longer than transaction.timeout.ms",
        producer->name);
}

static bool fail_too_large(struct producer *producer, struct err *err)
{
    uint64_t limit = kafka_conf_number(rd_kafka_conf(producer->rk), "message.max.bytes");
    return err_set(err, ERR_REFUSED,
                   "%s is larger than Kafka takes: raise [kafka] message.max.bytes (now %" PRIu64
                   "), "
                   "max.message.bytes of the topic and replica.fetch.max.bytes of the brokers, or "
                   "leave the table out with [tables] exclude",
                   buf_cstr(&producer->largest), limit);
}

// Sets *err for a code that ends the session. Always false. Messages that a fatal error purges may
// fail before the error itself is told.
static bool fail(struct producer *producer, rd_kafka_resp_err_t code, const char *what,
                 struct err *err)
{
    char reason[256];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(producer->rk, reason, sizeof reason);
    if (code == RD_KAFKA_RESP_ERR__FATAL || is_fenced(fatal))
        code = fatal;
    if (is_fenced(code))
        return fail_fenced(producer, err);
    if (producer->failure == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return fail_too_large(producer, err);
    kafka_err(err, code, what);
    if (err->class == ERR_INTERNAL)
        err->class = ERR_RETRY; // the transaction is lost, the state is not: it lies in Kafka
    return false;
}

static bool fail_with(struct producer *producer, rd_kafka_error_t *error, const char *what,
                      struct err *err)
{
    char context[512];
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    snprintf(context, sizeof context, "%s: %s", what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return fail(producer, code, context, err);
}

// Has a message failed since the last look?
static bool check_deliveries(struct producer *producer, int timeout_ms, struct err *err)
{
    rd_kafka_poll(producer->rk, timeout_ms);
    if (!producer->failure)
        return true;
    return fail(producer, producer->failure, producer->failed_topic, err);
}

bool producer_init(struct producer *producer, struct err *err)
{
    uint64_t until_ms = clock_steady_ms() + INIT_MS;
    while (producer->transactional && producer->n_ready < LANES) {
        rd_kafka_t *rk = producer->lanes[producer->n_ready];
        rd_kafka_error_t *error = rd_kafka_init_transactions(rk, SLICE_MS);
        if (!error) {
            producer->n_ready++;
            CRASH_POINT(publish_lane_taken);
            continue;
        }
        if (!rd_kafka_error_is_retriable(error) || clock_steady_ms() > until_ms)
            return fail_with(producer, error, "transactions cannot be started", err);
        rd_kafka_error_destroy(error);
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped while transactions were started");
    }
    return true;
}

bool producer_topic_open(struct producer *producer, const char *name, struct producer_topic **topic,
                         struct err *err)
{
    struct producer_topic *made = mem_zalloc(sizeof *made);
    for (size_t i = 0; i < producer->n_lanes; i++) {
        made->handles[i] = rd_kafka_topic_new(producer->lanes[i], name, NULL);
        if (made->handles[i])
            continue;
        producer_topic_close(made);
        return kafka_err(err, rd_kafka_last_error(), name);
    }
    *topic = made;
    return true;
}

void producer_topic_close(struct producer_topic *topic)
{
    for (size_t i = 0; topic && i < LANES && topic->handles[i]; i++)
        rd_kafka_topic_destroy(topic->handles[i]);
    free(topic);
}

static void describe(struct buf *text, const struct message *message)
{
    const struct change *change = message->change;
    buf_clear(text);
    buf_printf(text, "a record of %zu bytes for topic %s", message->key.len + message->value.len,
               message->topic ? rd_kafka_topic_name(message->topic->handles[0]) : "");
    if (change)
        buf_printf(text,
                   " (table " SLICE_FMT "." SLICE_FMT ", key %.*s, " SLICE_FMT ":%llu row %u)",
                   SLICE_ARG(change->table->db), SLICE_ARG(change->table->name),
                   (int)(message->key.len < 256 ? message->key.len : 256),
                   (const char *)message->key.ptr, SLICE_ARG(change->source.file),
                   (unsigned long long)change->source.pos, (unsigned)change->source.row);
}

// librdkafka takes the headers over when it takes the message.
static rd_kafka_headers_t *make_headers(const struct message *message)
{
    if (message->n_headers == 0)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->n_headers);
    for (size_t i = 0; i < message->n_headers; i++)
        rd_kafka_header_add(headers, message->headers[i].name, -1, message->headers[i].value.ptr,
                            (ssize_t)message->headers[i].value.len);
    return headers;
}

static rd_kafka_error_t *produce(struct producer *producer, const struct message *message)
{
    rd_kafka_headers_t *headers = make_headers(message);
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = message->topic->handles[producer->turn]},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = message->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = (void *)(uintptr_t)message->value.ptr, .size = message->value.len}},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {.ptr = (void *)(uintptr_t)message->key.ptr, .size = message->key.len}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    size_t n_parts = sizeof parts / sizeof *parts - (headers ? 0 : 1);
    rd_kafka_error_t *error = rd_kafka_produceva(producer->rk, parts, n_parts);
    if (error && headers)
        rd_kafka_headers_destroy(headers);
    return error;
}

static bool begin(struct producer *producer, struct err *err)
{
    rd_kafka_error_t *error =
        producer->transactional ? rd_kafka_begin_transaction(producer->rk) : NULL;
    if (error)
        return fail_with(producer, error, "a transaction cannot be begun", err);
    producer->open = true;
    CRASH_POINT(publish_transaction_begun);
    return true;
}

static void count(struct producer *producer, const struct message *message)
{
    size_t bytes = message->key.len + message->value.len;
    producer->counts.messages++;
    producer->counts.bytes += bytes;
    producer->open_bytes += bytes;
    if (bytes > LARGE_BYTES && bytes > producer->largest_bytes) {
        producer->largest_bytes = bytes;
        describe(&producer->largest, message);
    }
}

bool producer_send(struct producer *producer, const struct message *message, struct err *err)
{
    if (!producer->open && !begin(producer, err))
        return false;
    if (producer->counts.messages % POLL_EVERY == 0 && !check_deliveries(producer, 0, err))
        return false;
    rd_kafka_error_t *error;
    while ((error = produce(producer, message)) != NULL) {
        rd_kafka_resp_err_t code = rd_kafka_error_code(error);
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
            rd_kafka_error_destroy(error);
            describe(&producer->largest, message);
            return fail_too_large(producer, err);
        }
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return check_deliveries(producer, 0, err) ? fail_with(producer, error, "produce", err)
                                                      : (rd_kafka_error_destroy(error), false);
        rd_kafka_error_destroy(error);
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped while Kafka was not taking records");
        if (!check_deliveries(producer, FULL_MS, err))
            return false;
    }
    count(producer, message);
    return true;
}

// librdkafka 2.0 can lose sight of a record: where the brokers do not agree yet whether a new topic
// is there, it lies in a partition that is no more, counts as sent, and is never given up. What the
// transaction holds is sent anew by another client.
static bool check_patience(const struct producer *producer, uint64_t begin_ms, struct err *err)
{
    uint64_t waited_ms = clock_steady_ms() - begin_ms;
    return waited_ms <= producer->patience_ms ||
           err_set(err, ERR_RETRY,
                   "Kafka's client has not told within %llu ms what became of %d records",
                   (unsigned long long)waited_ms, rd_kafka_outq_len(producer->rk));
}

// librdkafka's own flush, also the one within a commit, looks every 10 ms whether everything is
// acknowledged: only a failed delivery wakes it. What is small is acknowledged long before. For
// what is large that is little, and each look wakes all of librdkafka's threads; it is left to the
// caller, as is what takes longer than all looks.
static void flush_closely(struct producer *producer)
{
    unsigned looks = producer->open_bytes <= SMALL_BYTES ? FLUSH_LOOKS : 0;
    while (looks > 0 && rd_kafka_flush(producer->rk, FLUSH_LOOK_MS))
        looks--;
}

static bool commit_transaction(struct producer *producer, struct err *err)
{
    uint64_t begin_ms = clock_steady_ms();
    CRASH_POINT(publish_checkpoint_sent);
    flush_closely(producer);
    CRASH_POINT(publish_all_acknowledged);
    producer->undecided = true;
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_commit_transaction(producer->rk, SLICE_MS);
        if (!error)
            return true;
        if (!rd_kafka_error_is_retriable(error)) {
            producer->undecided = !rd_kafka_error_txn_requires_abort(error);
            rd_kafka_poll(producer->rk, 0);
            return fail_with(producer, error, "the transaction cannot be committed", err);
        }
        rd_kafka_error_destroy(error);
        if (stop_age_ms() >= STOP_MS)
            return err_set(err, ERR_STOPPED, "stopped while a transaction was committed");
        if (!check_patience(producer, begin_ms, err))
            return false;
    }
}

static bool flush(struct producer *producer, struct err *err)
{
    uint64_t begin_ms = clock_steady_ms();
    flush_closely(producer);
    while (rd_kafka_flush(producer->rk, SLICE_MS))
        if (!check_deliveries(producer, 0, err) || !check_patience(producer, begin_ms, err))
            return false;
        else if (stop_age_ms() >= STOP_MS)
            return err_set(err, ERR_STOPPED, "stopped while records were acknowledged");
    return check_deliveries(producer, 0, err);
}

static void take_turns(struct producer *producer)
{
    producer->turn = (producer->turn + 1) % producer->n_lanes;
    producer->rk = producer->lanes[producer->turn];
}

static void forget_open(struct producer *producer)
{
    producer->open = false;
    producer->open_bytes = 0;
    producer->largest_bytes = 0;
}

bool producer_settle(struct producer *producer, struct err *err)
{
    return producer->transactional || flush(producer, err);
}

bool producer_commit(struct producer *producer, const struct message *checkpoint, struct err *err)
{
    bool ok = producer->transactional
                  ? producer_send(producer, checkpoint, err) && commit_transaction(producer, err)
                  : flush(producer, err) && producer_send(producer, checkpoint, err) &&
                        flush(producer, err);
    if (!ok)
        return false;
    producer->undecided = false;
    forget_open(producer);
    producer->counts.commits++;
    take_turns(producer);
    return true;
}

bool producer_commit_one(struct producer *producer, const char *topic, struct slice key,
                         struct slice value, struct err *err)
{
    struct message message = {.key = key, .value = value};
    bool done = producer_topic_open(producer, topic, &message.topic, err) &&
                producer_commit(producer, &message, err);
    producer_topic_close(message.topic);
    return done;
}

// What is not aborted here, the next init_transactions ends, or the broker after
// transaction.timeout.ms. librdkafka 2.0 ends the process with an assertion when it is told to
// abort a transaction whose commit it is waiting for.
void producer_abort(struct producer *producer)
{
    if (!producer->open)
        return;
    rd_kafka_error_t *error = NULL;
    if (producer->transactional && !producer->undecided)
        error = rd_kafka_abort_transaction(producer->rk, ABORT_MS);
    if (error)
        rd_kafka_error_destroy(error);
    forget_open(producer);
}

static bool send_and_abort(struct producer *producer, const struct message *messages, size_t n,
                           struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (!producer_send(producer, &messages[i], err))
            return false;
    if (!flush(producer, err))
        return false;
    rd_kafka_error_t *error = rd_kafka_abort_transaction(producer->rk, KAFKA_TIMEOUT_MS);
    if (error)
        return fail_with(producer, error, "a transaction cannot be aborted", err);
    forget_open(producer);
    take_turns(producer);
    return true;
}

bool producer_send_and_abort(struct producer *producer, const struct message *messages, size_t n,
                             struct err *err)
{
    for (size_t i = 0; i < producer->n_lanes; i++)
        if (!send_and_abort(producer, messages, n, err))
            return false;
    return true;
}

uint64_t producer_open_bytes(const struct producer *producer)
{
    return producer->open_bytes;
}

bool producer_is_open(const struct producer *producer)
{
    return producer->open;
}

bool producer_is_fenced(const struct producer *producer)
{
    return producer->fenced;
}

const struct producer_counts *producer_counts(const struct producer *producer)
{
    return &producer->counts;
}
