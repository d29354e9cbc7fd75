// SPDX-License-Identifier: Apache-2.0
// Consumer configuration: see consumer_conf.h.
#include "appliers/core/consumer_conf.h"

#include "kafka/client.h"
#include "kafka/wake.h"

#include <stdio.h>
#include <string.h>

// What bounds our memory in the client library: fetches, and what it reads ahead.
static const char *const defaults[][2] = {
    {"session.timeout.ms", "6000"}, // so that a killed process is replaced soon
    {"heartbeat.interval.ms", "2000"},
    {"topic.metadata.refresh.interval.ms", "1000"}, // so that a new table is found soon
    {"fetch.message.max.bytes", "131072"},
    {"fetch.max.bytes", "1048576"},
    {"queued.max.messages.kbytes", "6144"}, // three times what consumer.c wakes it after
    {"queued.min.messages", "50000"},
    {"fetch.wait.max.ms", "100"},
    {"check.crcs", "true"},
    // cooperative-sticky would move fewer partitions, but ends librdkafka 2.0 with an assertion
    // when a member leaves that was never the group's leader
    {"partition.assignment.strategy", "roundrobin"},
};

// Whether [kafka] says it: by the property itself, or by one that the client library wants ours not
// to be less than.
static bool is_told(const struct config *config, const char *key)
{
    return kafka_is_configured(config, key) || (strcmp(key, "fetch.max.bytes") == 0 &&
                                                kafka_is_configured(config, "message.max.bytes"));
}

rd_kafka_conf_t *consumer_conf(const struct config *config, const struct sink_driver *driver,
                               const char *group, struct err *err)
{
    static const char *const ours[][2] = {
        {"enable.auto.commit", "false"},  {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"}, {"isolation.level", "read_committed"},
        {"auto.offset.reset", "error"},
    };
    char role[64];
    snprintf(role, sizeof role, "apply-%s", driver->name);
    rd_kafka_conf_t *conf = kafka_conf_new(config, role, err);
    if (!conf)
        return NULL;
    bool done = kafka_conf_set(conf, "group.id", group, err) &&
                (kafka_is_configured(config, KAFKA_WAKE_PROPERTY) || kafka_wake_prepare(conf, err));
    for (size_t i = 0; done && i < sizeof defaults / sizeof defaults[0]; i++)
        done = is_told(config, defaults[i][0]) ||
               kafka_conf_set(conf, defaults[i][0], defaults[i][1], err);
    for (size_t i = 0; done && i < sizeof ours / sizeof ours[0]; i++)
        done = kafka_conf_set(conf, ours[i][0], ours[i][1], err);
    if (!done) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    return conf;
}
