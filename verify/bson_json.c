// SPDX-License-Identifier: Apache-2.0
// BSON out of JSON texts: numbers become the first of int32, int64, double, Decimal128 and string
// that holds them exactly (docs/mongodb.md).
#include "verify/bson_write.h"
#include "verify/digits.h"

#include "common/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#define DECIMAL_DIGITS 34
#define DOUBLE_DIGITS 17

struct level {
    size_t start; // of the document's length
    bool is_array;
    size_t n_items;
};

struct walk {
    struct buf *out;
    struct buf levels; // struct level
    struct buf key;
    size_t value; // where the value begins that is being written
};

static struct level *top(struct walk *walk)
{
    if (walk->levels.len == 0)
        return NULL;
    return (struct level *)(void *)(walk->levels.ptr + walk->levels.len - sizeof(struct level));
}

// The name of the value that was begun at `value` in the level that is open now.
static void name_value(struct walk *walk, size_t value)
{
    char text[24];
    struct level *level = top(walk);
    if (!level)
        return;
    if (!level->is_array) {
        bson_insert_name(walk->out, value, buf_bytes(&walk->key));
        return;
    }
    int n = snprintf(text, sizeof text, "%zu", level->n_items++);
    bson_insert_name(walk->out, value, slice_of(text, (size_t)n));
}

static int on_null(void *into)
{
    struct walk *walk = into;
    size_t value = walk->out->len;
    buf_char(walk->out, TYPE_NULL);
    name_value(walk, value);
    return 1;
}

static int on_bool(void *into, int v)
{
    struct walk *walk = into;
    size_t value = walk->out->len;
    buf_char(walk->out, TYPE_BOOL);
    buf_char(walk->out, v ? 1 : 0);
    name_value(walk, value);
    return 1;
}

// Whether the double, written with as many digits as the text has, is the text's number.
static bool is_double(const struct digits *digits, double v)
{
    char text[40];
    if (digits->n == 0)
        return true;
    if (digits->n > DOUBLE_DIGITS || isinf(v))
        return false;
    snprintf(text, sizeof text, "%.*e", (int)digits->n - 1, fabs(v));
    struct digits written = digits_read(text);
    return written.exponent == digits->exponent && strcmp(written.text, digits->text) == 0;
}

static void put_number(struct buf *out, struct slice text)
{
    char *copy = mem_strndup(text.ptr, text.len);
    bool is_integer = strpbrk(copy, ".eE") == NULL;
    bool is_minus_zero = strcmp(copy, "-0") == 0;
    struct digits digits = digits_read(copy);
    double v = strtod(copy, NULL);
    errno = 0;
    (void)strtoll(copy, NULL, 10);
    if (is_integer && !is_minus_zero && errno == 0)
        bson_put_integer(out, text, true);
    else if (is_minus_zero || (!is_integer && is_double(&digits, v)))
        bson_put_double(out, v);
    else if (digits.n <= DECIMAL_DIGITS)
        bson_put_decimal(out, text);
    else
        bson_put_string(out, text);
    free(copy);
}

static int on_number(void *into, const char *text, size_t n)
{
    struct walk *walk = into;
    size_t value = walk->out->len;
    put_number(walk->out, slice_of(text, n));
    name_value(walk, value);
    return 1;
}

static int on_string(void *into, const unsigned char *text, size_t n)
{
    struct walk *walk = into;
    size_t value = walk->out->len;
    bson_put_string(walk->out, slice_of(n ? (const char *)text : "", n));
    name_value(walk, value);
    return 1;
}

static int on_key(void *into, const unsigned char *text, size_t n)
{
    struct walk *walk = into;
    buf_clear(&walk->key);
    buf_append(&walk->key, text, n);
    return 1;
}

static int begin(struct walk *walk, bool is_array)
{
    size_t value = walk->out->len;
    buf_char(walk->out, is_array ? TYPE_ARRAY : TYPE_DOCUMENT);
    name_value(walk, value);
    struct level level = {bson_open_document(walk->out, 0), is_array, 0};
    buf_append(&walk->levels, &level, sizeof level);
    return 1;
}

static int on_map_begin(void *into)
{
    return begin(into, false);
}

static int on_array_begin(void *into)
{
    return begin(into, true);
}

static int on_end(void *into)
{
    struct walk *walk = into;
    bson_close_document(walk->out, top(walk)->start);
    walk->levels.len -= sizeof(struct level);
    return 1;
}

void bson_put_json(struct buf *out, struct slice text)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_bool,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_map_begin,
        .yajl_map_key = on_key,
        .yajl_end_map = on_end,
        .yajl_start_array = on_array_begin,
        .yajl_end_array = on_end,
    };
    struct walk walk = {.out = out};
    size_t start = out->len;
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &walk);
    bool done = yajl_parse(parser, text.ptr, text.len) == yajl_status_ok &&
                yajl_complete_parse(parser) == yajl_status_ok;
    yajl_free(parser);
    buf_deinit(&walk.levels);
    buf_deinit(&walk.key);
    if (done)
        return;
    out->len = start; // what the server prints is JSON; if not, this differs from whatever is there
    bson_put_string(out, text);
}
