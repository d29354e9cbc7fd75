// SPDX-License-Identifier: Apache-2.0
// Shape: see shape.h.
#include "verify/shape.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define REASON_BYTES 256

static const struct {
    const char *type; // information_schema's DATA_TYPE
    enum kind kind;
    enum column_type column;
    uint8_t name_bytes;
} types[] = {
    {"tinyint", KIND_INTEGER, COLUMN_TINYINT, 0},
    {"smallint", KIND_INTEGER, COLUMN_SMALLINT, 0},
    {"mediumint", KIND_INTEGER, COLUMN_MEDIUMINT, 0},
    {"int", KIND_INTEGER, COLUMN_INT, 0},
    {"bigint", KIND_INTEGER, COLUMN_BIGINT, 0},
    {"year", KIND_INTEGER, COLUMN_YEAR, 0},
    {"bit", KIND_INTEGER, COLUMN_BIT, 0},
    {"decimal", KIND_DECIMAL, COLUMN_DECIMAL, 0},
    {"float", KIND_FLOAT, COLUMN_FLOAT, 0},
    {"double", KIND_DOUBLE, COLUMN_DOUBLE, 0},
    {"date", KIND_DATE, COLUMN_DATE, 0},
    {"datetime", KIND_DATETIME, COLUMN_DATETIME, 0},
    {"timestamp", KIND_TIMESTAMP, COLUMN_TIMESTAMP, 0},
    {"time", KIND_TIME, COLUMN_TIME, 0},
    {"char", KIND_TEXT, COLUMN_CHAR, 0},
    {"varchar", KIND_TEXT, COLUMN_VARCHAR, 0},
    {"tinytext", KIND_TEXT, COLUMN_TEXT, 0},
    {"text", KIND_TEXT, COLUMN_TEXT, 0},
    {"mediumtext", KIND_TEXT, COLUMN_TEXT, 0},
    {"longtext", KIND_TEXT, COLUMN_TEXT, 0},
    {"enum", KIND_TEXT, COLUMN_ENUM, 0},
    {"set", KIND_TEXT, COLUMN_SET, 0},
    {"binary", KIND_BINARY, COLUMN_BINARY, 0},
    {"varbinary", KIND_BINARY, COLUMN_VARBINARY, 0},
    {"tinyblob", KIND_BINARY, COLUMN_BLOB, 0},
    {"blob", KIND_BINARY, COLUMN_BLOB, 0},
    {"mediumblob", KIND_BINARY, COLUMN_BLOB, 0},
    {"longblob", KIND_BINARY, COLUMN_BLOB, 0},
    {"json", KIND_JSON, COLUMN_JSON, 0},
    {"geometry", KIND_GEOMETRY, COLUMN_GEOMETRY, 0},
    {"point", KIND_GEOMETRY, COLUMN_GEOMETRY, 0},
    {"linestring", KIND_GEOMETRY, COLUMN_GEOMETRY, 0},
    {"polygon", KIND_GEOMETRY, COLUMN_GEOMETRY, 0},
    {"multipoint", KIND_GEOMETRY, COLUMN_GEOMETRY, 0},
    {"multilinestring", KIND_GEOMETRY, COLUMN_GEOMETRY, 0},
    {"multipolygon", KIND_GEOMETRY, COLUMN_GEOMETRY, 0},
    {"geomcollection", KIND_GEOMETRY, COLUMN_GEOMETRY, 0},
    {"geometrycollection", KIND_GEOMETRY, COLUMN_GEOMETRY, 0},
    {"vector", KIND_VECTOR, COLUMN_VECTOR, 0},
    {"uuid", KIND_BINARY, COLUMN_BINARY, 16},
    {"inet6", KIND_BINARY, COLUMN_BINARY, 16},
    {"inet4", KIND_BINARY, COLUMN_BINARY, 4},
};
#define N_TYPES (sizeof types / sizeof *types)

