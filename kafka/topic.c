// SPDX-License-Identifier: Apache-2.0
// Topics: see topic.h. The controller makes a topic, and each broker hears of it in its own time.
#include "kafka/topic.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"

#include <stdlib.h>

#define REASON_BYTES 512
#define CREATED_PAUSE_MS 50
#define HEARD_TIMEOUT_MS 1000

// Partitions of the topic, and how many of them have a leader.
static bool count_partitions(rd_kafka_t *rk, const char *topic, int32_t *n_partitions,
                             int32_t *n_led, struct err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    *n_partitions = *n_led = 0;
    if (!handle)
        return kafka_err(err, rd_kafka_last_error(), topic);
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, handle, &metadata, KAFKA_TIMEOUT_MS);
    rd_kafka_topic_destroy(handle);
    if (code)
        return kafka_question_failed(rk, code, topic, err);
    if (metadata->topic_cnt == 1) {
        const struct rd_kafka_metadata_topic *found = &metadata->topics[0];
        code = found->err;
        *n_partitions = found->partition_cnt;
        for (int i = 0; i < found->partition_cnt; i++)
            *n_led += found->partitions[i].leader >= 0;
    }
    rd_kafka_metadata_destroy(metadata);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        code = RD_KAFKA_RESP_ERR_NO_ERROR; // none
    return !code || kafka_err(err, code, topic);
}

bool kafka_partition_count(rd_kafka_t *rk, const char *topic, int32_t *n_partitions,
                           struct err *err)
{
    int32_t n_led;
    return count_partitions(rk, topic, n_partitions, &n_led, err);
}

// The answer to the one topic that was asked for.
static bool check_created(rd_kafka_t *rk, rd_kafka_event_t *event, const char *topic,
                          struct err *err)
{
    size_t n = 0;
    if (!event)
        return kafka_question_failed(rk, RD_KAFKA_RESP_ERR__TIMED_OUT, topic, err);
    if (rd_kafka_event_error(event))
        return kafka_question_failed(rk, rd_kafka_event_error(event), topic, err);
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &n);
    rd_kafka_resp_err_t code =
        n == 1 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (!code || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return true;
    const char *reason = n == 1 ? rd_kafka_topic_result_error_string(topics[0]) : NULL;
    return err_set(err, kafka_err_class(code), "topic %s cannot be created: %s", topic,
                   reason ? reason : rd_kafka_err2str(code));
}

static bool ask_to_create(rd_kafka_t *rk, rd_kafka_NewTopic_t *new_topic, const char *topic,
                          struct err *err)
{
    char reason[REASON_BYTES];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_event_t *event = NULL;
    bool ok = !rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_TIMEOUT_MS, reason,
                                                         sizeof reason) &&
              !rd_kafka_AdminOptions_set_operation_timeout(options, KAFKA_TIMEOUT_MS, reason,
                                                           sizeof reason);
    if (!ok) {
        err_set(err, ERR_INTERNAL, "topic %s: %s", topic, reason);
    } else {
        rd_kafka_CreateTopics(rk, &new_topic, 1, options, queue);
        event = rd_kafka_queue_poll(queue, 2 * KAFKA_TIMEOUT_MS);
        ok = check_created(rk, event, topic, err);
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return ok;
}

// Broker ids; to be freed.
static bool list_brokers(rd_kafka_t *rk, int32_t **ids, size_t *n, struct err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, NULL, &metadata, KAFKA_TIMEOUT_MS);
    if (code)
        return kafka_question_failed(rk, code, "the brokers", err);
    *n = (size_t)metadata->broker_cnt;
    *ids = mem_alloc((*n + 1) * sizeof **ids);
    for (size_t i = 0; i < *n; i++)
        (*ids)[i] = metadata->brokers[i].id;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

