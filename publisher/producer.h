// SPDX-License-Identifier: Apache-2.0
// Producer: messages into Kafka, all of them or none. Messages sent since the last producer_commit
// become visible to consumers together with the checkpoint given to it:
//   exactly-once   in one Kafka transaction, begun at its first message; the transactional.ids
//                  NAME and NAME:2 ([source] name) take turns
//   at-least-once  the checkpoint is produced after everything before it is acknowledged
// Memory is bounded: a full queue makes producer_send wait, nothing is dropped. A message that
// could not be delivered fails the next call. Threads: librdkafka's own; a producer is used by one
// thread.
#ifndef TAILRACE_PUBLISHER_PRODUCER_H
#define TAILRACE_PUBLISHER_PRODUCER_H

#include "common/config.h"
#include "common/err.h"
#include "record/change.h"

#include <librdkafka/rdkafka.h>

#define MESSAGE_HEADERS_MAX 4

struct producer;
struct producer_topic;

struct message_header {
    const char *name;
    struct slice value;
};

// Everything borrowed until producer_send returns.
struct message {
    struct producer_topic *topic;
    int32_t partition;
    struct slice key;   // ptr NULL: none
    struct slice value; // ptr NULL: null, a tombstone
    struct message_header headers[MESSAGE_HEADERS_MAX];
    size_t n_headers;
    const struct change *change; // that it came from, for messages; NULL: none
};

struct producer_counts {
    uint64_t messages; // sent, committed or not
    uint64_t bytes;    // of their keys and values
    uint64_t commits;
};

// Makes the handles; no broker is asked. NULL and ERR_CONFIG.
struct producer *producer_open(const struct config *config, struct err *err);

// From here on this is the only publisher of that name: an older one is fenced, what it left open
// is aborted.
MUST_CHECK bool producer_init(struct producer *producer, struct err *err);

// Aborts what is open, waits for nothing long. Takes NULL.
void producer_close(struct producer *producer);

// A handle for messages to that topic, closed before the producer.
MUST_CHECK bool producer_topic_open(struct producer *producer, const char *name,
                                    struct producer_topic **topic, struct err *err);
void producer_topic_close(struct producer_topic *topic); // takes NULL

// ERR_REFUSED: larger than message.max.bytes, or fenced. ERR_RETRY: the transaction has failed;
// close and begin anew from the last checkpoint. ERR_STOPPED: the stop flag was raised while the
// queue was full.
MUST_CHECK bool producer_send(struct producer *producer, const struct message *message,
                              struct err *err);

// Waits until what was sent is acknowledged, where there are no transactions: for records that say
// so. Errors as producer_send; ERR_STOPPED 700 ms after the stop flag was raised.
MUST_CHECK bool producer_settle(struct producer *producer, struct err *err);

// Makes everything sent durable together with `checkpoint`. Errors as producer_send: then nothing
// of it is visible, or, where the answer got lost, all of it; the last checkpoint in Kafka tells
// which. It waits no longer than to 700 ms after the stop flag was raised, and never longer than
// transaction.timeout.ms (message.timeout.ms) and a second.
MUST_CHECK bool producer_commit(struct producer *producer, const struct message *checkpoint,
                                struct err *err);

// The same with a record for partition 0 of a topic that is not open otherwise.
MUST_CHECK bool producer_commit_one(struct producer *producer, const char *topic, struct slice key,
                                    struct slice value, struct err *err);

// In each lane a transaction of these messages, one after the other, aborted once the brokers have
// them all. Nothing may be open.
MUST_CHECK bool producer_send_and_abort(struct producer *producer, const struct message *messages,
                                        size_t n, struct err *err);

// Drops what was sent since the last commit; at-least-once: it may come, and comes again.
void producer_abort(struct producer *producer);

// Bytes sent since the last commit, and whether anything was.
uint64_t producer_open_bytes(const struct producer *producer);
bool producer_is_open(const struct producer *producer);

// True once a broker has refused us because of another producer of the same name, or because a
// transaction was left open for longer than transaction.timeout.ms: the brokers do not say which.
bool producer_is_fenced(const struct producer *producer);

const struct producer_counts *producer_counts(const struct producer *producer);

#endif
