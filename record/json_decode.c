// SPDX-License-Identifier: Apache-2.0
// JSON decode: see json_decode.h. One table: column type → function. null is NULL for every type;
// so is a JSON column's own null, which the record does not tell from it.
#include "record/json_decode.h"

#include "record/base64.h"
#include "record/temporal_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define YEAR_FIRST 1901
#define YEAR_LAST 2155

typedef bool decode_fn(const struct json_decode *decode, const struct json_token *token,
                       const struct column *column, struct value *value, struct err *err);

static unsigned integer_bits(enum column_type type)
{
    return type == COLUMN_TINYINT     ? 8
           : type == COLUMN_SMALLINT  ? 16
           : type == COLUMN_MEDIUMINT ? 24
           : type == COLUMN_INT       ? 32
                                      : 64;
}

static bool decode_integer(const struct json_decode *decode, const struct json_token *token,
                           const struct column *column, struct value *value, struct err *err)
{
    unsigned bits = integer_bits(column->type);
    uint64_t most = UINT64_MAX >> (64 - bits);
    if (column->is_unsigned) {
        value->kind = VALUE_UINT;
        return json_u64(decode->tape, token, most, &value->u, err);
    }
    int64_t signed_most = (int64_t)(most / 2);
    value->kind = VALUE_INT;
    return json_i64(decode->tape, token, -signed_most - 1, signed_most, &value->i, err);
}

static bool decode_year(const struct json_decode *decode, const struct json_token *token,
                        const struct column *column, struct value *value, struct err *err)
{
    (void)column;
    value->kind = VALUE_UINT;
    if (!json_u64(decode->tape, token, YEAR_LAST, &value->u, err))
        return false;
    if (value->u > 0 && value->u < YEAR_FIRST)
        return json_expected(decode->tape, token, "0 or a year from 1901 to 2155", err);
    return true;
}

static bool decode_bit(const struct json_decode *decode, const struct json_token *token,
                       const struct column *column, struct value *value, struct err *err)
{
    value->kind = VALUE_UINT;
    return json_u64(decode->tape, token, UINT64_MAX >> (64 - column->length), &value->u, err);
}

// The three that are no JSON numbers, which the writer gives as text.
static bool special_number(struct slice raw, double *v)
{
    if (slice_eq_str(raw, "\"NaN\""))
        *v = NAN;
    else if (slice_eq_str(raw, "\"inf\""))
        *v = INFINITY;
    else if (slice_eq_str(raw, "\"-inf\""))
        *v = -INFINITY;
    else
        return false;
    return true;
}

// strtof and strtod stop at the first byte that is no number's: there is one, as the text's last
// byte is } or ].
static bool read_float(const struct json_tape *tape, const struct json_token *token, float *f,
                       struct err *err)
{
    double special;
    if (special_number(json_raw(tape, token), &special)) {
        *f = (float)special;
        return true;
    }
    if (token->kind != JSON_NUMBER)
        return json_expected(tape, token, "a number", err);
    *f = strtof((const char *)json_raw(tape, token).ptr, NULL);
    return isfinite(*f) || json_expected(tape, token, "a number that fits a float", err);
}

static bool decode_float(const struct json_decode *decode, const struct json_token *token,
                         const struct column *column, struct value *value, struct err *err)
{
    (void)column;
    value->kind = VALUE_FLOAT;
    return read_float(decode->tape, token, &value->f, err);
}

static bool decode_double(const struct json_decode *decode, const struct json_token *token,
                          const struct column *column, struct value *value, struct err *err)
{
    (void)column;
    value->kind = VALUE_DOUBLE;
    if (special_number(json_raw(decode->tape, token), &value->d))
        return true;
    if (token->kind != JSON_NUMBER)
        return json_expected(decode->tape, token, "a number", err);
    value->d = strtod((const char *)json_raw(decode->tape, token).ptr, NULL);
    return isfinite(value->d) ||
           json_expected(decode->tape, token, "a number that fits a double", err);
}

static size_t count_digits(struct slice text, size_t from)
{
    size_t n = 0;
    while (from + n < text.len && text.ptr[from + n] >= '0' && text.ptr[from + n] <= '9')
        n++;
    return n;
}

