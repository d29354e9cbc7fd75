// SPDX-License-Identifier: Apache-2.0
// Schema: see schema.h. Three questions: the table, its columns in order, its indexes.
//
// The key is the one that a table map names: the primary key (the invisible generated one too),
// else the first unique index whose columns are whole and never NULL, in the server's own order of
// indexes, which SHOW INDEX keeps.
#define _GNU_SOURCE // strcasestr
#include "binlog/schema.h"

#include "binlog/column.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- statements --------------------------------------------------------------------------------

void schema_write_name(struct buf *out, struct slice name)
{
    buf_char(out, '`');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '`')
            buf_char(out, '`');
        buf_char(out, (char)name.ptr[i]);
    }
    buf_char(out, '`');
}

void schema_write_text(struct buf *out, const char *charset, struct slice bytes)
{
    static const char hex[] = "0123456789abcdef";
    buf_printf(out, "%s%s X'", charset ? "_" : "", charset ? charset : "");
    for (size_t i = 0; i < bytes.len; i++) {
        buf_char(out, hex[bytes.ptr[i] >> 4]);
        buf_char(out, hex[bytes.ptr[i] & 15]);
    }
    buf_char(out, '\'');
}

bool schema_session(struct wire *wire, struct err *err)
{
    static const char gipk[] = "show_gipk_in_create_table_and_information_schema"; // since 8.0.30
    struct wire_result rows;
    if (!wire_query(wire,
                    "SET SESSION sql_mode = '', time_zone = '+00:00', character_set_results = "
                    "NULL, lock_wait_timeout = 1, innodb_lock_wait_timeout = 1",
                    NULL, err) ||
        !wire_query(wire, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", NULL, err) ||
        !wire_query(wire, "SHOW VARIABLES LIKE 'show_gipk_in_create%'", &rows, err))
        return false;
    bool has_gipk = rows.n_rows > 0;
    char sql[128];
    snprintf(sql, sizeof sql, "SET SESSION %s = ON", gipk);
    wire_result_deinit(&rows);
    return !has_gipk || wire_query(wire, sql, NULL, err);
}

// " TABLE_SCHEMA = … AND TABLE_NAME = …": names of tables are of three-byte UTF-8.
static void write_place(struct buf *sql, struct slice db, struct slice name)
{
    buf_str(sql, " WHERE TABLE_SCHEMA = CONVERT(");
    schema_write_text(sql, "utf8mb4", db);
    buf_str(sql, " USING utf8) AND TABLE_NAME = CONVERT(");
    schema_write_text(sql, "utf8mb4", name);
    buf_str(sql, " USING utf8)");
}

// --- columns -----------------------------------------------------------------------------------

enum form {
    FORM_PLAIN,
    FORM_NUMBER,   // unsigned or not
    FORM_DECIMAL,  // the same, and precision and scale
    FORM_BITS,     // length in bits
    FORM_FRACTION, // digits
    FORM_TEXT,     // character set
    FORM_LABELS,   // the same, and labels
    FORM_BYTES,    // length in bytes
    FORM_NAME_4,   // what SELECT gives as a text and the binlog in 4 bytes
    FORM_NAME_16,  // … in 16
};

static const struct {
    const char *name;
    enum column_type type;
    enum form form;
} types[] = {
    {"tinyint", COLUMN_TINYINT, FORM_NUMBER},
    {"smallint", COLUMN_SMALLINT, FORM_NUMBER},
    {"mediumint", COLUMN_MEDIUMINT, FORM_NUMBER},
    {"int", COLUMN_INT, FORM_NUMBER},
    {"bigint", COLUMN_BIGINT, FORM_NUMBER},
    {"year", COLUMN_YEAR, FORM_PLAIN},
    {"bit", COLUMN_BIT, FORM_BITS},
    {"float", COLUMN_FLOAT, FORM_NUMBER},
    {"double", COLUMN_DOUBLE, FORM_NUMBER},
    {"decimal", COLUMN_DECIMAL, FORM_DECIMAL},
    {"date", COLUMN_DATE, FORM_PLAIN},
    {"datetime", COLUMN_DATETIME, FORM_FRACTION},
    {"timestamp", COLUMN_TIMESTAMP, FORM_FRACTION},
    {"time", COLUMN_TIME, FORM_FRACTION},
    {"char", COLUMN_CHAR, FORM_TEXT},
    {"varchar", COLUMN_VARCHAR, FORM_TEXT},
    {"tinytext", COLUMN_TEXT, FORM_TEXT},
    {"text", COLUMN_TEXT, FORM_TEXT},
    {"mediumtext", COLUMN_TEXT, FORM_TEXT},
    {"longtext", COLUMN_TEXT, FORM_TEXT},
    {"enum", COLUMN_ENUM, FORM_LABELS},
    {"set", COLUMN_SET, FORM_LABELS},
    {"binary", COLUMN_BINARY, FORM_BYTES},
    {"varbinary", COLUMN_VARBINARY, FORM_PLAIN},
    {"tinyblob", COLUMN_BLOB, FORM_PLAIN},
    {"blob", COLUMN_BLOB, FORM_PLAIN},
    {"mediumblob", COLUMN_BLOB, FORM_PLAIN},
    {"longblob", COLUMN_BLOB, FORM_PLAIN},
    {"json", COLUMN_JSON, FORM_PLAIN},
    {"geometry", COLUMN_GEOMETRY, FORM_PLAIN},
    {"point", COLUMN_GEOMETRY, FORM_PLAIN},
    {"linestring", COLUMN_GEOMETRY, FORM_PLAIN},
    {"polygon", COLUMN_GEOMETRY, FORM_PLAIN},
    {"multipoint", COLUMN_GEOMETRY, FORM_PLAIN},
    {"multilinestring", COLUMN_GEOMETRY, FORM_PLAIN},
    {"multipolygon", COLUMN_GEOMETRY, FORM_PLAIN},
    {"geomcollection", COLUMN_GEOMETRY, FORM_PLAIN},
    {"geometrycollection", COLUMN_GEOMETRY, FORM_PLAIN},
    {"vector", COLUMN_VECTOR, FORM_PLAIN},
    {"uuid", COLUMN_BINARY, FORM_NAME_16},
    {"inet6", COLUMN_BINARY, FORM_NAME_16},
    {"inet4", COLUMN_BINARY, FORM_NAME_4},
};

#define SELECT_COLUMNS                                                                             \
    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, NUMERIC_PRECISION, "    \
    "NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_OCTET_LENGTH, CHARACTER_SET_NAME, EXTRA "        \
    "FROM information_schema.COLUMNS"

// The cells of its answer.
enum {
    CELL_DB,
    CELL_TABLE,
    CELL_NAME,
    CELL_TYPE,
    CELL_FULL_TYPE,
    CELL_PRECISION,
    CELL_SCALE,
    CELL_DIGITS,
    CELL_BYTES,
    CELL_CHARSET,
    CELL_EXTRA,
};

static uint32_t number_of(const char *cell)
{
    return cell ? (uint32_t)strtoul(cell, NULL, 10) : 0;
}

static bool has_word(const char *cell, const char *word)
{
    return cell && strcasestr(cell, word);
}

// Whether the character set holds characters beyond three-byte UTF-8.
static bool is_wide(const struct charset *charset)
{
    static const char *const names[] = {"utf8mb4", "utf16", "utf16le", "utf32", "gb18030"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(charset_name(charset), names[i]) == 0)
            return true;
    return false;
}

// 'a','it''s','b\\c': one label; *at moves behind it and its comma. False at the end.
static bool next_label(const char **at, struct buf *label)
{
    static const char escapes[] = "n\nr\r0\0";
    const char *p = *at;
    buf_clear(label);
    if (*p++ != '\'')
        return false;
    for (; *p && (*p != '\'' || p[1] == '\''); p++) {
        bool is_escape = *p == '\\';
        char c = *p == '\'' || (is_escape && p[1]) ? *++p : *p;
        for (size_t i = 0; is_escape && i + 1 < sizeof escapes; i += 2)
            if (escapes[i] == *p)
                c = escapes[i + 1];
        buf_char(label, c);
    }
    p += *p == '\'';
    *at = p + (*p == ',');
    return true;
}

static void read_labels(struct schema *schema, struct schema_column *column, const char *full_type)
{
    struct buf label = {0};
    const char *open = strchr(full_type, '(');
    size_t n = 0;
    if (!open)
        return;
    for (const char *at = open + 1; next_label(&at, &label);)
        n++;
    struct slice *labels = arena_alloc(&schema->arena, (n + 1) * sizeof *labels);
    const char *at = open + 1;
    for (size_t i = 0; i < n && next_label(&at, &label); i++) {
        labels[i] = arena_copy(&schema->arena, buf_bytes(&label));
        column->labels_unsure |= column->text && is_wide(column->text) && label.len > 0 &&
                                 memchr(label.ptr, '?', label.len);
    }
    column->labels = labels;
    column->n_labels = n;
    buf_deinit(&label);
}

static bool read_charset(struct schema_column *column, const char *name, struct err *err)
{
    if (!name || strcmp(name, "binary") == 0)
        return true;
    column->text = charset_by_name(slice_of_str(name));
    return column->text ||
           err_set(err, ERR_UNSUPPORTED, "character set %s is not known to this version", name);
}

// What stands behind the type's word.
static bool read_form(struct schema *schema, enum form form, const char *const *cells,
                      struct column *shape, struct schema_column *column, struct err *err)
{
    switch (form) {
    case FORM_DECIMAL:
        shape->precision = (uint8_t)number_of(cells[CELL_PRECISION]);
        shape->scale = (uint8_t)number_of(cells[CELL_SCALE]);
        shape->is_unsigned = has_word(cells[CELL_FULL_TYPE], " unsigned");
        break;
    case FORM_NUMBER:
        shape->is_unsigned = has_word(cells[CELL_FULL_TYPE], " unsigned");
        break;
    case FORM_BITS:
        shape->length = number_of(cells[CELL_PRECISION]);
        break;
    case FORM_FRACTION:
        shape->scale = (uint8_t)number_of(cells[CELL_DIGITS]);
        break;
    case FORM_BYTES:
        shape->length = number_of(cells[CELL_BYTES]);
        break;
    case FORM_NAME_4:
    case FORM_NAME_16:
        shape->length = form == FORM_NAME_4 ? 4 : 16;
        column->is_name = true;
        break;
    case FORM_TEXT:
        return read_charset(column, cells[CELL_CHARSET], err);
    case FORM_LABELS:
        if (!read_charset(column, cells[CELL_CHARSET], err))
            return false;
        read_labels(schema, column, cells[CELL_FULL_TYPE]);
        break;
    case FORM_PLAIN:
        break;
    }
    return true;
}

static bool read_column(struct schema *schema, const char *const *cells, struct column *shape,
                        struct schema_column *column, struct err *err)
{
    const char *type = cells[CELL_TYPE];
    shape->name = arena_copy(&schema->arena, slice_of_str(cells[CELL_NAME]));
    column->is_generated = has_word(cells[CELL_EXTRA], "GENERATED") &&
                           !has_word(cells[CELL_EXTRA], "DEFAULT_GENERATED");
    column->is_invisible = has_word(cells[CELL_EXTRA], "INVISIBLE");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, type) != 0)
            continue;
        shape->type = types[i].type;
        return read_form(schema, types[i].form, cells, shape, column, err) ||
               err_wrap(err, "column %s", cells[CELL_NAME]);
    }
    return err_set(err, ERR_UNSUPPORTED, "column %s: type %s is not known to this version",
                   cells[CELL_NAME], type);
}

