// SPDX-License-Identifier: Apache-2.0
// Column: from the bytes of one value in a row image to a struct value. One table in column.c, type
// code → decode; the decoders of the larger formats stand in decimal.c, temporal.c, jsonb.c and
// charset.c. MySQL manual: "Binary Log Event", Table_map_event type and metadata bytes.
#ifndef TAILRACE_BINLOG_COLUMN_H
#define TAILRACE_BINLOG_COLUMN_H

#include "binlog/charset.h"
#include "common/arena.h"
#include "common/cursor.h"
#include "record/table.h"
#include "record/value.h"

// The wire's type codes (enum_field_types).
enum column_code {
    CODE_DECIMAL = 0,
    CODE_TINY = 1,
    CODE_SHORT = 2,
    CODE_LONG = 3,
    CODE_FLOAT = 4,
    CODE_DOUBLE = 5,
    CODE_NULL = 6,
    CODE_TIMESTAMP = 7,
    CODE_LONGLONG = 8,
    CODE_INT24 = 9,
    CODE_DATE = 10,
    CODE_TIME = 11,
    CODE_DATETIME = 12,
    CODE_YEAR = 13,
    CODE_NEWDATE = 14,
    CODE_VARCHAR = 15,
    CODE_BIT = 16,
    CODE_TIMESTAMP2 = 17,
    CODE_DATETIME2 = 18,
    CODE_TIME2 = 19,
    CODE_TYPED_ARRAY = 20,
    CODE_MARIADB_BLOB_COMPRESSED = 140,
    CODE_MARIADB_VARCHAR_COMPRESSED = 141,
    CODE_VECTOR = 242,
    CODE_JSON = 245,
    CODE_NEWDECIMAL = 246,
    CODE_ENUM = 247,
    CODE_SET = 248,
    CODE_TINY_BLOB = 249,
    CODE_MEDIUM_BLOB = 250,
    CODE_LONG_BLOB = 251,
    CODE_BLOB = 252,
    CODE_VAR_STRING = 253,
    CODE_STRING = 254,
    CODE_GEOMETRY = 255,
};

struct column_format;

// Decodes one value that is not NULL. What it read beyond the end is for the cursor to tell.
typedef bool column_decoder(const struct column_format *format, struct cursor *cur,
                            struct arena *arena, struct value *value, struct err *err);

// What the table map says of one column, beyond its logical shape in `struct column`. Borrowed from
// the table map.
struct column_format {
    column_decoder *decode; // of `real`
    uint8_t code;           // as it stands on the wire
    uint8_t real;           // CODE_STRING carries ENUM, SET and CHAR: which; else the same as code
    uint16_t meta;   // the type's metadata, 0 for none; of two bytes, the first is the high one in
                     // STRING, ENUM, SET, VAR_STRING, NEWDECIMAL, the low one in VARCHAR, BIT
    uint16_t length; // strings: most bytes; ENUM, SET: bytes on the wire; blobs: bytes of the
                     // length before them; BIT: bits
    bool is_nullable;
    bool is_unsigned;
    bool is_binary;             // collation 63: bytes, not text
    uint16_t collation;         // 0: not known: UTF-8 where valid, else VALUE_BAD_TEXT
    uint32_t n_labels;          // ENUM, SET
    const struct charset *text; // NULL for what is no text
    const struct slice *labels; // n_labels, in UTF-8; NULL where the metadata has none
};

// Fills in decode, real, length and what follows from them (`text`, `is_binary` from the
// collation) after code, meta and the optional metadata are known. Refuses codes and metadata that
// this version does not know (ERR_UNSUPPORTED, with the code).
MUST_CHECK bool column_format_resolve(struct column_format *format, struct err *err);

// "BIGINT", "JSON", …: the type's name for messages; NULL for a code that this version does not
// know.
const char *column_code_name(uint8_t code);

// The logical type for the record: `shape->type` and its numbers, from the resolved format.
MUST_CHECK bool column_shape(const struct column_format *format, struct column *shape,
                             struct err *err);

// ERR_CORRUPT: the value ends beyond its row. Always returns false.
bool column_cut_short(const struct column_format *format, const struct cursor *cur,
                      struct err *err);

// Decodes one value that is not NULL; moves the cursor behind it. Slices of *value borrow from the
// event or the arena. ERR_CORRUPT or ERR_UNSUPPORTED with the offset.
MUST_CHECK static inline bool column_decode(const struct column_format *format, struct cursor *cur,
                                            struct arena *arena, struct value *value,
                                            struct err *err)
{
    bool done = format->decode(format, cur, arena, value, err);
    return cur->failed ? column_cut_short(format, cur, err) : done;
}

#endif