// -ddd.dd: no zeros in front but one before the point, digits as declared.
static bool is_decimal(struct slice text, const struct column *column)
{
    size_t at = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
    size_t whole = count_digits(text, at);
    size_t room = (size_t)(column->precision - column->scale);
    if (whole == 0 || (whole > 1 && text.ptr[at] == '0'))
        return false;
    if (whole > room && !(room == 0 && whole == 1 && text.ptr[at] == '0'))
        return false;
    at += whole;
    if (column->scale == 0)
        return at == text.len;
    return at < text.len && text.ptr[at] == '.' && count_digits(text, at + 1) == column->scale &&
           at + 1 + column->scale == text.len;
}

static bool decode_decimal(const struct json_decode *decode, const struct json_token *token,
                           const struct column *column, struct value *value, struct err *err)
{
    value->kind = VALUE_DECIMAL;
    if (!json_string(decode->tape, token, decode->arena, &value->text, err))
        return false;
    if (is_decimal(value->text, column))
        return true;
    char what[64];
    snprintf(what, sizeof what, "a decimal(%u,%u) as text", column->precision, column->scale);
    return json_expected(decode->tape, token, what, err);
}

static bool decode_temporal(const struct json_decode *decode, const struct json_token *token,
                            const struct column *column, struct value *value, struct err *err)
{
    struct slice text;
    size_t offset;
    value->kind = column->type == COLUMN_DATE        ? VALUE_DATE
                  : column->type == COLUMN_DATETIME  ? VALUE_DATETIME
                  : column->type == COLUMN_TIMESTAMP ? VALUE_TIMESTAMP
                                                     : VALUE_TIME;
    if (!json_string(decode->tape, token, decode->arena, &text, err))
        return false;
    if (temporal_text_read(text, value->kind, column->scale, &value->time, &offset))
        return true;
    (void)json_expected(decode->tape, token, "a date or time of that type", err);
    err->offset += 1 + offset; // behind the quote; short by the escapes where there are any
    return false;
}

static bool read_base64(const struct json_decode *decode, const struct json_tape *tape,
                        const struct json_token *token, struct slice *bytes, struct err *err)
{
    struct slice text;
    size_t offset;
    if (!json_string(tape, token, decode->arena, &text, err))
        return false;
    if (base64_decode(text, decode->arena, bytes, &offset))
        return true;
    (void)json_expected(tape, token, "base64", err);
    err->offset += 1 + offset;
    return false;
}

static bool decode_binary(const struct json_decode *decode, const struct json_token *token,
                          const struct column *column, struct value *value, struct err *err)
{
    value->kind = VALUE_BINARY;
    if (!read_base64(decode, decode->tape, token, &value->text, err))
        return false;
    if (column->type != COLUMN_BINARY || value->text.len == column->length)
        return true;
    char what[64];
    snprintf(what, sizeof what, "base64 of %u bytes", (unsigned)column->length);
    return json_expected(decode->tape, token, what, err);
}

static bool parse_part(const struct json_decode *decode, const struct json_token *token,
                       struct err *err)
{
    return json_tape_parse(decode->part, json_raw(decode->tape, token),
                           decode->tape->base + token->start, 1, err);
}

// {"$bytes":"base64"}
static bool decode_bad_text(const struct json_decode *decode, const struct json_token *token,
                            struct value *value, struct err *err)
{
    static const char *const names[] = {"$bytes"};
    const struct json_token *bytes;
    value->kind = VALUE_BAD_TEXT;
    return parse_part(decode, token, err) &&
           json_members(decode->part, decode->part->tokens, names, 1, &bytes, err) &&
           read_base64(decode, decode->part, bytes, &value->text, err);
}

static bool decode_text(const struct json_decode *decode, const struct json_token *token,
                        const struct column *column, struct value *value, struct err *err)
{
    (void)column;
    if (token->kind == JSON_OBJECT)
        return decode_bad_text(decode, token, value, err);
    value->kind = VALUE_TEXT;
    return json_string(decode->tape, token, decode->arena, &value->text, err);
}

