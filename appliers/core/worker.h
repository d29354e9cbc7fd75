// SPDX-License-Identifier: Apache-2.0
// Worker: a thread that takes the records of its partitions from a queue, makes batches of them and
// writes each batch with its checkpoints in one step. A lane is one partition that is ours; all of
// its records that are not yet applied lie with one worker, so their order is kept.
//
// Threads: the consumer's thread starts workers, opens and drops lanes and pushes records; the
// worker's thread does the rest. What both touch lies under the worker's mutex.
#ifndef TAILRACE_APPLIERS_CORE_WORKER_H
#define TAILRACE_APPLIERS_CORE_WORKER_H

#include "appliers/core/dead_letter_log.h"
#include "appliers/core/sink.h"

#include <librdkafka/rdkafka.h>

struct worker;

struct lane {
    char topic[TOPIC_NAME_MAX + 1];
    int32_t partition;
    struct worker *worker;
    // of the consumer's thread
    int64_t end_wanted; // --until-caught-up: to be reached; 0: nothing is
    int64_t
        end_seen; // the offset behind all that was there when we last came to the end; -1: never
    int64_t committed; // to the group
    bool is_paused;
    // under the worker's mutex
    int64_t next;      // as in the target's checkpoint
    int64_t high;      // likewise, see struct batch_partition
    int64_t truncated; // likewise
    size_t n_queued;   // records handed over and not yet applied
};

struct worker_options {
    const struct config_apply *limits;
    const struct sink_driver *driver;
    const char *group; // borrowed, as is all of this
    const char *owner;
    bool guarded;
    struct dead_letter_log *letters;
};

struct worker_stats {
    uint64_t records, effects, batches, bytes, dead_letters;
};

// Starts the thread; takes the sink over.
struct worker *worker_start(const struct worker_options *options, struct sink *sink);

// Hands a record over, which is then the worker's. False when the queue is full: the record stays
// the caller's.
MUST_CHECK bool worker_push(struct worker *worker, struct lane *lane, rd_kafka_message_t *message);

// Records that it has and that are not applied yet.
size_t worker_load(struct worker *worker);

// True when nothing of the lane lies with the worker: its next record may go to another one.
bool worker_is_without(struct worker *worker, const struct lane *lane);

// Waits up to ms until there is room for one record more; false when there is none yet.
bool worker_wait_room(struct worker *worker, unsigned ms);

// Forgets the lane's records and waits until none of them is being written, at most ms. False: one
// still is.
bool worker_drop(struct worker *worker, struct lane *lane, unsigned ms);

// The lane's `next`; *is_idle: all that was handed over is applied.
int64_t worker_next(struct worker *worker, const struct lane *lane, bool *is_idle);

// True when the worker has given up, and why.
bool worker_failed(struct worker *worker, struct err *err);

// Lets the batch in flight end, then stops; what is queued is forgotten.
void worker_stop(struct worker *worker);

// True when its thread has ended, waiting up to ms for it.
bool worker_ended(struct worker *worker, unsigned ms);

// After worker_ended: adds its figures to *stats and frees all of it, the sink too.
void worker_free(struct worker *worker, struct worker_stats *stats);

#endif