// Names are compared here, because the server compares some of them without regard to letter case.
static bool is_of(const struct schema *schema, const char *const *cells)
{
    return slice_eq_str(schema->table.db, cells[CELL_DB]) &&
           slice_eq_str(schema->table.name, cells[CELL_TABLE]);
}

static bool take_columns(struct schema *schema, const struct wire_result *rows, struct err *err)
{
    struct table *table = &schema->table;
    struct column *shapes = arena_zalloc(&schema->arena, (rows->n_rows + 1) * sizeof *shapes);
    schema->columns = arena_zalloc(&schema->arena, (rows->n_rows + 1) * sizeof *schema->columns);
    table->columns = shapes;
    for (size_t i = 0; i < rows->n_rows; i++) {
        const char *const *cells = rows->cells + i * rows->n_columns;
        if (!is_of(schema, cells))
            continue;
        if (!read_column(schema, cells, &shapes[table->n_columns],
                         &schema->columns[table->n_columns], err))
            return false;
        table->n_columns++;
    }
    table_render(table, shapes, &schema->arena);
    return true;
}

static bool read_columns(struct schema *schema, struct wire *wire, struct err *err)
{
    struct wire_result rows;
    struct buf sql = {0};
    buf_str(&sql, SELECT_COLUMNS);
    write_place(&sql, schema->table.db, schema->table.name);
    buf_str(&sql, " ORDER BY ORDINAL_POSITION");
    bool ok = wire_query(wire, buf_cstr(&sql), &rows, err);
    buf_deinit(&sql);
    if (!ok)
        return false;
    ok = take_columns(schema, &rows, err);
    wire_result_deinit(&rows);
    return ok;
}

