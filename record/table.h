// SPDX-License-Identifier: Apache-2.0
// Table: the shape that the values of a change follow: names, types, key. Made by whoever decodes
// (the binlog reader from a table map, the record reader from a record's `columns` header) and
// borrowed by every change of that table.
//
// The `columns` header of a record is a JSON object, column name to type, in table order, so that a
// record explains itself and no schema history can be lost:
//   {"id":"bigint unsigned","price":"decimal(10,2)","made":"datetime(3)"}
#ifndef TAILRACE_RECORD_TABLE_H
#define TAILRACE_RECORD_TABLE_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/slice.h"

#define TABLE_COLUMNS_MAX 4096

enum column_type {
    COLUMN_TINYINT,
    COLUMN_SMALLINT,
    COLUMN_MEDIUMINT,
    COLUMN_INT,
    COLUMN_BIGINT,
    COLUMN_YEAR,
    COLUMN_BIT,
    COLUMN_FLOAT,
    COLUMN_DOUBLE,
    COLUMN_DECIMAL, // precision, scale
    COLUMN_DATE,
    COLUMN_DATETIME,  // scale: fraction digits
    COLUMN_TIMESTAMP, // scale
    COLUMN_TIME,      // scale
    COLUMN_CHAR,
    COLUMN_VARCHAR,
    COLUMN_TEXT,
    COLUMN_ENUM,
    COLUMN_SET,
    COLUMN_BINARY, // length in bytes
    COLUMN_VARBINARY,
    COLUMN_BLOB,
    COLUMN_JSON,
    COLUMN_GEOMETRY,
    COLUMN_VECTOR,
};

struct column {
    struct slice name;
    enum column_type type;
    bool is_unsigned;
    uint8_t precision;
    uint8_t scale;
    uint32_t length;        // BINARY: bytes; BIT: bits; else 0
    struct slice json_name; // "name": quoted and escaped, with the colon; set by table_render
};

struct table {
    struct slice db;
    struct slice name;
    const struct column *columns;
    size_t n_columns;
    const uint16_t *key; // column numbers in key order; n_key 0: no key known
    size_t n_key;
    struct slice columns_header; // see above; set by table_render
    void *user; // of the publisher: what it keeps for this table (its topic); NULL at first
};

// Fills in what encoders need again and again (json_name of each column, columns_header), in the
// arena.
void table_render(struct table *table, struct column *columns, struct arena *arena);

// The type as it stands in the header: "int unsigned", "decimal(10,2)", "bit(3)", "binary(16)",
// "datetime(3)".
void column_type_write(struct buf *out, const struct column *column);

// Reads one type of the header into type, is_unsigned, precision, scale, length. ERR_UNSUPPORTED
// for an unknown word.
MUST_CHECK bool column_type_read(struct slice text, struct column *column, struct err *err);

#endif
