// SPDX-License-Identifier: Apache-2.0
// Shape: what a table of the source looks like now, read from information_schema for verify alone,
// and how its columns are held in the targets: by kind, which is the table of docs/mongodb.md and
// docs/redis.md as data.
#ifndef TAILRACE_VERIFY_SHAPE_H
#define TAILRACE_VERIFY_SHAPE_H

#include "record/table_filter.h"
#include "verify/mysql.h"

// What verify tells apart. In MongoDB, and in Redis and the record:
enum kind {
    KIND_INTEGER,   // int32 where is_narrow, else int64, Decimal128 above; digits
    KIND_DECIMAL,   // Decimal128, more than 34 digits string; digits with the declared scale
    KIND_FLOAT,     // the double that is written like it; a number that reads back as it
    KIND_DOUBLE,    // double; a number that reads back as it
    KIND_DATE,      // Date, or string where it is no day; 2026-11-21
    KIND_DATETIME,  // Date up to milliseconds, else string; 2026-11-21T08:15:00.250
    KIND_TIMESTAMP, // the same with Z
    KIND_TIME,      // string; -838:59:59
    KIND_TEXT,      // string, Binary where it is no text; the text
    KIND_BINARY,    // Binary; base64
    KIND_JSON,      // sub-document, array, scalar; JSON
    KIND_GEOMETRY,  // {srid, wkb}
    KIND_VECTOR,    // array of doubles
};

struct shape_column {
    char *name;
    char *charset;   // "" = none
    char *collation; // "" = none
    enum kind kind;
    bool is_bit;
    bool is_year;
    bool is_label;    // ENUM, SET: ordered by number, not by text
    bool is_narrow;   // all its integers fit int32
    bool is_raw_utf8; // its texts come as UTF-8 already
    uint32_t precision;
    uint32_t digits; // of the fraction
};

struct shape {
    char *db;
    char *name;
    char *full; // "db.name", for messages and globs
    struct shape_column *columns;
    size_t n_columns;
    size_t *key; // column numbers in key order
    size_t n_key;
    bool is_whole_row;   // it has no key: all columns are it
    char *unsupported;   // why it cannot be verified; NULL: it can be
    uint64_t rows_about; // of the server's statistics
    char *select;        // the expressions of all columns, in column order
};

struct shape_list {
    struct shape *shapes;
    size_t n;
};

// The tables that fit both filters, in the order of their names. `keyless` as in [publish].
MUST_CHECK bool shape_read(struct mysql *mysql, const struct table_filter *configured,
                           const struct table_filter *asked, const char *keyless,
                           struct shape_list *list, struct err *err);
void shape_list_deinit(struct shape_list *list);

// Whether the table looks now as it did when the shape was read: a difference is one only then.
MUST_CHECK bool shape_is_current(struct mysql *mysql, const struct shape *shape,
                                 const char *keyless, bool *is_current, struct err *err);

// The column of that name, or n_columns.
size_t shape_find(const struct shape *shape, struct slice name);

#endif
