// SPDX-License-Identifier: Apache-2.0
// BSON: rows as MongoDB holds them: docs/mongodb.md, written here a second time on purpose. A
// value is its BSON type in one byte and its bytes as BSON has them, so what the server sends is
// compared as it is, type and digits included.
#ifndef TAILRACE_VERIFY_BSON_H
#define TAILRACE_VERIFY_BSON_H

#include "common/arena.h"
#include "verify/canon.h"
#include "verify/shape.h"

#include <bson/bson.h>

#define BSON_GUARD "_tailrace"

// What a value of the source has to be there, as an entry.
void bson_put_cell(struct buf *out, const struct shape_column *column, const struct cell *cell);

// The `_id` of the row, type byte and bytes. `cells` are the key's.
void bson_put_key(struct buf *out, const struct shape *shape, const struct cell *key);

// {"_id": key}, a whole document, appended.
void bson_put_id_document(struct buf *out, struct slice key);

// What a document is: its row, its _id in the form of bson_put_key, and the bytes of a well-formed
// _tailrace, each appended. ERR_CORRUPT: it is no BSON.
struct bson_found {
    struct buf row;
    struct buf key;
    struct buf guard;
};

MUST_CHECK bool bson_put_document(struct bson_found *found, const struct shape *shape,
                                  const bson_t *doc, struct err *err);

// The source's cells of a key; false: no row of the table can have it.
bool bson_read_key(const struct shape *shape, struct slice key, struct arena *arena,
                   struct cell *cells);

// A number without an exponent; *is_null: it is null. false: it is no number.
bool bson_put_number(struct buf *out, struct slice typed, bool *is_null);

// A value as extended JSON, for people.
void bson_describe(struct buf *out, struct slice value);

#endif
