// SPDX-License-Identifier: Apache-2.0
// Worker: see worker.h. The loop is: take what is queued, up to the batch's limits; decode it;
// write it. When a record does not fit into the batch with those before it, they are written first.
// When the target refuses a change, nothing of its batch was written: the change is set aside, and
// the batch made again without it.
//
// The first batches are small, and they grow while a step takes less than half a second: a target
// that is slow gets steps that end within its time limits, and ours, whatever the options say. A
// step that ran into one of them is the end of the session, and the next begins small again.
#define _POSIX_C_SOURCE 200809L
#include "appliers/core/worker.h"

#include "appliers/core/message.h"
#include "common/clock.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// The queue holds at least one record, and as many as fit; see also the consumer's queue.
#define QUEUE_BYTES ((size_t)1 << 20)
#define QUEUE_RECORDS 8192
// So many refusals leave the batches as large as they are.
#define REFUSALS_WHOLE 4
#define FIRST_RECORDS 64
#define STEP_FAST_MS 500
#define STEP_SLOW_MS 2000

// Why a record is not applied.
struct refusal {
    char gtid[GTID_TEXT_MAX];
    char reason[ERR_TEXT_BYTES];
    bool is_kept; // it lies in Kafka as a dead letter
};

struct item {
    rd_kafka_message_t *message;
    struct lane *lane;       // NULL: dropped
    struct refusal *refusal; // NULL: it is to be applied
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
    size_t most; // records of a batch, for now
    struct json_reader *reader;
    struct batch batch;
    struct worker_stats stats;
};

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

static bool decode(struct worker *worker, const struct item *item, struct batch_record *record,
                   struct err *err)
{
    struct message message = message_of(item->message);
    record->key = message.bytes.key;
    record->offset = item->message->offset;
    record->n_partitions = read_count(message.partitions);
    return message_decode(&message, worker->reader, &worker->batch.arena, &record->change, err);
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
        return true; // delivered twice by the client library
    bool is_tombstone = !message->payload || message->len == 0; // its delete came before it
    if (is_tombstone || item->refusal) {
        partition->next = message->offset + 1;
        return true;
    }
    if (decode(worker, item, &record, err))
        return batch_add(&worker->batch, &record, taken, err);
    return err_wrap(err, "topic %s partition %d offset %lld", lane->topic, (int)lane->partition,
                    (long long)message->offset);
}

// --- what the target refuses ---

static struct dead_letter_place place_of(const struct batch *batch, const struct effect *effect)
{
    const struct batch_partition *partition = &batch->partitions[effect->partition];
    return (struct dead_letter_place){partition->topic, partition->partition, effect->offset};
}

// A change that has only some columns, of a row whose change before it is a dead letter, would be
// applied to another row than it was made for.
static bool check_patches(struct worker *worker, struct err *err)
{
    struct batch *batch = &worker->batch;
    char identity[DEAD_LETTER_IDENTITY_BYTES];
    if (!dead_letter_log_has_open(worker->options.letters))
        return true;
    for (size_t i = 0; i < batch->n_effects; i++) {
        const struct effect *effect = &batch->effects[i];
        struct dead_letter_place place = place_of(batch, effect);
        if (effect->kind != EFFECT_PATCH)
            continue;
        if (!dead_letter_log_find_before(worker->options.letters, &place, effect->key, identity,
                                         err))
            return false;
        if (!identity[0])
            continue;
        err_set(err, ERR_REFUSED,
                "an update of some columns, whose row is not what it was: an earlier change of it "
                "is the dead letter %s; replay that first",
                identity);
        return batch_refuse(err, batch, effect);
    }
    return true;
}

// The record that the refused effect ends with.
static struct item *find_item(struct worker *worker, size_t first, size_t end,
                              const struct dead_letter_place *place)
{
    for (size_t i = first; i < end; i++) {
        struct item *item = &worker->taken[i];
        if (item->message->offset == place->offset && item->lane->topic == place->topic &&
            item->lane->partition == place->partition)
            return item;
    }
    return NULL;
}