// Character sets whose bytes are UTF-8 where they are valid.
static const char *const utf8_charsets[] = {"utf8mb4", "utf8mb3", "utf8", "ascii", "binary", ""};
#define N_UTF8_CHARSETS (sizeof utf8_charsets / sizeof *utf8_charsets)

static void refuse(struct shape *shape, const char *format, const char *what)
{
    char reason[REASON_BYTES];
    if (shape->unsupported)
        return;
    snprintf(reason, sizeof reason, format, what);
    shape->unsupported = mem_strdup(reason);
}

static char *copy(const struct cell *cell)
{
    return mem_strndup(cell->text.len ? cell->text.ptr : (const uint8_t *)"", cell->text.len);
}

static uint32_t number(const struct cell *cell)
{
    char *text = copy(cell);
    uint32_t n = (uint32_t)strtoul(text, NULL, 10);
    free(text);
    return n;
}

// Cells: name, type, "… unsigned …" or not, numeric precision and scale, temporal precision,
// character set, collation.
static bool take_column(void *into, const struct cell *cells, struct err *err)
{
    struct shape *shape = into;
    struct shape_column column = {.name = copy(&cells[0]),
                                  .charset = copy(&cells[6]),
                                  .collation = copy(&cells[7]),
                                  .precision = number(&cells[3])};
    bool is_unsigned = slice_eq_str(cells[2].text, "1");
    size_t type = 0;
    (void)err;
    while (type < N_TYPES && !slice_eq_str(cells[1].text, types[type].type))
        type++;
    if (type == N_TYPES) {
        char *name = copy(&cells[1]);
        refuse(shape, "a column has the type %s, which is not known", name);
        free(name);
        type = 0;
    }
    column.kind = types[type].kind;
    column.is_bit = strcmp(types[type].type, "bit") == 0;
    column.is_year = strcmp(types[type].type, "year") == 0;
    column.is_label = strcmp(types[type].type, "enum") == 0 || strcmp(types[type].type, "set") == 0;
    column.name_bytes = types[type].name_bytes;
    column.digits = number(&cells[column.kind == KIND_DECIMAL ? 4 : 5]);
    column.holding = holding_of(&(struct column){.type = types[type].column,
                                                 .is_unsigned = is_unsigned,
                                                 .length = column.precision, // of a BIT
                                                 .precision = (uint8_t)column.precision,
                                                 .scale = (uint8_t)column.digits});
    for (size_t i = 0; i < N_UTF8_CHARSETS; i++)
        column.is_raw_utf8 |= strcmp(column.charset, utf8_charsets[i]) == 0;
    shape->columns = mem_realloc(shape->columns, (shape->n_columns + 1) * sizeof *shape->columns);
    shape->columns[shape->n_columns++] = column;
    return true;
}

static bool read_columns(struct mysql *mysql, struct shape *shape, struct err *err)
{
    struct buf sql = {0};
    buf_str(&sql, "SELECT column_name, LOWER(data_type), column_type LIKE '% unsigned%',"
                  " numeric_precision, numeric_scale, datetime_precision, character_set_name,"
                  " collation_name FROM information_schema.columns WHERE table_schema = ");
    mysql_hex(&sql, slice_of_str(shape->db));
    buf_str(&sql, " AND table_name = ");
    mysql_hex(&sql, slice_of_str(shape->name));
    buf_str(&sql, " ORDER BY ordinal_position");
    bool done = mysql_each(mysql, buf_cstr(&sql), take_column, shape, err);
    buf_deinit(&sql);
    return done;
}

size_t shape_find(const struct shape *shape, struct slice name)
{
    size_t i = 0;
    while (i < shape->n_columns && !slice_eq_str(name, shape->columns[i].name))
        i++;
    return i;
}

// Keys in the server's own order, the primary one first.
struct key_reader {
    struct shape *shape;
    char *name;   // of the key that is being read
    bool is_good; // as far as it was read
    bool is_done; // shape->key is the first good one
};

