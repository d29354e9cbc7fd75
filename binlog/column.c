// SPDX-License-Identifier: Apache-2.0
// Column: see column.h. Everything that differs between the types stands in one table, `types`, by
// the real type code: the metadata it accepts, its logical type, its decoder.
//
// Integers and floats are little-endian. Strings and blobs have a little-endian length before them:
// of 2 bytes when they may be longer than 255, of as many bytes as the metadata says for blobs.
#include "binlog/column.h"

#include "binlog/decimal.h"
#include "binlog/jsonb.h"
#include "binlog/temporal.h"

#include <inttypes.h>
#include <zlib.h>

#define LABELS_IN_SET_MAX 64
#define BIT_MAX 64
#define SRID_BYTES 4
#define DEFLATE_RATIO_MAX 1032 // no deflate stream expands further

typedef bool resolve_fn(struct column_format *format, struct err *err);
typedef void shape_fn(const struct column_format *format, struct column *shape);

struct type {
    const char *name;
    column_decoder *decode; // NULL: this version does not know the code, or refuses it
    resolve_fn *resolve;
    shape_fn *shape;           // what differs from `logical`; may be NULL
    enum column_type logical;  // of text where the type has both
    enum column_type of_bytes; // for collation 63
    uint8_t length_bytes;      // blobs: when it is fixed by the code
    const char *refused;       // why, where `decode` is NULL
};

static const struct type types[256];

static bool decode_int8(const struct column_format *format, struct cursor *cur, struct arena *arena,
                        struct value *value, struct err *err)
{
    (void)arena;
    (void)err;
    uint8_t raw = cursor_u8(cur);
    value->kind = format->is_unsigned ? VALUE_UINT : VALUE_INT;
    if (format->is_unsigned)
        value->u = raw;
    else
        value->i = (int8_t)raw;
    return true;
}

static bool decode_int16(const struct column_format *format, struct cursor *cur,
                         struct arena *arena, struct value *value, struct err *err)
{
    (void)arena;
    (void)err;
    uint16_t raw = cursor_u16(cur);
    value->kind = format->is_unsigned ? VALUE_UINT : VALUE_INT;
    if (format->is_unsigned)
        value->u = raw;
    else
        value->i = (int16_t)raw;
    return true;
}

static bool decode_int24(const struct column_format *format, struct cursor *cur,
                         struct arena *arena, struct value *value, struct err *err)
{
    (void)arena;
    (void)err;
    uint32_t raw = cursor_u24(cur);
    value->kind = format->is_unsigned ? VALUE_UINT : VALUE_INT;
    if (format->is_unsigned)
        value->u = raw;
    else
        value->i = (int64_t)raw - (raw & 0x800000 ? 0x1000000 : 0);
    return true;
}

static bool decode_int32(const struct column_format *format, struct cursor *cur,
                         struct arena *arena, struct value *value, struct err *err)
{
    (void)arena;
    (void)err;
    uint32_t raw = cursor_u32(cur);
    value->kind = format->is_unsigned ? VALUE_UINT : VALUE_INT;
    if (format->is_unsigned)
        value->u = raw;
    else
        value->i = (int32_t)raw;
    return true;
}

static bool decode_int64(const struct column_format *format, struct cursor *cur,
                         struct arena *arena, struct value *value, struct err *err)
{
    (void)arena;
    (void)err;
    uint64_t raw = cursor_u64(cur);
    value->kind = format->is_unsigned ? VALUE_UINT : VALUE_INT;
    if (format->is_unsigned)
        value->u = raw;
    else
        value->i = (int64_t)raw;
    return true;
}

// One byte: 0 is the year 0000, else the years since 1900.
static bool decode_year(const struct column_format *format, struct cursor *cur, struct arena *arena,
                        struct value *value, struct err *err)
{
    (void)format;
    (void)arena;
    (void)err;
    uint8_t raw = cursor_u8(cur);
    value->kind = VALUE_UINT;
    value->u = raw ? 1900u + raw : 0;
    return true;
}