// Takes the record that was refused out of what is to be applied. False: *err is not of that kind,
// or the process shall stop at it. Of a row's several changes in a batch it is the last one; what
// the others come to without it is seen when the batch is made again.
static bool set_aside(struct worker *worker, size_t first, size_t end, struct err *err)
{
    const struct effect *effect = err->class == ERR_REFUSED ? batch_refused(&worker->batch) : NULL;
    if (!effect)
        return false;
    if (strcmp(worker->options.limits->on_refused, "dead-letter") != 0)
        return batch_blame(err, &worker->batch, effect);
    struct dead_letter_place place = place_of(&worker->batch, effect);
    struct item *item = find_item(worker, first, end, &place);
    if (!item || item->refusal)
        return err_set(err, ERR_INTERNAL, "a refused change is not among those of the batch");
    item->refusal = mem_zalloc(sizeof *item->refusal);
    slice_to_str(item->refusal->gtid, sizeof item->refusal->gtid, effect->gtid);
    slice_to_str(item->refusal->reason, sizeof item->refusal->reason, slice_of_str(err->text));
    return true;
}

static void log_letter(const struct item *item)
{
    char identity[DEAD_LETTER_IDENTITY_BYTES];
    struct dead_letter_place place = {item->lane->topic, item->lane->partition,
                                      item->message->offset};
    dead_letter_write_identity(identity, &place);
    log_warn("a change was refused and is a dead letter",
             LOG_FIELDS(log_str("letter", identity), log_str("gtid", item->refusal->gtid),
                        log_slice("key", slice_of(item->message->key, item->message->key_len)),
                        log_str("reason", item->refusal->reason)));
}

// Each record of the batch that was set aside is a dead letter, and acknowledged, before the batch
// is written.
static bool keep_letters(struct worker *worker, size_t first, size_t end, struct err *err)
{
    for (size_t i = first; i < end; i++) {
        struct item *item = &worker->taken[i];
        if (!item->refusal || item->refusal->is_kept)
            continue;
        struct dead_letter_put put = {item->message, item->lane->topic, item->refusal->gtid,
                                      item->refusal->reason};
        if (!dead_letter_log_keep(worker->options.letters, &put, 1, err))
            return err_wrap(err, "topic %s partition %d offset %lld", put.topic,
                            (int)item->lane->partition, (long long)item->message->offset);
        CRASH_POINT(letter_kept);
        item->refusal->is_kept = true;
        worker->stats.dead_letters++;
        log_letter(item);
    }
    return true;
}

// Whole rows and deletions were written, or there was a truncation: earlier letters of their keys
// are void.
static void supersede_letters(struct worker *worker)
{
    const struct batch *batch = &worker->batch;
    if (!dead_letter_log_has_open(worker->options.letters))
        return;
    if (batch->truncation.table) {
        const struct batch_partition *partition = &batch->partitions[batch->truncation.partition];
        struct dead_letter_place place = {partition->topic, partition->partition,
                                          batch->truncation.offset};
        dead_letter_log_supersede(worker->options.letters, &place, slice_of(NULL, 0));
    }
    for (size_t i = 0; i < batch->n_effects; i++) {
        const struct effect *effect = &batch->effects[i];
        struct dead_letter_place place = place_of(batch, effect);
        if (effect->kind != EFFECT_PATCH)
            dead_letter_log_supersede(worker->options.letters, &place, effect->key);
    }
}

// --- batches ---

static void keep_progress(struct lane *lane, const struct batch_partition *done)
{
    lane->next = done->next;
    lane->high = done->next > lane->high ? done->next : lane->high;
    lane->truncated = done->truncated;
}

// What the batch has of its partitions is in the target.
static void note_progress(struct worker *worker, size_t first, size_t end)
{
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
}

// A step of n records took so long.
static void set_pace(struct worker *worker, size_t n, uint64_t ms)
{
    size_t most = worker->options.limits->batch_records;
    if (ms > STEP_SLOW_MS)
        worker->most = n > 1 ? n / 2 : 1;
    else if (ms < STEP_FAST_MS && n >= worker->most)
        worker->most = 2 * n < most ? 2 * n : most;
}

