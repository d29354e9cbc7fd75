// SPDX-License-Identifier: Apache-2.0
// produce_limit idempotent|transactions RECORDS BROKERS TOPIC TRANSACTION_BYTES HEADER:
// librdkafka sending what the publisher would send: the same keys and values, a tombstone after
// each delete, headers of the same size (HEADER is the value of `columns`), and nothing else.
// acks=all.
#include "tests/bench/limit.h"
#include "tests/bench/records.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 60000
#define FULL_WAIT_MS 5
#define POLL_EVERY 256
#define CRC "00000000"

struct sender {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    const char *columns;
    uint64_t transaction_bytes; // 0: without transactions
    uint64_t open_bytes;        // in the open transaction
    uint64_t sent_bytes;
    uint64_t n_sent;
};

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char text[512];
    if (rd_kafka_conf_set(conf, key, value, text, sizeof text) != RD_KAFKA_CONF_OK)
        limit_fail("%s: %s", key, text);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk, (void)opaque;
    if (message->err)
        limit_fail("not delivered: %s", rd_kafka_err2str(message->err));
}

static void check(rd_kafka_error_t *error)
{
    if (error)
        limit_fail("%s", rd_kafka_error_string(error));
}

// The settings are the publisher's own.
static void sender_open(struct sender *sender, const char *brokers, const char *topic)
{
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "acks", "all");
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", "20");
    set(conf, "batch.num.messages", "100000");
    set(conf, "delivery.report.only.error", "true");
    set(conf, "partitioner", "murmur2");
    if (sender->transaction_bytes)
        set(conf, "transactional.id", topic);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    sender->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!sender->rk)
        limit_fail("%s", text);
    sender->topic = rd_kafka_topic_new(sender->rk, topic, NULL);
    if (sender->transaction_bytes)
        check(rd_kafka_init_transactions(sender->rk, TIMEOUT_MS));
}

static void send_record(struct sender *sender, const struct record *record, bool is_tombstone)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    if (!is_tombstone)
        rd_kafka_header_add(headers, "columns", -1, sender->columns, -1);
    rd_kafka_header_add(headers, "crc32c", -1, CRC, -1);
    struct slice value = is_tombstone ? slice_of(NULL, 0) : record->json;
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = sender->topic},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)record->key, record->key_len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)value.ptr, value.len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error;
    while ((error = rd_kafka_produceva(sender->rk, parts, sizeof parts / sizeof *parts))) {
        if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            check(error);
        rd_kafka_error_destroy(error);
        rd_kafka_poll(sender->rk, FULL_WAIT_MS);
    }
    sender->sent_bytes += record->key_len + value.len;
    sender->open_bytes += record->key_len + value.len;
    if (++sender->n_sent % POLL_EVERY == 0)
        rd_kafka_poll(sender->rk, 0);
}

static void commit(struct sender *sender)
{
    if (sender->transaction_bytes)
        check(rd_kafka_commit_transaction(sender->rk, TIMEOUT_MS));
    else if (rd_kafka_flush(sender->rk, TIMEOUT_MS))
        limit_fail("flush: timed out");
    sender->open_bytes = 0;
}

static void send_all(struct sender *sender, const struct records *records)
{
    for (size_t i = 0; i < records->n; i++) {
        if (sender->transaction_bytes && !sender->open_bytes)
            check(rd_kafka_begin_transaction(sender->rk));
        send_record(sender, &records->all[i], false);
        if (records->all[i].deleted)
            send_record(sender, &records->all[i], true);
        if (sender->transaction_bytes && sender->open_bytes >= sender->transaction_bytes)
            commit(sender);
    }
    if (sender->open_bytes)
        commit(sender);
}

int main(int argc, char **argv)
{
    if (argc != 7)
        limit_fail("usage: produce_limit idempotent|transactions RECORDS BROKERS TOPIC "
                   "TRANSACTION_BYTES HEADER");
    struct records records;
    struct sender sender = {.columns = argv[6]};
    if (strcmp(argv[1], "transactions") == 0)
        sender.transaction_bytes = limit_number(argv[5]);
    records_open(&records, argv[2]);
    sender_open(&sender, argv[3], argv[4]);
    limit_begin();
    send_all(&sender, &records);
    limit_end(records.n, sender.sent_bytes);
    rd_kafka_topic_destroy(sender.topic);
    rd_kafka_destroy(sender.rk);
    return 0;
}
