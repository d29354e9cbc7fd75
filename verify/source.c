// SPDX-License-Identifier: Apache-2.0
// Source: see source.h. Values go into statements as literals: numbers and times after a look at
// their characters, everything else in hexadecimal digits. Texts are compared in the column's own
// character set and collation, by the server.
#include "verify/source.h"

#include "common/clock.h"
#include "verify/text.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOKUP_KEYS 200 // of one statement

// --- literals ---

static bool consists_of(struct slice text, const char *characters)
{
    for (size_t i = 0; i < text.len; i++)
        if (!text.ptr[i] || !strchr(characters, text.ptr[i]))
            return false;
    return text.len > 0;
}

bool source_may_hold(const struct shape_column *column, const struct cell *cell)
{
    switch (column->kind) {
    case KIND_INTEGER:
        return cell->text.len <= 21 && consists_of(cell->text, "-0123456789");
    case KIND_DECIMAL:
        return cell->text.len <= 80 && consists_of(cell->text, "-.0123456789");
    case KIND_FLOAT:
    case KIND_DOUBLE:
        return cell->text.len <= 400 && consists_of(cell->text, "+-.eE0123456789");
    case KIND_DATE:
    case KIND_DATETIME:
    case KIND_TIMESTAMP:
    case KIND_TIME:
        return cell->text.len <= 32 && consists_of(cell->text, "-:. 0123456789");
    case KIND_BINARY:
        return !column->name_bytes || cell->text.len == column->name_bytes;
    case KIND_TEXT:
    case KIND_JSON:
    case KIND_GEOMETRY:
    case KIND_VECTOR:
        return true;
    }
    return false;
}

static void put_literal(struct buf *out, const struct shape_column *column, const struct cell *cell)
{
    const char *charset = column->charset[0] ? column->charset : "binary";
    switch (column->kind) {
    case KIND_INTEGER:
    case KIND_DECIMAL:
        buf_slice(out, cell->text);
        break;
    case KIND_FLOAT:
    case KIND_DOUBLE: // with an exponent it is a double and not a DECIMAL
        buf_slice(out, cell->text);
        if (!memchr(cell->text.ptr, 'e', cell->text.len) &&
            !memchr(cell->text.ptr, 'E', cell->text.len))
            buf_str(out, "e0");
        break;
    case KIND_DATE:
    case KIND_DATETIME:
    case KIND_TIMESTAMP:
    case KIND_TIME:
        buf_printf(out, "'" SLICE_FMT "'", SLICE_ARG(cell->text));
        break;
    case KIND_TEXT:
        buf_str(out, "CONVERT(_utf8mb4 ");
        mysql_hex(out, cell->text);
        buf_printf(out, " USING %s)", charset);
        if (column->collation[0])
            buf_printf(out, " COLLATE %s", column->collation);
        break;
    case KIND_BINARY:
    case KIND_JSON:
    case KIND_GEOMETRY:
    case KIND_VECTOR:
        buf_str(out, column->name_bytes ? "CAST(" : "");
        mysql_hex(out, cell->text);
        if (column->name_bytes)
            buf_printf(out, " AS BINARY(%u))", column->name_bytes);
        break;
    }
}

// A YEAR compared with the number 0 would be compared with 2000.
static void put_name(struct buf *out, const struct shape_column *column)
{
    mysql_quote_name(out, slice_of_str(column->name));
    if (column->is_year)
        buf_str(out, " + 0");
}

static void put_equal(struct buf *out, const struct shape_column *column, const struct cell *cell)
{
    struct slice bytes;
    if (column->kind == KIND_JSON) { // the document null is NULL to everybody else
        buf_str(out, "TRUE");        // whoever asked compares it
    } else if (cell->is_null) {
        put_name(out, column);
        buf_str(out, " IS NULL");
    } else if (column->kind == KIND_TEXT && text_is_bad(column, cell, &bytes)) {
        buf_str(out, "CAST(");
        put_name(out, column);
        buf_str(out, " AS BINARY) = ");
        mysql_hex(out, bytes);
    } else if (column->kind == KIND_GEOMETRY || column->kind == KIND_VECTOR) {
        put_name(out, column); // likewise
        buf_str(out, " IS NOT NULL");
    } else {
        put_name(out, column);
        buf_str(out, " = ");
        put_literal(out, column, cell);
    }
}