static bool decode_float(const struct column_format *format, struct cursor *cur,
                         struct arena *arena, struct value *value, struct err *err)
{
    (void)format;
    (void)arena;
    (void)err;
    uint32_t raw = cursor_u32(cur);
    value->kind = VALUE_FLOAT;
    memcpy(&value->f, &raw, sizeof value->f);
    return true;
}

static bool decode_double(const struct column_format *format, struct cursor *cur,
                          struct arena *arena, struct value *value, struct err *err)
{
    (void)format;
    (void)arena;
    (void)err;
    uint64_t raw = cursor_u64(cur);
    value->kind = VALUE_DOUBLE;
    memcpy(&value->d, &raw, sizeof value->d);
    return true;
}

// Big-endian, as many bytes as the bits need.
static bool decode_bit(const struct column_format *format, struct cursor *cur, struct arena *arena,
                       struct value *value, struct err *err)
{
    (void)arena;
    uint64_t offset = cursor_offset(cur);
    unsigned bits = format->length;
    value->kind = VALUE_UINT;
    value->u = cursor_be(cur, (bits + 7) / 8);
    if (bits < BIT_MAX && value->u >> bits)
        return err_at(err, ERR_CORRUPT, offset, "BIT(%u): more than its bits are set", bits);
    return true;
}

static bool decode_decimal(const struct column_format *format, struct cursor *cur,
                           struct arena *arena, struct value *value, struct err *err)
{
    uint8_t *text = arena_alloc(arena, DECIMAL_TEXT_MAX);
    value->kind = VALUE_DECIMAL;
    value->text.ptr = text;
    return decimal_decode(cur, format->meta >> 8, format->meta & 0xFF, text, &value->text.len, err);
}

static bool decode_date(const struct column_format *format, struct cursor *cur, struct arena *arena,
                        struct value *value, struct err *err)
{
    (void)format;
    (void)arena;
    value->kind = VALUE_DATE;
    return temporal_date(cur, &value->time, err);
}

static bool decode_old_time(const struct column_format *format, struct cursor *cur,
                            struct arena *arena, struct value *value, struct err *err)
{
    (void)format;
    (void)arena;
    value->kind = VALUE_TIME;
    return temporal_old_time(cur, &value->time, err);
}

static bool decode_old_datetime(const struct column_format *format, struct cursor *cur,
                                struct arena *arena, struct value *value, struct err *err)
{
    (void)format;
    (void)arena;
    value->kind = VALUE_DATETIME;
    return temporal_old_datetime(cur, &value->time, err);
}

static bool decode_old_timestamp(const struct column_format *format, struct cursor *cur,
                                 struct arena *arena, struct value *value, struct err *err)
{
    (void)format;
    (void)arena;
    value->kind = VALUE_TIMESTAMP;
    return temporal_old_timestamp(cur, &value->time, err);
}

static bool decode_time(const struct column_format *format, struct cursor *cur, struct arena *arena,
                        struct value *value, struct err *err)
{
    (void)arena;
    value->kind = VALUE_TIME;
    return temporal_time(cur, format->meta, &value->time, err);
}

static bool decode_datetime(const struct column_format *format, struct cursor *cur,
                            struct arena *arena, struct value *value, struct err *err)
{
    (void)arena;
    value->kind = VALUE_DATETIME;
    return temporal_datetime(cur, format->meta, &value->time, err);
}

static bool decode_timestamp(const struct column_format *format, struct cursor *cur,
                             struct arena *arena, struct value *value, struct err *err)
{
    (void)arena;
    value->kind = VALUE_TIMESTAMP;
    return temporal_timestamp(cur, format->meta, &value->time, err);
}

static struct slice string_bytes(struct cursor *cur, unsigned most)
{
    size_t n = most > 255 ? cursor_u16(cur) : cursor_u8(cur);
    return cursor_bytes(cur, n);
}

