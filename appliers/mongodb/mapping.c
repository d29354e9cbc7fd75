// SPDX-License-Identifier: Apache-2.0
// Mapping: see mapping.h. One switch over the kinds of value; JSON text goes through yajl, which
// hands numbers over as text, with one open bson_t for each level.
#define _POSIX_C_SOURCE 200809L
#include "appliers/mongodb/mapping.h"

#include "common/buf.h"
#include "common/little_endian.h"
#include "record/holding.h"
#include "record/number_text.h"
#include "record/temporal_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#define JSON_LEVELS_MAX 100  // of MySQL; MongoDB takes 180 (tried with 6.0)
#define DECIMAL128_DIGITS 34 // and exponents from -6176 to 6111
#define DECIMAL128_EXPONENT 6000
#define DOUBLE_DIGITS 17 // as many name any double
#define DOUBLE_EXPONENT 308
#define NUMBER_TEXT_MAX 80

static bool too_large(struct err *err)
{
    return err_set(err, ERR_REFUSED, "the document is larger than BSON allows (2 GiB)");
}

static bool put_text(bson_t *doc, struct slice name, struct slice text, struct err *err)
{
    if (!bson_append_utf8(doc, (const char *)name.ptr, (int)name.len, (const char *)text.ptr,
                          (int)text.len))
        return too_large(err);
    return true;
}

static bool put_binary(bson_t *doc, struct slice name, struct slice bytes, struct err *err)
{
    const uint8_t *ptr = bytes.len ? bytes.ptr : (const uint8_t *)"";
    if (!bson_append_binary(doc, (const char *)name.ptr, (int)name.len, BSON_SUBTYPE_BINARY, ptr,
                            (uint32_t)bytes.len))
        return too_large(err);
    return true;
}

static bool put_double(bson_t *doc, struct slice name, double v, struct err *err)
{
    return bson_append_double(doc, (const char *)name.ptr, (int)name.len, v) || too_large(err);
}

static bool put_i64(bson_t *doc, struct slice name, int64_t v, bool as_int32, struct err *err)
{
    bool done = as_int32 && v >= INT32_MIN && v <= INT32_MAX
                    ? bson_append_int32(doc, (const char *)name.ptr, (int)name.len, (int32_t)v)
                    : bson_append_int64(doc, (const char *)name.ptr, (int)name.len, v);
    return done || too_large(err);
}

// As Decimal128 where it can be one exactly, else as text.
static bool put_decimal(bson_t *doc, struct slice name, struct slice text, struct err *err)
{
    bson_decimal128_t decimal;
    if (!bson_decimal128_from_string_w_len((const char *)text.ptr, (int)text.len, &decimal))
        return put_text(doc, name, text, err);
    return bson_append_decimal128(doc, (const char *)name.ptr, (int)name.len, &decimal) ||
           too_large(err);
}

static bool put_u64(bson_t *doc, struct slice name, uint64_t v, bool as_int32, struct err *err)
{
    char text[24];
    if (v <= INT64_MAX)
        return put_i64(doc, name, (int64_t)v, as_int32, err);
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    return put_decimal(doc, name, slice_of(text, (size_t)n), err);
}

// The double whose shortest text is the float's: what the server shows for it.
static double widen_float(float f)
{
    uint8_t bytes[64];
    struct buf text = {bytes, 0, sizeof bytes};
    number_write_float(&text, f);
    return strtod(buf_cstr(&text), NULL);
}

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool is_real(const struct temporal *time)
{
    static const uint8_t days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (time->year == 0 || time->month == 0 || time->month > 12 || time->day == 0)
        return false;
    unsigned last = days[time->month] + (time->month == 2 && is_leap(time->year) ? 1U : 0U);
    return time->day <= last && time->hour < 24 && time->minute < 60 && time->second < 60;
}

// Days from 1970-01-01 in the Gregorian calendar, which the server uses for all years.
static int64_t days_since_1970(const struct temporal *time)
{
    int64_t year = time->month > 2 ? time->year : time->year - 1; // years begin in March
    int64_t month = (time->month + 9) % 12;
    int64_t leap_days = year / 4 - year / 100 + year / 400;
    return 365 * year + leap_days + (153 * month + 2) / 5 + time->day - 1 - 719468;
}

static bool put_temporal(bson_t *doc, struct slice name, const struct column *column,
                         const struct value *value, struct err *err)
{
    const struct temporal *time = &value->time;
    char text[TEMPORAL_TEXT_MAX];
    if (holding_of(column).bson != HELD_DATE || !is_real(time))
        return put_text(doc, name, slice_of(text, temporal_text_write(text, value->kind, time)),
                        err);
    int64_t seconds =
        days_since_1970(time) * 86400 + time->hour * 3600 + time->minute * 60 + time->second;
    return bson_append_date_time(doc, (const char *)name.ptr, (int)name.len,
                                 seconds * 1000 + time->micros / 1000) ||
           too_large(err);
}

