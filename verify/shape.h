// SPDX-License-Identifier: Apache-2.0
// Shape: what a table of the source looks like now, read from information_schema for verify alone,
// and how its columns are held in the targets, by record/holding.h.
#ifndef TAILRACE_VERIFY_SHAPE_H
#define TAILRACE_VERIFY_SHAPE_H

#include "record/holding.h"
#include "record/table_filter.h"
#include "verify/mysql.h"

// What verify tells apart: how the server prints a value, and how its text is written and read.
enum kind {
    KIND_INTEGER,
    KIND_DECIMAL, // digits with the declared scale
    KIND_FLOAT,
    KIND_DOUBLE,
    KIND_DATE,
    KIND_DATETIME,
    KIND_TIMESTAMP,
    KIND_TIME,
    KIND_TEXT,
    KIND_BINARY,
    KIND_JSON,
    KIND_GEOMETRY,
    KIND_VECTOR,
};

struct shape_column {
    char *name;
    char *charset;   // "" = none
    char *collation; // "" = none
    enum kind kind;
    struct holding holding;
    bool is_bit;
    bool is_year;
    bool is_label;    // ENUM, SET: ordered by number, not by text
    bool is_raw_utf8; // its texts come as UTF-8 already
    uint32_t precision;
    uint32_t digits; // of the fraction
    uint32_t
        name_bytes; // UUID, INET6, INET4: the server shows a text, everybody else has bytes; 0: no
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
