// SPDX-License-Identifier: Apache-2.0
// Encoder: one change into the Kafka messages that stand for it (docs/record.md):
//   insert, update, snapshot read   one record under its key
//   delete                          the record, then a tombstone if wanted
//   update that changes the key     `d` under the old key (header __debezium.newkey), a tombstone
//                                   if wanted, `c` under the new key (header __debezium.oldkey)
// Headers: `columns` (types of the columns) on records, `crc32c` (of key and value) on every
// message. The partition is murmur2 of the key. One encoder a thread; it allocates only while its
// buffers grow.
#ifndef TAILRACE_PUBLISHER_ENCODER_H
#define TAILRACE_PUBLISHER_ENCODER_H

#include "common/buf.h"
#include "publisher/producer.h"
#include "publisher/topics.h"
#include "record/json_writer.h"

struct encoder_options {
    bool tombstones;
    bool whole_row; // a table without a key: all columns are the key; else it is refused
    // Receives each message, borrowed for the call. What it returns ends the change.
    bool (*send)(void *into, const struct message *message, struct err *err);
    void *into;
};

struct encoder {
    struct encoder_options options;
    struct buf key;
    struct buf new_key;
    struct buf value;
    struct json_frame frame;
    struct value *row; // a whole key, put together from both images
    size_t cap_row;
};

void encoder_init(struct encoder *encoder, const struct encoder_options *options);
void encoder_deinit(struct encoder *encoder);

// Refuses (ERR_REFUSED) a change of a table without a key, unless the whole row is to be it.
MUST_CHECK bool encoder_check(const struct encoder *encoder, const struct change *change,
                              struct err *err);

// A truncation goes into every partition of the topic, under the key {} and with their number in
// the header `partitions`. encoded_ms: the time of day for `ts_ms`. ERR_REFUSED, before anything is
// sent, for a change that has no key, or whose new key would have to be published with columns
// missing.
MUST_CHECK bool encoder_change(struct encoder *encoder, const struct change *change,
                               const struct topic *topic, uint64_t encoded_ms, struct err *err);

#endif
