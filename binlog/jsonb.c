// SPDX-License-Identifier: Apache-2.0
// Jsonb: see jsonb.h. The format is MySQL's sql-common/json_binary.h; all integers little-endian.
//
//   document   type (1 byte), value
//   object     count, size, key entry × count, value entry × count, keys, values
//   array      count, size, value entry × count, values
//              count, size and offsets have 2 bytes in the small form, 4 in the large one; size and
//              offsets count from the first byte of `count`
//   key entry    offset, length (2 bytes)
//   value entry  type, then the value itself where it fits the size of an offset, else its offset
//   string     length in groups of 7 bits, the lowest first, bit 8 set on all but the last; UTF-8
//   opaque     type code of a column (1 byte), length as for strings, bytes
//
// Offsets can be made to point anywhere. Two rules keep the walk finite: a value lies in the bytes
// of its container behind the entries, and all that was read of a document is never more than its
// bytes, which holds for every document in which no two values share bytes.
#include "binlog/jsonb.h"

#include "binlog/column.h"
#include "binlog/decimal.h"
#include "binlog/temporal.h"
#include "common/utf8.h"
#include "record/base64.h"
#include "record/json_writer.h"
#include "record/number_text.h"
#include "record/temporal_text.h"

#include <math.h>
#include <stdlib.h>

#define LENGTH_BYTES_MAX 5 // of a string: 32 bits in groups of 7
#define KEY_LENGTH_BYTES 2
#define NUMBER_ROOM 64        // more than any number's text
#define FIXED_POINT_MIN (-14) // as my_gcvt(): the point's place for which a double gets no exponent
#define FIXED_POINT_MAX 15
#define DIGITS_MAX 17
#define BASE64_LINE_BYTES 57 // 76 characters, then the server breaks the line

enum jsonb_type {
    JSONB_SMALL_OBJECT = 0,
    JSONB_LARGE_OBJECT = 1,
    JSONB_SMALL_ARRAY = 2,
    JSONB_LARGE_ARRAY = 3,
    JSONB_LITERAL = 4,
    JSONB_INT16 = 5,
    JSONB_UINT16 = 6,
    JSONB_INT32 = 7,
    JSONB_UINT32 = 8,
    JSONB_INT64 = 9,
    JSONB_UINT64 = 10,
    JSONB_DOUBLE = 11,
    JSONB_STRING = 12,
    JSONB_OPAQUE = 15,
};

// An object or array that is being written.
struct container {
    struct cursor bytes;  // all of it, from `count` on
    struct cursor keys;   // what is left of the key entries
    struct cursor values; // what is left of the value entries
    size_t header;        // where keys and values may begin
    uint64_t left;        // members not yet written
    uint8_t word;         // bytes of an offset
    bool is_object;
    bool is_first; // no member was written yet
};

struct walk {
    struct arena *arena;
    struct buf out; // in the arena: room() makes it larger, never buf_grow()
    struct err *err;
    uint64_t budget; // bytes of the document that were not read yet
    size_t depth;
    struct container stack[JSONB_DEPTH_MAX];
};

static bool corrupt(struct walk *walk, const struct cursor *cur, const char *what)
{
    return err_at(walk->err, ERR_CORRUPT, cursor_offset(cur), "JSON: %s", what);
}

// Room for n more bytes of text.
static void room(struct walk *walk, size_t n)
{
    struct buf *out = &walk->out;
    if (n <= out->cap - out->len)
        return;
    size_t cap = 2 * out->cap + n;
    uint8_t *ptr = arena_alloc(walk->arena, cap);
    memcpy(ptr, out->ptr, out->len);
    out->ptr = ptr;
    out->cap = cap;
}

static void put(struct walk *walk, const char *text)
{
    room(walk, strlen(text));
    buf_str(&walk->out, text);
}

static bool spend(struct walk *walk, uint64_t n, const struct cursor *cur)
{
    if (n > walk->budget)
        return corrupt(walk, cur, "values overlap");
    walk->budget -= n;
    return true;
}

static size_t escape_count(struct slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] < 0x20 || text.ptr[i] == '"' || text.ptr[i] == '\\';
    return n;
}

static bool put_string(struct walk *walk, struct slice text, const struct cursor *cur)
{
    if (!utf8_is_valid(text))
        return corrupt(walk, cur, "a string is no UTF-8");
    room(walk, text.len + 5 * escape_count(text) + 2);
    json_write_string(&walk->out, text);
    return true;
}

