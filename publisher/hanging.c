// SPDX-License-Identifier: Apache-2.0
// Hanging: see hanging.h. Both ends of all partitions are asked for at once, a request a broker.
#include "publisher/hanging.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "kafka/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SETTLE_MS 10000
#define PAUSE_MS 100

static bool add_topic(const struct hanging *hanging, const char *topic,
                      rd_kafka_topic_partition_list_t *places, struct err *err)
{
    int32_t n_partitions;
    if (!kafka_partition_count(hanging->plain, topic, &n_partitions, err))
        return false;
    for (int32_t i = 0; i < n_partitions; i++)
        rd_kafka_topic_partition_list_add(places, topic, i);
    return true;
}

// All that transactions of ours write to, as far as it is there.
static bool add_topics(const struct hanging *hanging, rd_kafka_topic_partition_list_t *places,
                       struct err *err)
{
    static const char *const special[] = {"checkpoint", "ddl", "transactions"};
    const struct checkpoint_log *log = hanging->log;
    char topic[512];
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        snprintf(topic, sizeof topic, "%s.%s", hanging->config->source.name, special[i]);
        if (!add_topic(hanging, topic, places, err))
            return false;
    }
    for (size_t i = 0; i < log->n_topics; i++)
        if (!add_topic(hanging, log->topics[i].topic, places, err))
            return false;
    return true;
}

// Leaves those places in which something is open.
static bool keep_open(const struct hanging *hanging, rd_kafka_t *uncommitted,
                      rd_kafka_topic_partition_list_t *places, struct err *err)
{
    if (places->cnt == 0)
        return true;
    rd_kafka_topic_partition_list_t *whole = rd_kafka_topic_partition_list_copy(places);
    bool done = kafka_ends(hanging->plain, places, err) && kafka_ends(uncommitted, whole, err);
    for (int i = whole->cnt - 1; done && i >= 0; i--) {
        const rd_kafka_topic_partition_t *end = &whole->elems[i];
        const rd_kafka_topic_partition_t *stable =
            rd_kafka_topic_partition_list_find(places, end->topic, end->partition);
        if (stable->offset >= end->offset)
            rd_kafka_topic_partition_list_del(places, end->topic, end->partition);
    }
    rd_kafka_topic_partition_list_destroy(whole);
    return done;
}

// The record is aborted; it has a key, as a compacted topic takes none without.
static bool abort_in(struct producer *producer, const rd_kafka_topic_partition_list_t *places,
                     struct err *err)
{
    struct message *messages = mem_zalloc((size_t)places->cnt * sizeof *messages);
    bool done = true;
    int n = 0;
    for (; done && n < places->cnt; n++) {
        const rd_kafka_topic_partition_t *place = &places->elems[n];
        messages[n] = (struct message){.partition = place->partition, .key = slice_of_str("{}")};
        log_warn("records of an aborted transaction have no mark of it and are ended now",
                 LOG_FIELDS(log_str("topic", place->topic),
                            log_u64("partition", (uint64_t)place->partition),
                            log_u64("from", (uint64_t)place->offset)));
        done = producer_topic_open(producer, place->topic, &messages[n].topic, err);
    }
    done = done && producer_send_and_abort(producer, messages, (size_t)n, err);
    while (n > 0)
        producer_topic_close(messages[--n].topic);
    free(messages);
    return done;
}

static bool wait_until_ended(const struct hanging *hanging, rd_kafka_t *uncommitted,
                             rd_kafka_topic_partition_list_t *places, struct err *err)
{
    uint64_t until_ms = clock_steady_ms() + SETTLE_MS;
    for (;;) {
        if (!keep_open(hanging, uncommitted, places, err))
            return false;
        if (places->cnt == 0)
            return true;
        if (clock_steady_ms() > until_ms)
            break;
        if (!stop_sleep_ms(PAUSE_MS))
            return err_set(err, ERR_STOPPED, "stopped while a hanging transaction was ended");
    }
    return err_set(err, ERR_RETRY,
                   "a transaction stays open in topic %s, partition %d, from offset %" PRId64
                   ": kafka-transactions.sh find-hanging tells whose it is, and its abort ends it",
                   places->elems[0].topic, (int)places->elems[0].partition,
                   places->elems[0].offset);
}

bool hanging_end(const struct hanging *hanging, struct err *err)
{
    rd_kafka_t *uncommitted = NULL;
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(16);
    bool done = kafka_open_uncommitted(hanging->config, &uncommitted, err) &&
                add_topics(hanging, places, err) && keep_open(hanging, uncommitted, places, err);
    if (done && places->cnt > 0)
        done = abort_in(hanging->producer, places, err) &&
               wait_until_ended(hanging, uncommitted, places, err);
    rd_kafka_topic_partition_list_destroy(places);
    if (uncommitted)
        rd_kafka_destroy(uncommitted);
    return done;
}