// --- the key -----------------------------------------------------------------------------------

// The cells of SHOW INDEX, the same on all servers. Behind the 13th: whether it is visible (MySQL),
// ignored (MariaDB).
enum {
    INDEX_NON_UNIQUE = 1,
    INDEX_NAME = 2,
    INDEX_COLUMN = 4,
    INDEX_ORDER = 5,
    INDEX_PREFIX = 7,
    INDEX_NULL = 9,
    INDEX_TYPE = 10,
    INDEX_VISIBLE = 13,
};

// Rows first to end (behind) of the answer are the parts of one index.
struct parts {
    const struct wire_result *rows;
    size_t first;
    size_t end;
};

static const char *part_cell(const struct parts *parts, size_t part, unsigned cell)
{
    return parts->rows->cells[(parts->first + part) * parts->rows->n_columns + cell];
}

static bool next_index(struct parts *parts)
{
    parts->first = parts->end;
    if (parts->first == parts->rows->n_rows)
        return false;
    const char *name = part_cell(parts, 0, INDEX_NAME);
    while (parts->end < parts->rows->n_rows &&
           strcmp(part_cell(parts, parts->end - parts->first, INDEX_NAME), name) == 0)
        parts->end++;
    return true;
}

static bool has_prefix(const struct parts *parts)
{
    for (size_t i = 0; i < parts->end - parts->first; i++)
        if (part_cell(parts, i, INDEX_PREFIX))
            return true;
    return false;
}