static bool set_string(const struct column_format *format, struct slice bytes, struct arena *arena,
                       struct value *value, struct err *err)
{
    if (format->text)
        return charset_to_utf8(format->text, bytes, arena, value, err);
    value->kind = VALUE_BINARY;
    value->text = bytes;
    return true;
}

static bool too_long(uint64_t offset, const char *type, size_t len, size_t most, struct err *err)
{
    return err_at(err, ERR_CORRUPT, offset, "%s: %zu bytes where %zu are the most", type, len,
                  most);
}

static bool decode_varchar(const struct column_format *format, struct cursor *cur,
                           struct arena *arena, struct value *value, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    struct slice bytes = string_bytes(cur, format->length);
    if (bytes.len > format->length)
        return too_long(offset, "VARCHAR", bytes.len, format->length, err);
    return set_string(format, bytes, arena, value, err);
}

// BINARY(n): the server cuts the zeros at the end off; they belong to the value.
static struct slice pad(struct slice bytes, size_t length, struct arena *arena)
{
    uint8_t *padded = arena_zalloc(arena, length);
    if (bytes.len)
        memcpy(padded, bytes.ptr, bytes.len);
    return slice_of(padded, length);
}

static bool decode_char(const struct column_format *format, struct cursor *cur, struct arena *arena,
                        struct value *value, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    struct slice bytes = string_bytes(cur, format->length);
    if (bytes.len > format->length)
        return too_long(offset, "CHAR", bytes.len, format->length, err);
    if (format->is_binary && bytes.len < format->length && !cur->failed)
        bytes = pad(bytes, format->length, arena);
    return set_string(format, bytes, arena, value, err);
}

static bool decode_enum(const struct column_format *format, struct cursor *cur, struct arena *arena,
                        struct value *value, struct err *err)
{
    (void)arena;
    uint64_t offset = cursor_offset(cur);
    uint64_t number = cursor_le(cur, format->length);
    value->kind = format->labels ? VALUE_TEXT : VALUE_UINT;
    if (!format->labels) {
        value->u = number;
        return true;
    }
    if (number > format->n_labels)
        return err_at(err, ERR_CORRUPT, offset, "ENUM: value %" PRIu64 " of %u labels", number,
                      format->n_labels);
    value->text = number ? format->labels[number - 1] : slice_of("", 0);
    return true;
}

static struct slice join_labels(const struct column_format *format, uint64_t members,
                                struct arena *arena)
{
    size_t len = 0;
    for (size_t i = 0; i < format->n_labels; i++)
        if (members >> i & 1)
            len += format->labels[i].len + 1;
    uint8_t *text = arena_alloc(arena, len);
    uint8_t *to = text;
    for (size_t i = 0; i < format->n_labels; i++) {
        if (!(members >> i & 1))
            continue;
        if (to > text)
            *to++ = ',';
        if (format->labels[i].len)
            memcpy(to, format->labels[i].ptr, format->labels[i].len);
        to += format->labels[i].len;
    }
    return slice_of(text, (size_t)(to - text));
}

static bool decode_set(const struct column_format *format, struct cursor *cur, struct arena *arena,
                       struct value *value, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    uint64_t members = cursor_le(cur, format->length);
    value->kind = format->labels ? VALUE_TEXT : VALUE_UINT;
    if (!format->labels) {
        value->u = members;
        return true;
    }
    if (format->n_labels < LABELS_IN_SET_MAX && members >> format->n_labels)
        return err_at(err, ERR_CORRUPT, offset, "SET: member beyond its %u labels",
                      format->n_labels);
    value->text = join_labels(format, members, arena);
    return true;
}

static struct cursor blob_cursor(const struct column_format *format, struct cursor *cur)
{
    uint64_t n = cursor_le(cur, format->length);
    return cursor_sub(cur, n);
}

static bool decode_blob(const struct column_format *format, struct cursor *cur, struct arena *arena,
                        struct value *value, struct err *err)
{
    struct cursor blob = blob_cursor(format, cur);
    return set_string(format, cursor_rest(&blob), arena, value, err);
}

