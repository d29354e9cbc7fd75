// SPDX-License-Identifier: Apache-2.0
// Text: rows as Redis and the records hold them: docs/redis.md and docs/record.md, written here a
// second time on purpose. From the source's cells to what has to be there, and from what is there.
#ifndef TAILRACE_VERIFY_TEXT_H
#define TAILRACE_VERIFY_TEXT_H

#include "common/arena.h"
#include "verify/canon.h"
#include "verify/shape.h"

#define TEXT_GUARD "_tailrace"

enum text_form {
    TEXT_HASH, // fields of a Redis hash: no field is NULL
    TEXT_JSON, // members of a JSON object: null is NULL, types show
};

// What a value of the source has to be there, as an entry.
void text_put_cell(struct buf *out, const struct shape_column *column, const struct cell *cell,
                   enum text_form form);

// NULL to everybody but the server: NULL, and the JSON document null, which a record does not tell
// from it.
bool text_is_null(const struct shape_column *column, const struct cell *cell);

// What a field of a hash is, as an entry.
void text_put_field(struct buf *out, const struct shape_column *column, struct slice text);

// What a JSON object is, as a row; *guard is the content of its member _tailrace, if it has a
// well-formed one. false: it is no object.
bool text_put_object(struct buf *out, const struct shape *shape, struct slice json,
                     struct buf *guard);

// "p:o": a partition and an offset.
bool text_is_guard(struct slice text);

// Of a name and its content, as an extra entry.
void text_put_extra(struct buf *out, struct slice name, struct slice content);

// The key as the records have it: {"id":7}.
void text_put_record_key(struct buf *out, const struct shape *shape, const struct cell *key);

// The text that a key column has there, without any escape, and back; false: the column can have no
// such value. `type` is that of a JSON member.
void text_put_part(struct buf *out, const struct shape_column *column, const struct cell *cell);
bool text_read_part(const struct shape_column *column, struct slice text, struct arena *arena,
                    struct cell *cell);
bool text_read_record_key(const struct shape *shape, struct slice json, struct arena *arena,
                          struct cell *key);

// --- what bson.c needs as well ---

// The text without zeros in front, as ZEROFILL puts them.
struct slice text_number(struct slice text, uint8_t room[96]);

// Splits bytes that are no text off: true when the cell holds such.
bool text_is_bad(const struct shape_column *column, const struct cell *cell, struct slice *bytes);

// "2026-11-21T08:15:00Z" of the server's "2026-11-21 08:15:00", appended.
void text_put_temporal(struct buf *out, const struct shape_column *column, struct slice text);

// The float with the fewest digits, as a number.
void text_put_float(struct buf *out, float v);
void text_put_double(struct buf *out, double v);
float text_vector_item(struct slice floats, size_t i);

#endif
