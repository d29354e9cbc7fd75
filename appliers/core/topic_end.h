// SPDX-License-Identifier: Apache-2.0
// Topic ends: what Kafka holds of the source's tables now.
#ifndef TAILRACE_APPLIERS_CORE_TOPIC_END_H
#define TAILRACE_APPLIERS_CORE_TOPIC_END_H

#include "appliers/core/sink.h"
#include "common/err.h"
#include "record/topic.h"

#include <librdkafka/rdkafka.h>

struct topic_end {
    char topic[TOPIC_NAME_MAX + 1];
    int32_t partition;
    int64_t first; // offset of the first record that is kept
    int64_t end;   // behind the last committed one
};

// All partitions of the source's table topics, sorted; free(3) *ends.
MUST_CHECK bool topic_ends_list(rd_kafka_t *rk, const char *source_name, struct topic_end **ends,
                                size_t *n_ends, struct err *err);

// NULL: there is no such partition.
const struct topic_end *topic_ends_find(const struct topic_end *ends, size_t n_ends,
                                        const char *topic, int32_t partition);

// Whether the partition has what follows a checkpoint. ERR_REFUSED, with what to do, when it has
// not, also after the wait of partition_end_past.
MUST_CHECK bool topic_end_follows(rd_kafka_t *rk, const struct sink_checkpoint *checkpoint,
                                  const char *driver_name, struct err *err);

#endif