static bool is_key(const struct parts *parts)
{
    if (strcmp(part_cell(parts, 0, INDEX_NAME), "PRIMARY") == 0)
        return true;
    if (strcmp(part_cell(parts, 0, INDEX_NON_UNIQUE), "0") != 0 || has_prefix(parts))
        return false;
    for (size_t i = 0; i < parts->end - parts->first; i++)
        if (!part_cell(parts, i, INDEX_COLUMN) ||
            strcmp(part_cell(parts, i, INDEX_NULL), "YES") == 0)
            return false;
    return true;
}

static bool is_visible(const struct parts *parts)
{
    const char *word =
        parts->rows->n_columns > INDEX_VISIBLE ? part_cell(parts, 0, INDEX_VISIBLE) : NULL;
    bool means_ignored = parts->rows->n_columns == INDEX_VISIBLE + 1; // MariaDB has one more only
    return !word || strcmp(word, means_ignored ? "NO" : "YES") == 0;
}

static bool find_column(const struct table *table, const char *name, uint16_t *number)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (slice_eq_str(table->columns[i].name, name)) {
            *number = (uint16_t)i;
            return true;
        }
    return false;
}

static bool take_key(struct schema *schema, const struct parts *parts, struct err *err)
{
    size_t n = parts->end - parts->first;
    uint16_t *key = arena_alloc(&schema->arena, n * sizeof *key);
    bool *descending = arena_zalloc(&schema->arena, n * sizeof *descending);
    for (size_t i = 0; i < n; i++) {
        const char *order = part_cell(parts, i, INDEX_ORDER);
        const char *name = part_cell(parts, i, INDEX_COLUMN);
        if (!name || !find_column(&schema->table, name, &key[i]))
            return err_set(err, ERR_RETRY, "the table was changed while its columns were read");
        descending[i] = order && order[0] == 'D';
    }
    schema->table.key = key;
    schema->table.n_key = n;
    schema->index = (struct schema_index){
        .name = arena_copy(&schema->arena, slice_of_str(part_cell(parts, 0, INDEX_NAME))),
        .is_ordered = !has_prefix(parts) && is_visible(parts) &&
                      strcmp(part_cell(parts, 0, INDEX_TYPE), "BTREE") == 0,
        .descending = descending,
    };
    return true;
}

