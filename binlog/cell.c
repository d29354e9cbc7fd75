// SPDX-License-Identifier: Apache-2.0
// Cell: see cell.h. What the server shows of each type in the text protocol, in a session of
// schema_session:
//   integers, YEAR     digits, zeros in front with ZEROFILL
//   BIT                its bytes, the highest first
//   DECIMAL            the declared scale, zeros in front with ZEROFILL
//   FLOAT, DOUBLE      times 1e0: a double's shortest text that reads back the same; every float
//                      is a double, so nothing is lost on the way
//   dates and times    2026-11-21 08:15:00.250, TIMESTAMP in UTC
//   texts              the bytes that are stored, as character_set_results is NULL
//   ENUM, SET          labels in their character set, the invalid value as nothing
//   JSON               ", " between members, ": " behind names; in the record no spaces
//   GEOMETRY, VECTOR   as stored: SRID in four bytes and WKB; float32
#define _POSIX_C_SOURCE 200809L
#include "binlog/cell.h"

#include "record/number_text.h"
#include "record/temporal_text.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define SRID_BYTES 4
#define BIT_BYTES_MAX 8
#define NUMBER_TEXT_MAX 64
#define UUID_DIGITS 32

bool cell_is_label(const struct schema *schema, size_t column)
{
    enum column_type type = schema->table.columns[column].type;
    return type == COLUMN_ENUM || type == COLUMN_SET;
}

static bool is_real(const struct schema *schema, size_t column)
{
    enum column_type type = schema->table.columns[column].type;
    return type == COLUMN_FLOAT || type == COLUMN_DOUBLE;
}

void cell_write_select(struct buf *out, const struct schema *schema, size_t column)
{
    schema_write_name(out, schema->table.columns[column].name);
    if (is_real(schema, column))
        buf_str(out, "*1e0");
}

void cell_write_order(struct buf *out, const struct schema *schema, size_t column)
{
    bool is_label = cell_is_label(schema, column);
    buf_str(out, is_label ? "CAST(" : "");
    schema_write_name(out, schema->table.columns[column].name);
    buf_str(out, is_label ? " AS UNSIGNED)" : "");
}

// --- cell to value -----------------------------------------------------------------------------

static bool wrong(const struct column *column, struct slice cell, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "column " SLICE_FMT ": the server shows \"%.*s\"",
                   SLICE_ARG(column->name), (int)(cell.len < 100 ? cell.len : 100),
                   (const char *)cell.ptr);
}

// Digits only, up to the largest 64-bit number.
static bool read_digits(struct slice digits, uint64_t *v)
{
    *v = 0;
    if (digits.len == 0)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned)digits.ptr[i] - '0';
        if (digit > 9 || *v > (UINT64_MAX - digit) / 10)
            return false;
        *v = *v * 10 + digit;
    }
    return true;
}

static bool read_integer(bool is_unsigned, struct slice cell, struct value *value)
{
    bool negative = cell.len > 0 && cell.ptr[0] == '-';
    uint64_t v;
    value->kind = is_unsigned ? VALUE_UINT : VALUE_INT;
    if (!read_digits(slice_of(cell.ptr + negative, cell.len - negative), &v))
        return false;
    if (is_unsigned) {
        value->u = v;
        return !negative;
    }
    value->i = negative ? (int64_t)(0 - v) : (int64_t)v;
    return v <= (uint64_t)INT64_MAX + negative;
}

static bool read_bits(struct slice cell, struct value *value)
{
    value->kind = VALUE_UINT;
    value->u = 0;
    for (size_t i = 0; i < cell.len; i++)
        value->u = value->u << 8 | cell.ptr[i];
    return cell.len >= 1 && cell.len <= BIT_BYTES_MAX;
}

static bool read_real(bool is_float, struct slice cell, struct value *value)
{
    char text[NUMBER_TEXT_MAX * 8];
    char *end;
    if (cell.len == 0 || cell.len >= sizeof text)
        return false;
    slice_to_str(text, sizeof text, cell);
    double v = strtod(text, &end);
    value->kind = is_float ? VALUE_FLOAT : VALUE_DOUBLE;
    if (is_float)
        value->f = (float)v;
    else
        value->d = v;
    return *end == '\0';
}

// The zeros of ZEROFILL are not of the value.
static struct slice without_fill(struct slice cell)
{
    while (cell.len > 1 && cell.ptr[0] == '0' && cell.ptr[1] >= '0' && cell.ptr[1] <= '9')
        cell = slice_of(cell.ptr + 1, cell.len - 1);
    return cell;
}

// The record has a T between date and time, and a Z behind what is in UTC.
static bool read_time(enum value_kind kind, uint8_t digits, struct slice cell, struct value *value)
{
    char text[TEMPORAL_TEXT_MAX + 2];
    size_t offset;
    if (cell.len > TEMPORAL_TEXT_MAX)
        return false;
    memcpy(text, cell.ptr, cell.len);
    if (cell.len > 10 && text[10] == ' ')
        text[10] = 'T';
    size_t n = cell.len;
    if (kind == VALUE_TIMESTAMP)
        text[n++] = 'Z';
    value->kind = kind;
    return temporal_text_read(slice_of(text, n), kind, digits, &value->time, &offset);
}

