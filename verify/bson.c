// SPDX-License-Identifier: Apache-2.0
// BSON: see bson.h. What the source's values have to be is written by hand (bson_write.h,
// bson_json.c); libbson reads documents, writes Decimal128 and prints.
#define _POSIX_C_SOURCE 200809L
#include "verify/bson.h"

#include "common/mem.h"
#include "verify/bson_read.h"
#include "verify/bson_write.h"
#include "verify/source.h"
#include "verify/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DECIMAL_SCALE 30 // digits behind the point at most
#define DAY_MS 86400000
#define FLOAT_DIGITS 9
#define NUMBER_BYTES 96

// --- scalars ---

// The double that the float's shortest text names: of all decimals with the fewest digits that read
// back as the float the nearest. At a power of two the nearest of so many digits may lie outside
// while the next one above is inside.
static double widen(float v)
{
    char text[40];
    int exponent;
    bool is_power = frexpf(v, &exponent) == 0.5F || frexpf(v, &exponent) == -0.5F;
    for (int digits = 1; digits < FLOAT_DIGITS; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, (double)v);
        if (strtof(text, NULL) == v)
            return strtod(text, NULL);
        char *e = strchr(text, 'e');
        if (!is_power || e[-1] == '9')
            continue;
        e[-1]++;
        if (strtof(text, NULL) == v)
            return strtod(text, NULL);
    }
    snprintf(text, sizeof text, "%.*e", FLOAT_DIGITS - 1, (double)v);
    return strtod(text, NULL);
}