// Splits "-1.25e-7" into its digits, without zeros at either end, and where the point stands: the
// number is 0.DIGITS × 10^point.
static size_t split_number(const char *text, char digits[DIGITS_MAX], int *point)
{
    size_t n = 0;
    bool is_fraction = false;
    *point = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text == '.')
            is_fraction = true;
        if (*text < '0' || *text > '9')
            continue;
        bool counts = n > 0 || *text != '0';
        if (counts && n < DIGITS_MAX)
            digits[n++] = *text;
        *point += is_fraction ? (counts ? 0 : -1) : counts;
    }
    if (*text == 'e')
        *point += (int)strtol(text + 1, NULL, 10);
    while (n > 0 && digits[n - 1] == '0')
        n--;
    return n;
}

static void put_zeros(struct buf *out, int n)
{
    for (; n > 0; n--)
        buf_char(out, '0');
}

static void put_fixed(struct buf *out, const char *digits, int n, int point)
{
    int before = point < n ? point : n;
    if (point <= 0)
        buf_char(out, '0');
    if (before > 0)
        buf_append(out, digits, (size_t)before);
    put_zeros(out, point - n);
    buf_char(out, '.');
    put_zeros(out, -point);
    if (before < n)
        buf_append(out, digits + (before > 0 ? before : 0),
                   (size_t)(n - (before > 0 ? before : 0)));
    else
        buf_char(out, '0');
}

static void put_exponent(struct buf *out, const char *digits, int n, int point)
{
    buf_char(out, digits[0]);
    if (n > 1) {
        buf_char(out, '.');
        buf_append(out, digits + 1, (size_t)(n - 1));
    }
    buf_char(out, 'e');
    number_write_i64(out, point - 1);
}

// The shortest digits that read back as the same double, laid out as the server lays them out: 3.0,
// 0.0001, 1e20, 1.5e-16. A number that is not whole stays without an exponent on the large side.
static void put_double(struct walk *walk, double number)
{
    char text[NUMBER_ROOM];
    struct buf shortest = {(uint8_t *)text, 0, sizeof text};
    number_write_double(&shortest, number);
    char digits[DIGITS_MAX];
    int point;
    int n = (int)split_number(buf_cstr(&shortest), digits, &point);
    room(walk, NUMBER_ROOM);
    if (signbit(number))
        buf_char(&walk->out, '-');
    if (n == 0)
        buf_str(&walk->out, "0.0");
    else if (point >= FIXED_POINT_MIN && (point <= FIXED_POINT_MAX || n > point))
        put_fixed(&walk->out, digits, n, point);
    else
        put_exponent(&walk->out, digits, n, point);
}

static bool put_double_at(struct walk *walk, struct cursor *cur)
{
    struct cursor start = *cur;
    uint64_t raw = cursor_u64(cur);
    double number;
    memcpy(&number, &raw, sizeof number);
    if (!isfinite(number))
        return corrupt(walk, &start, "a double that is no number");
    put_double(walk, number);
    return true;
}

// The length before a string or opaque value; fails the cursor when it needs more than 32 bits.
static uint32_t var_length(struct cursor *cur)
{
    uint64_t length = 0;
    for (unsigned i = 0; i < LENGTH_BYTES_MAX; i++) {
        uint8_t byte = cursor_u8(cur);
        length |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (!(byte & 0x80) && length <= UINT32_MAX)
            return (uint32_t)length;
    }
    cur->failed = true;
    return 0;
}

static bool put_string_at(struct walk *walk, struct cursor *cur)
{
    struct cursor start = *cur;
    struct slice text = cursor_bytes(cur, var_length(cur));
    return cur->failed || put_string(walk, text, &start);
}

static bool put_decimal(struct walk *walk, struct cursor *cur)
{
    unsigned precision = cursor_u8(cur);
    unsigned scale = cursor_u8(cur);
    if (cur->failed || !decimal_is_valid(precision, scale))
        return corrupt(walk, cur, "a DECIMAL with impossible precision or scale");
    uint8_t text[DECIMAL_TEXT_MAX];
    size_t len;
    if (!decimal_decode(cur, precision, scale, text, &len, walk->err))
        return false;
    room(walk, len);
    buf_append(&walk->out, text, len);
    return true;
}

