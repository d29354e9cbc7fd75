// SPDX-License-Identifier: Apache-2.0
// Wake: see wake.h. Once a consumer's queue has reached queued.max.messages.kbytes or
// queued.min.messages, librdkafka before 2.2 looks at it again only when its thread for the broker
// wakes up by itself, which is after a second. A request to the broker wakes it, whatever it asks.
// ListGroups is the one that goes to all brokers, needs no right, and can be made without waiting
// for the answers; those are thrown away. (A signal is worse than nothing: the thread then sleeps
// where not even the broker's answer wakes it.) Since 2.2 a property says how long it sleeps.
#include "kafka/wake.h"

#include "common/mem.h"
#include "kafka/client.h"

#include <stdlib.h>

#define FIRST_VERSION_WITH_BACKOFF 0x02020000
#define BACKOFF_MS "10"
#define ANSWER_WITHIN_MS 1000
// A broker that has nothing for us answers behind the fetch that it holds, fetch.wait.max.ms later,
// while another one's thread is to be woken again and again.
#define UNANSWERED_MOST 16

struct kafka_wake {
    rd_kafka_t *rk;
    rd_kafka_queue_t *answers;
    rd_kafka_AdminOptions_t *options;
    size_t n_unanswered;
};

bool kafka_wake_prepare(rd_kafka_conf_t *conf, struct err *err)
{
    return rd_kafka_version() < FIRST_VERSION_WITH_BACKOFF ||
           kafka_conf_set(conf, KAFKA_WAKE_PROPERTY, BACKOFF_MS, err);
}

struct kafka_wake *kafka_wake_new(rd_kafka_t *rk)
{
    char reason[64];
    struct kafka_wake *wake = mem_zalloc(sizeof *wake);
    wake->rk = rk;
    wake->answers = rd_kafka_queue_new(rk);
    wake->options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
    // so that a broker that is away does not keep the others asleep; any number up to an hour is
    // taken
    (void)rd_kafka_AdminOptions_set_request_timeout(wake->options, ANSWER_WITHIN_MS, reason,
                                                    sizeof reason);
    return wake;
}

void kafka_wake_free(struct kafka_wake *wake)
{
    if (!wake)
        return;
    rd_kafka_AdminOptions_destroy(wake->options);
    rd_kafka_queue_destroy(wake->answers);
    free(wake);
}

bool kafka_wake(struct kafka_wake *wake)
{
    if (rd_kafka_version() >= FIRST_VERSION_WITH_BACKOFF)
        return true;
    for (rd_kafka_event_t *event; (event = rd_kafka_queue_poll(wake->answers, 0));) {
        rd_kafka_event_destroy(event);
        wake->n_unanswered--;
    }
    if (wake->n_unanswered == UNANSWERED_MOST)
        return false;
    rd_kafka_ListConsumerGroups(wake->rk, wake->options, wake->answers);
    wake->n_unanswered++;
    return true;
}
