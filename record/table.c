// SPDX-License-Identifier: Apache-2.0
// Table: see table.h. One table of type words serves both directions. What follows a word:
//   PLAIN      nothing                    "date"
//   NUMBER     " unsigned" or nothing     "int unsigned"
//   DECIMAL    "(precision,scale)"        "decimal(10,2)", then as NUMBER
//   LENGTH     "(length)"                 "bit(3)", "binary(16)"
//   FRACTION   "(digits)", none for 0     "datetime(3)"
#include "record/table.h"

#include "common/cursor.h"
#include "record/json_writer.h"

#include <assert.h>

#define DECIMAL_PRECISION_MAX 65
#define DECIMAL_SCALE_MAX 30
#define BIT_LENGTH_MAX 64
#define BINARY_LENGTH_MAX 255
#define FRACTION_DIGITS_MAX 6

enum type_form { FORM_PLAIN, FORM_NUMBER, FORM_DECIMAL, FORM_LENGTH, FORM_FRACTION };

static const struct {
    const char *word;
    enum type_form form;
} types[] = {
    [COLUMN_TINYINT] = {"tinyint", FORM_NUMBER},
    [COLUMN_SMALLINT] = {"smallint", FORM_NUMBER},
    [COLUMN_MEDIUMINT] = {"mediumint", FORM_NUMBER},
    [COLUMN_INT] = {"int", FORM_NUMBER},
    [COLUMN_BIGINT] = {"bigint", FORM_NUMBER},
    [COLUMN_YEAR] = {"year", FORM_PLAIN},
    [COLUMN_BIT] = {"bit", FORM_LENGTH},
    [COLUMN_FLOAT] = {"float", FORM_NUMBER},
    [COLUMN_DOUBLE] = {"double", FORM_NUMBER},
    [COLUMN_DECIMAL] = {"decimal", FORM_DECIMAL},
    [COLUMN_DATE] = {"date", FORM_PLAIN},
    [COLUMN_DATETIME] = {"datetime", FORM_FRACTION},
    [COLUMN_TIMESTAMP] = {"timestamp", FORM_FRACTION},
    [COLUMN_TIME] = {"time", FORM_FRACTION},
    [COLUMN_CHAR] = {"char", FORM_PLAIN},
    [COLUMN_VARCHAR] = {"varchar", FORM_PLAIN},
    [COLUMN_TEXT] = {"text", FORM_PLAIN},
    [COLUMN_ENUM] = {"enum", FORM_PLAIN},
    [COLUMN_SET] = {"set", FORM_PLAIN},
    [COLUMN_BINARY] = {"binary", FORM_LENGTH},
    [COLUMN_VARBINARY] = {"varbinary", FORM_PLAIN},
    [COLUMN_BLOB] = {"blob", FORM_PLAIN},
    [COLUMN_JSON] = {"json", FORM_PLAIN},
    [COLUMN_GEOMETRY] = {"geometry", FORM_PLAIN},
    [COLUMN_VECTOR] = {"vector", FORM_PLAIN},
};
#define N_TYPES (sizeof types / sizeof *types)

void table_render(struct table *table, struct column *columns, struct arena *arena)
{
    struct buf header = {0};
    struct buf name = {0};
    assert(table->columns == columns);
    buf_char(&header, '{');
    for (size_t i = 0; i < table->n_columns; i++) {
        buf_clear(&name);
        json_write_string(&name, columns[i].name);
        buf_char(&name, ':');
        columns[i].json_name = arena_copy(arena, buf_bytes(&name));
        if (i > 0)
            buf_char(&header, ',');
        buf_slice(&header, columns[i].json_name);
        buf_char(&header, '"');
        column_type_write(&header, &columns[i]);
        buf_char(&header, '"');
    }
    buf_char(&header, '}');
    table->columns_header = arena_copy(arena, buf_bytes(&header));
    buf_deinit(&name);
    buf_deinit(&header);
}

