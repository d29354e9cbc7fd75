// SPDX-License-Identifier: Apache-2.0
// Partition: reads one partition of a topic from an offset to an end that is known before.
#ifndef TAILRACE_KAFKA_PARTITION_H
#define TAILRACE_KAFKA_PARTITION_H

#include "common/err.h"

#include <librdkafka/rdkafka.h>

struct partition_range {
    rd_kafka_t *rk; // of kafka_open_plain
    const char *topic;
    int32_t partition;
    int64_t from; // RD_KAFKA_OFFSET_BEGINNING, or an offset
    int64_t to;   // behind the last one; 0: nothing is read
};

// Looks at one record; false ends the reading with *err.
typedef bool partition_visit_fn(void *into, const rd_kafka_message_t *message, struct err *err);

// First offset and the one behind the last committed record now. Waits a little for a topic that
// was just made: a broker may hear of it later than the one that told us of it.
MUST_CHECK bool partition_end(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t *first,
                              int64_t *end, struct err *err);

// The same where Kafka once had what is before `next`. A leader that slept while another was chosen
// tells its old end until it hears of that, so an end before `next` is asked for again; what is
// told after KAFKA_TIMEOUT_MS counts. Then records were lost, or the topic was made anew.
MUST_CHECK bool partition_end_past(rd_kafka_t *rk, const char *topic, int32_t partition,
                                   int64_t next, int64_t *first, int64_t *end, struct err *err);

// Visits each record of from … to. ERR_RETRY when Kafka gives none for KAFKA_TIMEOUT_MS,
// ERR_STOPPED.
MUST_CHECK bool partition_read(const struct partition_range *range, partition_visit_fn *visit,
                               void *into, struct err *err);

#endif
