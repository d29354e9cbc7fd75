// SPDX-License-Identifier: Apache-2.0
// BSON back to the source's terms: see bson_read.h.
#define _POSIX_C_SOURCE 200809L
#include "verify/bson_read.h"

#include "verify/bson.h"
#include "verify/bson_write.h"
#include "verify/digits.h"
#include "verify/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define JSON_LEVELS_MAX 102 // of MySQL 100, and what is around them

// The server's text of a decimal number of that scale.
static void put_fixed(struct buf *out, const char *text, uint32_t scale)
{
    struct digits digits = digits_read(text);
    long n = (long)digits.n;
    if (*text == '-')
        buf_char(out, '-');
    if (digits.exponent < 0 || n == 0)
        buf_char(out, '0');
    for (long i = 0; n > 0 && i <= digits.exponent; i++)
        buf_char(out, i < n ? digits.text[i] : '0');
    if (scale)
        buf_char(out, '.');
    for (long i = 1; i <= (long)scale; i++) {
        long at = digits.exponent + i;
        buf_char(out, n > 0 && at >= 0 && at < n ? digits.text[at] : '0');
    }
}

static bool read_decimal(struct buf *out, const struct shape_column *column, struct slice value)
{
    char text[BSON_DECIMAL128_STRING];
    bson_decimal128_t decimal = {.low = bson_get_le(value, 8),
                                 .high = bson_get_le(slice_of(value.ptr + 8, value.len - 8), 8)};
    bson_decimal128_to_string(&decimal, text);
    if (!strchr("-0123456789", *text))
        return false;
    put_fixed(out, text, column->kind == KIND_DECIMAL ? column->digits : 0);
    return true;
}

