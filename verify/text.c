// SPDX-License-Identifier: Apache-2.0
// Text: see text.h. Floats and doubles are compared by their bits, whatever their digits; JSON in
// its one form; all else byte by byte.
#include "verify/text.h"

#include "common/little_endian.h"
#include "common/mem.h"
#include "record/json_writer.h"
#include "record/number_text.h"
#include "verify/source.h"
#include "verify/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BAD_TEXT 0xff
#define FLOAT_DIGITS 9 // as many name any float, 17 any double
#define DOUBLE_DIGITS 17
#define NUMBER_BYTES 96
#define SRID_BYTES 4

// --- pieces of values ---

struct slice text_number(struct slice text, uint8_t room[NUMBER_BYTES])
{
    size_t n = 0, i = 0;
    if (text.len > 0 && text.ptr[0] == '-') {
        room[n++] = '-';
        i++;
    }
    while (i + 1 < text.len && text.ptr[i] == '0' && text.ptr[i + 1] != '.')
        i++;
    for (; i < text.len && n < NUMBER_BYTES; i++)
        room[n++] = text.ptr[i];
    return slice_of(room, n);
}

static unsigned longest_character(const struct shape_column *column)
{
    if (strcmp(column->charset, "ascii") == 0)
        return 1;
    return strcmp(column->charset, "utf8mb3") == 0 || strcmp(column->charset, "utf8") == 0 ? 3 : 4;
}

bool text_is_bad(const struct shape_column *column, const struct cell *cell, struct slice *bytes)
{
    bool is_marked = cell->text.len > 0 && cell->text.ptr[0] == BAD_TEXT;
    *bytes = cell->text;
    if (column->is_raw_utf8)
        return !json_is_utf8(cell->text, longest_character(column));
    if (is_marked)
        *bytes = slice_of(cell->text.ptr + 1, cell->text.len - 1);
    return is_marked;
}

void text_put_temporal(struct buf *out, const struct shape_column *column, struct slice text)
{
    size_t start = out->len;
    buf_slice(out, text);
    if (text.len > 10 && column->kind != KIND_TIME)
        out->ptr[start + 10] = 'T';
    if (column->kind == KIND_TIMESTAMP)
        buf_char(out, 'Z');
}

static void put_digits(struct buf *out, double v, int digits)
{
    char text[40];
    snprintf(text, sizeof text, "%.*g", digits, v);
    buf_str(out, text);
}

static void put_base64(struct buf *out, struct slice bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t group = (uint32_t)bytes.ptr[i] << 16;
        group |= n > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0;
        group |= n > 2 ? (uint32_t)bytes.ptr[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            buf_char(out, k <= n ? letters[group >> (18 - 6 * k) & 63] : '=');
    }
}

static int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Leaves it to the caller to find out, by writing the bytes again, whether it was one.
static void read_base64(struct buf *out, struct slice text)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    for (size_t i = 0; i < text.len && base64_value(text.ptr[i]) >= 0; i++) {
        bits = bits << 6 | (uint32_t)base64_value(text.ptr[i]);
        n_bits += 6;
        if (n_bits >= 8)
            buf_char(out, (char)(bits >> (n_bits -= 8) & 0xff));
    }
}

static void put_bytes_object(struct buf *out, struct slice bytes)
{
    buf_str(out, "{\"$bytes\":\"");
    put_base64(out, bytes);
    buf_str(out, "\"}");
}

static void put_geometry(struct buf *out, struct slice stored)
{
    uint32_t srid = 0;
    size_t n = stored.len < SRID_BYTES ? stored.len : SRID_BYTES;
    for (size_t i = 0; i < n; i++)
        srid |= (uint32_t)stored.ptr[i] << (8 * i);
    buf_printf(out, "{\"srid\":%u,\"wkb\":\"", srid);
    put_base64(out, slice_of(stored.ptr + n, stored.len - n));
    buf_str(out, "\"}");
}

float text_vector_item(struct slice floats, size_t i)
{
    return le_float(floats.ptr + 4 * i);
}

