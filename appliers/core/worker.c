// SPDX-License-Identifier: Apache-2.0
// Worker: see worker.h. The loop is: take what is queued, up to the batch's limits; decode it;
// write it. When a record does not fit into the batch with those before it, they are written first.
#define _POSIX_C_SOURCE 200809L
#include "appliers/core/worker.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "record/crc32c.h"
#include "record/json_reader.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// The queue holds at least one record, and as many as fit; see also the consumer's queue.
#define QUEUE_BYTES ((size_t)1 << 20)
#define QUEUE_RECORDS 8192
// What a queued record costs in the client library beside its bytes.
#define RECORD_OVERHEAD_BYTES 256

struct item {
    rd_kafka_message_t *message;
    struct lane *lane; // NULL: dropped
};

struct worker {
    struct worker_options options;
    struct sink *sink;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t for_worker; // records came, or stop
    pthread_cond_t for_others; // room, a batch ended, or the thread did
    // under the mutex
    struct item queue[QUEUE_RECORDS]; // a ring
    size_t head, n_queued;
    size_t bytes;
    bool stopping, ended, failed, writing;
    struct err err;
    // of the worker's thread; the consumer's reads `taken` under the mutex while a batch is written
    struct item *taken;
    size_t n_taken;
    struct json_reader *reader;
    struct batch batch;
    struct worker_stats stats;
};

static size_t message_bytes(const rd_kafka_message_t *message)
{
    return message->len + message->key_len + RECORD_OVERHEAD_BYTES;
}

static struct timespec deadline_in(unsigned ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static void init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

// --- one record ---

static struct slice header(const rd_kafka_headers_t *headers, const char *name)
{
    const void *value;
    size_t size;
    if (!headers || rd_kafka_header_get_last(headers, name, &value, &size) != 0)
        return slice_of(NULL, 0);
    return slice_of(value, size);
}

// The header's eight hex digits.
static bool is_crc(struct slice text, uint32_t crc)
{
    static const char digits[] = "0123456789abcdef";
    if (text.len != 8)
        return false;
    for (int i = 7; i >= 0; i--, crc >>= 4)
        if (text.ptr[i] != (uint8_t)digits[crc & 15])
            return false;
    return true;
}

// A header of digits; 0: none, or something else.
static int32_t read_count(struct slice text)
{
    int32_t n = 0;
    if (text.len > 9)
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        n = n * 10 + (text.ptr[i] - '0');
    }
    return n;
}

static bool check_content(const struct record_bytes *bytes, struct slice expected, struct err *err)
{
    uint32_t crc = crc32c(crc32c(0, bytes->key), bytes->value);
    if (expected.len == 0)
        return err_set(err, ERR_CORRUPT,
                       "the record has no header crc32c: tailrace did not write it");
    if (is_crc(expected, crc))
        return true;
    return err_set(
        err, ERR_CORRUPT,
        "the record is not what was produced: crc32c is %08x, its header says " SLICE_FMT,
        (unsigned)crc, SLICE_ARG(expected));
}

static bool misses_columns(const struct change *change)
{
    for (size_t i = 0; change->after && i < change->table->n_columns; i++)
        if (change->after[i].kind == VALUE_ABSENT)
            return true;
    return false;
}

// A row that got a new key is deleted under its old one: an image that leaves columns out would
// lose them.
static bool check_moved(const rd_kafka_headers_t *headers, const struct change *change,
                        struct err *err)
{
    if (change->op == CHANGE_INSERT && header(headers, "__debezium.oldkey").len > 0 &&
        misses_columns(change))
        return err_set(err, ERR_UNSUPPORTED,
                       "a change of the key without the whole row; on the source: SET GLOBAL "
                       "binlog_row_image = FULL, and copy the table again");
    return true;
}

static bool decode(struct worker *worker, const struct item *item, struct batch_record *record,
                   struct err *err)
{
    const rd_kafka_message_t *message = item->message;
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_message_headers(message, &headers);
    struct record_bytes bytes = {.key = slice_of(message->key, message->key_len),
                                 .value = slice_of(message->payload, message->len),
                                 .columns = header(headers, "columns")};
    record->key = bytes.key;
    record->offset = message->offset;
    record->n_partitions = read_count(header(headers, "partitions"));
    return check_content(&bytes, header(headers, "crc32c"), err) &&
           json_read_change(worker->reader, &bytes, &worker->batch.arena, &record->change, err) &&
           check_moved(headers, &record->change, err);
}

// Adds the record to the batch. *taken = false: the batch has to be written first.
static bool add_record(struct worker *worker, const struct item *item, bool *taken, struct err *err)
{
    const rd_kafka_message_t *message = item->message;
    struct lane *lane = item->lane;
    struct batch_record record;
    record.partition = batch_partition(&worker->batch, lane->topic, lane->partition, lane->next);
    struct batch_partition *partition = &worker->batch.partitions[record.partition];
    partition->high = lane->high;
    if (partition->next == partition->from)
        partition->truncated = lane->truncated;
    *taken = true;
    if (message->offset < partition->next)
        return true;                              // delivered twice by the client library
    if (!message->payload || message->len == 0) { // a tombstone: its delete came before it
        partition->next = message->offset + 1;
        return true;
    }
    if (decode(worker, item, &record, err))
        return batch_add(&worker->batch, &record, taken, err);
    return err_wrap(err, "topic %s partition %d offset %lld", lane->topic, (int)lane->partition,
                    (long long)message->offset);
}

