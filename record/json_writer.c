// SPDX-License-Identifier: Apache-2.0
// JSON writer: see json_writer.h. The members stand in this order, all of them always:
//   before, after, source {version, connector, name, ts_ms, ts_us, snapshot, db, table, server_id,
//   gtid, file, pos, row, thread, query}, op, ts_ms, transaction {id, total_order}
// before and after hold the columns in table order. null: before, after, gtid, thread, query and
// transaction, where there is none.
#include "record/json_writer.h"

#include "common/little_endian.h"
#include "record/base64.h"
#include "record/json_plain.h"
#include "record/number_text.h"
#include "record/temporal_text.h"

#include <assert.h>

#define LITERAL(out, text) buf_append(out, text, sizeof text - 1)
#define PUT(to, text) ((uint8_t *)memcpy(to, text, sizeof text - 1) + sizeof text - 1)

#define WORD_BYTES 8
#define ESCAPE_MAX 6      // \u001f
#define NUMBERS_BYTES 256 // more than the numbers of a change take, and the words between them

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

static json_block copy_block(uint8_t *to, const uint8_t *from)
{
    json_block bytes;
    memcpy(&bytes, from, sizeof bytes);
    memcpy(to, &bytes, sizeof bytes);
    return json_not_plain(bytes);
}

static uint64_t copy_word(uint8_t *to, const uint8_t *from)
{
    uint64_t bytes;
    memcpy(&bytes, from, sizeof bytes);
    memcpy(to, &bytes, sizeof bytes);
    return any_escape(bytes);
}

