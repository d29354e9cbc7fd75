// SPDX-License-Identifier: Apache-2.0
// Dead letter log: see dead_letter_log.h. The reader and the producer are made when they are first
// needed: an applier without letters has neither.
#include "appliers/core/dead_letter_log.h"

#include "common/crash.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "kafka/partition.h"
#include "kafka/topic.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define FLUSH_MS 100
#define FREE_MS 500
#define HEADERS_BYTES 65536          // room for what a letter has beyond its record
#define MESSAGE_BYTES_MAX 1000000000 // of librdkafka
#define DELIVERY_MS "60000"

struct dead_letter_log {
    const struct config *config;
    char topic[TOPIC_NAME_MAX + 1];
    atomic_uint expected, known; // how often partitions came; the last of these that was read for
    atomic_size_t n_open;
    pthread_mutex_t mutex; // over all below
    struct dead_letter_book book;
    int64_t next; // offset of the topic to read on from
    rd_kafka_t *reader, *producer;
    rd_kafka_resp_err_t failure; // of the first record that was not delivered
};

struct dead_letter_log *dead_letter_log_new(const struct config *config, const char *group)
{
    struct dead_letter_log *log = mem_zalloc(sizeof *log);
    log->config = config;
    dead_letter_topic(log->topic, group);
    pthread_mutex_init(&log->mutex, NULL);
    return log;
}

void dead_letter_log_free(struct dead_letter_log *log)
{
    if (!log)
        return;
    if (log->producer) {
        if (rd_kafka_flush(log->producer, FREE_MS))
            rd_kafka_purge(log->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(log->producer, 0);
        rd_kafka_destroy(log->producer);
    }
    if (log->reader)
        rd_kafka_destroy(log->reader);
    dead_letter_book_deinit(&log->book);
    pthread_mutex_destroy(&log->mutex);
    free(log);
}

static bool unlock(struct dead_letter_log *log, bool done)
{
    atomic_store(&log->n_open, log->book.n_open);
    pthread_mutex_unlock(&log->mutex);
    return done;
}

// --- reading ---

static bool take(void *into, const rd_kafka_message_t *message, struct err *err)
{
    struct dead_letter_log *log = into;
    struct dead_letter letter;
    if (!dead_letter_read(message, &letter, err))
        return false;
    dead_letter_book_take(&log->book, &letter, message->offset);
    log->next = message->offset + 1;
    return true;
}

static bool find_topic(struct dead_letter_log *log, rd_kafka_t *rk, bool *exists, struct err *err)
{
    int32_t n_partitions;
    if (!kafka_partition_count(rk, log->topic, &n_partitions, err))
        return false;
    *exists = n_partitions > 0;
    return n_partitions <= 1 ||
           err_set(err, ERR_REFUSED, "topic %s has %d partitions; dead letters need 1", log->topic,
                   (int)n_partitions);
}

bool dead_letter_log_reader(struct dead_letter_log *log, rd_kafka_t **rk, struct err *err)
{
    if (!log->reader && !kafka_open_plain(log->config, &log->reader, err))
        return false;
    *rk = log->reader;
    return true;
}

static bool read_on(struct dead_letter_log *log, struct err *err)
{
    struct partition_range range = {.topic = log->topic, .from = log->next};
    int64_t first;
    bool exists;
    if (log->producer) // our own marks: without them their letters would be open again
        rd_kafka_flush(log->producer, KAFKA_TIMEOUT_MS);
    if (!dead_letter_log_reader(log, &range.rk, err) || !find_topic(log, range.rk, &exists, err))
        return false;
    if (!exists)
        return true;
    if (!partition_end(range.rk, log->topic, 0, &first, &range.to, err))
        return false;
    if (range.from < first)
        range.from = first;
    return partition_read(&range, take, log, err);
}

bool dead_letter_log_expect(struct dead_letter_log *log, rd_kafka_t *rk, struct err *err)
{
    bool exists;
    if (!find_topic(log, rk, &exists, err))
        return false;
    if (exists)
        atomic_fetch_add(&log->expected, 1);
    return true;
}

bool dead_letter_log_sync(struct dead_letter_log *log, struct err *err)
{
    if (atomic_load(&log->known) == atomic_load(&log->expected))
        return true;
    pthread_mutex_lock(&log->mutex);
    unsigned expected = atomic_load(&log->expected);
    bool done = atomic_load(&log->known) == expected || read_on(log, err);
    if (done)
        atomic_store(&log->known, expected);
    return unlock(log, done);
}

bool dead_letter_log_has_open(struct dead_letter_log *log)
{
    return atomic_load(&log->n_open) > 0;
}

bool dead_letter_log_find_before(struct dead_letter_log *log, const struct dead_letter_place *place,
                                 struct slice key, char identity[DEAD_LETTER_IDENTITY_BYTES],
                                 struct err *err)
{
    pthread_mutex_lock(&log->mutex);
    bool done = !dead_letter_book_open(&log->book, place, key) || read_on(log, err);
    const struct dead_letter_entry *entry =
        done ? dead_letter_book_open(&log->book, place, key) : NULL;
    identity[0] = '\0';
    if (entry)
        dead_letter_write_identity(identity, &entry->place);
    return unlock(log, done);
}

// --- writing ---

// Runs inside rd_kafka_poll and rd_kafka_flush, in the thread that calls these.
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct dead_letter_log *log = opaque;
    (void)rk;
    if (message->err && !log->failure)
        log->failure = message->err;
}