static bool read_key(struct schema *schema, struct wire *wire, struct err *err)
{
    struct wire_result rows;
    struct buf sql = {0};
    buf_str(&sql, "SHOW INDEX FROM ");
    schema_write_name(&sql, schema->table.db);
    buf_char(&sql, '.');
    schema_write_name(&sql, schema->table.name);
    bool ok = wire_query(wire, buf_cstr(&sql), &rows, err);
    buf_deinit(&sql);
    if (!ok)
        return false;
    struct parts parts = {.rows = &rows};
    bool found = false;
    while (ok && !found && next_index(&parts)) {
        found = is_key(&parts);
        ok = !found || take_key(schema, &parts, err);
    }
    wire_result_deinit(&rows);
    return ok;
}

// --- the table ---------------------------------------------------------------------------------

static bool find_table(struct schema *schema, struct wire *wire, bool *found, struct err *err)
{
    struct wire_result rows;
    struct buf sql = {0};
    buf_str(&sql, "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, AVG_ROW_LENGTH "
                  "FROM information_schema.TABLES");
    write_place(&sql, schema->table.db, schema->table.name);
    bool ok = wire_query(wire, buf_cstr(&sql), &rows, err);
    buf_deinit(&sql);
    if (!ok)
        return false;
    *found = false;
    for (size_t i = 0; i < rows.n_rows; i++) {
        const char *const *cells = rows.cells + i * rows.n_columns;
        if (!is_of(schema, cells))
            continue;
        *found = true;
        schema->kind = arena_copy(&schema->arena, slice_of_str(cells[2] ? cells[2] : ""));
        schema->engine = arena_copy(&schema->arena, slice_of_str(cells[3] ? cells[3] : ""));
        schema->rows = cells[4] ? strtoull(cells[4], NULL, 10) : 0;
        schema->row_bytes = cells[5] ? strtoull(cells[5], NULL, 10) : 0;
    }
    schema->is_base_table = slice_eq_str(schema->kind, "BASE TABLE");
    wire_result_deinit(&rows);
    return true;
}

bool schema_read(struct wire *wire, struct slice db, struct slice name, struct schema *schema,
                 bool *found, struct err *err)
{
    *schema = (struct schema){.table = {.n_key = 0}};
    schema->table.db = arena_copy(&schema->arena, db);
    schema->table.name = arena_copy(&schema->arena, name);
    bool ok = find_table(schema, wire, found, err) &&
              (!*found || !schema->is_base_table ||
               (read_columns(schema, wire, err) && read_key(schema, wire, err)));
    if (ok)
        return true;
    schema_deinit(schema);
    return err_wrap(err, "table " SLICE_FMT "." SLICE_FMT, SLICE_ARG(db), SLICE_ARG(name));
}

void schema_deinit(struct schema *schema)
{
    arena_deinit(&schema->arena);
    *schema = (struct schema){.table = {.n_key = 0}};
}