// Of at least a block: the last one is copied from the end, part of it a second time.
static bool copy_long(uint8_t *to, const uint8_t *from, size_t len)
{
    json_block found = copy_block(to + len - sizeof found, from + len - sizeof found);
    uint64_t halves[sizeof found / WORD_BYTES];
    for (size_t at = 0; len - at > sizeof found; at += sizeof found)
        found |= copy_block(to + at, from + at);
    memcpy(halves, &found, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

// Copies the text and looks at it on the way: nearly always it stands as it is. False when a byte
// has to be escaped; what was copied is then of no use.
static bool copy_plain(uint8_t *to, struct slice text)
{
    uint64_t found = 0;
    if (text.len >= sizeof(json_block))
        return copy_long(to, text.ptr, text.len);
    if (text.len >= WORD_BYTES) {
        size_t last = text.len - WORD_BYTES;
        return !(copy_word(to, text.ptr) | copy_word(to + last, text.ptr + last));
    }
    for (size_t at = 0; at < text.len; at++) {
        to[at] = text.ptr[at];
        found |= (uint64_t)escapes[text.ptr[at]];
    }
    return !found;
}

static void write_escaped(struct buf *out, struct slice text)
{
    for (size_t at = 0; at < text.len; at++) {
        size_t n = json_plain_length(text.ptr + at, text.len - at);
        buf_append(out, text.ptr + at, n);
        at += n;
        if (at < text.len)
            out->len = (size_t)(put_escape(buf_reserve(out, ESCAPE_MAX), text.ptr[at]) - out->ptr);
    }
}

static void write_with_escapes(struct buf *out, struct slice text)
{
    buf_char(out, '"');
    write_escaped(out, text);
    buf_char(out, '"');
}

static inline void put_string(struct buf *out, struct slice text)
{
    uint8_t *to = buf_reserve(out, text.len + 2);
    to[0] = '"';
    to[text.len + 1] = '"';
    if (copy_plain(to + 1, text))
        out->len += text.len + 2;
    else
        write_with_escapes(out, text);
}

void json_write_string(struct buf *out, struct slice text)
{
    put_string(out, text);
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
        if (i > 0)
            buf_char(out, ',');
        number_write_float(out, le_float(floats.ptr + i));
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

// A copy of something short without a call: of a word or more the last word is copied from the end.
static uint8_t *put_name(uint8_t *to, struct slice name)
{
    if (name.len < WORD_BYTES / 2 || name.len > 2 * WORD_BYTES) {
        memcpy(to, name.ptr, name.len);
    } else if (name.len >= WORD_BYTES) {
        memcpy(to, name.ptr, WORD_BYTES);
        memcpy(to + name.len - WORD_BYTES, name.ptr + name.len - WORD_BYTES, WORD_BYTES);
    } else {
        const size_t half = WORD_BYTES / 2;
        memcpy(to, name.ptr, half);
        memcpy(to + name.len - half, name.ptr + name.len - half, half);
    }
    return to + name.len;
}

static bool is_integer(const struct value *value)
{
    return value->kind == VALUE_INT || value->kind == VALUE_UINT;
}

// The most frequent kind, without a call for each step.
static uint8_t *put_integer(uint8_t *to, const struct value *value)
{
    bool is_negative = value->kind == VALUE_INT && value->i < 0;
    *to = '-';
    return number_put_u64(to + is_negative, is_negative ? 0 - value->u : value->u);
}

static void put_row(struct buf *out, const struct table *table, const struct value *row)
{
    if (!row) {
        LITERAL(out, "null");
        return;
    }
    uint8_t before = '{';
    for (size_t i = 0; i < table->n_columns; i++) {
        if (row[i].kind == VALUE_ABSENT)
            continue;
        struct slice name = table->columns[i].json_name;
        uint8_t *to = buf_reserve(out, name.len + NUMBER_U64_MAX + 2);
        *to = before;
        before = ',';
        to = put_name(to + 1, name);
        bool is_put = is_integer(&row[i]);
        if (is_put)
            to = put_integer(to, &row[i]);
        out->len = (size_t)(to - out->ptr);
        if (row[i].kind == VALUE_TEXT)
            put_string(out, row[i].text);
        else if (!is_put)
            json_write_value(out, &row[i]);
    }
    if (before == '{')
        buf_char(out, '{');
    buf_char(out, '}');
}

// --- the frame ---

// memcmp without the call: a word at a time, the last one from the end.
static bool is_same_text(struct slice a, struct slice b)
{
    if (a.len != b.len || a.len < WORD_BYTES)
        return slice_eq(a, b);
    uint64_t differ = 0;
    for (size_t at = 0;; at += WORD_BYTES) {
        uint64_t words[2];
        if (at > a.len - WORD_BYTES)
            at = a.len - WORD_BYTES;
        memcpy(&words[0], a.ptr + at, WORD_BYTES);
        memcpy(&words[1], b.ptr + at, WORD_BYTES);
        differ |= words[0] ^ words[1];
        if (at == a.len - WORD_BYTES)
            return differ == 0;
    }
}

static bool is_same(const struct json_frame *frame, const struct change *change)
{
    const struct origin *a = &frame->source, *b = &change->source;
    return a->ts_us == b->ts_us && frame->encoded_ms == change->encoded_ms &&
           a->server_id == b->server_id && a->thread == b->thread &&
           a->has_thread == b->has_thread && a->snapshot == b->snapshot &&
           is_same_text(frame->transaction, change->transaction) &&
           is_same_text(a->gtid, b->gtid) && is_same_text(frame->table, change->table->name) &&
           is_same_text(frame->db, change->table->db) && is_same_text(a->file, b->file) &&
           is_same_text(a->name, b->name) && is_same_text(a->version, b->version) &&
           frame->head.len > 0;
}

static void keep_all(struct json_frame *frame, const struct change *change)
{
    arena_reset(&frame->kept);
    frame->source = change->source;
    frame->encoded_ms = change->encoded_ms;
    frame->source.version = arena_copy(&frame->kept, change->source.version);
    frame->source.name = arena_copy(&frame->kept, change->source.name);
    frame->source.file = arena_copy(&frame->kept, change->source.file);
    frame->source.gtid = arena_copy(&frame->kept, change->source.gtid);
    frame->db = arena_copy(&frame->kept, change->table->db);
    frame->table = arena_copy(&frame->kept, change->table->name);
    frame->transaction = arena_copy(&frame->kept, change->transaction);
}

static void write_string_or_null(struct buf *out, struct slice text)
{
    if (text.len > 0)
        json_write_string(out, text);
    else
        LITERAL(out, "null");
}

// ,"source":{ … "pos":
static void render_head(struct buf *out, const struct change *change)
{
    const struct origin *source = &change->source;
    LITERAL(out, ",\"source\":{\"version\":");
    json_write_string(out, source->version);
    LITERAL(out, ",\"connector\":\"mysql\",\"name\":");
    json_write_string(out, source->name);
    LITERAL(out, ",\"ts_ms\":");
    number_write_u64(out, source->ts_us / 1000);
    LITERAL(out, ",\"ts_us\":");
    number_write_u64(out, source->ts_us);
    buf_str(out, source->snapshot ? ",\"snapshot\":\"true\"" : ",\"snapshot\":\"false\"");
    LITERAL(out, ",\"db\":");
    json_write_string(out, change->table->db);
    LITERAL(out, ",\"table\":");
    json_write_string(out, change->table->name);
    LITERAL(out, ",\"server_id\":");
    number_write_u64(out, source->server_id);
    LITERAL(out, ",\"gtid\":");
    write_string_or_null(out, source->gtid);
    LITERAL(out, ",\"file\":");
    json_write_string(out, source->file);
    LITERAL(out, ",\"pos\":");
}

// ,"thread":8,"query":
static void render_middle(struct buf *out, const struct origin *source)
{
    LITERAL(out, ",\"thread\":");
    if (source->has_thread)
        number_write_u64(out, source->thread);
    else
        LITERAL(out, "null");
    LITERAL(out, ",\"query\":");
}

// ","ts_ms":1795259700123,"transaction":{"id":"…","total_order":   or all of it
static void render_tail(struct buf *out, uint64_t encoded_ms, struct slice transaction)
{
    LITERAL(out, "\",\"ts_ms\":");
    number_write_u64(out, encoded_ms);
    LITERAL(out, ",\"transaction\":");
    if (transaction.len == 0) {
        LITERAL(out, "null}");
        return;
    }
    LITERAL(out, "{\"id\":");
    json_write_string(out, transaction);
    LITERAL(out, ",\"total_order\":");
}

static void render(struct json_frame *frame, const struct change *change)
{
    keep_all(frame, change);
    buf_clear(&frame->head);
    buf_clear(&frame->middle);
    buf_clear(&frame->tail);
    render_head(&frame->head, change);
    render_middle(&frame->middle, &change->source);
    render_tail(&frame->tail, change->encoded_ms, change->transaction);
}

void json_frame_deinit(struct json_frame *frame)
{
    arena_deinit(&frame->kept);
    buf_deinit(&frame->head);
    buf_deinit(&frame->middle);
    buf_deinit(&frame->tail);
}

static uint8_t *put_bytes(uint8_t *to, const struct buf *bytes)
{
    memcpy(to, bytes->ptr, bytes->len);
    return to + bytes->len;
}

void json_write_change(struct buf *out, struct json_frame *frame, const struct change *change)
{
    if (!is_same(frame, change))
        render(frame, change);
    LITERAL(out, "{\"before\":");
    put_row(out, change->table, change->before);
    LITERAL(out, ",\"after\":");
    put_row(out, change->table, change->after);
    size_t most = frame->head.len + frame->middle.len + frame->tail.len + NUMBERS_BYTES;
    uint8_t *to = put_bytes(buf_reserve(out, most), &frame->head);
    to = number_put_u64(to, change->source.pos);
    to = PUT(to, ",\"row\":");
    to = number_put_u64(to, change->source.row);
    to = put_bytes(to, &frame->middle);
    out->len = (size_t)(to - out->ptr);
    write_string_or_null(out, change->source.query);
    to = PUT(buf_reserve(out, most), "},\"op\":\"");
    *to++ = (uint8_t)change->op;
    to = put_bytes(to, &frame->tail);
    if (change->transaction.len > 0) {
        to = number_put_u64(to, change->total_order);
        to = PUT(to, "}}");
    }
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