// The limit of the records, and room for the headers.
static uint64_t letter_bytes_max(const rd_kafka_conf_t *conf)
{
    uint64_t bytes = kafka_conf_number(conf, "message.max.bytes") + HEADERS_BYTES;
    return bytes < MESSAGE_BYTES_MAX ? bytes : MESSAGE_BYTES_MAX;
}

static bool configure(struct dead_letter_log *log, rd_kafka_conf_t *conf, const char *bytes_max,
                      struct err *err)
{
    static const char *const defaults[][2] = {{"linger.ms", "0"},
                                              {"message.timeout.ms", DELIVERY_MS}};
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (!kafka_is_configured(log->config, defaults[i][0]) &&
            !kafka_conf_set(conf, defaults[i][0], defaults[i][1], err))
            return false;
    rd_kafka_conf_set_opaque(conf, log);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return kafka_conf_set(conf, "enable.idempotence", "true", err) &&
           kafka_conf_set(conf, "acks", "all", err) &&
           kafka_conf_set(conf, "message.max.bytes", bytes_max, err);
}

static bool open_producer(struct dead_letter_log *log, struct err *err)
{
    char bytes_max[32];
    const char *const settings[] = {"cleanup.policy", "compact", "max.message.bytes", bytes_max,
                                    NULL};
    bool exists;
    if (log->producer)
        return true;
    rd_kafka_conf_t *conf = kafka_conf_new(log->config, "dead-letters", err);
    if (!conf)
        return false;
    snprintf(bytes_max, sizeof bytes_max, "%" PRIu64, letter_bytes_max(conf));
    if (!configure(log, conf, bytes_max, err)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    if (!kafka_open_take(RD_KAFKA_PRODUCER, conf, &log->producer, err))
        return false;
    if (find_topic(log, log->producer, &exists, err) &&
        (exists || kafka_topic_create(log->producer, log->topic, &(int32_t){1},
                                      (int32_t)log->config->kafka.replication, settings, err)))
        return true;
    rd_kafka_destroy(log->producer);
    log->producer = NULL;
    return false;
}

static bool fail(struct dead_letter_log *log, rd_kafka_resp_err_t code, struct err *err)
{
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return err_set(err, ERR_REFUSED,
                       "a dead letter is larger than Kafka takes: raise max.message.bytes of topic "
                       "%s and [kafka] message.max.bytes",
                       log->topic);
    kafka_err(err, code, log->topic);
    if (err->class == ERR_INTERNAL)
        err->class = ERR_RETRY; // nothing has passed it: the next session puts it again
    return false;
}

struct record {
    const struct dead_letter_place *place;
    struct slice value; // ptr NULL: a mark
    rd_kafka_headers_t *headers;
};

// Takes the headers over.
static bool produce(struct dead_letter_log *log, const struct record *record, struct err *err)
{
    char key[DEAD_LETTER_IDENTITY_BYTES];
    size_t n = dead_letter_write_identity(key, record->place);
    rd_kafka_resp_err_t code;
    while ((code = rd_kafka_producev(
                log->producer, RD_KAFKA_V_TOPIC(log->topic), RD_KAFKA_V_PARTITION(0),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, n),
                RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.ptr, record->value.len),
                RD_KAFKA_V_HEADERS(record->headers), RD_KAFKA_V_END)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(log->producer, FLUSH_MS);
        if (stop_requested())
            break;
    }
    if (!code)
        return true;
    rd_kafka_headers_destroy(record->headers);
    return fail(log, code, err);
}

static bool wait_acknowledged(struct dead_letter_log *log, struct err *err)
{
    while (rd_kafka_flush(log->producer, FLUSH_MS))
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped while dead letters were acknowledged");
    return !log->failure || fail(log, log->failure, err);
}

