// SPDX-License-Identifier: Apache-2.0
// Kafka client: what the publisher, the appliers and the offset commands all need of librdkafka: a
// configuration from ours, errors in our classes, and small questions to the brokers. Handles are
// librdkafka's own (rd_kafka_t).
#ifndef TAILRACE_KAFKA_CLIENT_H
#define TAILRACE_KAFKA_CLIENT_H

#include "common/config.h"
#include "common/err.h"

#include <librdkafka/rdkafka.h>

#define KAFKA_TIMEOUT_MS 10000

// bootstrap.servers, client.id = "tailrace-<role>-<name>", [kafka]'s properties, librdkafka's log
// to ours. The caller adds what its role needs, then gives it to rd_kafka_new or destroys it. NULL
// and ERR_CONFIG for a wrong property.
rd_kafka_conf_t *kafka_conf_new(const struct config *config, const char *role, struct err *err);

// Sets one property; ERR_CONFIG with librdkafka's reason.
MUST_CHECK bool kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value,
                               struct err *err);

// A property that is a number; 0 where it is none.
uint64_t kafka_conf_number(const rd_kafka_conf_t *conf, const char *key);

// Whether [kafka] has the property: what a role would set by itself is then left as it is.
bool kafka_is_configured(const struct config *config, const char *key);

// Makes the handle and takes conf over, also when it fails.
MUST_CHECK bool kafka_open_take(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **rk,
                                struct err *err);

// A handle without group or transactions, for questions (metadata, watermarks, one-off reads).
MUST_CHECK bool kafka_open_plain(const struct config *config, rd_kafka_t **rk, struct err *err);

// Likewise, for the ends of partitions with what is not committed.
MUST_CHECK bool kafka_open_uncommitted(const struct config *config, rd_kafka_t **rk,
                                       struct err *err);

// The class of a librdkafka code: retriable ERR_RETRY, fencing and authorization ERR_REFUSED,
// unknown host ERR_UNAVAILABLE, …
enum err_class kafka_err_class(rd_kafka_resp_err_t code);

// Whether a consumer that hands this error out goes on by itself. It does not where an offset is
// not in Kafka: the partition is read no further.
bool kafka_reader_goes_on(rd_kafka_resp_err_t code);

// err_set with class and text of the code behind "what". Always false.
bool kafka_err(struct err *err, rd_kafka_resp_err_t code, const char *what);

// As kafka_err, for a question that the brokers did not answer: tells an unknown host from brokers
// that are away. Always false.
bool kafka_question_failed(rd_kafka_t *rk, rd_kafka_resp_err_t code, const char *what,
                           struct err *err);

// Removes a consumer group without members, if it is there; what is left of it does no harm.
void kafka_group_forget(rd_kafka_t *rk, const char *group);

// First offset and the one behind the last committed message (last stable offset).
MUST_CHECK bool kafka_watermarks(rd_kafka_t *rk, const char *topic, int32_t partition,
                                 int64_t *first, int64_t *end, struct err *err);

// Sets each place's offset to its end as a reader of this handle sees it: one request a broker.
MUST_CHECK bool kafka_ends(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *places,
                           struct err *err);

#endif
