// SPDX-License-Identifier: Apache-2.0
// Topics of Kafka: whether one is there, and how one comes into being. All of it blocks, up to some
// KAFKA_TIMEOUT_MS, or until the stop flag is raised.
#ifndef TAILRACE_KAFKA_TOPIC_H
#define TAILRACE_KAFKA_TOPIC_H

#include "kafka/client.h"

// Partitions of a topic now; 0: there is no such topic. Asks the brokers.
MUST_CHECK bool kafka_partition_count(rd_kafka_t *rk, const char *topic, int32_t *n_partitions,
                                      struct err *err);

// Creates a topic and waits until it is led and each broker has heard of it. `settings`: pairs key,
// value, ended by NULL; may be NULL. A topic that exists already is no error: *n_partitions is how
// many are wanted, and then how many there are.
MUST_CHECK bool kafka_topic_create(rd_kafka_t *rk, const char *topic, int32_t *n_partitions,
                                   int32_t replication, const char *const *settings,
                                   struct err *err);

#endif
