// SPDX-License-Identifier: Apache-2.0
// Fence: waits until the target holds everything of some tables up to a position of the source:
//   1. the publisher's checkpoint (the last committed one in NAME.checkpoint) covers the position,
//   2. then the partitions of the tables' topics end somewhere; what was committed lies before it,
//   3. the applier's checkpoints in the target have passed these ends.
// An end is taken with what is not committed yet: a checkpoint can be seen a moment before the
// records that were committed with it. Marks of transactions and aborted records have offsets too,
// behind which no applier's checkpoint moves; so what lies between a checkpoint and the end is
// looked at.
#ifndef TAILRACE_VERIFY_FENCE_H
#define TAILRACE_VERIFY_FENCE_H

#include "verify/run.h"

#include <librdkafka/rdkafka.h>

MUST_CHECK bool fence_open(const struct config *config, struct fence **fence, struct err *err);
void fence_close(struct fence *fence); // takes NULL

// Waits until the run's target holds the tables (their numbers) up to the position.
// Waiting for more than a few seconds is told in the log: for whom, and how far it is behind.
// ERR_UNAVAILABLE after [verify] fence_timeout: likewise.
MUST_CHECK bool fence_wait(struct fence *fence, struct run *run, const struct position *position,
                           const bool *tables, struct err *err);

// Waits for the first part only: what the publisher has read is committed in Kafka.
MUST_CHECK bool fence_publisher(struct fence *fence, const struct position *position,
                                struct err *err);

// Of the table's topic; and the handle that reads committed records, for simple consumers.
#define FENCE_TOPIC_BYTES 256
MUST_CHECK bool fence_topic(const struct fence *fence, const struct shape *shape,
                            char topic[FENCE_TOPIC_BYTES], struct err *err);
rd_kafka_t *fence_consumer(const struct fence *fence);

// The server that the publisher read last, as its checkpoint names it.
MUST_CHECK bool fence_server(struct fence *fence, const char **server, struct err *err);

// Ends of the partitions of a table's topic, for the counts.
struct fence_end {
    int32_t partition;
    int64_t first;
    int64_t committed; // behind the last committed record
    int64_t end;       // behind the last one
    int64_t applied;   // the target's checkpoint; -1: none
    bool is_applied;   // nothing that is committed lies behind it
};

// The caller frees *ends. No topic: none.
MUST_CHECK bool fence_ends(struct fence *fence, struct run *run, const struct shape *shape,
                           struct fence_end **ends, size_t *n_ends, struct err *err);

#endif
