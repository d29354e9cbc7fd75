// SPDX-License-Identifier: Apache-2.0
// Columns: the first 6 bytes are code, metadata, collation and sign; the rest is values of that
// column. Whatever is decoded is written as JSON.
#include "binlog/column.h"
#include "record/json_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_all(const struct column_format *format, struct cursor *cur, struct arena *arena)
{
    struct buf out = {0};
    struct err err = {0};
    struct value value;
    while (cursor_left(cur) > 0 && column_decode(format, cur, arena, &value, &err)) {
        buf_clear(&out);
        json_write_value(&out, &value);
    }
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice labels[] = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}};
    struct cursor cur = cursor_of(slice_of(data, size));
    struct column_format format = {.code = cursor_u8(&cur)};
    format.meta = cursor_u16(&cur);
    format.collation = cursor_u16(&cur);
    uint8_t flags = cursor_u8(&cur);
    format.is_unsigned = flags & 1;
    format.labels = flags & 2 ? labels : NULL;
    format.n_labels = flags & 2 ? sizeof labels / sizeof *labels : 0;
    struct arena arena = {0};
    struct column shape = {0};
    struct err err = {0};
    if (!cur.failed && column_format_resolve(&format, &err) && column_shape(&format, &shape, &err))
        decode_all(&format, &cur, &arena);
    arena_deinit(&arena);
    return 0;
}