static bool decode_json(const struct column_format *format, struct cursor *cur, struct arena *arena,
                        struct value *value, struct err *err)
{
    struct cursor document = blob_cursor(format, cur);
    value->kind = VALUE_JSON;
    return !document.failed && jsonb_to_text(&document, arena, &value->text, err);
}

// The server's own form: the SRID in 4 bytes, then WKB.
static bool decode_geometry(const struct column_format *format, struct cursor *cur,
                            struct arena *arena, struct value *value, struct err *err)
{
    (void)arena;
    struct cursor blob = blob_cursor(format, cur);
    uint64_t offset = cursor_offset(&blob);
    value->kind = VALUE_GEOMETRY;
    value->geometry.srid = cursor_u32(&blob);
    value->geometry.wkb = cursor_rest(&blob);
    if (blob.failed && !cur->failed)
        return err_at(err, ERR_CORRUPT, offset, "GEOMETRY: shorter than its %d bytes of SRID",
                      SRID_BYTES);
    return true;
}

static bool decode_vector(const struct column_format *format, struct cursor *cur,
                          struct arena *arena, struct value *value, struct err *err)
{
    (void)arena;
    struct cursor blob = blob_cursor(format, cur);
    uint64_t offset = cursor_offset(&blob);
    value->kind = VALUE_VECTOR;
    value->text = cursor_rest(&blob);
    if (value->text.len % sizeof(float))
        return err_at(err, ERR_CORRUPT, offset, "VECTOR: %zu bytes are no whole number of floats",
                      value->text.len);
    return true;
}

// zlib's inflate of a whole stream whose size is known.
static bool inflate_all(struct slice in, int window_bits, uint8_t *out, size_t out_len)
{
    z_stream stream = {0};
    stream.next_in = (Bytef *)(uintptr_t)in.ptr; // zlib does not write there
    stream.avail_in = (uInt)in.len;
    stream.next_out = out;
    stream.avail_out = (uInt)out_len;
    if (inflateInit2(&stream, window_bits) != Z_OK)
        return false;
    bool whole =
        inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0;
    inflateEnd(&stream);
    return whole;
}

// MariaDB's compressed columns: nothing for the empty value, else a byte with the method in the
// upper half. Method 0: the value as it is. Method 8 (zlib): bit 3 says that the zlib header is
// left out, bits 0 to 2 how many bytes, big-endian, hold the length of the value; then the stream.
static bool expand(struct cursor blob, struct arena *arena, struct slice *bytes, struct err *err)
{
    uint64_t offset = cursor_offset(&blob);
    *bytes = slice_of(NULL, 0);
    if (cursor_left(&blob) == 0)
        return true;
    uint8_t head = cursor_u8(&blob);
    if (head >> 4 == 0) {
        *bytes = cursor_rest(&blob);
        return true;
    }
    if (head >> 4 != 8)
        return err_at(err, ERR_UNSUPPORTED, offset,
                      "compressed column: method %u is not known to this version", head >> 4);
    uint64_t len = cursor_be(&blob, head & 7);
    struct slice stream = cursor_rest(&blob);
    if (blob.failed || len > DEFLATE_RATIO_MAX * (uint64_t)stream.len || len > UINT32_MAX)
        return err_at(err, ERR_CORRUPT, offset, "compressed column: its length is not true");
    uint8_t *text = arena_alloc(arena, len);
    *bytes = slice_of(text, len);
    if (!inflate_all(stream, head & 8 ? -MAX_WBITS : MAX_WBITS, text, len))
        return err_at(err, ERR_CORRUPT, offset, "compressed column: zlib cannot expand it");
    return true;
}

static bool decode_compressed_varchar(const struct column_format *format, struct cursor *cur,
                                      struct arena *arena, struct value *value, struct err *err)
{
    size_t n = format->length > 255 ? cursor_u16(cur) : cursor_u8(cur);
    struct cursor blob = cursor_sub(cur, n);
    struct slice bytes;
    return expand(blob, arena, &bytes, err) && set_string(format, bytes, arena, value, err);
}

