// SPDX-License-Identifier: Apache-2.0
// Partition: see partition.h. The end is asked for before: a producer that is running may write
// faster than the end can be reached.
#include "kafka/partition.h"

#include "common/clock.h"
#include "common/stop.h"
#include "kafka/client.h"

#define CONSUME_MS 100
#define PAUSE_MS 50

bool partition_end_past(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t next,
                        int64_t *first, int64_t *end, struct err *err)
{
    uint64_t until_ms = clock_steady_ms() + KAFKA_TIMEOUT_MS;
    for (;;) {
        bool is_told = kafka_watermarks(rk, topic, partition, first, end, err);
        bool is_late = clock_steady_ms() > until_ms;
        if (is_told && (*end >= next || is_late))
            return true;
        if (!is_told && (is_late || !err_may_pass(err)))
            return false;
        if (!stop_sleep_ms(PAUSE_MS))
            return err_set(err, ERR_STOPPED, "stopped while topic %s was read", topic);
    }
}

bool partition_end(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t *first,
                   int64_t *end, struct err *err)
{
    return partition_end_past(rk, topic, partition, 0, first, end, err);
}

// One message of the consumer: a record, or that it cannot go on.
static bool take_message(const struct partition_range *range, const rd_kafka_message_t *message,
                         partition_visit_fn *visit, void *into, struct err *err)
{
    if (message->err)
        return kafka_err(err, message->err, range->topic);
    return message->offset >= range->to || visit(into, message, err) ||
           err_wrap(err, "topic %s partition %d offset %lld", range->topic, (int)range->partition,
                    (long long)message->offset);
}

// What brings nothing and ends nothing: a leader that is being chosen, just after the topic was
// made, or one that slept and tells an old end.
static bool is_passing(const struct partition_range *range, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return message->offset < range->to;
    return message->err && kafka_reader_goes_on(message->err);
}

static bool fail_slow(const struct partition_range *range, struct err *err)
{
    return err_set(err, ERR_RETRY, "topic %s cannot be read to its end within %d s", range->topic,
                   KAFKA_TIMEOUT_MS / 1000);
}

static bool read_to_end(const struct partition_range *range, rd_kafka_topic_t *handle,
                        partition_visit_fn *visit, void *into, struct err *err)
{
    uint64_t until_ms = clock_steady_ms() + KAFKA_TIMEOUT_MS;
    for (bool is_end = false; !is_end;) {
        rd_kafka_message_t *message = rd_kafka_consume(handle, range->partition, CONSUME_MS);
        if (!message && clock_steady_ms() > until_ms)
            return fail_slow(range, err);
        if (!message && stop_requested())
            return err_set(err, ERR_STOPPED, "stopped while topic %s was read", range->topic);
        if (!message)
            continue;
        bool passes = is_passing(range, message);
        bool is_eof = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        bool good = passes || is_eof || take_message(range, message, visit, into, err);
        is_end = !passes && (is_eof || message->offset + 1 >= range->to);
        rd_kafka_message_destroy(message);
        if (!good)
            return false;
        if (!passes)
            until_ms = clock_steady_ms() + KAFKA_TIMEOUT_MS;
        else if (clock_steady_ms() > until_ms)
            return fail_slow(range, err);
    }
    return true;
}

bool partition_read(const struct partition_range *range, partition_visit_fn *visit, void *into,
                    struct err *err)
{
    if (range->to == 0 || range->from >= range->to)
        return true;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(range->rk, range->topic, NULL);
    if (!handle || rd_kafka_consume_start(handle, range->partition, range->from)) {
        kafka_err(err, rd_kafka_last_error(), range->topic);
        if (handle)
            rd_kafka_topic_destroy(handle);
        return false;
    }
    bool done = read_to_end(range, handle, visit, into, err);
    rd_kafka_consume_stop(handle, range->partition);
    rd_kafka_topic_destroy(handle);
    return done;
}