// Each number with the digits that it is named by, or with as many as name any.
static void put_vector(struct buf *out, struct slice floats, bool is_short)
{
    buf_char(out, '[');
    for (size_t i = 0; i < floats.len / 4; i++) {
        if (i)
            buf_char(out, ',');
        if (is_short)
            text_put_float(out, text_vector_item(floats, i));
        else
            put_digits(out, (double)text_vector_item(floats, i), FLOAT_DIGITS);
    }
    buf_char(out, ']');
}

static double read_double(struct slice text)
{
    char copy[512];
    size_t n = text.len < sizeof copy - 1 ? text.len : sizeof copy - 1;
    memcpy(copy, text.ptr, n);
    copy[n] = '\0';
    return strtod(copy, NULL);
}

static float read_float(struct slice text)
{
    char copy[512];
    size_t n = text.len < sizeof copy - 1 ? text.len : sizeof copy - 1;
    memcpy(copy, text.ptr, n);
    copy[n] = '\0';
    return strtof(copy, NULL);
}

// --- from the source ---

static void put_content(struct buf *out, const struct shape_column *column, struct slice text)
{
    uint8_t room[NUMBER_BYTES];
    switch (column->kind) {
    case KIND_INTEGER:
    case KIND_DECIMAL:
        buf_slice(out, text_number(text, room));
        break;
    case KIND_FLOAT:
        put_digits(out, (double)(float)read_double(text), FLOAT_DIGITS);
        break;
    case KIND_DOUBLE:
        put_digits(out, read_double(text), DOUBLE_DIGITS);
        break;
    case KIND_DATE:
    case KIND_DATETIME:
    case KIND_TIMESTAMP:
    case KIND_TIME:
        text_put_temporal(out, column, text);
        break;
    case KIND_TEXT:
        buf_slice(out, text);
        break;
    case KIND_BINARY:
        put_base64(out, text);
        break;
    case KIND_JSON:
        if (!json_canonical(out, text))
            buf_slice(out, text);
        break;
    case KIND_GEOMETRY:
        put_geometry(out, text);
        break;
    case KIND_VECTOR:
        put_vector(out, text, false);
        break;
    }
}

bool text_is_null(const struct shape_column *column, const struct cell *cell)
{
    return cell->is_null || (column->kind == KIND_JSON && slice_eq_str(cell->text, "null"));
}

void text_put_cell(struct buf *out, const struct shape_column *column, const struct cell *cell,
                   enum text_form form)
{
    struct slice bytes;
    if (text_is_null(column, cell)) {
        canon_put(out, CANON_NULL, slice_of("", 0));
        return;
    }
    bool is_bad = column->kind == KIND_TEXT && text_is_bad(column, cell, &bytes);
    size_t start = canon_begin(out, is_bad && form == TEXT_JSON ? CANON_BAD_TEXT : CANON_VALUE);
    if (is_bad)
        put_bytes_object(out, bytes);
    else
        put_content(out, column, cell->text);
    canon_end(out, start);
}

// --- from the target ---

// An array of numbers, each as a float.
static bool read_vector(struct buf *out, struct slice text)
{
    struct buf form = {0};
    bool good = json_canonical(&form, text) && form.len >= 2 && form.ptr[0] == '[';
    size_t start = 1;
    buf_char(out, '[');
    for (size_t i = 1; good && form.len > 2 && i < form.len; i++) {
        if (form.ptr[i] != ',' && i + 1 < form.len)
            continue;
        struct slice number = slice_of(form.ptr + start, i - start);
        good = json_is_number(number);
        if (good)
            put_digits(out, (double)read_float(number), FLOAT_DIGITS);
        buf_char(out, (char)form.ptr[i]);
        start = i + 1;
    }
    if (good && form.len == 2)
        buf_char(out, ']');
    buf_deinit(&form);
    return good;
}

