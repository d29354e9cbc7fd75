// SPDX-License-Identifier: Apache-2.0
// BSON, the bytes (bsonspec.org): values as a type byte and what follows it, written by hand.
#ifndef TAILRACE_VERIFY_BSON_WRITE_H
#define TAILRACE_VERIFY_BSON_WRITE_H

#include "common/buf.h"

#define TYPE_DOUBLE 0x01
#define TYPE_STRING 0x02
#define TYPE_DOCUMENT 0x03
#define TYPE_ARRAY 0x04
#define TYPE_BINARY 0x05
#define TYPE_BOOL 0x08
#define TYPE_DATE 0x09
#define TYPE_NULL 0x0a
#define TYPE_INT32 0x10
#define TYPE_INT64 0x12
#define TYPE_DECIMAL 0x13

uint64_t bson_get_le(struct slice bytes, size_t n);

void bson_put_string(struct buf *out, struct slice text);
void bson_put_binary(struct buf *out, struct slice bytes);
void bson_put_double(struct buf *out, double v);

// As Decimal128 where it can be one, else as string.
void bson_put_decimal(struct buf *out, struct slice text);

// As int32 (where is_narrow and it fits), int64 or Decimal128.
void bson_put_integer(struct buf *out, struct slice text, bool is_narrow);

// A document is opened by its length, which is filled in at its end. `type` 0: without a type byte.
// Returns what bson_close_document needs.
size_t bson_open_document(struct buf *out, uint8_t type);
void bson_close_document(struct buf *out, size_t start);

// An element is type, name, bytes; a value is type, bytes: puts the name into the value that begins
// at `start`.
void bson_insert_name(struct buf *out, size_t start, struct slice name);

// A JSON text as MongoDB has to hold it (bson_json.c).
void bson_put_json(struct buf *out, struct slice text);

#endif
