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
#define PUT(to, text) ((uint8_t *)memcpy(to, text, sizeof text - 1) + sizeof text - 1)

#define WORD_BYTES 8
#define VECTOR_BYTES 32
#define ESCAPE_MAX 6    // \u001f
#define FRAME_BYTES 512 // more than all names, punctuation and numbers around the strings of source

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

static uint8_t *put_escape(uint8_t *to, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    *to++ = '\\';
    *to++ = (uint8_t)escapes[c];
    if (escapes[c] == 'u') {
        const char digits[4] = {'0', '0', hex[c >> 4], hex[c & 15]};
        memcpy(to, digits, sizeof digits);
        to += sizeof digits;
    }
    return to;
}

// Non-zero when one of the bytes has to be escaped. Made so that compilers use vectors for it.
static uint8_t copy_block(uint8_t *restrict to, const uint8_t *restrict from)
{
    uint8_t found = 0;
    for (size_t i = 0; i < VECTOR_BYTES; i++) {
        to[i] = from[i];
        found |= (uint8_t)((from[i] < 0x20) | (from[i] == '"') | (from[i] == '\\'));
    }
    return found;
}

static uint64_t copy_word(uint8_t *to, const uint8_t *from)
{
    uint64_t bytes;
    memcpy(&bytes, from, sizeof bytes);
    memcpy(to, &bytes, sizeof bytes);
    return any_escape(bytes);
}

// Copies the text and looks at it on the way: nearly always it stands as it is. False when a byte
// has to be escaped; what was copied is then of no use.
static bool copy_plain(uint8_t *to, struct slice text)
{
    uint64_t found = 0;
    size_t at = 0;
    for (; text.len - at >= VECTOR_BYTES; at += VECTOR_BYTES)
        found |= copy_block(to + at, text.ptr + at);
    for (; text.len - at >= WORD_BYTES; at += WORD_BYTES)
        found |= copy_word(to + at, text.ptr + at);
    if (at < text.len && text.len >= WORD_BYTES) // the last word, part of it a second time
        return !(found | copy_word(to + text.len - WORD_BYTES, text.ptr + text.len - WORD_BYTES));
    for (; at < text.len; at++) {
        to[at] = text.ptr[at];
        found |= (uint64_t)escapes[text.ptr[at]];
    }
    return !found;
}

static void write_escaped(struct buf *out, struct slice text)
{
    for (size_t at = 0; at < text.len; at++) {
        size_t n = plain_length(text.ptr + at, text.len - at);
        buf_append(out, text.ptr + at, n);
        at += n;
        if (at < text.len)
            out->len = (size_t)(put_escape(buf_reserve(out, ESCAPE_MAX), text.ptr[at]) - out->ptr);
    }
}

void json_write_string(struct buf *out, struct slice text)
{
    uint8_t *to = buf_reserve(out, text.len + 2);
    to[0] = '"';
    if (copy_plain(to + 1, text)) {
        to[text.len + 1] = '"';
        out->len += text.len + 2;
        return;
    }
    out->len++;
    write_escaped(out, text);
    buf_char(out, '"');
}

// Into room for ESCAPE_MAX bytes a byte, and the quotes.
static uint8_t *put_string(uint8_t *to, struct slice text)
{
    *to++ = '"';
    if (copy_plain(to, text)) {
        to += text.len;
    } else {
        for (size_t i = 0; i < text.len; i++)
            to = escapes[text.ptr[i]] ? put_escape(to, text.ptr[i]) : (*to = text.ptr[i], to + 1);
    }
    *to++ = '"';
    return to;
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

static uint8_t *put_string_or_null(uint8_t *to, struct slice text)
{
    return text.len > 0 ? put_string(to, text) : PUT(to, "null");
}

// source, up to and with "table".
static uint8_t *put_where(uint8_t *to, const struct change *change)
{
    const struct origin *source = &change->source;
    to = PUT(to, ",\"source\":{\"version\":");
    to = put_string(to, source->version);
    to = PUT(to, ",\"connector\":\"mysql\",\"name\":");
    to = put_string(to, source->name);
    to = PUT(to, ",\"ts_ms\":");
    to = number_put_u64(to, source->ts_us / 1000);
    to = PUT(to, ",\"ts_us\":");
    to = number_put_u64(to, source->ts_us);
    to = source->snapshot ? PUT(to, ",\"snapshot\":\"true\",\"db\":")
                          : PUT(to, ",\"snapshot\":\"false\",\"db\":");
    to = put_string(to, change->table->db);
    to = PUT(to, ",\"table\":");
    return put_string(to, change->table->name);
}

// The rest of source, from "server_id" on, up to the value of "query".
static uint8_t *put_position(uint8_t *to, const struct origin *source)
{
    to = PUT(to, ",\"server_id\":");
    to = number_put_u64(to, source->server_id);
    to = PUT(to, ",\"gtid\":");
    to = put_string_or_null(to, source->gtid);
    to = PUT(to, ",\"file\":");
    to = put_string(to, source->file);
    to = PUT(to, ",\"pos\":");
    to = number_put_u64(to, source->pos);
    to = PUT(to, ",\"row\":");
    to = number_put_u64(to, source->row);
    to = PUT(to, ",\"thread\":");
    to = source->has_thread ? number_put_u64(to, source->thread) : PUT(to, "null");
    return PUT(to, ",\"query\":");
}

static uint8_t *put_transaction(uint8_t *to, const struct change *change)
{
    if (change->transaction.len == 0)
        return PUT(to, "null");
    to = PUT(to, "{\"id\":");
    to = put_string(to, change->transaction);
    to = PUT(to, ",\"total_order\":");
    to = number_put_u64(to, change->total_order);
    *to++ = '}';
    return to;
}

// The most that source (but for the query, which may be large) and what stands behind it take.
static size_t frame_bytes(const struct change *change)
{
    const struct origin *source = &change->source;
    size_t strings = source->version.len + source->name.len + change->table->db.len +
                     change->table->name.len + source->gtid.len + source->file.len +
                     change->transaction.len;
    return FRAME_BYTES + ESCAPE_MAX * strings;
}

void json_write_change(struct buf *out, const struct change *change)
{
    LITERAL(out, "{\"before\":");
    put_row(out, change->table, change->before);
    LITERAL(out, ",\"after\":");
    put_row(out, change->table, change->after);
    uint8_t *to = put_where(buf_reserve(out, frame_bytes(change)), change);
    out->len = (size_t)(put_position(to, &change->source) - out->ptr);
    if (change->source.query.len)
        json_write_string(out, change->source.query);
    else
        LITERAL(out, "null");
    to = PUT(buf_reserve(out, frame_bytes(change)), "},\"op\":\"");
    *to++ = (uint8_t)change->op;
    to = PUT(to, "\",\"ts_ms\":");
    to = number_put_u64(to, change->encoded_ms);
    to = PUT(to, ",\"transaction\":");
    to = put_transaction(to, change);
    *to++ = '}';
    out->len = (size_t)(to - out->ptr);
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
