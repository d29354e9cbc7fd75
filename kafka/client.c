// SPDX-License-Identifier: Apache-2.0
// Kafka client: see client.h. Two things hold for every handle:
// - A topic comes into being only through topic.h: nothing is created because somebody asked.
// - What the guarantees rest on (reserved[]) is ours to set. Everything else in [kafka] goes to
// librdkafka as it stands.
#define _DEFAULT_SOURCE // getaddrinfo, strtok_r
#include "kafka/client.h"

#include "common/log.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define REASON_BYTES 512
#define SERVERS_BYTES 1024
#define ANSWER_MS 3000 // that one leader is waited for: another may have been chosen

static const char *const reserved[] = {
    "allow.auto.create.topics",
    "auto.offset.reset",
    "client.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "isolation.level",
    "metadata.broker.list",
    "request.required.acks",
    "transactional.id",
};
#define N_RESERVED (sizeof reserved / sizeof *reserved)

// Codes that are not listed are ERR_INTERNAL: nobody has thought about them.
static const struct {
    rd_kafka_resp_err_t code;
    enum err_class class;
} classes[] = {
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ERR_RETRY},
    {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, ERR_RETRY},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, ERR_RETRY},
    {RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, ERR_RETRY},
    {RD_KAFKA_RESP_ERR__PURGE_QUEUE, ERR_RETRY},
    {RD_KAFKA_RESP_ERR__QUEUE_FULL, ERR_RETRY},
    {RD_KAFKA_RESP_ERR__RETRY, ERR_RETRY},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, ERR_RETRY},
    {RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, ERR_RETRY},
    {RD_KAFKA_RESP_ERR__TRANSPORT, ERR_RETRY},
    {RD_KAFKA_RESP_ERR__WAIT_COORD, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_NOT_CONTROLLER, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_UNKNOWN, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, ERR_RETRY},
    // so say also brokers that have just started, and the library when it knows only some of them;
    // a topic that is gone for good is seen by the next session
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ERR_RETRY},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ERR_RETRY},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERR_RETRY},

    {RD_KAFKA_RESP_ERR__AUTHENTICATION, ERR_REFUSED},
    {RD_KAFKA_RESP_ERR__FENCED, ERR_REFUSED},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ERR_REFUSED},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ERR_REFUSED},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, ERR_REFUSED},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_REFUSED},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, ERR_REFUSED},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, ERR_REFUSED},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, ERR_REFUSED},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_REFUSED},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, ERR_REFUSED},

    {RD_KAFKA_RESP_ERR__RESOLVE, ERR_UNAVAILABLE},

    {RD_KAFKA_RESP_ERR__SSL, ERR_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, ERR_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, ERR_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, ERR_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, ERR_CONFIG},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ERR_CONFIG},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, ERR_CONFIG},

    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, ERR_UNSUPPORTED},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, ERR_UNSUPPORTED},

    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, ERR_CORRUPT},
    {RD_KAFKA_RESP_ERR__BAD_MSG, ERR_CORRUPT},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, ERR_CORRUPT},
};
#define N_CLASSES (sizeof classes / sizeof *classes)

enum err_class kafka_err_class(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < N_CLASSES; i++)
        if (classes[i].code == code)
            return classes[i].class;
    return ERR_INTERNAL;
}

bool kafka_reader_goes_on(rd_kafka_resp_err_t code)
{
    return kafka_err_class(code) == ERR_RETRY && code != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
}

bool kafka_err(struct err *err, rd_kafka_resp_err_t code, const char *what)
{
    return err_set(err, kafka_err_class(code), "%s: %s (%s)", what, rd_kafka_err2str(code),
                   rd_kafka_err2name(code));
}

// syslog's levels. Nothing of librdkafka's is more than a warning: what ends a program is logged by
// who ends it.
static void write_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    bool is_warning = level <= 4 && strcmp(facility, "CONFWARN") != 0;
    log_write(is_warning ? LOG_WARN : LOG_DEBUG, "librdkafka",
              LOG_FIELDS(log_str("facility", facility), log_str("text", text)));
}