static bool put_temporal(struct walk *walk, uint8_t code, struct cursor *cur)
{
    bool is_time = code == CODE_TIME;
    struct temporal time;
    if (!(is_time ? temporal_json_time(cur, &time, walk->err)
                  : temporal_json_datetime(cur, &time, walk->err)))
        return false;
    enum value_kind kind = is_time ? VALUE_TIME : code == CODE_DATE ? VALUE_DATE : VALUE_DATETIME;
    char text[TEMPORAL_TEXT_MAX];
    size_t len = temporal_text_write(text, kind, &time);
    for (size_t i = 0; i < len; i++)
        if (text[i] == 'T')
            text[i] = ' ';
    room(walk, len + 2);
    buf_char(&walk->out, '"');
    buf_append(&walk->out, text, len);
    buf_char(&walk->out, '"');
    return true;
}

static void put_opaque_bytes(struct walk *walk, uint8_t code, struct cursor *cur)
{
    put(walk, "\"base64:type");
    room(walk, NUMBER_ROOM + 2 * cursor_left(cur));
    number_write_u64(&walk->out, code);
    buf_char(&walk->out, ':');
    while (cursor_left(cur) > BASE64_LINE_BYTES) {
        base64_encode(&walk->out, cursor_bytes(cur, BASE64_LINE_BYTES));
        buf_str(&walk->out, "\\n");
    }
    base64_encode(&walk->out, cursor_rest(cur));
    buf_char(&walk->out, '"');
}

static bool put_opaque(struct walk *walk, struct cursor *cur)
{
    struct cursor start = *cur;
    uint8_t code = cursor_u8(cur);
    struct cursor bytes = cursor_sub(cur, var_length(cur));
    if (cur->failed)
        return true;
    if (!column_code_name(code))
        return err_at(walk->err, ERR_UNSUPPORTED, cursor_offset(&start),
                      "JSON: opaque type %u is not known to this version", code);
    bool is_done = true;
    if (code == CODE_NEWDECIMAL)
        is_done = put_decimal(walk, &bytes);
    else if (code == CODE_DATE || code == CODE_TIME || code == CODE_DATETIME ||
             code == CODE_TIMESTAMP)
        is_done = put_temporal(walk, code, &bytes);
    else
        put_opaque_bytes(walk, code, &bytes);
    if (is_done && !cursor_done(&bytes))
        return corrupt(walk, &bytes, "an opaque value is longer than its type");
    return is_done;
}

static bool put_literal(struct walk *walk, struct cursor *cur)
{
    static const char *const literals[] = {"null", "true", "false"};
    struct cursor start = *cur;
    uint8_t literal = cursor_u8(cur);
    if (literal >= sizeof literals / sizeof *literals)
        return corrupt(walk, &start, "a literal that is none of null, true, false");
    put(walk, literals[literal]);
    return true;
}

static bool put_integer(struct walk *walk, uint8_t type, struct cursor *cur)
{
    room(walk, NUMBER_ROOM);
    if (type == JSONB_INT16)
        number_write_i64(&walk->out, (int16_t)cursor_u16(cur));
    else if (type == JSONB_INT32)
        number_write_i64(&walk->out, (int32_t)cursor_u32(cur));
    else if (type == JSONB_INT64)
        number_write_i64(&walk->out, (int64_t)cursor_u64(cur));
    else
        number_write_u64(&walk->out, type == JSONB_UINT16   ? cursor_u16(cur)
                                     : type == JSONB_UINT32 ? cursor_u32(cur)
                                                            : cursor_u64(cur));
    return true;
}

static bool put_scalar(struct walk *walk, uint8_t type, struct cursor *cur)
{
    switch (type) {
    case JSONB_LITERAL:
        return put_literal(walk, cur);
    case JSONB_INT16:
    case JSONB_UINT16:
    case JSONB_INT32:
    case JSONB_UINT32:
    case JSONB_INT64:
    case JSONB_UINT64:
        return put_integer(walk, type, cur);
    case JSONB_DOUBLE:
        return put_double_at(walk, cur);
    case JSONB_STRING:
        return put_string_at(walk, cur);
    case JSONB_OPAQUE:
        return put_opaque(walk, cur);
    default: // a byte of the wire, not an enum of ours
        return err_at(walk->err, ERR_UNSUPPORTED, cursor_offset(cur),
                      "JSON: value type %u is not known to this version", type);
    }
}