// --- batches ---

static void keep_progress(struct lane *lane, const struct batch_partition *done)
{
    lane->next = done->next;
    lane->high = done->next > lane->high ? done->next : lane->high;
    lane->truncated = done->truncated;
}

// Writes the batch, whose records are taken[first .. end).
static bool write_batch(struct worker *worker, size_t first, size_t end, struct err *err)
{
    const struct worker_options *options = &worker->options;
    if (!options->driver->apply(worker->sink, options->group, options->owner, &worker->batch, err))
        return false;
    pthread_mutex_lock(&worker->mutex);
    for (size_t i = 0, n = worker->batch.n_partitions; i < n; i++) {
        const struct batch_partition *done = &worker->batch.partitions[i];
        for (size_t k = first; k < end; k++)
            if (worker->taken[k].lane->topic == done->topic &&
                worker->taken[k].lane->partition == done->partition) {
                keep_progress(worker->taken[k].lane, done);
                break;
            }
    }
    for (size_t i = first; i < end; i++)
        worker->taken[i].lane->n_queued--;
    worker->stats.batches++;
    worker->stats.effects += worker->batch.n_effects;
    worker->stats.records += end - first;
    pthread_mutex_unlock(&worker->mutex);
    batch_clear(&worker->batch);
    return true;
}

// Decodes and writes what was taken. What comes before a record that is refused is written all the
// same.
static bool apply_taken(struct worker *worker, struct err *err)
{
    size_t first = 0;
    batch_clear(&worker->batch);
    for (size_t i = 0; i < worker->n_taken; i++) {
        bool taken;
        struct err write_err;
        if (!add_record(worker, &worker->taken[i], &taken, err)) {
            if (i > first && !write_batch(worker, first, i, &write_err))
                *err = write_err;
            return false;
        }
        if (taken)
            continue;
        if (!write_batch(worker, first, i, err))
            return false;
        first = i--;
    }
    return worker->n_taken == first || write_batch(worker, first, worker->n_taken, err);
}

static void forget_taken(struct worker *worker)
{
    for (size_t i = 0; i < worker->n_taken; i++)
        rd_kafka_message_destroy(worker->taken[i].message);
    worker->n_taken = 0;
}

// Moves records from the queue to `taken`, up to a batch's limits. Under the mutex.
static void take_records(struct worker *worker)
{
    const struct config_apply *limits = worker->options.limits;
    size_t bytes = 0;
    while (worker->n_queued > 0 && worker->n_taken < limits->batch_records &&
           (worker->n_taken == 0 || bytes < limits->batch_bytes)) {
        struct item *item = &worker->queue[worker->head];
        worker->head = (worker->head + 1) % QUEUE_RECORDS;
        worker->n_queued--;
        worker->bytes -= message_bytes(item->message);
        if (item->lane) {
            bytes += item->message->len + item->message->key_len;
            worker->taken[worker->n_taken++] = *item;
        } else {
            rd_kafka_message_destroy(item->message);
        }
    }
    worker->stats.bytes += bytes;
    pthread_cond_broadcast(&worker->for_others);
}

static bool has_full_batch(const struct worker *worker)
{
    const struct config_apply *limits = worker->options.limits;
    return worker->n_queued >= limits->batch_records || worker->n_queued == QUEUE_RECORDS ||
           worker->bytes >= limits->batch_bytes || worker->bytes >= QUEUE_BYTES;
}

// Waits for records, and from the first one on for more of them as long as batch_time says. Under
// the mutex.
static void wait_for_records(struct worker *worker)
{
    while (worker->n_queued == 0 && !worker->stopping)
        pthread_cond_wait(&worker->for_worker, &worker->mutex);
    if (worker->options.limits->batch_ms == 0)
        return;
    struct timespec until = deadline_in((unsigned)worker->options.limits->batch_ms);
    while (!worker->stopping && !has_full_batch(worker) &&
           pthread_cond_timedwait(&worker->for_worker, &worker->mutex, &until) == 0)
        ;
}