void column_type_write(struct buf *out, const struct column *column)
{
    buf_str(out, types[column->type].word);
    switch (types[column->type].form) {
    case FORM_PLAIN:
        return;
    case FORM_DECIMAL:
        buf_printf(out, "(%u,%u)", column->precision, column->scale);
        break;
    case FORM_LENGTH:
        buf_printf(out, "(%u)", (unsigned)column->length);
        return;
    case FORM_FRACTION:
        if (column->scale > 0)
            buf_printf(out, "(%u)", column->scale);
        return;
    case FORM_NUMBER:
        break;
    }
    if (column->is_unsigned)
        buf_str(out, " unsigned");
}

static void take_text(struct cursor *cur, const char *text)
{
    if (!slice_eq_str(cursor_bytes(cur, strlen(text)), text))
        cur->failed = true;
}

// One to three digits, no zero in front, between least and most.
static uint32_t take_number(struct cursor *cur, uint32_t least, uint32_t most)
{
    const uint8_t *start = cur->pos;
    uint32_t v = 0;
    while (cur->pos < cur->end && *cur->pos >= '0' && *cur->pos <= '9' && cur->pos - start < 3)
        v = v * 10 + (uint32_t)(cursor_u8(cur) - '0');
    bool padded = cur->pos - start > 1 && *start == '0';
    if (cur->pos == start || padded || v < least || v > most)
        cur->failed = true;
    return v;
}

static void take_unsigned(struct cursor *cur, struct column *column)
{
    if (cursor_left(cur) == 0)
        return;
    take_text(cur, " unsigned");
    column->is_unsigned = true;
}

static void take_decimal(struct cursor *cur, struct column *column)
{
    take_text(cur, "(");
    column->precision = (uint8_t)take_number(cur, 1, DECIMAL_PRECISION_MAX);
    take_text(cur, ",");
    uint32_t most = column->precision < DECIMAL_SCALE_MAX ? column->precision : DECIMAL_SCALE_MAX;
    column->scale = (uint8_t)take_number(cur, 0, most);
    take_text(cur, ")");
    take_unsigned(cur, column);
}

static void take_length(struct cursor *cur, struct column *column)
{
    bool bit = column->type == COLUMN_BIT;
    take_text(cur, "(");
    column->length = take_number(cur, bit ? 1 : 0, bit ? BIT_LENGTH_MAX : BINARY_LENGTH_MAX);
    take_text(cur, ")");
}

static void take_fraction(struct cursor *cur, struct column *column)
{
    if (cursor_left(cur) == 0)
        return;
    take_text(cur, "(");
    column->scale = (uint8_t)take_number(cur, 1, FRACTION_DIGITS_MAX);
    take_text(cur, ")");
}

// What stands behind the word.
static void take_form(struct cursor *cur, struct column *column)
{
    switch (types[column->type].form) {
    case FORM_PLAIN:
        break;
    case FORM_NUMBER:
        take_unsigned(cur, column);
        break;
    case FORM_DECIMAL:
        take_decimal(cur, column);
        break;
    case FORM_LENGTH:
        take_length(cur, column);
        break;
    case FORM_FRACTION:
        take_fraction(cur, column);
        break;
    }
}

bool column_type_read(struct slice text, struct column *column, struct err *err)
{
    size_t n = 0;
    while (n < text.len && text.ptr[n] >= 'a' && text.ptr[n] <= 'z')
        n++;
    column->is_unsigned = false;
    column->precision = column->scale = 0;
    column->length = 0;
    for (size_t i = 0; i < N_TYPES; i++) {
        if (!slice_eq_str(slice_of(text.ptr, n), types[i].word))
            continue;
        struct cursor cur = cursor_of(text);
        cursor_skip(&cur, n);
        column->type = (enum column_type)i;
        take_form(&cur, column);
        if (cursor_done(&cur))
            return true;
    }
    return err_set(err, ERR_UNSUPPORTED, "column type \"" SLICE_FMT "\" is not known",
                   SLICE_ARG(text));
}