// Starts an object or array, whose first byte the cursor stands on and which ends where it ends or
// before.
static bool begin_container(struct walk *walk, uint8_t type, struct cursor cur)
{
    if (walk->depth == JSONB_DEPTH_MAX)
        return corrupt(walk, &cur, "nested more than 100 levels deep");
    struct container *top = &walk->stack[walk->depth];
    bool is_object = type <= JSONB_LARGE_OBJECT;
    uint8_t word = type == JSONB_LARGE_OBJECT || type == JSONB_LARGE_ARRAY ? 4 : 2;
    struct cursor start = cur;
    uint64_t count = cursor_le(&cur, word);
    uint64_t size = cursor_le(&cur, word);
    struct cursor bytes = cursor_sub(&start, size);
    uint64_t entry = is_object ? word + KEY_LENGTH_BYTES + 1u + word : 1u + word;
    uint64_t header = 2u * word + count * entry;
    if (cur.failed || bytes.failed || header > size)
        return corrupt(walk, &start, "an object or array does not fit its bytes");
    *top = (struct container){.bytes = bytes,
                              .header = header,
                              .left = count,
                              .word = word,
                              .is_object = is_object,
                              .is_first = true};
    top->keys = cursor_sub(&cur, is_object ? count * (word + KEY_LENGTH_BYTES) : 0);
    top->values = cursor_sub(&cur, count * (1u + word));
    walk->depth++;
    put(walk, is_object ? "{" : "[");
    return spend(walk, header, &top->bytes);
}

// A value outside its entry: reads it, or begins it.
static bool put_value(struct walk *walk, uint8_t type, struct cursor cur)
{
    if (type <= JSONB_LARGE_ARRAY)
        return begin_container(walk, type, cur);
    struct cursor start = cur;
    if (!put_scalar(walk, type, &cur))
        return false;
    if (cur.failed)
        return corrupt(walk, &start, "a value is cut off");
    return spend(walk, cursor_offset(&cur) - cursor_offset(&start), &start);
}

static bool is_inlined(uint8_t type, uint8_t word)
{
    return type == JSONB_LITERAL || type == JSONB_INT16 || type == JSONB_UINT16 ||
           (word == 4 && (type == JSONB_INT32 || type == JSONB_UINT32));
}

// The bytes of the container from `offset` on; failed when that is not behind its entries.
static struct cursor at(const struct container *top, uint64_t offset)
{
    struct cursor cur = top->bytes;
    if (offset < top->header)
        cur.failed = true;
    cursor_skip(&cur, offset);
    return cur;
}

static bool put_key(struct walk *walk, struct container *top)
{
    uint64_t offset = cursor_le(&top->keys, top->word);
    struct cursor cur = at(top, offset);
    struct slice key = cursor_bytes(&cur, cursor_u16(&top->keys));
    if (cur.failed)
        return corrupt(walk, &top->keys, "a key lies outside its object");
    if (!spend(walk, key.len, &cur) || !put_string(walk, key, &top->keys))
        return false;
    put(walk, ":");
    return true;
}

static bool put_member(struct walk *walk, struct container *top)
{
    if (!top->is_first)
        put(walk, ",");
    top->is_first = false;
    top->left--;
    if (top->is_object && !put_key(walk, top))
        return false;
    uint8_t type = cursor_u8(&top->values);
    struct cursor field = cursor_sub(&top->values, top->word);
    if (is_inlined(type, top->word))
        return put_scalar(walk, type, &field);
    struct cursor cur = at(top, cursor_le(&field, top->word));
    if (cur.failed)
        return corrupt(walk, &top->values, "a value lies outside its object or array");
    return put_value(walk, type, cur);
}

bool jsonb_to_text(struct cursor *document, struct arena *arena, struct slice *text,
                   struct err *err)
{
    if (cursor_left(document) == 0) {
        *text = slice_of_str("null");
        return true;
    }
    struct walk walk;
    walk.arena = arena;
    walk.err = err;
    walk.budget = cursor_left(document);
    walk.depth = 0;
    walk.out = (struct buf){NULL, 0, NUMBER_ROOM + 2 * cursor_left(document)};
    walk.out.ptr = arena_alloc(arena, walk.out.cap);
    uint8_t type = cursor_u8(document);
    if (!spend(&walk, 1, document) || !put_value(&walk, type, *document))
        return false;
    while (walk.depth > 0) {
        struct container *top = &walk.stack[walk.depth - 1];
        if (top->left > 0) {
            if (!put_member(&walk, top))
                return false;
            continue;
        }
        put(&walk, top->is_object ? "}" : "]");
        walk.depth--;
    }
    cursor_skip(document, cursor_left(document));
    *text = buf_bytes(&walk.out);
    return true;
}