// Spaces that are not in a string go.
static struct slice compact_json(struct slice json, struct arena *arena)
{
    uint8_t *text = arena_alloc(arena, json.len);
    size_t n = 0;
    bool in_string = false;
    for (size_t i = 0; i < json.len; i++) {
        uint8_t c = json.ptr[i];
        if (c == ' ' && !in_string)
            continue;
        text[n++] = c;
        if (c == '\\' && in_string && i + 1 < json.len)
            text[n++] = json.ptr[++i];
        else if (c == '"')
            in_string = !in_string;
    }
    return slice_of(text, n);
}

static bool read_geometry(struct slice cell, struct value *value)
{
    value->kind = VALUE_GEOMETRY;
    if (cell.len < SRID_BYTES)
        return false;
    value->geometry.srid = 0;
    for (size_t i = SRID_BYTES; i-- > 0;)
        value->geometry.srid = value->geometry.srid << 8 | cell.ptr[i];
    value->geometry.wkb = slice_of(cell.ptr + SRID_BYTES, cell.len - SRID_BYTES);
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_uuid(struct slice cell, uint8_t bytes[16])
{
    size_t n = 0;
    for (size_t i = 0; i < cell.len; i++) {
        int digit = hex_digit(cell.ptr[i]);
        if (cell.ptr[i] == '-')
            continue;
        if (digit < 0 || n == UUID_DIGITS)
            return false;
        bytes[n / 2] = (uint8_t)(n % 2 ? bytes[n / 2] | digit : digit << 4);
        n++;
    }
    return n == UUID_DIGITS;
}

// UUID, INET6 and INET4 of MariaDB: a text with dashes only, with colons, with points only.
static bool read_name(uint32_t length, struct slice cell, struct arena *arena, struct value *value)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t *bytes = arena_zalloc(arena, length);
    value->kind = VALUE_BINARY;
    value->text = slice_of(bytes, length);
    if (cell.len >= sizeof text)
        return false;
    slice_to_str(text, sizeof text, cell);
    if (length == 4)
        return inet_pton(AF_INET, text, bytes) == 1;
    return strchr(text, ':') ? inet_pton(AF_INET6, text, bytes) == 1 : read_uuid(cell, bytes);
}

static bool read_text(const struct schema_column *column, struct slice cell, struct arena *arena,
                      struct value *value, struct err *err)
{
    if (column->text)
        return charset_to_utf8(column->text, cell, arena, value, err);
    value->kind = VALUE_TEXT;
    value->text = cell;
    return true;
}

static bool read_bytes(const struct schema *schema, size_t column, struct slice cell,
                       struct arena *arena, struct value *value)
{
    value->kind = VALUE_BINARY;
    value->text = cell;
    return !schema->columns[column].is_name ||
           read_name(schema->table.columns[column].length, cell, arena, value);
}

bool cell_decode(const struct schema *schema, size_t number, struct slice cell, struct arena *arena,
                 struct value *value, struct err *err)
{
    const struct column *column = &schema->table.columns[number];
    bool good = true;
    if (!cell.ptr) {
        value->kind = VALUE_NULL;
        return true;
    }
    switch (column->type) {
    case COLUMN_TINYINT:
    case COLUMN_SMALLINT:
    case COLUMN_MEDIUMINT:
    case COLUMN_INT:
    case COLUMN_BIGINT:
        good = read_integer(column->is_unsigned, cell, value);
        break;
    case COLUMN_YEAR:
        good = read_integer(true, cell, value);
        break;
    case COLUMN_BIT:
        good = read_bits(cell, value);
        break;
    case COLUMN_FLOAT:
    case COLUMN_DOUBLE:
        good = read_real(column->type == COLUMN_FLOAT, cell, value);
        break;
    case COLUMN_DECIMAL:
        value->kind = VALUE_DECIMAL;
        value->text = without_fill(cell);
        break;
    case COLUMN_DATE:
        good = read_time(VALUE_DATE, 0, cell, value);
        break;
    case COLUMN_DATETIME:
        good = read_time(VALUE_DATETIME, column->scale, cell, value);
        break;
    case COLUMN_TIMESTAMP:
        good = read_time(VALUE_TIMESTAMP, column->scale, cell, value);
        break;
    case COLUMN_TIME:
        good = read_time(VALUE_TIME, column->scale, cell, value);
        break;
    case COLUMN_CHAR:
    case COLUMN_VARCHAR:
    case COLUMN_TEXT:
    case COLUMN_ENUM:
    case COLUMN_SET:
        return read_text(&schema->columns[number], cell, arena, value, err);
    case COLUMN_BINARY:
    case COLUMN_VARBINARY:
    case COLUMN_BLOB:
        good = read_bytes(schema, number, cell, arena, value);
        break;
    case COLUMN_JSON:
        value->kind = VALUE_JSON;
        value->text = compact_json(cell, arena);
        break;
    case COLUMN_GEOMETRY:
        good = read_geometry(cell, value);
        break;
    case COLUMN_VECTOR:
        value->kind = VALUE_VECTOR;
        value->text = cell;
        good = cell.len % sizeof(float) == 0;
        break;
    }
    return good || wrong(column, cell, err);
}