static bool decode_compressed_blob(const struct column_format *format, struct cursor *cur,
                                   struct arena *arena, struct value *value, struct err *err)
{
    struct cursor blob = blob_cursor(format, cur);
    struct slice bytes;
    return expand(blob, arena, &bytes, err) && set_string(format, bytes, arena, value, err);
}

static bool bad_meta(const struct column_format *format, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "column type %u (%s): metadata %u is not known to this"
                   " version",
                   format->real, types[format->real].name, format->meta);
}

static bool resolve_nothing(struct column_format *format, struct err *err)
{
    (void)format;
    (void)err;
    return true;
}

static bool resolve_digits(struct column_format *format, struct err *err)
{
    return format->meta <= TEMPORAL_DIGITS_MAX || bad_meta(format, err);
}

static bool resolve_float(struct column_format *format, struct err *err)
{
    return format->meta == (format->code == CODE_FLOAT ? 4 : 8) || bad_meta(format, err);
}

static bool resolve_decimal(struct column_format *format, struct err *err)
{
    return decimal_is_valid(format->meta >> 8, format->meta & 0xFF) || bad_meta(format, err);
}

static bool resolve_bit(struct column_format *format, struct err *err)
{
    unsigned bits = 8u * (format->meta >> 8) + (format->meta & 0xFF);
    format->length = (uint16_t)bits;
    return ((format->meta & 0xFF) < 8 && bits >= 1 && bits <= BIT_MAX) || bad_meta(format, err);
}

// Collation 63 is bytes. Without a collation (metadata of old servers) what is valid UTF-8 is text
// and what is not is handed on as the bytes it is.
static bool resolve_text(struct column_format *format, struct err *err)
{
    format->is_binary = format->collation == COLLATION_BINARY;
    format->text = NULL;
    if (format->is_binary)
        return true;
    format->text = format->collation ? charset_of_collation(format->collation)
                                     : charset_by_name(slice_of_str("utf8mb4"));
    return format->text || err_set(err, ERR_UNSUPPORTED,
                                   "collation %u is not known to this version", format->collation);
}

static bool resolve_varchar(struct column_format *format, struct err *err)
{
    format->length = format->meta;
    return resolve_text(format, err);
}

static bool resolve_length_bytes(struct column_format *format, struct err *err)
{
    unsigned fixed = types[format->code].length_bytes;
    format->length = (uint16_t)(fixed ? fixed : format->meta);
    return (format->length >= 1 && format->length <= 4) || bad_meta(format, err);
}

static bool resolve_blob(struct column_format *format, struct err *err)
{
    return resolve_length_bytes(format, err) && resolve_text(format, err);
}

// Two bytes: the real type, and the length. Lengths over 255 have their bits 8 and 9 inverted in
// the bits 4 and 5 of the type, which are 1 in each of the three types.
static bool resolve_string(struct column_format *format, struct err *err)
{
    uint8_t first = (uint8_t)(format->meta >> 8);
    format->length = format->meta & 0xFF;
    format->real = first ? first | 0x30 : CODE_STRING;
    if (first)
        format->length |= (uint16_t)(((first & 0x30) ^ 0x30) << 4);
    if (format->real == CODE_STRING)
        return resolve_text(format, err);
    if (format->real == CODE_ENUM && (format->length == 1 || format->length == 2))
        return true;
    if (format->real == CODE_SET && format->length >= 1 && format->length <= 8)
        return true;
    format->real = CODE_STRING;
    return bad_meta(format, err);
}

static void shape_scale(const struct column_format *format, struct column *shape)
{
    shape->scale = (uint8_t)format->meta;
}

static void shape_sign(const struct column_format *format, struct column *shape)
{
    shape->is_unsigned = format->is_unsigned;
}

static void shape_decimal(const struct column_format *format, struct column *shape)
{
    shape->is_unsigned = format->is_unsigned;
    shape->precision = (uint8_t)(format->meta >> 8);
    shape->scale = (uint8_t)format->meta;
}

