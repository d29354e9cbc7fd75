// SPDX-License-Identifier: Apache-2.0
// Hanging: records of an aborted transaction without the mark of its abort. A coordinator that ends
// a transaction while one of its partitions has no leader passes over that partition (Kafka 4.3);
// the records stay open there, and the next transaction of the same producer would commit them with
// its own: they would be there twice. Such a partition's last stable offset stands before its end
// although no transaction of ours is open. A transaction with a record there, aborted, ends them.
#ifndef TAILRACE_PUBLISHER_HANGING_H
#define TAILRACE_PUBLISHER_HANGING_H

#include "publisher/checkpoint.h"
#include "publisher/producer.h"

struct hanging {
    const struct config *config;
    rd_kafka_t *plain; // of kafka_open_plain
    struct producer *producer;
    const struct checkpoint_log *log; // which topics there are
};

// Looks at all partitions and ends what hangs; nothing may be open in the producer, which has taken
// over from older ones. ERR_RETRY where a partition has no leader, or where something stays open.
MUST_CHECK bool hanging_end(const struct hanging *hanging, struct err *err);

#endif