// The content in the form in which the source's is written; false: it is none of the column's.
static bool read_content(struct buf *out, const struct shape_column *column, struct slice text)
{
    switch (column->kind) {
    case KIND_FLOAT:
        if (!json_is_number(text))
            return false;
        put_digits(out, (double)read_float(text), FLOAT_DIGITS);
        return true;
    case KIND_DOUBLE:
        if (!json_is_number(text))
            return false;
        put_digits(out, read_double(text), DOUBLE_DIGITS);
        return true;
    case KIND_JSON:
    case KIND_GEOMETRY:
        return json_canonical(out, text);
    case KIND_VECTOR:
        return read_vector(out, text);
    case KIND_INTEGER:
    case KIND_DECIMAL:
    case KIND_DATE:
    case KIND_DATETIME:
    case KIND_TIMESTAMP:
    case KIND_TIME:
    case KIND_TEXT:
    case KIND_BINARY:
        buf_slice(out, text);
        return true;
    }
    return false;
}

static void put_checked(struct buf *out, const struct shape_column *column, enum canon_tag tag,
                        struct slice text)
{
    size_t entry = out->len;
    size_t start = canon_begin(out, tag);
    if (read_content(out, column, text)) {
        canon_end(out, start);
        return;
    }
    out->len = entry;
    canon_put(out, CANON_WRONG, text);
}

void text_put_field(struct buf *out, const struct shape_column *column, struct slice text)
{
    put_checked(out, column, CANON_VALUE, text);
}

bool text_is_guard(struct slice text)
{
    const uint8_t *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
    if (!colon || colon == text.ptr || colon + 1 == text.ptr + text.len)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr + i != colon && (text.ptr[i] < '0' || text.ptr[i] > '9'))
            return false;
    return true;
}

void text_put_extra(struct buf *out, struct slice name, struct slice content)
{
    size_t start = canon_begin(out, CANON_EXTRA);
    buf_slice(out, name);
    buf_char(out, '\0');
    buf_slice(out, content);
    canon_end(out, start);
}

struct member {
    bool is_there;
    enum json_type type;
    size_t start; // of its content in `contents`
    size_t len;
};

struct object_reader {
    const struct shape *shape;
    struct member *members; // one for each column
    size_t next;            // the column that is expected next
    struct buf contents;
    struct buf extras;
    struct buf *guard;
};

static void take_member(void *into, struct slice name, enum json_type type, struct slice content)
{
    struct object_reader *reader = into;
    const struct shape *shape = reader->shape;
    size_t i = reader->next;
    if (i >= shape->n_columns || !slice_eq_str(name, shape->columns[i].name))
        i = shape_find(shape, name);
    if (i < shape->n_columns && !reader->members[i].is_there) {
        reader->members[i] = (struct member){true, type, reader->contents.len, content.len};
        buf_slice(&reader->contents, content);
        reader->next = i + 1;
    } else if (slice_eq_str(name, TEXT_GUARD) && type == JSON_IS_STRING && reader->guard &&
               reader->guard->len == 0 && text_is_guard(content)) {
        buf_slice(reader->guard, content);
    } else {
        text_put_extra(&reader->extras, name, content);
    }
}

// The type that a member of that column has.
static bool has_type(const struct shape_column *column, enum json_type type)
{
    switch (column->holding.json) {
    case HELD_NUMBER:
        return type == JSON_IS_NUMBER;
    case HELD_QUOTED:
        return type == JSON_IS_STRING;
    case HELD_NESTED:
        return type == JSON_IS_NESTED;
    case HELD_ANY:
        return true;
    }
    return false;
}

static void put_member(struct buf *out, const struct shape_column *column,
                       const struct object_reader *reader, const struct member *member)
{
    struct slice content = slice_of(reader->contents.ptr + member->start, member->len);
    if (!member->is_there) {
        canon_put(out, CANON_ABSENT, slice_of("", 0));
    } else if (member->type == JSON_IS_NULL) {
        canon_put(out, CANON_NULL, slice_of("", 0));
    } else if (column->kind == KIND_TEXT && member->type == JSON_IS_NESTED) {
        canon_put(out, CANON_BAD_TEXT, content);
    } else if (!has_type(column, member->type)) {
        canon_put(out, CANON_WRONG, content);
    } else if (column->kind == KIND_JSON) {
        size_t start = canon_begin(out, CANON_VALUE);
        if (member->type == JSON_IS_STRING)
            json_put_string(out, content);
        else
            buf_slice(out, content);
        canon_end(out, start);
    } else {
        put_checked(out, column, CANON_VALUE, content);
    }
}

