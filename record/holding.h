// SPDX-License-Identifier: Apache-2.0
// Holding: how the values of a column are held, by the column's type alone: the table of
// docs/mongodb.md and docs/record.md as data. The sinks and verify read this one table and share
// nothing else: how a value is written as its BSON or its text each does by itself, so that a
// mistake in that shows. What the table says is compared with the documents in its unit test, and
// with a third mapping in tests/lib/mapping.py.
#ifndef TAILRACE_RECORD_HOLDING_H
#define TAILRACE_RECORD_HOLDING_H

#include "record/table.h"

enum held_bson {
    HELD_INT32,
    HELD_INT64, // Decimal128 for a value above it
    HELD_DOUBLE,
    HELD_DECIMAL,
    HELD_DATE,     // string for a value that is no day
    HELD_STRING,   // Binary for bytes that are no text
    HELD_BINARY,   //
    HELD_JSON,     // what the value is
    HELD_GEOMETRY, // {srid, wkb}
    HELD_ARRAY,
};

// What a value is in a record, and in a JSON string of Redis.
enum held_json { HELD_NUMBER, HELD_QUOTED, HELD_NESTED, HELD_ANY };

struct holding {
    enum held_bson bson;
    enum held_json json;
    bool may_be_array; // MongoDB does not take it as the whole _id, which is a document then
};

// By type, sign, length, precision and scale.
struct holding holding_of(const struct column *column);

// Numbers of an ENUM or SET whose labels are not known.
bool holding_is_narrow(const struct column *column);

#endif
