// SPDX-License-Identifier: Apache-2.0
// Value: one column of one row, typed. Slices are borrowed: from the event or from the arena of
// whoever decoded. What each kind looks like in JSON is settled in docs/record.md.
#ifndef TAILRACE_RECORD_VALUE_H
#define TAILRACE_RECORD_VALUE_H

#include "common/slice.h"

enum value_kind {
    VALUE_ABSENT =
        0, // the row image does not contain the column: no key in JSON, left as it is by a sink
    VALUE_NULL,
    VALUE_INT,       // i
    VALUE_UINT,      // u: unsigned integers, YEAR, BIT
    VALUE_FLOAT,     // f: printed as the shortest text that reads back as the same float
    VALUE_DOUBLE,    // d
    VALUE_DECIMAL,   // text: sign, digits, point, exactly the declared scale: "-1.500"
    VALUE_DATE,      // time
    VALUE_DATETIME,  // time, with `digits` fraction digits
    VALUE_TIMESTAMP, // time in UTC; the zero timestamp has all fields 0
    VALUE_TIME,      // time: negative, hour up to 838
    VALUE_TEXT,      // text: valid UTF-8, also ENUM and SET by label
    VALUE_BAD_TEXT,  // text: bytes of a text column that are invalid in its character set, as they
                     // are
    VALUE_BINARY,    // text: raw bytes
    VALUE_JSON,      // text: a JSON document without spaces, in UTF-8
    VALUE_GEOMETRY,  // geometry
    VALUE_VECTOR,    // text: float32, little-endian, one after the other
};

struct temporal {
    bool negative;
    uint8_t digits; // of the fraction, 0 to 6
    uint8_t month;
    uint8_t day;
    uint8_t minute;
    uint8_t second;
    uint16_t year;
    uint16_t hour;
    uint32_t micros;
};

struct value {
    enum value_kind kind;
    union {
        int64_t i;
        uint64_t u;
        float f;
        double d;
        struct slice text;
        struct temporal time;
        struct {
            uint32_t srid;
            struct slice wkb;
        } geometry;
    };
};

static inline bool value_is_null(const struct value *value)
{
    return value->kind == VALUE_NULL || value->kind == VALUE_ABSENT;
}

#endif