static void shape_length(const struct column_format *format, struct column *shape)
{
    shape->length = format->length;
}

static void shape_char(const struct column_format *format, struct column *shape)
{
    shape->length = format->is_binary ? format->length : 0;
}

#define INTEGER(title, bits, kind)                                                                 \
    {                                                                                              \
        .name = title, .decode = decode_int##bits, .resolve = resolve_nothing,                     \
        .shape = shape_sign, .logical = kind, .of_bytes = kind                                     \
    }
#define FRACTION(title, function, kind)                                                            \
    {                                                                                              \
        .name = title, .decode = function, .resolve = resolve_digits, .shape = shape_scale,        \
        .logical = kind, .of_bytes = kind                                                          \
    }
#define PLAIN(title, function, kind)                                                               \
    {                                                                                              \
        .name = title, .decode = function, .resolve = resolve_nothing, .logical = kind,            \
        .of_bytes = kind                                                                           \
    }
#define TEXT_OR_BYTES(title, function, resolver, kind, kind_of_bytes, fixed)                       \
    {                                                                                              \
        .name = title, .decode = function, .resolve = resolver, .logical = kind,                   \
        .of_bytes = kind_of_bytes, .length_bytes = fixed                                           \
    }
#define BLOB(title, fixed)                                                                         \
    TEXT_OR_BYTES(title, decode_blob, resolve_blob, COLUMN_TEXT, COLUMN_BLOB, fixed)
#define WITH_LENGTH_BYTES(title, function, kind)                                                   \
    {                                                                                              \
        .name = title, .decode = function, .resolve = resolve_length_bytes, .logical = kind,       \
        .of_bytes = kind                                                                           \
    }
#define REFUSED(title, why)                                                                        \
    {                                                                                              \
        .name = title, .refused = why                                                              \
    }