bool kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value, struct err *err)
{
    char reason[REASON_BYTES];
    if (rd_kafka_conf_set(conf, key, value, reason, sizeof reason) == RD_KAFKA_CONF_OK)
        return true;
    return err_set(err, ERR_CONFIG, "[kafka] %s: %s", key, reason);
}

static bool set_properties(rd_kafka_conf_t *conf, const struct config_kafka *kafka, struct err *err)
{
    for (size_t i = 0; i < kafka->n_properties; i++) {
        const struct config_property *property = &kafka->properties[i];
        for (size_t j = 0; j < N_RESERVED; j++)
            if (strcmp(reserved[j], property->key) == 0)
                return err_set(err, ERR_CONFIG, "[kafka] %s is set by tailrace itself",
                               property->key);
        if (!kafka_conf_set(conf, property->key, property->value, err))
            return false;
    }
    return true;
}

rd_kafka_conf_t *kafka_conf_new(const struct config *config, const char *role, struct err *err)
{
    char client_id[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    snprintf(client_id, sizeof client_id, "tailrace-%s-%s", role, config->source.name);
    rd_kafka_conf_set_log_cb(conf, write_log);
    if (kafka_conf_set(conf, "bootstrap.servers", config->kafka.bootstrap_servers, err) &&
        kafka_conf_set(conf, "client.id", client_id, err) &&
        kafka_conf_set(conf, "allow.auto.create.topics", "false", err) &&
        set_properties(conf, &config->kafka, err))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

uint64_t kafka_conf_number(const rd_kafka_conf_t *conf, const char *key)
{
    char text[32] = "0";
    size_t size = sizeof text;
    rd_kafka_conf_get(conf, key, text, &size);
    return strtoull(text, NULL, 10);
}

bool kafka_is_configured(const struct config *config, const char *key)
{
    for (size_t i = 0; i < config->kafka.n_properties; i++)
        if (strcmp(config->kafka.properties[i].key, key) == 0)
            return true;
    return false;
}

bool kafka_open_take(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **rk, struct err *err)
{
    char reason[REASON_BYTES];
    *rk = rd_kafka_new(type, conf, reason, sizeof reason);
    if (*rk)
        return true;
    rd_kafka_conf_destroy(conf);
    return err_set(err, ERR_CONFIG, "[kafka]: %s", reason);
}

// With the properties, which end with NULL.
static bool open_reader(const struct config *config, const char *role,
                        const char *const (*properties)[2], rd_kafka_t **rk, struct err *err)
{
    *rk = NULL;
    rd_kafka_conf_t *conf = kafka_conf_new(config, role, err);
    if (!conf)
        return false;
    for (; **properties; properties++)
        if (!kafka_conf_set(conf, (*properties)[0], (*properties)[1], err)) {
            rd_kafka_conf_destroy(conf);
            return false;
        }
    return kafka_open_take(RD_KAFKA_CONSUMER, conf, rk, err);
}

// The end of a partition is told by a fetch that brings nothing: it shall not wait long for
// something. An offset that is not there is an error: the library would go on at the end.
bool kafka_open_plain(const struct config *config, rd_kafka_t **rk, struct err *err)
{
    static const char *const properties[][2] = {{"enable.partition.eof", "true"},
                                                {"fetch.wait.max.ms", "10"},
                                                {"isolation.level", "read_committed"},
                                                {"auto.offset.reset", "error"},
                                                {NULL, NULL}};
    return open_reader(config, "client", properties, rk, err);
}

bool kafka_open_uncommitted(const struct config *config, rd_kafka_t **rk, struct err *err)
{
    static const char *const properties[][2] = {{"isolation.level", "read_uncommitted"},
                                                {NULL, NULL}};
    return open_reader(config, "ends", properties, rk, err);
}

static bool host_exists(const char *host)
{
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int code = getaddrinfo(host, NULL, &hints, &found);
    if (code == 0)
        freeaddrinfo(found);
    return code != EAI_NONAME;
}

// "host:port" or "[v6]:port", with or without "protocol://" before and ":port" behind: the host, in
// place.
static char *cut_host(char *server)
{
    char *scheme = strstr(server, "://");
    char *host = scheme ? scheme + 3 : server;
    if (*host == '[') {
        host++;
        host[strcspn(host, "]")] = '\0';
    } else {
        host[strcspn(host, ":")] = '\0';
    }
    return host;
}

// No broker answered: of what class that is, as librdkafka tells only that nothing answered.
static bool nobody_answers(rd_kafka_t *rk, rd_kafka_resp_err_t code, struct err *err)
{
    char servers[SERVERS_BYTES] = "";
    char hosts[SERVERS_BYTES];
    size_t size = sizeof servers;
    char *rest = NULL;
    rd_kafka_conf_get(rd_kafka_conf(rk), "bootstrap.servers", servers, &size);
    memcpy(hosts, servers, sizeof hosts);
    bool any_exists = false;
    for (char *s = strtok_r(hosts, ", ", &rest); s && !any_exists; s = strtok_r(NULL, ", ", &rest))
        any_exists = host_exists(cut_host(s));
    if (!any_exists)
        return err_set(err, ERR_UNAVAILABLE,
                       "[kafka] bootstrap.servers = %s: there is no such host", servers);
    return err_set(err, ERR_RETRY, "no Kafka broker answers at [kafka] bootstrap.servers = %s: %s",
                   servers, rd_kafka_err2str(code));
}

bool kafka_question_failed(rd_kafka_t *rk, rd_kafka_resp_err_t code, const char *what,
                           struct err *err)
{
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
        code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__RESOLVE)
        return nobody_answers(rk, code, err);
    return kafka_err(err, code, what);
}

void kafka_group_forget(rd_kafka_t *rk, const char *group)
{
    rd_kafka_DeleteGroup_t *gone = rd_kafka_DeleteGroup_new(group);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteGroups(rk, &gone, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KAFKA_TIMEOUT_MS);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteGroup_destroy(gone);
}

// The client keeps in mind for minutes who leads a partition of a topic that it does not read, also
// when that one sleeps or leads no more. With the topic's metadata it hears of another.
static void look_for_leader(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    if (handle && !rd_kafka_metadata(rk, 0, handle, &metadata, ANSWER_MS))
        rd_kafka_metadata_destroy(metadata);
    if (handle)
        rd_kafka_topic_destroy(handle);
}

// `which`: RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END. The client's own question for both at
// once waits without end for a leader that does not answer.
static rd_kafka_resp_err_t ask_offset(rd_kafka_t *rk, const char *topic, int32_t partition,
                                      int64_t which, int64_t *offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = which;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, list, ANSWER_MS);
    if (!code)
        code = list->elems[0].err;
    *offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static rd_kafka_resp_err_t ask_watermarks(rd_kafka_t *rk, const char *topic, int32_t partition,
                                          int64_t *first, int64_t *end)
{
    rd_kafka_resp_err_t code = ask_offset(rk, topic, partition, RD_KAFKA_OFFSET_BEGINNING, first);
    return code ? code : ask_offset(rk, topic, partition, RD_KAFKA_OFFSET_END, end);
}

bool kafka_watermarks(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t *first,
                      int64_t *end, struct err *err)
{
    *first = *end = -1;
    rd_kafka_resp_err_t code = ask_watermarks(rk, topic, partition, first, end);
    if (code) {
        look_for_leader(rk, topic);
        code = ask_watermarks(rk, topic, partition, first, end);
    }
    if (code)
        return kafka_question_failed(rk, code, topic, err);
    // A broker that is losing the partition may answer without an offset and without an error.
    return (*first >= 0 && *end >= 0) ||
           err_set(err, ERR_RETRY, "%s, partition %d: its leader does not know its ends for now",
                   topic, (int)partition);
}

bool kafka_ends(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *places, struct err *err)
{
    for (int i = 0; i < places->cnt; i++)
        places->elems[i].offset = RD_KAFKA_OFFSET_END;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, places, KAFKA_TIMEOUT_MS);
    if (code)
        return kafka_question_failed(rk, code, "the ends of the partitions", err);
    for (int i = 0; i < places->cnt; i++) {
        const rd_kafka_topic_partition_t *place = &places->elems[i];
        if (place->err)
            return kafka_err(err, place->err, place->topic);
        if (place->offset < 0)
            return err_set(err, ERR_RETRY, "%s: a leader does not know the end for now",
                           place->topic);
    }
    return true;
}
