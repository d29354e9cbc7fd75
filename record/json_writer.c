// SPDX-License-Identifier: Apache-2.0
// JSON writer: see json_writer.h. The members stand in this order, all of them always:
//   before, after, source {version, connector, name, ts_ms, ts_us, snapshot, db, table, server_id,
//   gtid, file, pos, row, thread, query}, op, ts_ms, transaction {id, total_order}
// before and after hold the columns in table order. null: before, after, gtid, thread, query and
// transaction, where there is none.
#include "record/json_writer.h"

#include "record/base64.h"
#include "record/number_text.h"
#include "record/temporal_text.h"

#include <assert.h>

#define LITERAL(out, text) buf_append(out, text, sizeof text - 1)

// Bytes that JSON does not take in a string as they are: the letter of the short escape, or 'u' for
// \u00XX.
static const char escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b',         't',           'n', 'u',
    'f', 'r', 'u', 'u', 'u', 'u', 'u', 'u', 'u',         'u',           'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\',
};

// Non-zero when one of eight bytes has to be escaped. A borrow between bytes only ever comes from a
// byte that has to be.
static uint64_t any_escape(uint64_t bytes)
{
    const uint64_t ones = 0x0101010101010101;
    uint64_t quote = bytes ^ (ones * '"');
    uint64_t backslash = bytes ^ (ones * '\\');
    uint64_t control = (bytes - ones * 0x20) & ~bytes;
    return (control | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & (ones << 7);
}

// How many of the next bytes stand as they are.
static size_t plain_length(const uint8_t *ptr, size_t len)
{
    size_t n = 0;
    for (; len - n >= 8; n += 8) {
        uint64_t bytes;
        memcpy(&bytes, ptr + n, 8);
        if (any_escape(bytes))
            break;
    }
    while (n < len && !escapes[ptr[n]])
        n++;
    return n;
}

static void put_escape(struct buf *out, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    buf_char(out, '\\');
    buf_char(out, escapes[c]);
    if (escapes[c] == 'u') {
        const char digits[4] = {'0', '0', hex[c >> 4], hex[c & 15]};
        buf_append(out, digits, sizeof digits);
    }
}

void json_write_string(struct buf *out, struct slice text)
{
    buf_reserve(out, text.len + 2);
    buf_char(out, '"');
    for (size_t at = 0; at < text.len; at++) {
        size_t n = plain_length(text.ptr + at, text.len - at);
        buf_append(out, text.ptr + at, n);
        at += n;
        if (at < text.len)
            put_escape(out, text.ptr[at]);
    }
    buf_char(out, '"');
}

static void put_base64(struct buf *out, struct slice bytes)
{
    buf_char(out, '"');
    base64_encode(out, bytes);
    buf_char(out, '"');
}

static void put_temporal(struct buf *out, const struct value *value)
{
    char *to = (char *)buf_reserve(out, TEMPORAL_TEXT_MAX + 2);
    size_t n = temporal_text_write(to + 1, value->kind, &value->time);
    to[0] = '"';
    to[n + 1] = '"';
    out->len += n + 2;
}

static void put_geometry(struct buf *out, const struct value *value)
{
    LITERAL(out, "{\"srid\":");
    number_write_u64(out, value->geometry.srid);
    LITERAL(out, ",\"wkb\":");
    put_base64(out, value->geometry.wkb);
    buf_char(out, '}');
}

static void put_vector(struct buf *out, struct slice floats)
{
    assert(floats.len % 4 == 0);
    buf_char(out, '[');
    for (size_t i = 0; i < floats.len; i += 4) {
        const uint8_t *ptr = floats.ptr + i;
        uint32_t bits =
            ptr[0] | (uint32_t)ptr[1] << 8 | (uint32_t)ptr[2] << 16 | (uint32_t)ptr[3] << 24;
        float f;
        memcpy(&f, &bits, sizeof f);
        if (i > 0)
            buf_char(out, ',');
        number_write_float(out, f);
    }
    buf_char(out, ']');
}

static void put_text_kind(struct buf *out, const struct value *value)
{
    if (value->kind == VALUE_JSON) {
        buf_slice(out, value->text);
    } else if (value->kind == VALUE_BINARY) {
        put_base64(out, value->text);
    } else if (value->kind == VALUE_BAD_TEXT) {
        LITERAL(out, "{\"$bytes\":");
        put_base64(out, value->text);
        buf_char(out, '}');
    } else {
        json_write_string(out, value->text);
    }
}

void json_write_value(struct buf *out, const struct value *value)
{
    assert(value->kind != VALUE_ABSENT);
    switch (value->kind) {
    case VALUE_ABSENT:
        break;
    case VALUE_NULL:
        LITERAL(out, "null");
        break;
    case VALUE_INT:
        number_write_i64(out, value->i);
        break;
    case VALUE_UINT:
        number_write_u64(out, value->u);
        break;
    case VALUE_FLOAT:
        number_write_float(out, value->f);
        break;
    case VALUE_DOUBLE:
        number_write_double(out, value->d);
        break;
    case VALUE_DATE:
    case VALUE_DATETIME:
    case VALUE_TIMESTAMP:
    case VALUE_TIME:
        put_temporal(out, value);
        break;
    case VALUE_DECIMAL: // digits, sign and point: nothing in it has to be escaped
    case VALUE_TEXT:
    case VALUE_BAD_TEXT:
    case VALUE_BINARY:
    case VALUE_JSON:
        put_text_kind(out, value);
        break;
    case VALUE_GEOMETRY:
        put_geometry(out, value);
        break;
    case VALUE_VECTOR:
        put_vector(out, value->text);
        break;
    }
}

static void put_row(struct buf *out, const struct table *table, const struct value *row)
{
    if (!row) {
        LITERAL(out, "null");
        return;
    }
    bool first = true;
    buf_char(out, '{');
    for (size_t i = 0; i < table->n_columns; i++) {
        if (row[i].kind == VALUE_ABSENT)
            continue;
        if (!first)
            buf_char(out, ',');
        first = false;
        buf_slice(out, table->columns[i].json_name);
        json_write_value(out, &row[i]);
    }
    buf_char(out, '}');
}

static void put_string_or_null(struct buf *out, struct slice text)
{
    if (text.len > 0)
        json_write_string(out, text);
    else
        LITERAL(out, "null");
}

// source, up to and with "table".
static void put_where(struct buf *out, const struct change *change)
{
    const struct origin *source = &change->source;
    LITERAL(out, "{\"version\":");
    json_write_string(out, source->version);
    LITERAL(out, ",\"connector\":\"mysql\",\"name\":");
    json_write_string(out, source->name);
    LITERAL(out, ",\"ts_ms\":");
    number_write_u64(out, source->ts_us / 1000);
    LITERAL(out, ",\"ts_us\":");
    number_write_u64(out, source->ts_us);
    if (source->snapshot)
        LITERAL(out, ",\"snapshot\":\"true\",\"db\":");
    else
        LITERAL(out, ",\"snapshot\":\"false\",\"db\":");
    json_write_string(out, change->table->db);
    LITERAL(out, ",\"table\":");
    json_write_string(out, change->table->name);
}

// The rest of source, from "server_id".
static void put_position(struct buf *out, const struct origin *source)
{
    LITERAL(out, ",\"server_id\":");
    number_write_u64(out, source->server_id);
    LITERAL(out, ",\"gtid\":");
    put_string_or_null(out, source->gtid);
    LITERAL(out, ",\"file\":");
    json_write_string(out, source->file);
    LITERAL(out, ",\"pos\":");
    number_write_u64(out, source->pos);
    LITERAL(out, ",\"row\":");
    number_write_u64(out, source->row);
    LITERAL(out, ",\"thread\":");
    if (source->has_thread)
        number_write_u64(out, source->thread);
    else
        LITERAL(out, "null");
    LITERAL(out, ",\"query\":");
    put_string_or_null(out, source->query);
    buf_char(out, '}');
}

static void put_transaction(struct buf *out, const struct change *change)
{
    if (change->transaction.len == 0) {
        LITERAL(out, "null");
        return;
    }
    LITERAL(out, "{\"id\":");
    json_write_string(out, change->transaction);
    LITERAL(out, ",\"total_order\":");
    number_write_u64(out, change->total_order);
    buf_char(out, '}');
}

void json_write_change(struct buf *out, const struct change *change)
{
    LITERAL(out, "{\"before\":");
    put_row(out, change->table, change->before);
    LITERAL(out, ",\"after\":");
    put_row(out, change->table, change->after);
    LITERAL(out, ",\"source\":");
    put_where(out, change);
    put_position(out, &change->source);
    LITERAL(out, ",\"op\":\"");
    buf_char(out, (char)change->op);
    LITERAL(out, "\",\"ts_ms\":");
    number_write_u64(out, change->encoded_ms);
    LITERAL(out, ",\"transaction\":");
    put_transaction(out, change);
    buf_char(out, '}');
}

bool json_write_key(struct buf *out, const struct table *table, const struct value *row,
                    struct err *err)
{
    size_t start = out->len;
    if (table->n_key == 0)
        return err_set(err, ERR_UNSUPPORTED, "table " SLICE_FMT "." SLICE_FMT " has no key",
                       SLICE_ARG(table->db), SLICE_ARG(table->name));
    for (size_t i = 0; i < table->n_key; i++) {
        const struct column *column = &table->columns[table->key[i]];
        const struct value *value = &row[table->key[i]];
        if (value->kind == VALUE_ABSENT) {
            out->len = start;
            return err_set(err, ERR_UNSUPPORTED,
                           "key column " SLICE_FMT "." SLICE_FMT "." SLICE_FMT
                           " is absent from the row image",
                           SLICE_ARG(table->db), SLICE_ARG(table->name), SLICE_ARG(column->name));
        }
        buf_char(out, i == 0 ? '{' : ',');
        buf_slice(out, column->json_name);
        json_write_value(out, value);
    }
    buf_char(out, '}');
    return true;
}