// The label, or the number where there was no metadata to know it by.
static bool decode_label(const struct json_decode *decode, const struct json_token *token,
                         const struct column *column, struct value *value, struct err *err)
{
    if (token->kind != JSON_NUMBER)
        return decode_text(decode, token, column, value, err);
    value->kind = VALUE_UINT;
    return json_u64(decode->tape, token, UINT64_MAX, &value->u, err);
}

static bool decode_json(const struct json_decode *decode, const struct json_token *token,
                        const struct column *column, struct value *value, struct err *err)
{
    (void)column;
    (void)err;
    value->kind = VALUE_JSON;
    value->text = json_raw(decode->tape, token);
    return true;
}

// {"srid":4326,"wkb":"base64"}
static bool decode_geometry(const struct json_decode *decode, const struct json_token *token,
                            const struct column *column, struct value *value, struct err *err)
{
    static const char *const names[] = {"srid", "wkb"};
    const struct json_token *members[2];
    uint64_t srid;
    (void)column;
    if (token->kind != JSON_OBJECT)
        return json_expected(decode->tape, token, "a geometry", err);
    value->kind = VALUE_GEOMETRY;
    if (!parse_part(decode, token, err) ||
        !json_members(decode->part, decode->part->tokens, names, 2, members, err) ||
        !json_u64(decode->part, members[0], UINT32_MAX, &srid, err))
        return false;
    value->geometry.srid = (uint32_t)srid;
    return read_base64(decode, decode->part, members[1], &value->geometry.wkb, err);
}

static bool decode_vector(const struct json_decode *decode, const struct json_token *token,
                          const struct column *column, struct value *value, struct err *err)
{
    (void)column;
    if (token->kind != JSON_ARRAY)
        return json_expected(decode->tape, token, "an array of numbers", err);
    if (!parse_part(decode, token, err))
        return false;
    size_t n = decode->part->n_tokens - 1;
    uint8_t *to = arena_alloc(decode->arena, 4 * n + 1);
    for (size_t i = 0; i < n; i++) {
        float f = 0;
        uint32_t bits;
        if (!read_float(decode->part, &decode->part->tokens[1 + i], &f, err))
            return false;
        memcpy(&bits, &f, sizeof bits);
        for (size_t byte = 0; byte < 4; byte++)
            to[4 * i + byte] = (uint8_t)(bits >> (8 * byte));
    }
    value->kind = VALUE_VECTOR;
    value->text = slice_of(to, 4 * n);
    return true;
}

static decode_fn *const decoders[] = {
    [COLUMN_TINYINT] = decode_integer,
    [COLUMN_SMALLINT] = decode_integer,
    [COLUMN_MEDIUMINT] = decode_integer,
    [COLUMN_INT] = decode_integer,
    [COLUMN_BIGINT] = decode_integer,
    [COLUMN_YEAR] = decode_year,
    [COLUMN_BIT] = decode_bit,
    [COLUMN_FLOAT] = decode_float,
    [COLUMN_DOUBLE] = decode_double,
    [COLUMN_DECIMAL] = decode_decimal,
    [COLUMN_DATE] = decode_temporal,
    [COLUMN_DATETIME] = decode_temporal,
    [COLUMN_TIMESTAMP] = decode_temporal,
    [COLUMN_TIME] = decode_temporal,
    [COLUMN_CHAR] = decode_text,
    [COLUMN_VARCHAR] = decode_text,
    [COLUMN_TEXT] = decode_text,
    [COLUMN_ENUM] = decode_label,
    [COLUMN_SET] = decode_label,
    [COLUMN_BINARY] = decode_binary,
    [COLUMN_VARBINARY] = decode_binary,
    [COLUMN_BLOB] = decode_binary,
    [COLUMN_JSON] = decode_json,
    [COLUMN_GEOMETRY] = decode_geometry,
    [COLUMN_VECTOR] = decode_vector,
};

bool json_decode_value(const struct json_decode *decode, const struct json_token *token,
                       const struct column *column, struct value *value, struct err *err)
{
    if (token->kind == JSON_NULL) {
        value->kind = VALUE_NULL;
        return true;
    }
    return decoders[column->type](decode, token, column, value, err) ||
           err_wrap(err, "column " SLICE_FMT, SLICE_ARG(column->name));
}