// Cells of SHOW INDEX: 1 Non_unique, 2 Key_name, 4 Column_name, 7 Sub_part, 9 Null.
static bool take_key_part(void *into, const struct cell *cells, struct err *err)
{
    struct key_reader *reader = into;
    struct shape *shape = reader->shape;
    (void)err;
    if (!reader->name || !slice_eq_str(cells[2].text, reader->name)) {
        reader->is_done |= reader->name && reader->is_good && shape->n_key > 0;
        free(reader->name);
        reader->name = copy(&cells[2]);
        reader->is_good = true;
        shape->n_key = reader->is_done ? shape->n_key : 0;
    }
    if (reader->is_done)
        return true;
    bool is_primary = strcmp(reader->name, "PRIMARY") == 0;
    if (!slice_eq_str(cells[1].text, "0") || cells[4].is_null ||
        slice_eq_str(cells[9].text, "YES") || (!is_primary && !cells[7].is_null))
        reader->is_good = false;
    size_t column = shape_find(shape, cells[4].text);
    if (column == shape->n_columns)
        reader->is_good = false;
    shape->key = mem_realloc(shape->key, (shape->n_key + 1) * sizeof *shape->key);
    shape->key[shape->n_key++] = column;
    return true;
}

static void take_whole_row(struct shape *shape)
{
    shape->is_whole_row = true;
    shape->n_key = shape->n_columns;
    shape->key = mem_realloc(shape->key, (shape->n_key + 1) * sizeof *shape->key);
    for (size_t i = 0; i < shape->n_key; i++)
        shape->key[i] = i;
}

static bool read_key(struct mysql *mysql, struct shape *shape, const char *keyless, struct err *err)
{
    struct key_reader reader = {.shape = shape};
    struct buf sql = {0};
    buf_str(&sql, "SHOW INDEX FROM ");
    mysql_quote_name(&sql, slice_of_str(shape->db));
    buf_char(&sql, '.');
    mysql_quote_name(&sql, slice_of_str(shape->name));
    bool done = mysql_each(mysql, buf_cstr(&sql), take_key_part, &reader, err);
    bool found = reader.is_done || (reader.name && reader.is_good && shape->n_key > 0);
    if (!found && strcmp(keyless, "whole-row") == 0)
        take_whole_row(shape);
    else if (!found)
        refuse(shape, "%s", "it has no primary key and no unique key without NULLs");
    free(reader.name);
    buf_deinit(&sql);
    return done;
}

// --- the select list ---

// The text as UTF-8, or 0xff and the bytes as they are where the server cannot read them as text of
// the column's character set: it puts a question mark for what it cannot read, so there are more
// question marks than before.
static void write_converted(struct buf *out, const char *name)
{
    buf_printf(out,
               "IF(LOCATE('?', CONVERT(%s USING utf8mb4)) > 0 AND "
               "CHAR_LENGTH(CONVERT(%s USING utf8mb4)) - "
               "CHAR_LENGTH(REPLACE(CONVERT(%s USING utf8mb4), '?', '')) <> "
               "CHAR_LENGTH(%s) - CHAR_LENGTH(REPLACE(%s, '?', '')), "
               "CONCAT(x'ff', CAST(%s AS BINARY)), CAST(CONVERT(%s USING utf8mb4) AS BINARY))",
               name, name, name, name, name, name, name);
}

static void write_select(struct shape *shape)
{
    struct buf out = {0}, name = {0};
    for (size_t i = 0; i < shape->n_columns; i++) {
        const struct shape_column *column = &shape->columns[i];
        buf_clear(&name);
        mysql_quote_name(&name, slice_of_str(column->name));
        if (i)
            buf_str(&out, ", ");
        if (column->kind == KIND_TEXT && !column->is_raw_utf8)
            write_converted(&out, buf_cstr(&name));
        else if (column->name_bytes)
            buf_printf(&out, "CAST(%s AS BINARY(%u))", buf_cstr(&name), column->name_bytes);
        else
            buf_str(&out, buf_cstr(&name));
        if (column->is_bit)
            buf_str(&out, " + 0");
        else if (column->kind == KIND_FLOAT || column->kind == KIND_DOUBLE)
            buf_str(&out, " * 1e0"); // a FLOAT's own text is rounded to six digits
    }
    shape->select = mem_strdup(buf_cstr(&out));
    buf_deinit(&out);
    buf_deinit(&name);
}