bool text_put_object(struct buf *out, const struct shape *shape, struct slice json,
                     struct buf *guard)
{
    struct object_reader reader = {.shape = shape, .guard = guard};
    reader.members = mem_zalloc((shape->n_columns + 1) * sizeof *reader.members);
    bool done = json_each_member(json, take_member, &reader);
    for (size_t i = 0; done && i < shape->n_columns; i++)
        put_member(out, &shape->columns[i], &reader, &reader.members[i]);
    if (done)
        buf_slice(out, buf_bytes(&reader.extras));
    free(reader.members);
    buf_deinit(&reader.contents);
    buf_deinit(&reader.extras);
    return done;
}

// --- keys ---

void text_put_float(struct buf *out, float v)
{
    number_write_float(out, v);
}

void text_put_double(struct buf *out, double v)
{
    number_write_double(out, v);
}

// As an entry's content, but numbers with the digits that they are named by, and JSON as the server
// writes it.
void text_put_part(struct buf *out, const struct shape_column *column, const struct cell *cell)
{
    struct slice bytes;
    if (column->kind == KIND_FLOAT)
        text_put_float(out, (float)read_double(cell->text));
    else if (column->kind == KIND_DOUBLE)
        text_put_double(out, read_double(cell->text));
    else if (column->kind == KIND_VECTOR)
        put_vector(out, cell->text, true);
    else if (column->kind == KIND_JSON)
        json_squeeze(out, cell->text);
    else if (column->kind == KIND_TEXT && text_is_bad(column, cell, &bytes))
        put_bytes_object(out, bytes);
    else
        put_content(out, column, cell->text);
}

// {"srid":0,"wkb":"…"} as the server stores it.
static void take_geometry(void *into, struct slice name, enum json_type type, struct slice content)
{
    struct buf *out = into;
    char digits[24];
    (void)type;
    if (slice_eq_str(name, "srid")) {
        slice_to_str(digits, sizeof digits, content);
        uint32_t srid = (uint32_t)strtoul(digits, NULL, 10);
        buf_le(out, srid, SRID_BYTES);
    } else {
        read_base64(out, content);
    }
}

static void read_floats(struct buf *out, struct slice text)
{
    for (size_t i = 1, start = 1; i < text.len; i++) {
        if (text.ptr[i] != ',' && text.ptr[i] != ']')
            continue;
        float v = read_float(slice_of(text.ptr + start, i - start));
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        for (int k = 0; i > start && k < 4; k++)
            buf_char(out, (char)(bits >> (8 * k) & 0xff));
        start = i + 1;
    }
}

// Writes what the server would print for the text into `out`. What it was not written from by
// text_put_part is found out by the caller.
static void read_part(struct buf *out, const struct shape_column *column, struct slice text)
{
    switch (column->kind) {
    case KIND_FLOAT:
        put_digits(out, (double)read_float(text), DOUBLE_DIGITS);
        break;
    case KIND_DATETIME:
    case KIND_TIMESTAMP:
        buf_slice(out, text);
        if (text.len > 10 && text.ptr[10] == 'T')
            out->ptr[10] = ' ';
        if (column->kind == KIND_TIMESTAMP && text.len > 0 && text.ptr[text.len - 1] == 'Z')
            out->len--;
        break;
    case KIND_BINARY:
        read_base64(out, text);
        break;
    case KIND_GEOMETRY:
        json_each_member(text, take_geometry, out);
        break;
    case KIND_VECTOR:
        read_floats(out, text);
        break;
    case KIND_INTEGER:
    case KIND_DECIMAL:
    case KIND_DOUBLE:
    case KIND_DATE:
    case KIND_TIME:
    case KIND_TEXT:
    case KIND_JSON:
        buf_slice(out, text);
        break;
    }
}

