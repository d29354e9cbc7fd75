// SPDX-License-Identifier: Apache-2.0
// Mapping: rows as Redis keys and values, as docs/redis.md tells it.
//   key    db:table:part[:part…]     ':' is %3A and '%' is %25 in each piece; a NULL part is %NULL;
//                                    what stands before the parts is as [redis] key says
//   value  the column's canonical text: what stands in the record, a string without its quotes
#ifndef TAILRACE_APPLIERS_REDIS_MAPPING_H
#define TAILRACE_APPLIERS_REDIS_MAPPING_H

#include "common/buf.h"
#include "common/key_template.h"
#include "record/table.h"
#include "record/value.h"

// Appends what all keys of the table begin with; it ends with a colon.
void mapping_write_prefix(struct buf *out, const struct key_template *template,
                          const struct table *table);

// Appends the key of the row. Two rows have one key only if table and key columns are equal.
void mapping_write_key(struct buf *out, const struct key_template *template,
                       const struct table *table, const struct value *row);

// Appends the text of one value, which is neither NULL nor absent.
void mapping_write_value(struct buf *out, const struct value *value);

// Appends the row as a JSON object, absent columns left out.
void mapping_write_json(struct buf *out, const struct table *table, const struct value *row);

#endif