// --- the list ---

struct list_reader {
    const struct table_filter *configured;
    const struct table_filter *asked;
    struct shape_list *list;
};

static bool take_table(void *into, const struct cell *cells, struct err *err)
{
    struct list_reader *reader = into;
    struct shape_list *list = reader->list;
    struct buf full = {0};
    (void)err;
    if (!table_filter_wants(reader->configured, cells[0].text, cells[1].text) ||
        !table_filter_wants(reader->asked, cells[0].text, cells[1].text))
        return true;
    buf_slice(&full, cells[0].text);
    buf_char(&full, '.');
    buf_slice(&full, cells[1].text);
    list->shapes = mem_realloc(list->shapes, (list->n + 1) * sizeof *list->shapes);
    list->shapes[list->n++] = (struct shape){.db = copy(&cells[0]),
                                             .name = copy(&cells[1]),
                                             .full = mem_strdup(buf_cstr(&full)),
                                             .rows_about = number(&cells[2])};
    buf_deinit(&full);
    return true;
}

bool shape_read(struct mysql *mysql, const struct table_filter *configured,
                const struct table_filter *asked, const char *keyless, struct shape_list *list,
                struct err *err)
{
    struct list_reader reader = {configured, asked, list};
    *list = (struct shape_list){0};
    if (!mysql_each(mysql,
                    "SELECT table_schema, table_name, table_rows FROM information_schema.tables"
                    " WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')"
                    " ORDER BY CAST(table_schema AS BINARY), CAST(table_name AS BINARY)",
                    take_table, &reader, err))
        return false;
    for (size_t i = 0; i < list->n; i++) {
        struct shape *shape = &list->shapes[i];
        if (!read_columns(mysql, shape, err) || !read_key(mysql, shape, keyless, err))
            return err_wrap(err, "table %s", shape->full);
        write_select(shape);
    }
    return true;
}

static void shape_deinit(struct shape *shape)
{
    for (size_t k = 0; k < shape->n_columns; k++) {
        free(shape->columns[k].name);
        free(shape->columns[k].charset);
        free(shape->columns[k].collation);
    }
    free(shape->columns);
    free(shape->key);
    free(shape->db);
    free(shape->name);
    free(shape->full);
    free(shape->unsupported);
    free(shape->select);
}

void shape_list_deinit(struct shape_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        shape_deinit(&list->shapes[i]);
    free(list->shapes);
    *list = (struct shape_list){0};
}

static bool same_columns(const struct shape *a, const struct shape *b)
{
    bool same =
        a->n_columns == b->n_columns && a->n_key == b->n_key && strcmp(a->select, b->select) == 0;
    for (size_t i = 0; same && i < a->n_columns; i++) {
        const struct shape_column *x = &a->columns[i], *y = &b->columns[i];
        same = strcmp(x->name, y->name) == 0 && x->kind == y->kind && x->digits == y->digits &&
               x->precision == y->precision && x->holding.bson == y->holding.bson &&
               strcmp(x->collation, y->collation) == 0;
    }
    for (size_t i = 0; same && i < a->n_key; i++)
        same = a->key[i] == b->key[i];
    return same;
}

bool shape_is_current(struct mysql *mysql, const struct shape *shape, const char *keyless,
                      bool *is_current, struct err *err)
{
    struct shape now = {.db = mem_strdup(shape->db), .name = mem_strdup(shape->name)};
    bool done = read_columns(mysql, &now, err);
    bool is_there = done && now.n_columns > 0;
    done = done && (!is_there || read_key(mysql, &now, keyless, err));
    if (done && is_there)
        write_select(&now);
    *is_current = done && is_there && same_columns(shape, &now);
    shape_deinit(&now);
    return done;
}
