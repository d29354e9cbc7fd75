// SPDX-License-Identifier: Apache-2.0
// Mapping: rows as BSON documents, as docs/mongodb.md tells it. Nothing is rounded or cut: what
// BSON cannot hold exactly in a type of its own is stored as its canonical text, and by column, so
// that a field has one type, as far as the values allow; what MongoDB cannot hold at all is
// refused.
#ifndef TAILRACE_APPLIERS_MONGODB_MAPPING_H
#define TAILRACE_APPLIERS_MONGODB_MAPPING_H

#include "common/err.h"
#include "record/table.h"
#include "record/value.h"

#include <bson/bson.h>

// Appends _id: the value of the key's column, or a sub-document of several, in key order.
// ERR_REFUSED where MongoDB does not take such a key.
MUST_CHECK bool mapping_append_id(bson_t *doc, const struct table *table, const struct value *row,
                                  struct err *err);

// Appends a field for each column that is not VALUE_ABSENT. ERR_REFUSED with the column: a name or
// a JSON document that MongoDB cannot hold.
MUST_CHECK bool mapping_append_row(bson_t *doc, const struct table *table, const struct value *row,
                                   struct err *err);

// Appends the JSON document as sub-documents. ERR_REFUSED for a key twice in an object or with a
// NUL byte, and for more than 100 levels; ERR_CORRUPT for text that is no JSON.
MUST_CHECK bool mapping_append_json(bson_t *doc, struct slice name, struct slice json,
                                    struct err *err);

#endif
