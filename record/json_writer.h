// SPDX-License-Identifier: Apache-2.0
// JSON writer: a change as the canonical record (docs/record.md). The same change always gives the
// same bytes. Nothing is allocated but the growth of `out` and of the frame. json_reader.h reads it
// back; another codec has the same two files.
#ifndef TAILRACE_RECORD_JSON_WRITER_H
#define TAILRACE_RECORD_JSON_WRITER_H

#include "common/arena.h"
#include "record/change.h"

// What the records of a transaction's changes of one table have in common, as text, and what it was
// made from. {0} is an empty one; one a thread, used again and again.
struct json_frame {
    struct buf head;   // ,"source":{ … "pos":
    struct buf middle; // ,"thread":8,"query":
    struct buf tail;   // ","ts_ms":1795259700123,"transaction":{"id":"…","total_order":
    struct origin source;
    uint64_t encoded_ms;
    struct slice db, table, transaction;
    struct arena kept; // the slices' bytes
};

void json_frame_deinit(struct json_frame *frame);

// Appends the envelope {"before":…,"after":…,"source":{…},"op":…,"ts_ms":…,"transaction":{…}}, no
// newline. The frame changes nothing but the time that it takes.
void json_write_change(struct buf *out, struct json_frame *frame, const struct change *change);

// Appends the key {"id":7} of the row: table->key columns in key order.
// ERR_UNSUPPORTED when the table has no key, or a key column is absent from the row image.
MUST_CHECK bool json_write_key(struct buf *out, const struct table *table, const struct value *row,
                               struct err *err);

// Appends one value as record.md has it. VALUE_ABSENT is not a value: the caller leaves it out.
void json_write_value(struct buf *out, const struct value *value);

// Appends "text" quoted and escaped: ", \, and control bytes; everything else as it is.
void json_write_string(struct buf *out, struct slice text);

#endif