// Metadata come from any broker; the settings of a topic come from the one that is asked.
static void ask_broker(rd_kafka_t *rk, const char *topic, int32_t broker, rd_kafka_queue_t *queue)
{
    char reason[REASON_BYTES];
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, HEARD_TIMEOUT_MS, reason,
                                                    sizeof reason);
    (void)rd_kafka_AdminOptions_set_broker(options, broker, reason, sizeof reason);
    rd_kafka_DescribeConfigs(rk, &resource, 1, options, queue);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_AdminOptions_destroy(options);
}

// False only if the broker said so: one that is away or that lets us ask nothing cannot tell.
static bool has_heard(rd_kafka_event_t *event)
{
    size_t n = 0;
    const rd_kafka_DescribeConfigs_result_t *result = rd_kafka_event_DescribeConfigs_result(event);
    const rd_kafka_ConfigResource_t **resources =
        result ? rd_kafka_DescribeConfigs_result_resources(result, &n) : NULL;
    rd_kafka_resp_err_t code = n == 1 ? rd_kafka_ConfigResource_error(resources[0]) : 0;
    return code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

static bool all_have_heard(rd_kafka_t *rk, const char *topic, const int32_t *brokers, size_t n)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    bool all = true;
    for (size_t i = 0; i < n; i++)
        ask_broker(rk, topic, brokers[i], queue);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KAFKA_TIMEOUT_MS);
        if (!event)
            break;
        all = has_heard(event) && all;
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return all;
}

static bool pause_for(const char *topic, struct err *err)
{
    return stop_sleep_ms(CREATED_PAUSE_MS) ||
           err_set(err, ERR_STOPPED, "stopped while topic %s was created", topic);
}

// The controller has it; the brokers learn of it a little later.
static bool wait_until_led(rd_kafka_t *rk, const char *topic, int32_t *n_partitions,
                           struct err *err)
{
    uint64_t until_ms = clock_steady_ms() + KAFKA_TIMEOUT_MS;
    for (;;) {
        int32_t n_led;
        if (!count_partitions(rk, topic, n_partitions, &n_led, err))
            return false;
        if (*n_partitions > 0 && n_led == *n_partitions)
            return true;
        if (clock_steady_ms() > until_ms)
            return err_set(err, ERR_RETRY, "topic %s: %d of %d partitions have a leader", topic,
                           (int)n_led, (int)*n_partitions);
        if (!pause_for(topic, err))
            return false;
    }
}

// A coordinator that has not heard of a topic refuses the transaction that writes to it. A broker
// that hears of nothing any more may lead nothing either: it is not waited for in vain.
static bool wait_until_heard_of(rd_kafka_t *rk, const char *topic, struct err *err)
{
    uint64_t until_ms = clock_steady_ms() + KAFKA_TIMEOUT_MS;
    int32_t *brokers = NULL;
    size_t n = 0;
    bool done = list_brokers(rk, &brokers, &n, err);
    while (done && !all_have_heard(rk, topic, brokers, n)) {
        if (clock_steady_ms() > until_ms) {
            log_warn("a broker has not heard of a new topic yet",
                     LOG_FIELDS(log_str("topic", topic)));
            break;
        }
        done = pause_for(topic, err);
    }
    free(brokers);
    return done;
}

bool kafka_topic_create(rd_kafka_t *rk, const char *topic, int32_t *n_partitions,
                        int32_t replication, const char *const *settings, struct err *err)
{
    char reason[REASON_BYTES];
    rd_kafka_NewTopic_t *new_topic =
        rd_kafka_NewTopic_new(topic, *n_partitions, replication, reason, sizeof reason);
    if (!new_topic)
        return err_set(err, ERR_CONFIG, "topic %s cannot be created: %s", topic, reason);
    bool ok = true;
    for (; ok && settings && settings[0]; settings += 2) {
        rd_kafka_resp_err_t code =
            rd_kafka_NewTopic_set_config(new_topic, settings[0], settings[1]);
        ok = !code || kafka_err(err, code, settings[0]);
    }
    ok = ok && ask_to_create(rk, new_topic, topic, err) &&
         wait_until_led(rk, topic, n_partitions, err) && wait_until_heard_of(rk, topic, err);
    rd_kafka_NewTopic_destroy(new_topic);
    return ok;
}
