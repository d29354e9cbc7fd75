// SPDX-License-Identifier: Apache-2.0
// Binary JSON: any bytes are a document or an error that names an offset in them, and the text of a
// document is bounded by its bytes.
#include "binlog/jsonb.h"

#include <stdlib.h>

#define TEXT_PER_BYTE 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct cursor cur = cursor_of(slice_of(data, size));
    struct slice text;
    struct err err = {0};
    if (jsonb_to_text(&cur, &arena, &text, &err)) {
        if (text.len > TEXT_PER_BYTE * (size + 1) || !cursor_done(&cur))
            abort();
    } else if (!err.has_offset || err.offset > size) {
        abort();
    }
    arena_deinit(&arena);
    return 0;
}