static double read_double(struct slice text)
{
    char copy[512];
    snprintf(copy, sizeof copy, SLICE_FMT, SLICE_ARG(text));
    return strtod(copy, NULL);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

// Days from the first day of the year 1 to that day, counted by the proleptic Gregorian calendar;
// -1: there is no such day.
static int64_t count_days(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    if (year < 1 || month < 1 || month > 12 || day < 1)
        return -1;
    int leap = is_leap(year) ? 1 : 0;
    int last = before[month] - before[month - 1] + (month == 2 ? leap : 0);
    if (day > last)
        return -1;
    int64_t y = year - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + before[month - 1] + (month > 2 ? leap : 0) + day -
           1;
}

// Milliseconds since 1970 of "2026-11-21 08:15:00.250"; false: no such day.
static bool read_date(struct slice text, int64_t *ms)
{
    char copy[40];
    int year, month, day, hour = 0, minute = 0, second = 0, n = 0;
    snprintf(copy, sizeof copy, SLICE_FMT, SLICE_ARG(text));
    int found = sscanf(copy, "%4d-%2d-%2d%n %2d:%2d:%2d%n", &year, &month, &day, &n, &hour, &minute,
                       &second, &n);
    int64_t days = found >= 3 ? count_days(year, month, day) : -1;
    if ((found != 3 && found != 6) || days < 0)
        return false;
    int64_t fraction = 0;
    int unit = 100;
    for (const char *c = copy + n + (copy[n] == '.'); *c && unit > 0; c++, unit /= 10)
        fraction += (*c - '0') * unit;
    days -= count_days(1970, 1, 1);
    *ms = days * DAY_MS + ((hour * 60 + minute) * 60 + second) * INT64_C(1000) + fraction;
    return true;
}

static void put_temporal(struct buf *out, const struct shape_column *column, struct slice text)
{
    int64_t ms;
    struct buf written = {0};
    if (column->holding.bson == HELD_DATE && read_date(text, &ms)) {
        buf_char(out, TYPE_DATE);
        buf_le(out, (uint64_t)ms, 8);
        return;
    }
    text_put_temporal(&written, column, text);
    bson_put_string(out, buf_bytes(&written));
    buf_deinit(&written);
}

static void put_geometry(struct buf *out, struct slice stored)
{
    size_t start = bson_open_document(out, TYPE_DOCUMENT);
    size_t n = stored.len < 4 ? stored.len : 4;
    size_t value = out->len;
    buf_char(out, TYPE_INT64);
    buf_le(out, bson_get_le(stored, n), 8);
    bson_insert_name(out, value, slice_of_str("srid"));
    value = out->len;
    bson_put_binary(out, slice_of(stored.ptr + n, stored.len - n));
    bson_insert_name(out, value, slice_of_str("wkb"));
    bson_close_document(out, start);
}

static void put_vector(struct buf *out, struct slice floats)
{
    char name[24];
    size_t start = bson_open_document(out, TYPE_ARRAY);
    for (size_t i = 0; i < floats.len / 4; i++) {
        size_t value = out->len;
        bson_put_double(out, widen(text_vector_item(floats, i)));
        int n = snprintf(name, sizeof name, "%zu", i);
        bson_insert_name(out, value, slice_of(name, (size_t)n));
    }
    bson_close_document(out, start);
}

// --- values of the source ---

static void put_value(struct buf *out, const struct shape_column *column, const struct cell *cell)
{
    uint8_t room[NUMBER_BYTES];
    struct slice text = cell->text;
    struct slice bytes;
    if (cell->is_null) {
        buf_char(out, TYPE_NULL);
        return;
    }
    switch (column->kind) {
    case KIND_INTEGER:
        bson_put_integer(out, text_number(text, room), column->holding.bson == HELD_INT32);
        break;
    case KIND_DECIMAL:
        if (column->holding.bson == HELD_DECIMAL)
            bson_put_decimal(out, text_number(text, room));
        else
            bson_put_string(out, text_number(text, room));
        break;
    case KIND_FLOAT:
        bson_put_double(out, widen((float)read_double(text)));
        break;
    case KIND_DOUBLE:
        bson_put_double(out, read_double(text));
        break;
    case KIND_DATE:
    case KIND_DATETIME:
    case KIND_TIMESTAMP:
    case KIND_TIME:
        put_temporal(out, column, text);
        break;
    case KIND_TEXT:
        if (text_is_bad(column, cell, &bytes))
            bson_put_binary(out, bytes);
        else
            bson_put_string(out, text);
        break;
    case KIND_BINARY:
        bson_put_binary(out, text);
        break;
    case KIND_JSON:
        bson_put_json(out, text);
        break;
    case KIND_GEOMETRY:
        put_geometry(out, text);
        break;
    case KIND_VECTOR:
        put_vector(out, text);
        break;
    }
}

void bson_put_cell(struct buf *out, const struct shape_column *column, const struct cell *cell)
{
    size_t start = canon_begin(out, CANON_VALUE);
    put_value(out, column, cell);
    canon_end(out, start);
}

// A key of several columns, or of one that MongoDB does not take as a key, is a sub-document.
static bool is_document_key(const struct shape *shape)
{
    const struct shape_column *first = &shape->columns[shape->key[0]];
    return shape->n_key > 1 || first->holding.may_be_array;
}

void bson_put_key(struct buf *out, const struct shape *shape, const struct cell *key)
{
    if (!is_document_key(shape)) {
        put_value(out, &shape->columns[shape->key[0]], &key[0]);
        return;
    }
    size_t start = bson_open_document(out, TYPE_DOCUMENT);
    for (size_t i = 0; i < shape->n_key; i++) {
        const struct shape_column *column = &shape->columns[shape->key[i]];
        size_t value = out->len;
        put_value(out, column, &key[i]);
        bson_insert_name(out, value, slice_of_str(column->name));
    }
    bson_close_document(out, start);
}

void bson_put_id_document(struct buf *out, struct slice key)
{
    size_t start = bson_open_document(out, 0);
    size_t value = out->len;
    buf_slice(out, key);
    bson_insert_name(out, value, slice_of_str("_id"));
    bson_close_document(out, start);
}

// --- documents of the target ---

// An element's value is where its name ends; libbson has checked that it lies in the document.
static struct slice value_of(const bson_iter_t *iter, uint32_t key_len)
{
    size_t start = iter->key + key_len + 1;
    return slice_of(iter->raw + start, iter->next_off - start);
}

static bool is_guard(const bson_iter_t *iter)
{
    bson_iter_t child;
    return BSON_ITER_HOLDS_DOCUMENT(iter) && bson_iter_recurse(iter, &child) &&
           bson_iter_next(&child) && strcmp(bson_iter_key(&child), "p") == 0 &&
           BSON_ITER_HOLDS_INT32(&child) && bson_iter_next(&child) &&
           strcmp(bson_iter_key(&child), "o") == 0 && BSON_ITER_HOLDS_INT64(&child) &&
           !bson_iter_next(&child);
}

struct field {
    bool is_there;
    uint8_t type;
    struct slice value;
};

struct document_reader {
    const struct shape *shape;
    struct field *fields; // one for each column
    size_t next;
    struct buf extras;
    struct buf *guard;
};

static void put_typed(struct buf *out, uint8_t type, struct slice value)
{
    buf_char(out, (char)type);
    buf_slice(out, value);
}

static void take_extra(struct document_reader *reader, struct slice name, uint8_t type,
                       struct slice value)
{
    struct buf typed = {0};
    put_typed(&typed, type, value);
    text_put_extra(&reader->extras, name, buf_bytes(&typed));
    buf_deinit(&typed);
}

static void take_field(struct document_reader *reader, const bson_iter_t *iter, struct slice name,
                       struct slice value)
{
    const struct shape *shape = reader->shape;
    uint8_t type = (uint8_t)bson_iter_type(iter);
    size_t i = reader->next;
    if (i >= shape->n_columns || !slice_eq_str(name, shape->columns[i].name))
        i = shape_find(shape, name);
    if (i < shape->n_columns && !reader->fields[i].is_there) {
        reader->fields[i] = (struct field){true, type, value};
        reader->next = i + 1;
    } else if (slice_eq_str(name, BSON_GUARD) && reader->guard->len == 0 && is_guard(iter)) {
        buf_slice(reader->guard, value);
    } else {
        take_extra(reader, name, type, value);
    }
}

static bool read_fields(struct document_reader *reader, const bson_t *doc, struct buf *key,
                        struct err *err)
{
    bson_iter_t iter;
    if (!bson_iter_init(&iter, doc))
        return err_set(err, ERR_CORRUPT, "a document is no BSON");
    while (bson_iter_next(&iter)) {
        struct slice name = slice_of(bson_iter_key(&iter), bson_iter_key_len(&iter));
        struct slice value = value_of(&iter, (uint32_t)name.len);
        bool is_id = slice_eq_str(name, "_id");
        if (is_id && key->len == 0)
            put_typed(key, (uint8_t)bson_iter_type(&iter), value);
        if (!is_id || shape_find(reader->shape, name) < reader->shape->n_columns)
            take_field(reader, &iter, name, value);
    }
    if (iter.err_off)
        return err_set(err, ERR_CORRUPT, "a document is no BSON at byte %u", iter.err_off);
    return true;
}

bool bson_put_document(struct bson_found *found, const struct shape *shape, const bson_t *doc,
                       struct err *err)
{
    struct field few[64] = {{0}};
    struct document_reader reader = {.shape = shape, .guard = &found->guard};
    bool is_few = shape->n_columns <= sizeof few / sizeof *few;
    reader.fields = is_few ? few : mem_zalloc(shape->n_columns * sizeof *reader.fields);
    bool done = read_fields(&reader, doc, &found->key, err);
    for (size_t i = 0; done && i < shape->n_columns; i++) {
        const struct field *field = &reader.fields[i];
        size_t start = canon_begin(&found->row, field->is_there ? CANON_VALUE : CANON_ABSENT);
        if (field->is_there)
            put_typed(&found->row, field->type, field->value);
        canon_end(&found->row, start);
    }
    if (done)
        buf_slice(&found->row, buf_bytes(&reader.extras));
    if (!is_few)
        free(reader.fields);
    buf_deinit(&reader.extras);
    return done;
}

// --- keys of the target ---

// What was read is the column's only if it is written like that again.
static bool read_cell(const struct shape_column *column, struct slice typed, struct arena *arena,
                      struct cell *cell)
{
    struct buf text = {0}, again = {0};
    struct slice value = slice_of(typed.ptr + 1, typed.len - 1);
    *cell = (struct cell){slice_of("", 0), true};
    if (typed.ptr[0] == TYPE_NULL)
        return true;
    bool good = bson_read_part(&text, column, typed.ptr[0], value);
    *cell = (struct cell){arena_copy(arena, buf_bytes(&text)), false};
    good = good && source_may_hold(column, cell);
    if (good)
        put_value(&again, column, cell);
    good = good && slice_eq(buf_bytes(&again), typed);
    buf_deinit(&text);
    buf_deinit(&again);
    return good;
}

bool bson_read_key(const struct shape *shape, struct slice key, struct arena *arena,
                   struct cell *cells)
{
    bson_t doc;
    bson_iter_t iter;
    if (!is_document_key(shape))
        return key.len > 0 && read_cell(&shape->columns[shape->key[0]], key, arena, &cells[0]);
    if (key.len < 6 || key.ptr[0] != TYPE_DOCUMENT ||
        !bson_init_static(&doc, key.ptr + 1, key.len - 1) || !bson_iter_init(&iter, &doc))
        return false;
    for (size_t i = 0; i < shape->n_key; i++) {
        const struct shape_column *column = &shape->columns[shape->key[i]];
        struct buf typed = {0};
        if (!bson_iter_next(&iter) || strcmp(bson_iter_key(&iter), column->name) != 0)
            return false;
        put_typed(&typed, (uint8_t)bson_iter_type(&iter),
                  value_of(&iter, bson_iter_key_len(&iter)));
        bool good = read_cell(column, buf_bytes(&typed), arena, &cells[i]);
        buf_deinit(&typed);
        if (!good)
            return false;
    }
    return !bson_iter_next(&iter);
}

bool bson_put_number(struct buf *out, struct slice typed, bool *is_null)
{
    const struct shape_column whole = {.kind = KIND_DECIMAL, .digits = DECIMAL_SCALE};
    uint8_t type = typed.len > 0 ? typed.ptr[0] : 0;
    *is_null = type == TYPE_NULL;
    if (type != TYPE_INT32 && type != TYPE_INT64 && type != TYPE_DECIMAL && type != TYPE_STRING)
        return false;
    return bson_read_part(out, &whole, type, slice_of(typed.ptr + 1, typed.len - 1));
}

// {"_id": value} as libbson prints it, without what stands around the value.
void bson_describe(struct buf *out, struct slice value)
{
    static const char head[] = "{ \"_id\" : ";
    struct buf bytes = {0};
    bson_t doc;
    size_t len = 0;
    bson_put_id_document(&bytes, value);
    char *text = NULL;
    if (bson_init_static(&doc, bytes.ptr, bytes.len))
        text = bson_as_canonical_extended_json(&doc, &len);
    if (text && len > sizeof head + 1)
        buf_append(out, text + sizeof head - 1, len - (sizeof head - 1) - 2);
    else
        buf_str(out, "(no BSON)");
    bson_free(text);
    buf_deinit(&bytes);
}