static const struct type types[256] = {
    [CODE_DECIMAL] = REFUSED("DECIMAL of MySQL before 5.0", "ALTER the column to DECIMAL again"),
    [CODE_TINY] = INTEGER("TINYINT", 8, COLUMN_TINYINT),
    [CODE_SHORT] = INTEGER("SMALLINT", 16, COLUMN_SMALLINT),
    [CODE_LONG] = INTEGER("INT", 32, COLUMN_INT),
    [CODE_FLOAT] = {"FLOAT", decode_float, resolve_float, shape_sign, COLUMN_FLOAT, COLUMN_FLOAT, 0,
                    NULL},
    [CODE_DOUBLE] = {"DOUBLE", decode_double, resolve_float, shape_sign, COLUMN_DOUBLE,
                     COLUMN_DOUBLE, 0, NULL},
    [CODE_NULL] = REFUSED("NULL", "no table has such a column"),
    [CODE_TIMESTAMP] = PLAIN("TIMESTAMP", decode_old_timestamp, COLUMN_TIMESTAMP),
    [CODE_LONGLONG] = INTEGER("BIGINT", 64, COLUMN_BIGINT),
    [CODE_INT24] = INTEGER("MEDIUMINT", 24, COLUMN_MEDIUMINT),
    [CODE_DATE] = PLAIN("DATE", decode_date, COLUMN_DATE),
    [CODE_TIME] = PLAIN("TIME", decode_old_time, COLUMN_TIME),
    [CODE_DATETIME] = PLAIN("DATETIME", decode_old_datetime, COLUMN_DATETIME),
    [CODE_YEAR] = PLAIN("YEAR", decode_year, COLUMN_YEAR),
    [CODE_NEWDATE] = PLAIN("DATE", decode_date, COLUMN_DATE),
    [CODE_VARCHAR] = TEXT_OR_BYTES("VARCHAR", decode_varchar, resolve_varchar, COLUMN_VARCHAR,
                                   COLUMN_VARBINARY, 0),
    [CODE_BIT] = {"BIT", decode_bit, resolve_bit, shape_length, COLUMN_BIT, COLUMN_BIT, 0, NULL},
    [CODE_TIMESTAMP2] = FRACTION("TIMESTAMP", decode_timestamp, COLUMN_TIMESTAMP),
    [CODE_DATETIME2] = FRACTION("DATETIME", decode_datetime, COLUMN_DATETIME),
    [CODE_TIME2] = FRACTION("TIME", decode_time, COLUMN_TIME),
    [CODE_TYPED_ARRAY] = REFUSED("typed array", "no table has such a column"),
    [CODE_MARIADB_BLOB_COMPRESSED] = TEXT_OR_BYTES("compressed BLOB", decode_compressed_blob,
                                                   resolve_blob, COLUMN_TEXT, COLUMN_BLOB, 0),
    [CODE_MARIADB_VARCHAR_COMPRESSED] =
        TEXT_OR_BYTES("compressed VARCHAR", decode_compressed_varchar, resolve_varchar,
                      COLUMN_VARCHAR, COLUMN_VARBINARY, 0),
    [CODE_VECTOR] = WITH_LENGTH_BYTES("VECTOR", decode_vector, COLUMN_VECTOR),
    [CODE_JSON] = WITH_LENGTH_BYTES("JSON", decode_json, COLUMN_JSON),
    [CODE_NEWDECIMAL] = {"DECIMAL", decode_decimal, resolve_decimal, shape_decimal, COLUMN_DECIMAL,
                         COLUMN_DECIMAL, 0, NULL},
    [CODE_ENUM] = {"ENUM", decode_enum, resolve_string, NULL, COLUMN_ENUM, COLUMN_ENUM, 0, NULL},
    [CODE_SET] = {"SET", decode_set, resolve_string, NULL, COLUMN_SET, COLUMN_SET, 0, NULL},
    [CODE_TINY_BLOB] = BLOB("TINYBLOB", 1),
    [CODE_MEDIUM_BLOB] = BLOB("MEDIUMBLOB", 3),
    [CODE_LONG_BLOB] = BLOB("LONGBLOB", 4),
    [CODE_BLOB] = BLOB("BLOB", 0),
    [CODE_VAR_STRING] = {"CHAR", decode_char, resolve_string, shape_char, COLUMN_CHAR,
                         COLUMN_BINARY, 0, NULL},
    [CODE_STRING] = {"CHAR", decode_char, resolve_string, shape_char, COLUMN_CHAR, COLUMN_BINARY, 0,
                     NULL},
    [CODE_GEOMETRY] = WITH_LENGTH_BYTES("GEOMETRY", decode_geometry, COLUMN_GEOMETRY),
};

static bool refuse(unsigned code, struct err *err)
{
    const struct type *type = &types[code];
    if (type->refused)
        return err_set(err, ERR_UNSUPPORTED, "column type %u (%s) is not supported: %s", code,
                       type->name, type->refused);
    return err_set(err, ERR_UNSUPPORTED, "column type %u is not known to this version", code);
}

const char *column_code_name(uint8_t code)
{
    return types[code].name;
}

bool column_format_resolve(struct column_format *format, struct err *err)
{
    const struct type *type = &types[format->code];
    if (!type->decode)
        return refuse(format->code, err);
    format->real = format->code;
    format->length = 0;
    format->text = NULL;
    format->is_binary = false;
    if (!type->resolve(format, err))
        return false;
    format->decode = types[format->real].decode;
    return true;
}

bool column_shape(const struct column_format *format, struct column *shape, struct err *err)
{
    const struct type *type = &types[format->real];
    if (!type->decode)
        return refuse(format->real, err);
    shape->type = format->is_binary ? type->of_bytes : type->logical;
    shape->is_unsigned = false;
    shape->precision = 0;
    shape->scale = 0;
    shape->length = 0;
    if (type->shape)
        type->shape(format, shape);
    return true;
}

bool column_cut_short(const struct column_format *format, const struct cursor *cur, struct err *err)
{
    return err_at(err, ERR_CORRUPT, cursor_offset(cur), "%s: the value ends beyond its row",
                  types[format->real].name);
}
