// SPDX-License-Identifier: Apache-2.0
// JSON reader: the canonical record back into a change. Typed by the record's `columns` header:
// "19.90" is a DECIMAL or a text only there. Shapes are kept by header, so a table costs its
// parsing once. One reader a thread.
#ifndef TAILRACE_RECORD_JSON_READER_H
#define TAILRACE_RECORD_JSON_READER_H

#include "record/change.h"

struct json_reader;

// One Kafka message: slices borrowed. `value` empty: a tombstone, which is no change and must not
// be given here.
struct record_bytes {
    struct slice key;
    struct slice value;
    struct slice columns; // the header `columns`
};

struct json_reader *json_reader_new(void);
void json_reader_free(struct json_reader *reader);

// Fills in *change. Values lie in the arena or borrow from `bytes`; change->table belongs to the
// reader, lives as long as it, and is the same pointer for the same db, table, header and key
// columns. change->table->key is taken from the key's columns. ERR_CORRUPT with the byte offset in
// value (or key) for anything that is not such a record.
MUST_CHECK bool json_read_change(struct json_reader *reader, const struct record_bytes *bytes,
                                 struct arena *arena, struct change *change, struct err *err);

#endif