// Writes the batch, whose records are taken[first .. end), after the letters among them.
static bool write_batch(struct worker *worker, size_t first, size_t end, struct err *err)
{
    const struct worker_options *options = &worker->options;
    uint64_t begin_ms = clock_steady_ms();
    CRASH_POINT(apply_batch_made);
    if (!keep_letters(worker, first, end, err) ||
        !options->driver->apply(worker->sink, options->group, options->owner, &worker->batch, err))
        return false;
    CRASH_POINT(apply_applied);
    set_pace(worker, end - first, clock_steady_ms() - begin_ms);
    note_progress(worker, first, end);
    supersede_letters(worker);
    return true;
}

// Puts as many of taken[first ..] into the batch as fit, at most worker->most; *end is behind them.
// False: the first one cannot be read.
static bool fill_batch(struct worker *worker, size_t first, size_t *end, struct err *err)
{
    struct err later; // of a record behind the first: it is the first one of the next batch
    batch_clear(&worker->batch);
    for (*end = first; *end < worker->n_taken && *end - first < worker->most; ++*end) {
        bool taken;
        if (!add_record(worker, &worker->taken[*end], &taken, *end == first ? err : &later))
            return *end > first;
        if (!taken)
            break;
    }
    return true;
}

// Decodes and writes what was taken. What comes before a record that is refused is written all the
// same. Each refusal costs doing its batch again: after a few of them batches are smaller for a
// while.
static bool apply_taken(struct worker *worker, struct err *err)
{
    size_t first = 0, end, n_refused = 0;
    if (!dead_letter_log_sync(worker->options.letters, err))
        return false;
    while (first < worker->n_taken) {
        if (!fill_batch(worker, first, &end, err))
            return false;
        if (check_patches(worker, err) && write_batch(worker, first, end, err)) {
            first = end;
        } else if (set_aside(worker, first, end, err)) {
            if (++n_refused > REFUSALS_WHOLE)
                worker->most = end - first > 1 ? (end - first) / 2 : 1;
        } else {
            return false;
        }
    }
    batch_clear(&worker->batch);
    return true;
}

static void free_taken(struct worker *worker)
{
    for (size_t i = 0; i < worker->n_taken; i++) {
        rd_kafka_message_destroy(worker->taken[i].message);
        free(worker->taken[i].refusal);
    }
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
        worker->bytes -= message_queued_bytes(item->message);
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
        CRASH_POINT(apply_taken);
        good = apply_taken(worker, &err);
        free_taken(worker); // not under the mutex: the consumer waits for that with each record
        pthread_mutex_lock(&worker->mutex);
        worker->writing = false;
        worker->n_taken = 0;
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
    worker->most = options->limits->batch_records < FIRST_RECORDS ? options->limits->batch_records
                                                                  : FIRST_RECORDS;
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
        worker->queue[tail] = (struct item){.message = message, .lane = lane};
        worker->n_queued++;
        worker->bytes += message_queued_bytes(message);
        lane->n_queued++;
        if (worker->n_queued == 1 || has_full_batch(worker)) // what wait_for_records waits for
            pthread_cond_signal(&worker->for_worker);
    }
    pthread_mutex_unlock(&worker->mutex);
    return has_room;
}

size_t worker_load(struct worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    size_t load = worker->n_queued + (worker->writing ? worker->n_taken : 0);
    pthread_mutex_unlock(&worker->mutex);
    return load;
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

bool worker_is_without(struct worker *worker, const struct lane *lane)
{
    pthread_mutex_lock(&worker->mutex);
    bool is_without = lane->n_queued == 0 && !is_writing(worker, lane);
    pthread_mutex_unlock(&worker->mutex);
    return is_without;
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
    stats->dead_letters += worker->stats.dead_letters;
    worker->options.driver->close(worker->sink);
    json_reader_free(worker->reader);
    batch_deinit(&worker->batch);
    pthread_cond_destroy(&worker->for_worker);
    pthread_cond_destroy(&worker->for_others);
    pthread_mutex_destroy(&worker->mutex);
    free(worker->taken);
    free(worker);
}
