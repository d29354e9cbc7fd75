// SPDX-License-Identifier: Apache-2.0
// Source: rows of a table, all of them in pieces by key, or those of given keys; and how far its
// binlog has come. A row is a cell for each column, in the form that shape.c selects.
#ifndef TAILRACE_VERIFY_SOURCE_H
#define TAILRACE_VERIFY_SOURCE_H

#include "record/position.h"
#include "verify/shape.h"

// Reads the rows in pieces of `chunk_rows`, each by a statement of its own, so that none holds the
// server's old row versions for long. `pause`, which may be NULL, is asked before each piece and
// may wait. A table whose key has no order that a comparison follows is read in one piece.
struct source_scan {
    struct mysql *mysql;
    const struct shape *shape;
    uint64_t chunk_rows;
    mysql_row_fn *row;
    bool (*pause)(void *into, struct err *err);
    void *into;        // of both
    uint64_t until_ms; // clock_steady_ms: ends behind the piece that is read then; 0: at the end
};

// Behind which row it goes on. {0} is the beginning.
struct source_place {
    struct buf after;
    bool is_done;
};

// Reads on from the place, and moves it.
MUST_CHECK bool source_scan(const struct source_scan *scan, struct source_place *place,
                            struct err *err);

// One piece: the first rows behind *after (the condition that names the last row of the piece
// before; empty: from the beginning), which then names the last row of this one. *n_rows less than
// chunk_rows: the table has no more.
MUST_CHECK bool source_piece(const struct source_scan *scan, struct buf *after, uint64_t *n_rows,
                             struct err *err);
bool source_has_pieces(const struct shape *shape);

// The rows whose key compares equal to one of the keys in the server's eyes, which for texts may be
// more than those asked for: the caller looks at what it gets. A key is n_key cells; numbers and
// times in the server's notation, texts in UTF-8 or 0xff and bytes, the others as bytes.
MUST_CHECK bool source_lookup(struct mysql *mysql, const struct shape *shape,
                              const struct cell *keys, size_t n_keys, mysql_row_fn *row, void *into,
                              struct err *err);

// Whether such a cell can be a value of the column at all, so that it may stand in a statement.
bool source_may_hold(const struct shape_column *column, const struct cell *cell);

// The end of the binlog: every row that was read before is in it (its GTIDs may come a moment later
// where the server counts them behind the commit, its file and position do not).
MUST_CHECK bool source_position(struct mysql *mysql, struct position *position, struct err *err);

#endif