static bool put_geometry(bson_t *doc, struct slice name, const struct value *value, struct err *err)
{
    bson_t child;
    bson_append_document_begin(doc, (const char *)name.ptr, (int)name.len, &child);
    bool done = put_i64(&child, slice_of_str("srid"), value->geometry.srid, false, err) &&
                put_binary(&child, slice_of_str("wkb"), value->geometry.wkb, err);
    bson_append_document_end(doc, &child);
    return done;
}

static bool put_vector(bson_t *doc, struct slice name, struct slice floats, struct err *err)
{
    bson_t child;
    bool done = true;
    bson_append_array_begin(doc, (const char *)name.ptr, (int)name.len, &child);
    for (size_t i = 0; done && i + 4 <= floats.len; i += 4) {
        char digits[16];
        const char *key;
        size_t n = bson_uint32_to_string((uint32_t)(i / 4), &key, digits, sizeof digits);
        done = put_double(&child, slice_of(key, n), widen_float(le_float(floats.ptr + i)), err);
    }
    bson_append_array_end(doc, &child);
    return done;
}

// --- JSON ---

// The text of a JSON number, NUL-terminated, taken apart: its significant digits, and the power of
// ten of the first.
struct number {
    char digits[DECIMAL128_DIGITS + 1];
    size_t n_digits; // without zeros at either end; more than DECIMAL128_DIGITS: not all are here
    long exponent;
    bool is_integer; // neither point nor exponent in the text
};

static struct number take_number_apart(struct slice text)
{
    struct number number = {.is_integer = true};
    size_t n = 0, zeros = 0;
    long before_point = 0;
    bool behind_point = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == 'e' || c == 'E') {
            number.is_integer = false;
            number.exponent = strtol((const char *)text.ptr + i + 1, NULL, 10);
            break;
        }
        if (c == '.')
            behind_point = true;
        if (c < '0' || c > '9')
            continue;
        if (n == 0 && c == '0') { // a zero in front
            before_point -= behind_point;
            continue;
        }
        before_point += !behind_point;
        zeros = c == '0' ? zeros + 1 : 0;
        if (n < DECIMAL128_DIGITS)
            number.digits[n] = (char)c;
        n++;
    }
    number.n_digits = n - zeros;
    number.is_integer = number.is_integer && !behind_point;
    number.exponent += before_point - 1;
    number.digits[number.n_digits < DECIMAL128_DIGITS ? number.n_digits : DECIMAL128_DIGITS] = '\0';
    return number;
}

// True when the double, written with as many digits as the text has, is the text's number.
static bool is_double(const struct number *number, double d)
{
    char text[NUMBER_TEXT_MAX];
    if (number->n_digits == 0)
        return true;
    if (number->n_digits > DOUBLE_DIGITS || labs(number->exponent) > DOUBLE_EXPONENT)
        return false;
    snprintf(text, sizeof text, "%.*e", (int)number->n_digits - 1, d < 0 ? -d : d);
    if (number->n_digits > 1)
        memmove(text + 1, text + 2, strlen(text + 2) + 1); // the point
    return memcmp(text, number->digits, number->n_digits) == 0 && text[number->n_digits] == 'e' &&
           strtol(text + number->n_digits + 1, NULL, 10) == number->exponent;
}

// An integer, double or Decimal128, whichever first holds the number exactly; else its text.
static bool put_number(bson_t *doc, struct slice name, struct slice text, struct err *err)
{
    struct number number = take_number_apart(text);
    bool is_zero_below = slice_eq_str(text, "-0"); // an integer has no such zero
    errno = 0;
    long long v = strtoll((const char *)text.ptr, NULL, 10);
    if (number.is_integer && errno == 0 && !is_zero_below)
        return put_i64(doc, name, v, true, err);
    double d = strtod((const char *)text.ptr, NULL);
    if (is_zero_below || (!number.is_integer && is_double(&number, d)))
        return put_double(doc, name, d, err);
    if (number.n_digits <= DECIMAL128_DIGITS && labs(number.exponent) < DECIMAL128_EXPONENT)
        return put_decimal(doc, name, text, err);
    return put_text(doc, name, text, err);
}

struct json_level {
    bson_t bson;
    bool is_array;
    uint32_t n_items;
};

struct json_walk {
    struct json_level levels[JSON_LEVELS_MAX + 1]; // 0: the document that the value goes into
    size_t n_levels;                               // that are open, above 0
    bson_t *doc;
    struct slice name; // of the whole value
    struct buf key;    // of the member that comes next
    struct buf keys;   // const char *: to look for one that is there twice
    struct buf number; // NUL-terminated, as the C library's readers need it
    struct err *err;
};

