// SPDX-License-Identifier: Apache-2.0
// Schema: a table as it is on the server now, from information_schema, in the shape that a
// TABLE_MAP_EVENT with FULL metadata gives it: `table` is equal in columns, key and header, so that
// a row read by SELECT and the same row read from the binlog become the same record.
//
// It is the table of the moment: who needs it to fit rows reads it in between two looks at their
// columns (wire_rows_open's shape) that agree.
#ifndef TAILRACE_BINLOG_SCHEMA_H
#define TAILRACE_BINLOG_SCHEMA_H

#include "binlog/charset.h"
#include "binlog/wire.h"
#include "common/arena.h"
#include "common/buf.h"
#include "record/table.h"

// What a column is beyond its logical shape in table.columns[].
struct schema_column {
    const struct charset *text; // of texts, ENUM and SET; NULL: bytes, or no text at all
    const struct slice *labels; // ENUM, SET: in UTF-8, else NULL
    size_t n_labels;
    // The server shows labels in three-byte UTF-8 with "?" for what that does not hold: a label
    // with a "?" in a character set that may hold more is not sure to be the true one.
    bool labels_unsure;
    bool is_name; // UUID, INET4, INET6 of MariaDB: SELECT gives a text, the binlog has bytes
    bool is_generated;
    bool is_invisible;
};

// The index whose columns are table.key, and whether its order can be walked: rows in it have no
// prefixes, and a B-tree puts them in order.
struct schema_index {
    struct slice name;
    bool is_ordered;
    const bool *descending; // of each column
};

struct schema {
    struct arena arena;
    struct table table; // rendered; without columns until found
    struct schema_column *columns;
    struct schema_index index; // name empty: the table has no key
    bool is_base_table;        // not a view, a sequence or a table with system versions
    struct slice kind;         // as the server calls it: "BASE TABLE", "VIEW", …
    struct slice engine;
    uint64_t rows;      // the server's estimate
    uint64_t row_bytes; // the same
};

// Reads it. *found is false where there is no such table, or none that the account may see. The
// connection must be in sql_mode '' (schema_session). ERR_UNSUPPORTED, with the column, for a type
// that this version does not know. `schema` needs no init; schema_deinit takes any.
MUST_CHECK bool schema_read(struct wire *wire, struct slice db, struct slice name,
                            struct schema *schema, bool *found, struct err *err);
void schema_deinit(struct schema *schema);

// What a session must have set before schemas and rows are read in it: no modes, UTC, results as
// they are stored, and no waiting for locks.
MUST_CHECK bool schema_session(struct wire *wire, struct err *err);

// Append a name in backticks, and bytes as X'…', with a character set _utf8mb4 X'…'.
void schema_write_name(struct buf *out, struct slice name);
void schema_write_text(struct buf *out, const char *charset, struct slice bytes);

#endif
