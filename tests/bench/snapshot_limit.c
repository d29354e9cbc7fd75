// SPDX-License-Identifier: Apache-2.0
// snapshot_limit PORT USER TABLE BROKERS TOPIC TRANSACTION_BYTES RECORD_BYTES HEADER: a bare SELECT
// through the client library into librdkafka's producer, in Kafka transactions: each row becomes a
// message of RECORD_BYTES, as large as the publisher's record of it, with headers of the same size
// (HEADER is the value of `columns`), but nothing is decoded or encoded. acks=all.
#include "binlog/wire.h"
#include "tests/bench/limit.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 60000
#define FULL_WAIT_MS 5
#define POLL_EVERY 256
#define CRC "00000000"
#define RECORD_MAX 65536

struct sender {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    const char *columns;
    uint64_t transaction_bytes;
    uint64_t record_bytes;
    uint64_t open_bytes;
    uint64_t sent_bytes;
    uint64_t n_sent;
    char value[RECORD_MAX];
};

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char text[512];
    if (rd_kafka_conf_set(conf, key, value, text, sizeof text) != RD_KAFKA_CONF_OK)
        limit_fail("%s: %s", key, text);
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
    set(conf, "partitioner", "murmur2");
    set(conf, "transactional.id", topic);
    sender->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!sender->rk)
        limit_fail("%s", text);
    sender->topic = rd_kafka_topic_new(sender->rk, topic, NULL);
    check(rd_kafka_init_transactions(sender->rk, TIMEOUT_MS));
}

static void fill(struct sender *sender, const struct wire_row *row)
{
    size_t n = 0;
    for (size_t i = 0; i < row->n_columns && n < sender->record_bytes; i++) {
        size_t left = sender->record_bytes - n;
        size_t len = row->lengths[i] < left ? row->lengths[i] : left;
        memcpy(sender->value + n, row->cells[i], len);
        n += len;
    }
}

static void send_row(struct sender *sender, const struct wire_row *row)
{
    char key[64];
    int key_len = snprintf(key, sizeof key, "{\"id\":%s}", row->cells[0]);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    rd_kafka_header_add(headers, "columns", -1, sender->columns, -1);
    rd_kafka_header_add(headers, "crc32c", -1, CRC, -1);
    fill(sender, row);
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = sender->topic},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key, (size_t)key_len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {sender->value, sender->record_bytes}},
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
    sender->open_bytes += sender->record_bytes;
    sender->sent_bytes += sender->record_bytes;
    if (++sender->n_sent % POLL_EVERY == 0)
        rd_kafka_poll(sender->rk, 0);
}

static void copy(struct sender *sender, struct wire *wire, const char *table)
{
    struct wire_row row;
    struct err err = {0};
    char sql[256];
    bool found = true;
    snprintf(sql, sizeof sql, "SELECT * FROM %s", table);
    if (!wire_rows_open(wire, slice_of_str(sql), NULL, &err))
        limit_die(&err);
    for (;;) {
        if (!wire_rows_next(wire, &row, &found, &err))
            limit_die(&err);
        if (found && !sender->open_bytes)
            check(rd_kafka_begin_transaction(sender->rk));
        if (found)
            send_row(sender, &row);
        if (sender->open_bytes && (!found || sender->open_bytes >= sender->transaction_bytes)) {
            check(rd_kafka_commit_transaction(sender->rk, TIMEOUT_MS));
            sender->open_bytes = 0;
        }
        if (!found)
            break;
    }
    wire_rows_close(wire);
}

int main(int argc, char **argv)
{
    static struct sender sender;
    struct err err = {0};
    struct wire *wire;
    if (argc != 9)
        limit_fail("usage: snapshot_limit PORT USER TABLE BROKERS TOPIC TRANSACTION_BYTES "
                   "RECORD_BYTES HEADER");
    const struct wire_options options = {.host = "127.0.0.1",
                                         .port = (unsigned)limit_number(argv[1]),
                                         .user = argv[2],
                                         .password = "",
                                         .connect_timeout_ms = TIMEOUT_MS,
                                         .read_timeout_ms = TIMEOUT_MS};
    sender.columns = argv[8];
    sender.transaction_bytes = limit_number(argv[6]);
    sender.record_bytes = limit_number(argv[7]);
    if (sender.record_bytes > RECORD_MAX)
        limit_fail("records of at most %d bytes", RECORD_MAX);
    if (!wire_connect(&options, &wire, &err))
        limit_die(&err);
    sender_open(&sender, argv[4], argv[5]);
    limit_begin();
    copy(&sender, wire, argv[3]);
    limit_end(sender.n_sent, sender.sent_bytes);
    rd_kafka_topic_destroy(sender.topic);
    rd_kafka_destroy(sender.rk);
    wire_close(wire);
    return 0;
}