static bson_t *open_bson(struct json_walk *walk)
{
    return walk->n_levels ? &walk->levels[walk->n_levels].bson : walk->doc;
}

// The name under which the next value goes into the open level.
static struct slice next_name(struct json_walk *walk)
{
    struct json_level *level = &walk->levels[walk->n_levels];
    char digits[16];
    const char *text;
    if (walk->n_levels == 0)
        return walk->name;
    if (level->is_array) {
        size_t n = bson_uint32_to_string(level->n_items++, &text, digits, sizeof digits);
        buf_clear(&walk->key);
        buf_append(&walk->key, text, n);
    }
    return slice_of(buf_cstr(&walk->key), walk->key.len);
}

static int on_null(void *into)
{
    struct json_walk *walk = into;
    struct slice name = next_name(walk);
    return bson_append_null(open_bson(walk), (const char *)name.ptr, (int)name.len) ||
           too_large(walk->err);
}

static int on_bool(void *into, int v)
{
    struct json_walk *walk = into;
    struct slice name = next_name(walk);
    return bson_append_bool(open_bson(walk), (const char *)name.ptr, (int)name.len, v != 0) ||
           too_large(walk->err);
}

static int on_number(void *into, const char *text, size_t n)
{
    struct json_walk *walk = into;
    buf_clear(&walk->number);
    buf_append(&walk->number, text, n);
    struct slice copy = slice_of(buf_cstr(&walk->number), n);
    return put_number(open_bson(walk), next_name(walk), copy, walk->err);
}

static int on_string(void *into, const unsigned char *text, size_t n)
{
    struct json_walk *walk = into;
    return put_text(open_bson(walk), next_name(walk), slice_of(n ? (const char *)text : "", n),
                    walk->err);
}

static int on_key(void *into, const unsigned char *text, size_t n)
{
    struct json_walk *walk = into;
    if (memchr(text, 0, n))
        return err_set(walk->err, ERR_REFUSED, "a key with a NUL byte in it");
    buf_clear(&walk->key);
    buf_append(&walk->key, text, n);
    return 1;
}

static bool open_level(struct json_walk *walk, bool is_array)
{
    if (walk->n_levels == JSON_LEVELS_MAX)
        return err_set(walk->err, ERR_REFUSED, "more than %d levels", JSON_LEVELS_MAX);
    struct slice name = next_name(walk);
    bson_t *parent = open_bson(walk);
    struct json_level *level = &walk->levels[walk->n_levels + 1];
    bool done = is_array ? bson_append_array_begin(parent, (const char *)name.ptr, (int)name.len,
                                                   &level->bson)
                         : bson_append_document_begin(parent, (const char *)name.ptr, (int)name.len,
                                                      &level->bson);
    if (!done)
        return too_large(walk->err);
    level->is_array = is_array;
    level->n_items = 0;
    walk->n_levels++;
    return true;
}

static void close_level(struct json_walk *walk)
{
    struct json_level *level = &walk->levels[walk->n_levels--];
    bson_t *parent = open_bson(walk);
    if (level->is_array)
        bson_append_array_end(parent, &level->bson);
    else
        bson_append_document_end(parent, &level->bson);
}

static int on_map_begin(void *into)
{
    return open_level(into, false);
}

static int on_array_begin(void *into)
{
    return open_level(into, true);
}