static bool read_date_text(struct buf *out, const struct shape_column *column, int64_t ms)
{
    char text[40];
    struct tm tm;
    time_t seconds = (time_t)((ms - ((ms % 1000) + 1000) % 1000) / 1000);
    int fraction = (int)(((ms % 1000) + 1000) % 1000);
    if (!gmtime_r(&seconds, &tm) || tm.tm_year + 1900 > 9999 || tm.tm_year + 1900 < 1)
        return false;
    snprintf(text, sizeof text, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    buf_str(out, text);
    if (column->kind == KIND_DATE)
        return true;
    snprintf(text, sizeof text, " %02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
    size_t n = column->digits == 0 ? 9 : 10 + column->digits;
    buf_append(out, text, n < strlen(text) ? n : strlen(text));
    return true;
}

// A string or Binary with its length in front.
static struct slice content_of(struct slice value, size_t head, size_t tail)
{
    return value.len < head + tail ? slice_of("", 0)
                                   : slice_of(value.ptr + head, value.len - head - tail);
}

// {srid: int64, wkb: Binary} as the server stores it.
static bool read_geometry(struct buf *out, struct slice value)
{
    bson_t doc;
    bson_iter_t iter;
    bson_subtype_t subtype;
    uint32_t n;
    const uint8_t *wkb;
    if (!bson_init_static(&doc, value.ptr, value.len) || !bson_iter_init(&iter, &doc) ||
        !bson_iter_next(&iter) || !BSON_ITER_HOLDS_INT64(&iter))
        return false;
    buf_le(out, (uint64_t)bson_iter_int64(&iter), 4);
    if (!bson_iter_next(&iter) || !BSON_ITER_HOLDS_BINARY(&iter))
        return false;
    bson_iter_binary(&iter, &subtype, &n, &wkb);
    buf_append(out, wkb, n);
    return true;
}

static bool read_vector(struct buf *out, struct slice value)
{
    bson_t doc;
    bson_iter_t iter;
    bool good = bson_init_static(&doc, value.ptr, value.len) && bson_iter_init(&iter, &doc);
    while (good && bson_iter_next(&iter)) {
        good = BSON_ITER_HOLDS_DOUBLE(&iter);
        float v = good ? (float)bson_iter_double(&iter) : 0;
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        buf_le(out, bits, 4);
    }
    return good;
}

// --- JSON ---

static bool put_scalar(struct buf *out, const bson_iter_t *iter)
{
    char text[BSON_DECIMAL128_STRING];
    bson_decimal128_t decimal;
    uint32_t len;
    switch ((int)bson_iter_type(iter)) {
    case TYPE_NULL:
        buf_str(out, "null");
        return true;
    case TYPE_BOOL:
        buf_str(out, bson_iter_bool(iter) ? "true" : "false");
        return true;
    case TYPE_INT32:
    case TYPE_INT64:
        buf_printf(out, "%lld", (long long)bson_iter_as_int64(iter));
        return true;
    case TYPE_DOUBLE:
        snprintf(text, sizeof text, "%.17g", bson_iter_double(iter));
        buf_printf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
        return true;
    case TYPE_DECIMAL:
        bson_iter_decimal128(iter, &decimal);
        bson_decimal128_to_string(&decimal, text);
        buf_str(out, text);
        return true;
    case TYPE_STRING: {
        const char *string = bson_iter_utf8(iter, &len);
        json_put_string(out, slice_of(string, len));
        return true;
    }
    default:
        return false;
    }
}

// An element of a document or array: its comma, its name, and its value or the beginning of one.
static bool put_element(struct buf *out, const bson_iter_t *iter, bool is_array, bool is_first)
{
    buf_str(out, is_first ? "" : ",");
    if (!is_array) {
        json_put_string(out, slice_of_str(bson_iter_key(iter)));
        buf_char(out, ':');
    }
    if (BSON_ITER_HOLDS_DOCUMENT(iter) || BSON_ITER_HOLDS_ARRAY(iter)) {
        buf_char(out, BSON_ITER_HOLDS_ARRAY(iter) ? '[' : '{');
        return true;
    }
    return put_scalar(out, iter);
}

struct json_level {
    bson_iter_t iter;
    bool is_array;
    bool is_first;
};

// The level below, where the element begins one; false: there are too many.
static bool descend(struct json_level *levels, size_t *depth)
{
    const bson_iter_t *iter = &levels[*depth].iter;
    if (!BSON_ITER_HOLDS_DOCUMENT(iter) && !BSON_ITER_HOLDS_ARRAY(iter))
        return true;
    if (*depth + 1 == JSON_LEVELS_MAX)
        return false;
    struct json_level *next = &levels[++*depth];
    next->is_array = BSON_ITER_HOLDS_ARRAY(iter);
    next->is_first = true;
    return bson_iter_recurse(iter, &next->iter);
}

static bool put_document(struct buf *out, const bson_t *doc)
{
    struct json_level levels[JSON_LEVELS_MAX];
    size_t depth = 0;
    levels[0].is_array = levels[0].is_first =
        true; // the value is the only element, and has no name
    bool good = bson_iter_init(&levels[0].iter, doc);
    while (good) {
        struct json_level *level = &levels[depth];
        if (bson_iter_next(&level->iter)) {
            good = put_element(out, &level->iter, level->is_array, level->is_first);
            level->is_first = false;
            good = good && descend(levels, &depth);
            continue;
        }
        if (depth == 0)
            break;
        buf_char(out, level->is_array ? ']' : '}');
        depth--;
    }
    return good;
}

// A text that bson_put_json makes this value of again, if there is one: the caller looks.
static bool read_json(struct buf *out, uint8_t type, struct slice value)
{
    struct buf key = {0}, bytes = {0};
    bson_t doc;
    buf_char(&key, (char)type);
    buf_slice(&key, value);
    bson_put_id_document(&bytes, buf_bytes(&key));
    bool good = bson_init_static(&doc, bytes.ptr, bytes.len) && put_document(out, &doc);
    buf_deinit(&key);
    buf_deinit(&bytes);
    return good;
}

// --- all ---

bool bson_read_part(struct buf *out, const struct shape_column *column, uint8_t type,
                    struct slice value)
{
    struct slice text = content_of(value, 4, 1);
    double v;
    if (column->kind == KIND_JSON)
        return read_json(out, type, value);
    switch (type) {
    case TYPE_INT32:
        buf_printf(out, "%d", (int)(int32_t)(uint32_t)bson_get_le(value, 4));
        return true;
    case TYPE_INT64:
        buf_printf(out, "%lld", (long long)bson_get_le(value, 8));
        return true;
    case TYPE_DECIMAL:
        return read_decimal(out, column, value);
    case TYPE_DOUBLE:
        memcpy(&v, value.ptr, sizeof v);
        buf_printf(out, "%.17g", column->kind == KIND_FLOAT ? (double)(float)v : v);
        return true;
    case TYPE_DATE:
        return read_date_text(out, column, (int64_t)bson_get_le(value, 8));
    case TYPE_STRING:
        buf_slice(out, text);
        if (column->kind == KIND_TIMESTAMP && text.len > 0 && text.ptr[text.len - 1] == 'Z')
            out->len--;
        if ((column->kind == KIND_DATETIME || column->kind == KIND_TIMESTAMP) && text.len > 10)
            out->ptr[10] = ' ';
        return true;
    case TYPE_DOCUMENT:
        return column->kind == KIND_GEOMETRY && read_geometry(out, value);
    case TYPE_ARRAY:
        return column->kind == KIND_VECTOR && read_vector(out, value);
    case TYPE_BINARY:
        if (column->kind == KIND_TEXT && !column->is_raw_utf8)
            buf_char(out, (char)0xff);
        buf_slice(out, content_of(value, 5, 0));
        return true;
    default:
        return false;
    }
}