static struct dead_letter letter_of(const struct dead_letter_put *put)
{
    return (struct dead_letter){
        .place = {put->topic, put->from->partition, put->from->offset},
        .key = slice_of(put->from->key, put->from->key_len),
        .gtid = slice_of_str(put->gtid),
        .reason = slice_of_str(put->reason),
    };
}

static bool put_all(struct dead_letter_log *log, const struct dead_letter_put *puts, size_t n,
                    struct err *err)
{
    uint64_t most = log->config->apply.dead_letters_max;
    if (log->book.n_open + n > most)
        return err_set(err, ERR_REFUSED,
                       "%zu changes are dead letters already, and [apply] dead_letters_max is "
                       "%" PRIu64 ": %s",
                       log->book.n_open, most, puts[0].reason);
    if (!open_producer(log, err))
        return false;
    log->failure = 0;
    for (size_t i = 0; i < n; i++) {
        struct dead_letter letter = letter_of(&puts[i]);
        struct record record = {.place = &letter.place,
                                .value = slice_of(puts[i].from->payload, puts[i].from->len),
                                .headers = dead_letter_headers(puts[i].from, &letter)};
        if (!produce(log, &record, err))
            return false;
    }
    CRASH_POINT(letter_sent);
    if (!wait_acknowledged(log, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct dead_letter letter = letter_of(&puts[i]);
        dead_letter_book_take(&log->book, &letter, -1);
    }
    return true;
}

bool dead_letter_log_keep(struct dead_letter_log *log, const struct dead_letter_put *puts, size_t n,
                          struct err *err)
{
    if (n == 0)
        return true;
    pthread_mutex_lock(&log->mutex);
    return unlock(log, put_all(log, puts, n, err));
}

static bool put_mark(struct dead_letter_log *log, const struct dead_letter_place *place,
                     const char *outcome, const char *reason, struct err *err)
{
    if (!open_producer(log, err))
        return false;
    struct record record = {.place = place, .headers = dead_letter_mark_headers(outcome, reason)};
    return produce(log, &record, err);
}

static void take_mark(struct dead_letter_log *log, const struct dead_letter_place *place,
                      const char *outcome, const char *reason)
{
    struct dead_letter mark = {.place = *place,
                               .is_mark = true,
                               .outcome = slice_of_str(outcome),
                               .reason = slice_of_str(reason)};
    dead_letter_book_take(&log->book, &mark, -1);
}

// Marks the entry and forgets it, whatever comes of the mark.
static void supersede(struct dead_letter_log *log, const struct dead_letter_entry *entry,
                      const char *by)
{
    char identity[DEAD_LETTER_IDENTITY_BYTES], topic[TOPIC_NAME_MAX + 1];
    struct dead_letter_place place = entry->place; // lives longer than the entry
    struct err err;
    slice_to_str(topic, sizeof topic, slice_of_str(place.topic));
    place.topic = topic;
    dead_letter_write_identity(identity, &place);
    if (put_mark(log, &place, DEAD_LETTER_SUPERSEDED, by, &err))
        log_info("a dead letter is superseded",
                 LOG_FIELDS(log_str("letter", identity), log_str("by", by)));
    else
        log_warn("a dead letter that is superseded stays open",
                 LOG_FIELDS(log_str("letter", identity), log_str("reason", err.text)));
    take_mark(log, &place, DEAD_LETTER_SUPERSEDED, by);
    CRASH_POINT(letter_superseded);
}

void dead_letter_log_supersede(struct dead_letter_log *log, const struct dead_letter_place *place,
                               struct slice key)
{
    struct dead_letter_place behind = *place;
    const struct dead_letter_entry *entry;
    char by[DEAD_LETTER_IDENTITY_BYTES];
    behind.offset++;
    dead_letter_write_identity(by, place);
    pthread_mutex_lock(&log->mutex);
    while ((entry = dead_letter_book_open(&log->book, &behind, key)) != NULL)
        supersede(log, entry, by);
    unlock(log, true);
}

// --- for the commands ---

bool dead_letter_log_read(struct dead_letter_log *log, struct err *err)
{
    log->book.keeps_closed = true;
    pthread_mutex_lock(&log->mutex);
    return unlock(log, read_on(log, err));
}

struct dead_letter_book *dead_letter_log_book(struct dead_letter_log *log)
{
    return &log->book;
}

const char *dead_letter_log_topic(const struct dead_letter_log *log)
{
    return log->topic;
}

bool dead_letter_log_close(struct dead_letter_log *log, const struct dead_letter_place *place,
                           const char *outcome, const char *reason, struct err *err)
{
    pthread_mutex_lock(&log->mutex);
    log->failure = 0;
    bool done = put_mark(log, place, outcome, reason, err) && wait_acknowledged(log, err);
    if (done)
        take_mark(log, place, outcome, reason);
    return unlock(log, done);
}