static void put_table(struct buf *out, const struct shape *shape)
{
    buf_printf(out, "SELECT %s FROM ", shape->select);
    mysql_quote_name(out, slice_of_str(shape->db));
    buf_char(out, '.');
    mysql_quote_name(out, slice_of_str(shape->name));
}

// --- pieces ---

bool source_has_pieces(const struct shape *shape)
{
    bool has = !shape->is_whole_row;
    for (size_t i = 0; i < shape->n_key; i++) {
        const struct shape_column *column = &shape->columns[shape->key[i]];
        has = has && !column->is_label && !column->is_bit && column->kind != KIND_JSON &&
              column->kind != KIND_GEOMETRY && column->kind != KIND_VECTOR;
    }
    return has;
}

// a >= x AND (a > x OR (a = x AND (b > y OR …))): rows behind this one in the order of the key. The
// first part alone tells the server where in the index to begin.
static void put_after(struct buf *out, const struct shape *shape, const struct cell *cells)
{
    const struct shape_column *first = &shape->columns[shape->key[0]];
    buf_clear(out);
    put_name(out, first);
    buf_str(out, shape->n_key > 1 ? " >= " : " > ");
    put_literal(out, first, &cells[shape->key[0]]);
    if (shape->n_key == 1)
        return;
    buf_str(out, " AND (");
    for (size_t i = 0; i < shape->n_key; i++) {
        const struct shape_column *column = &shape->columns[shape->key[i]];
        put_name(out, column);
        buf_str(out, " > ");
        put_literal(out, column, &cells[shape->key[i]]);
        if (i + 1 == shape->n_key)
            break;
        buf_str(out, " OR (");
        put_name(out, column);
        buf_str(out, " = ");
        put_literal(out, column, &cells[shape->key[i]]);
        buf_str(out, " AND (");
    }
    for (size_t i = 1; i < shape->n_key; i++)
        buf_str(out, "))");
    buf_char(out, ')');
}

struct piece {
    const struct source_scan *scan;
    struct buf *after;
    uint64_t n_rows;
};

static bool take_row(void *into, const struct cell *cells, struct err *err)
{
    struct piece *piece = into;
    const struct source_scan *scan = piece->scan;
    const struct shape *shape = scan->shape;
    if (!scan->row(scan->into, cells, err))
        return false;
    if (++piece->n_rows < scan->chunk_rows || !piece->after)
        return true;
    for (size_t i = 0; i < shape->n_key; i++) {
        const struct shape_column *column = &shape->columns[shape->key[i]];
        struct slice bytes;
        if (column->kind == KIND_TEXT && text_is_bad(column, &cells[shape->key[i]], &bytes))
            return err_set(err, ERR_UNSUPPORTED,
                           "the key column %s holds bytes that are no text of its character set",
                           column->name);
    }
    put_after(piece->after, shape, cells);
    return true;
}

bool source_piece(const struct source_scan *scan, struct buf *after, uint64_t *n_rows,
                  struct err *err)
{
    const struct shape *shape = scan->shape;
    struct piece piece = {scan, after, 0};
    struct buf sql = {0};
    put_table(&sql, shape);
    if (after) {
        if (after->len > 0)
            buf_printf(&sql, " WHERE %s", buf_cstr(after));
        buf_str(&sql, " ORDER BY ");
        for (size_t i = 0; i < shape->n_key; i++) {
            buf_str(&sql, i ? ", " : "");
            mysql_quote_name(&sql, slice_of_str(shape->columns[shape->key[i]].name));
        }
        buf_printf(&sql, " LIMIT %llu", (unsigned long long)scan->chunk_rows);
    }
    bool done = mysql_each(scan->mysql, buf_cstr(&sql), take_row, &piece, err);
    *n_rows = piece.n_rows;
    buf_deinit(&sql);
    return done;
}

bool source_scan(const struct source_scan *scan, struct source_place *place, struct err *err)
{
    uint64_t n_rows;
    bool done = true;
    bool in_pieces = source_has_pieces(scan->shape);
    while (done && !place->is_done && (!scan->until_ms || clock_steady_ms() < scan->until_ms)) {
        done = (!scan->pause || scan->pause(scan->into, err)) &&
               source_piece(scan, in_pieces ? &place->after : NULL, &n_rows, err);
        place->is_done = done && (!in_pieces || n_rows < scan->chunk_rows);
    }
    return done || err_wrap(err, "table %s", scan->shape->full);
}

