// SPDX-License-Identifier: Apache-2.0
// JSON writer: a change as the canonical record (docs/record.md). The same change always gives the
// same bytes. Nothing is allocated but the growth of `out`. json_reader.h reads it back; another
// codec has the same two files.
#ifndef TAILRACE_RECORD_JSON_WRITER_H
#define TAILRACE_RECORD_JSON_WRITER_H

#include "record/change.h"

// Appends the envelope {"before":…,"after":…,"source":{…},"op":…,"ts_ms":…,"transaction":{…}}, no
// newline.
void json_write_change(struct buf *out, const struct change *change);

// Appends the key {"id":7} of the row: table->key columns in key order.
// ERR_UNSUPPORTED when the table has no key, or a key column is absent from the row image.
MUST_CHECK bool json_write_key(struct buf *out, const struct table *table, const struct value *row,
                               struct err *err);

// Appends one value as record.md has it. VALUE_ABSENT is not a value: the caller leaves it out.
void json_write_value(struct buf *out, const struct value *value);

// Appends "text" quoted and escaped: ", \, and control bytes; everything else as it is.
void json_write_string(struct buf *out, struct slice text);

#endif
