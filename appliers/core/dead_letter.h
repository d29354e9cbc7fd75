// SPDX-License-Identifier: Apache-2.0
// Dead letter: a change that the target refused, kept in the topic NAME.apply.TARGET.dead-letters:
//
//   key      TOPIC:PARTITION:OFFSET of the record: its identity. One that was put twice is one
//   value    the record's, byte for byte
//   headers  the record's, and behind them tailrace.key (the record's, byte for byte), .topic,
//            .partition, .offset, .gtid, .reason, .at
//
// A letter is open until a mark follows it: a record of the same key without a value, with the
// headers tailrace.outcome (replayed, superseded), .reason, .at. The topic is compacted: it forgets
// what is closed and keeps what is open.
#ifndef TAILRACE_APPLIERS_CORE_DEAD_LETTER_H
#define TAILRACE_APPLIERS_CORE_DEAD_LETTER_H

#include "common/err.h"
#include "common/slice.h"
#include "record/topic.h"

#include <librdkafka/rdkafka.h>

#define DEAD_LETTER_IDENTITY_BYTES (TOPIC_NAME_MAX + 40)

// What was replayed into the target, and what a later change of its key has made void.
#define DEAD_LETTER_REPLAYED "replayed"
#define DEAD_LETTER_SUPERSEDED "superseded"

// Which record of Kafka.
struct dead_letter_place {
    const char *topic; // borrowed
    int32_t partition;
    int64_t offset;
};

// One record of the topic. Borrowed from the message.
struct dead_letter {
    char topic[TOPIC_NAME_MAX + 1];
    struct dead_letter_place place; // its topic is the one above
    bool is_mark;
    struct slice outcome; // of a mark
    struct slice key;     // of the record, as everything below but `value`; a mark has none
    struct slice gtid;    // empty: none
    struct slice reason;
    struct slice at; // when it became a letter, or was closed
};

// "<group>.dead-letters"; the group is "<source>.apply.<driver>".
void dead_letter_topic(char name[TOPIC_NAME_MAX + 1], const char *group);

// Returns the length.
size_t dead_letter_write_identity(char text[DEAD_LETTER_IDENTITY_BYTES],
                                  const struct dead_letter_place *place);

// The topic is put into `topic`, which place->topic is set to. False: it is no identity.
bool dead_letter_read_identity(struct slice text, char topic[TOPIC_NAME_MAX + 1],
                               struct dead_letter_place *place);

// ERR_CORRUPT: nothing that we have written.
MUST_CHECK bool dead_letter_read(const rd_kafka_message_t *from, struct dead_letter *letter,
                                 struct err *err);

// The headers of a letter that is made of the record `from`, and those of a mark; the caller frees
// them or hands them on.
rd_kafka_headers_t *dead_letter_headers(const rd_kafka_message_t *from,
                                        const struct dead_letter *letter);
rd_kafka_headers_t *dead_letter_mark_headers(const char *outcome, const char *reason);

#endif
