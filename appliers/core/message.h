// SPDX-License-Identifier: Apache-2.0
// Message: a record of a table's topic, as Kafka delivers it, as a change. Its content is proven by
// its checksum first.
#ifndef TAILRACE_APPLIERS_CORE_MESSAGE_H
#define TAILRACE_APPLIERS_CORE_MESSAGE_H

#include "record/json_reader.h"

#include <librdkafka/rdkafka.h>

struct message {
    struct record_bytes bytes;
    struct slice crc32c;     // header
    struct slice old_key;    // header __debezium.oldkey; empty: none
    struct slice partitions; // header, of a truncation; empty: none
};

// What a record takes while it waits in a queue, the client library's or a worker's: more than its
// bytes.
size_t message_queued_bytes(const rd_kafka_message_t *from);

// The last header of that name; empty: none. Borrowed from the message.
struct slice message_header(const rd_kafka_message_t *from, const char *name);

// Borrows from the Kafka message.
struct message message_of(const rd_kafka_message_t *from);

// As json_read_change. ERR_CORRUPT also for content that is not what was produced; ERR_UNSUPPORTED
// for a change of a key without the whole row.
MUST_CHECK bool message_decode(const struct message *message, struct json_reader *reader,
                               struct arena *arena, struct change *change, struct err *err);

#endif