// {"$bytes":"base64"}: the bytes, with the mark where shape.c's select puts it.
static bool read_bad_text(struct buf *out, const struct shape_column *column, struct slice text)
{
    static const char head[] = "{\"$bytes\":\"";
    size_t n = sizeof head - 1;
    if (text.len < n + 2 || memcmp(text.ptr, head, n) != 0)
        return false;
    if (!column->is_raw_utf8)
        buf_char(out, (char)BAD_TEXT);
    read_base64(out, slice_of(text.ptr + n, text.len - n - 2));
    return true;
}

// What was read is the column's only if it is written like that again.
static bool is_same(const struct shape_column *column, const struct cell *cell, struct slice text)
{
    struct buf again = {0};
    bool same = source_may_hold(column, cell);
    if (same) {
        text_put_part(&again, column, cell);
        same = slice_eq(buf_bytes(&again), text);
    }
    buf_deinit(&again);
    return same;
}

bool text_read_part(const struct shape_column *column, struct slice text, struct arena *arena,
                    struct cell *cell)
{
    struct buf out = {0};
    read_part(&out, column, text);
    *cell = (struct cell){arena_copy(arena, buf_bytes(&out)), false};
    bool good = is_same(column, cell, text);
    buf_clear(&out);
    if (column->kind == KIND_TEXT && !good && read_bad_text(&out, column, text)) {
        *cell = (struct cell){arena_copy(arena, buf_bytes(&out)), false};
        good = is_same(column, cell, text);
    }
    buf_deinit(&out);
    return good;
}

// To the byte as the publisher writes it: it is given to tailrace-snapshot.
void text_put_record_key(struct buf *out, const struct shape *shape, const struct cell *key)
{
    struct buf part = {0};
    struct slice bytes;
    for (size_t i = 0; i < shape->n_key; i++) {
        const struct shape_column *column = &shape->columns[shape->key[i]];
        buf_char(out, i ? ',' : '{');
        json_write_string(out, slice_of_str(column->name));
        buf_char(out, ':');
        buf_clear(&part);
        bool is_null = text_is_null(column, &key[i]);
        if (is_null)
            buf_str(&part, "null");
        else
            text_put_part(&part, column, &key[i]);
        bool is_bad = column->kind == KIND_TEXT && text_is_bad(column, &key[i], &bytes);
        if (is_null || is_bad || column->holding.json != HELD_QUOTED)
            buf_slice(out, buf_bytes(&part));
        else
            json_write_string(out, buf_bytes(&part));
    }
    buf_char(out, '}');
    buf_deinit(&part);
}

struct key_reader {
    const struct shape *shape;
    struct arena *arena;
    struct cell *key;
    size_t n_found;
    bool is_good;
};

static void take_key_member(void *into, struct slice name, enum json_type type,
                            struct slice content)
{
    struct key_reader *reader = into;
    const struct shape *shape = reader->shape;
    size_t column = shape_find(shape, name);
    for (size_t i = 0; i < shape->n_key; i++) {
        if (shape->key[i] != column)
            continue;
        reader->n_found++;
        if (shape->columns[column].kind == KIND_JSON && type == JSON_IS_STRING) {
            struct buf quoted = {0};
            json_put_string(&quoted, content);
            reader->key[i] = (struct cell){arena_copy(reader->arena, buf_bytes(&quoted)), false};
            buf_deinit(&quoted);
        } else if (type == JSON_IS_NULL)
            reader->key[i] = (struct cell){slice_of("", 0), true};
        else
            reader->is_good &=
                text_read_part(&shape->columns[column], content, reader->arena, &reader->key[i]);
        return;
    }
    reader->is_good = false;
}

bool text_read_record_key(const struct shape *shape, struct slice json, struct arena *arena,
                          struct cell *key)
{
    struct key_reader reader = {shape, arena, key, 0, true};
    return json_each_member(json, take_key_member, &reader) && reader.is_good &&
           reader.n_found == shape->n_key;
}