static void *run(void *into)
{
    struct worker *worker = into;
    struct err err;
    bool good = true;
    pthread_mutex_lock(&worker->mutex);
    while (good) {
        wait_for_records(worker);
        if (worker->stopping)
            break;
        take_records(worker);
        worker->writing = true;
        pthread_mutex_unlock(&worker->mutex);
        good = apply_taken(worker, &err);
        pthread_mutex_lock(&worker->mutex);
        worker->writing = false;
        forget_taken(worker);
        pthread_cond_broadcast(&worker->for_others);
    }
    if (!good) {
        worker->err = err;
        worker->failed = true;
    }
    worker->ended = true;
    pthread_cond_broadcast(&worker->for_others);
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

// --- for the consumer's thread ---

struct worker *worker_start(const struct worker_options *options, struct sink *sink)
{
    struct worker *worker = mem_zalloc(sizeof *worker);
    worker->options = *options;
    worker->batch.guarded = options->guarded;
    worker->sink = sink;
    worker->reader = json_reader_new();
    worker->taken = mem_alloc(options->limits->batch_records * sizeof *worker->taken);
    pthread_mutex_init(&worker->mutex, NULL);
    init_cond(&worker->for_worker);
    init_cond(&worker->for_others);
    if (pthread_create(&worker->thread, NULL, run, worker) != 0) {
        log_error("no thread can be made", NULL);
        abort();
    }
    return worker;
}

static bool is_full(const struct worker *worker)
{
    return worker->n_queued == QUEUE_RECORDS || worker->bytes >= QUEUE_BYTES;
}

bool worker_push(struct worker *worker, struct lane *lane, rd_kafka_message_t *message)
{
    pthread_mutex_lock(&worker->mutex);
    bool has_room = !is_full(worker);
    if (has_room) {
        size_t tail = (worker->head + worker->n_queued) % QUEUE_RECORDS;
        worker->queue[tail] = (struct item){message, lane};
        worker->n_queued++;
        worker->bytes += message_bytes(message);
        lane->n_queued++;
        if (worker->n_queued == 1 || has_full_batch(worker)) // what wait_for_records waits for
            pthread_cond_signal(&worker->for_worker);
    }
    pthread_mutex_unlock(&worker->mutex);
    return has_room;
}

bool worker_wait_room(struct worker *worker, unsigned ms)
{
    struct timespec until = deadline_in(ms);
    pthread_mutex_lock(&worker->mutex);
    while (is_full(worker) && !worker->ended &&
           pthread_cond_timedwait(&worker->for_others, &worker->mutex, &until) == 0)
        ;
    bool has_room = !is_full(worker);
    pthread_mutex_unlock(&worker->mutex);
    return has_room;
}

static bool is_writing(const struct worker *worker, const struct lane *lane)
{
    for (size_t i = 0; worker->writing && i < worker->n_taken; i++)
        if (worker->taken[i].lane == lane)
            return true;
    return false;
}

bool worker_drop(struct worker *worker, struct lane *lane, unsigned ms)
{
    struct timespec until = deadline_in(ms);
    pthread_mutex_lock(&worker->mutex);
    for (size_t i = 0; i < worker->n_queued; i++) {
        struct item *item = &worker->queue[(worker->head + i) % QUEUE_RECORDS];
        if (item->lane == lane)
            item->lane = NULL;
    }
    while (is_writing(worker, lane) && !worker->ended &&
           pthread_cond_timedwait(&worker->for_others, &worker->mutex, &until) == 0)
        ;
    bool done = !is_writing(worker, lane);
    pthread_mutex_unlock(&worker->mutex);
    return done;
}

int64_t worker_next(struct worker *worker, const struct lane *lane, bool *is_idle)
{
    pthread_mutex_lock(&worker->mutex);
    int64_t next = lane->next;
    *is_idle = lane->n_queued == 0;
    pthread_mutex_unlock(&worker->mutex);
    return next;
}

bool worker_failed(struct worker *worker, struct err *err)
{
    pthread_mutex_lock(&worker->mutex);
    bool failed = worker->failed;
    if (failed)
        *err = worker->err;
    pthread_mutex_unlock(&worker->mutex);
    return failed;
}

void worker_stop(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    pthread_cond_signal(&worker->for_worker);
    pthread_mutex_unlock(&worker->mutex);
}

bool worker_ended(struct worker *worker, unsigned ms)
{
    struct timespec until = deadline_in(ms);
    pthread_mutex_lock(&worker->mutex);
    while (!worker->ended &&
           pthread_cond_timedwait(&worker->for_others, &worker->mutex, &until) == 0)
        ;
    bool ended = worker->ended;
    pthread_mutex_unlock(&worker->mutex);
    return ended;
}

void worker_free(struct worker *worker, struct worker_stats *stats)
{
    pthread_join(worker->thread, NULL);
    for (size_t i = 0; i < worker->n_queued; i++)
        rd_kafka_message_destroy(worker->queue[(worker->head + i) % QUEUE_RECORDS].message);
    stats->records += worker->stats.records;
    stats->effects += worker->stats.effects;
    stats->batches += worker->stats.batches;
    stats->bytes += worker->stats.bytes;
    worker->options.driver->close(worker->sink);
    json_reader_free(worker->reader);
    batch_deinit(&worker->batch);
    pthread_cond_destroy(&worker->for_worker);
    pthread_cond_destroy(&worker->for_others);
    pthread_mutex_destroy(&worker->mutex);
    free(worker->taken);
    free(worker);
}