// --- lookup ---

// A key of one column whose values are literals without more ado: the server takes a list in half
// the time.
static bool has_list(const struct shape *shape)
{
    const struct shape_column *first = &shape->columns[shape->key[0]];
    return shape->n_key == 1 && !shape->is_whole_row &&
           (first->kind == KIND_INTEGER || (first->kind == KIND_BINARY && !first->name_bytes));
}

static void put_list(struct buf *sql, const struct shape *shape, const struct cell *keys, size_t n)
{
    const struct shape_column *first = &shape->columns[shape->key[0]];
    put_name(sql, first);
    for (size_t k = 0; k < n; k++) {
        buf_str(sql, k ? "," : " IN (");
        put_literal(sql, first, &keys[k]);
    }
    buf_char(sql, ')');
}

static void put_keys(struct buf *sql, const struct shape *shape, const struct cell *keys, size_t n)
{
    if (has_list(shape)) {
        put_list(sql, shape, keys, n);
        return;
    }
    for (size_t k = 0; k < n; k++) {
        buf_str(sql, k ? " OR (" : "(");
        for (size_t i = 0; i < shape->n_key; i++) {
            buf_str(sql, i ? " AND " : "");
            put_equal(sql, &shape->columns[shape->key[i]], &keys[k * shape->n_key + i]);
        }
        buf_char(sql, ')');
    }
}

bool source_lookup(struct mysql *mysql, const struct shape *shape, const struct cell *keys,
                   size_t n_keys, mysql_row_fn *row, void *into, struct err *err)
{
    struct buf sql = {0};
    bool done = true;
    for (size_t k = 0; done && k < n_keys; k += LOOKUP_KEYS) {
        size_t n = n_keys - k < LOOKUP_KEYS ? n_keys - k : LOOKUP_KEYS;
        buf_clear(&sql);
        put_table(&sql, shape);
        buf_str(&sql, " WHERE ");
        put_keys(&sql, shape, keys + k * shape->n_key, n);
        done = mysql_each(mysql, buf_cstr(&sql), row, into, err);
    }
    buf_deinit(&sql);
    return done || err_wrap(err, "table %s", shape->full);
}

// --- position ---

// Cells of SHOW BINARY LOG STATUS: file, position, …, the executed set where there are GTIDs.
static bool take_status(void *into, const struct cell *cells, struct err *err)
{
    struct position *position = into;
    struct buf pos = {0};
    (void)err;
    snprintf(position->file, sizeof position->file, SLICE_FMT, SLICE_ARG(cells[0].text));
    buf_slice(&pos, cells[1].text);
    position->pos = strtoull(buf_cstr(&pos), NULL, 10);
    buf_deinit(&pos);
    return true;
}

static bool read_status(struct mysql *mysql, struct position *position, struct err *err)
{
    if (mysql_is_mariadb(mysql))
        return mysql_each(mysql, "SHOW MASTER STATUS", take_status, position, err);
    return mysql_each(mysql, "SHOW BINARY LOG STATUS", take_status, position, err) ||
           mysql_each(mysql, "SHOW MASTER STATUS", take_status, position, err);
}

static bool read_server(struct mysql *mysql, struct position *position, struct err *err)
{
    struct buf name = {0};
    bool done = mysql_server(mysql, &name, err);
    snprintf(position->server_uuid, sizeof position->server_uuid, "%s", buf_cstr(&name));
    buf_deinit(&name);
    return done;
}

bool source_position(struct mysql *mysql, struct position *position, struct err *err)
{
    struct buf text = {0};
    const char *executed = mysql_is_mariadb(mysql) ? "SELECT @@GLOBAL.gtid_binlog_pos"
                                                   : "SELECT @@GLOBAL.gtid_executed";
    position_deinit(position);
    *position = (struct position){.file = ""};
    bool done = read_status(mysql, position, err) && read_server(mysql, position, err) &&
                mysql_text(mysql, executed, &text, err) &&
                gtid_set_parse(&position->executed, buf_bytes(&text), err);
    buf_deinit(&text);
    if (done && !position->file[0])
        return err_set(err, ERR_CONFIG, "source: the server writes no binlog");
    return done;
}
