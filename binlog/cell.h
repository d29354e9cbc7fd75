// SPDX-License-Identifier: Apache-2.0
// Cell: one column of a row that was read by SELECT, as the value that the same column has in the
// binlog, and back into SQL. The text protocol is exact but for FLOAT and DOUBLE, of which the
// server shows six digits or the declared ones: those are asked for as an expression.
#ifndef TAILRACE_BINLOG_CELL_H
#define TAILRACE_BINLOG_CELL_H

#include "binlog/schema.h"
#include "record/value.h"

// Appends what a SELECT asks for, so that cell_decode can read it.
void cell_write_select(struct buf *out, const struct schema *schema, size_t column);

// Decodes the cell; ptr NULL: SQL NULL. Slices of *value borrow from the cell or the arena.
// ERR_CORRUPT, with the column, for what no such column can hold.
MUST_CHECK bool cell_decode(const struct schema *schema, size_t column, struct slice cell,
                            struct arena *arena, struct value *value, struct err *err);

// Appends what stands for the column where an index is walked in its order: the column itself, the
// number of an ENUM or SET.
void cell_write_order(struct buf *out, const struct schema *schema, size_t column);

// Appends a literal that is equal to the column in the row that the cell is of, by the rules of the
// column: its own bytes in its own character set. `cell` is of cell_write_order for ENUM and SET.
void cell_write_literal(struct buf *out, const struct schema *schema, size_t column,
                        struct slice cell);

// The same for a value as a record has it.
void cell_write_value(struct buf *out, const struct schema *schema, size_t column,
                      const struct value *value);

bool cell_is_label(const struct schema *schema, size_t column); // ENUM or SET

#endif
