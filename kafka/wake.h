// SPDX-License-Identifier: Apache-2.0
// Wake: ends the sleep of a consumer's broker threads, so that it fetches again as soon as there is
// room in its queue.
#ifndef TAILRACE_KAFKA_WAKE_H
#define TAILRACE_KAFKA_WAKE_H

#include "common/err.h"

#include <librdkafka/rdkafka.h>

// Since librdkafka 2.2: how long a thread sleeps.
#define KAFKA_WAKE_PROPERTY "fetch.queue.backoff.ms"

struct kafka_wake;

// Before the handle is made: sets the property where the library knows it. ERR_CONFIG as
// kafka_conf_set.
MUST_CHECK bool kafka_wake_prepare(rd_kafka_conf_t *conf, struct err *err);

// Borrows rk, and is to be freed before it.
struct kafka_wake *kafka_wake_new(rd_kafka_t *rk);

// NULL is taken.
void kafka_wake_free(struct kafka_wake *wake);

// Does not wait. False: nothing was done, because the brokers have not answered many before it.
// One thread at a time.
bool kafka_wake(struct kafka_wake *wake);

#endif