static int on_array_end(void *into)
{
    close_level(into);
    return 1;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// BSON and some of its readers let the one or the other of two equal keys win: such an object is
// refused.
static bool check_keys(struct json_walk *walk, const bson_t *object)
{
    bson_iter_t iter;
    buf_clear(&walk->keys);
    bson_iter_init(&iter, object);
    while (bson_iter_next(&iter)) {
        const char *key = bson_iter_key(&iter);
        buf_append(&walk->keys, &key, sizeof key);
    }
    const char **keys = (const char **)(void *)walk->keys.ptr;
    size_t n = walk->keys.len / sizeof *keys;
    if (n < 2)
        return true;
    qsort((void *)keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            return err_set(walk->err, ERR_REFUSED, "the key \"%.100s\" twice in one object",
                           keys[i]);
    return true;
}

static int on_map_end(void *into)
{
    struct json_walk *walk = into;
    bool good = check_keys(walk, open_bson(walk));
    close_level(walk);
    return good;
}

static const yajl_callbacks json_callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_map_begin,
    .yajl_map_key = on_key,
    .yajl_end_map = on_map_end,
    .yajl_start_array = on_array_begin,
    .yajl_end_array = on_array_end,
};

bool mapping_append_json(bson_t *doc, struct slice name, struct slice json, struct err *err)
{
    struct json_walk walk; // on the stack, where the compiler aligns its bson_t as they need it
    walk.n_levels = 0;
    walk.doc = doc;
    walk.name = name;
    walk.key = walk.keys = walk.number = (struct buf){0};
    walk.err = err;
    yajl_handle parser = yajl_alloc(&json_callbacks, NULL, &walk);
    yajl_status status = yajl_parse(parser, json.ptr, json.len);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    if (status == yajl_status_error)
        err_at(err, ERR_CORRUPT, yajl_get_bytes_consumed(parser), "not a JSON document");
    while (walk.n_levels > 0)
        close_level(&walk);
    yajl_free(parser);
    buf_deinit(&walk.key);
    buf_deinit(&walk.keys);
    buf_deinit(&walk.number);
    return status == yajl_status_ok;
}

// --- rows ---

static bool put_value(bson_t *doc, struct slice name, const struct column *column,
                      const struct value *value, struct err *err)
{
    switch (value->kind) {
    case VALUE_ABSENT:
        return true;
    case VALUE_NULL:
        return bson_append_null(doc, (const char *)name.ptr, (int)name.len) || too_large(err);
    case VALUE_INT:
        return put_i64(doc, name, value->i, holding_is_narrow(column), err);
    case VALUE_UINT:
        return put_u64(doc, name, value->u, holding_is_narrow(column), err);
    case VALUE_FLOAT:
        return put_double(doc, name, widen_float(value->f), err);
    case VALUE_DOUBLE:
        return put_double(doc, name, value->d, err);
    case VALUE_DECIMAL:
        return holding_of(column).bson == HELD_DECIMAL ? put_decimal(doc, name, value->text, err)
                                                       : put_text(doc, name, value->text, err);
    case VALUE_DATE:
    case VALUE_DATETIME:
    case VALUE_TIMESTAMP:
    case VALUE_TIME:
        return put_temporal(doc, name, column, value, err);
    case VALUE_TEXT:
        return put_text(doc, name, value->text.len ? value->text : slice_of_str(""), err);
    case VALUE_BAD_TEXT:
    case VALUE_BINARY:
        return put_binary(doc, name, value->text, err);
    case VALUE_JSON:
        return mapping_append_json(doc, name, value->text, err);
    case VALUE_GEOMETRY:
        return put_geometry(doc, name, value, err);
    case VALUE_VECTOR:
        return put_vector(doc, name, value->text, err);
    }
    return true;
}

// A dot or a dollar in a field's name is a path or an operator to MongoDB's updates and queries.
static bool check_name(const struct column *column, struct err *err)
{
    if (column->name.len && column->name.ptr[0] != '$' &&
        !memchr(column->name.ptr, '.', column->name.len) &&
        !memchr(column->name.ptr, 0, column->name.len))
        return true;
    return err_set(err, ERR_REFUSED,
                   "column \"" SLICE_FMT
                   "\": MongoDB has no fields with such a name (a dot in it, or "
                   "a $ in front); rename the column",
                   SLICE_ARG(column->name));
}

static bool put_column(bson_t *doc, struct slice name, const struct column *column,
                       const struct value *value, struct err *err)
{
    if (!put_value(doc, name, column, value, err))
        return err_wrap(err, "column \"" SLICE_FMT "\"", SLICE_ARG(column->name));
    return true;
}

bool mapping_append_id(bson_t *doc, const struct table *table, const struct value *row,
                       struct err *err)
{
    const struct column *first = &table->columns[table->key[0]];
    bson_t child;
    if (table->n_key == 1 && !holding_of(first).may_be_array)
        return put_column(doc, slice_of_str("_id"), first, &row[table->key[0]], err);
    bool done = true;
    bson_append_document_begin(doc, "_id", 3, &child);
    for (size_t i = 0; done && i < table->n_key; i++) {
        const struct column *column = &table->columns[table->key[i]];
        done = check_name(column, err) &&
               put_column(&child, column->name, column, &row[table->key[i]], err);
    }
    bson_append_document_end(doc, &child);
    return done;
}

static bool is_whole_key(const struct table *table, size_t i)
{
    return table->n_key == 1 && table->key[0] == i && !holding_of(&table->columns[i]).may_be_array;
}

bool mapping_append_row(bson_t *doc, const struct table *table, const struct value *row,
                        struct err *err)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct column *column = &table->columns[i];
        if (row[i].kind == VALUE_ABSENT)
            continue;
        if (slice_eq_str(column->name, "_id")) {
            if (is_whole_key(table, i))
                continue; // it is there already
            return err_set(err, ERR_REFUSED,
                           "column \"_id\": MongoDB has the key there; rename the column");
        }
        if (!check_name(column, err) || !put_column(doc, column->name, column, &row[i], err))
            return false;
    }
    return true;
}