// --- back into SQL -----------------------------------------------------------------------------

// As a double: else it is a DECIMAL, and the comparison another one.
static void write_real(struct buf *out, struct slice text)
{
    buf_slice(out, text);
    if (!memchr(text.ptr, 'e', text.len))
        buf_str(out, "e0");
}

static void write_quoted(struct buf *out, struct slice text)
{
    buf_char(out, '\'');
    buf_slice(out, text);
    buf_char(out, '\'');
}

static void write_bits(struct buf *out, struct slice cell)
{
    struct value value;
    (void)read_bits(cell, &value);
    number_write_u64(out, value.u);
}

static const char *charset_of(const struct schema *schema, size_t column)
{
    const struct charset *charset = schema->columns[column].text;
    return charset ? charset_name(charset) : NULL;
}

void cell_write_literal(struct buf *out, const struct schema *schema, size_t number,
                        struct slice cell)
{
    switch (schema->table.columns[number].type) {
    case COLUMN_TINYINT:
    case COLUMN_SMALLINT:
    case COLUMN_MEDIUMINT:
    case COLUMN_INT:
    case COLUMN_BIGINT:
    case COLUMN_YEAR:
    case COLUMN_DECIMAL:
    case COLUMN_ENUM:
    case COLUMN_SET:
        buf_slice(out, cell);
        break;
    case COLUMN_BIT:
        write_bits(out, cell);
        break;
    case COLUMN_FLOAT:
    case COLUMN_DOUBLE:
        write_real(out, cell);
        break;
    case COLUMN_DATE:
    case COLUMN_DATETIME:
    case COLUMN_TIMESTAMP:
    case COLUMN_TIME:
        write_quoted(out, cell);
        break;
    case COLUMN_BINARY:
    case COLUMN_VARBINARY:
    case COLUMN_BLOB:
        if (schema->columns[number].is_name)
            write_quoted(out, cell);
        else
            schema_write_text(out, NULL, cell);
        break;
    case COLUMN_CHAR:
    case COLUMN_VARCHAR:
    case COLUMN_TEXT:
    case COLUMN_JSON:
    case COLUMN_GEOMETRY:
    case COLUMN_VECTOR:
        schema_write_text(out, charset_of(schema, number), cell);
        break;
    }
}

// '2026-11-21 08:15:00.250': the zone of the session is UTC.
static void write_time(struct buf *out, enum value_kind kind, const struct temporal *time)
{
    char text[TEMPORAL_TEXT_MAX];
    size_t n = temporal_text_write(text, kind, time);
    if (kind == VALUE_TIMESTAMP)
        n--;
    if (n > 10 && text[10] == 'T')
        text[10] = ' ';
    write_quoted(out, slice_of(text, n));
}

static void write_name(struct buf *out, struct slice bytes)
{
    char text[INET6_ADDRSTRLEN];
    if (bytes.len == 4 && inet_ntop(AF_INET, bytes.ptr, text, sizeof text)) {
        write_quoted(out, slice_of_str(text));
        return;
    }
    buf_str(out, "CAST(");
    schema_write_text(out, NULL, bytes);
    buf_str(out, " AS BINARY(16))");
}

void cell_write_value(struct buf *out, const struct schema *schema, size_t number,
                      const struct value *value)
{
    struct buf text = {0};
    switch (value->kind) {
    case VALUE_INT:
        number_write_i64(out, value->i);
        break;
    case VALUE_UINT:
        number_write_u64(out, value->u);
        break;
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
        number_write_double(&text, value->kind == VALUE_FLOAT ? (double)value->f : value->d);
        write_real(out, buf_bytes(&text));
        break;
    case VALUE_DECIMAL:
        buf_slice(out, value->text);
        break;
    case VALUE_DATE:
    case VALUE_DATETIME:
    case VALUE_TIMESTAMP:
    case VALUE_TIME:
        write_time(out, value->kind, &value->time);
        break;
    case VALUE_TEXT:
        schema_write_text(out, "utf8mb4", value->text);
        break;
    case VALUE_BAD_TEXT:
        schema_write_text(out, charset_of(schema, number), value->text);
        break;
    case VALUE_BINARY:
        if (schema->columns[number].is_name)
            write_name(out, value->text);
        else
            schema_write_text(out, NULL, value->text);
        break;
    case VALUE_ABSENT:
    case VALUE_NULL:
    case VALUE_JSON:
    case VALUE_GEOMETRY:
    case VALUE_VECTOR:
        buf_str(out, "NULL"); // in no key
        break;
    }
    buf_deinit(&text);
}
