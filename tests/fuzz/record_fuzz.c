// SPDX-License-Identifier: Apache-2.0
// Record reader: the input is columns header, key and value, a line each. What is taken is written
// again and must be taken again.
#include "record/json_reader.h"
#include "record/json_writer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice next_line(struct slice *rest)
{
    const uint8_t *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
    size_t n = end ? (size_t)(end - rest->ptr) : rest->len;
    struct slice line = slice_of(rest->ptr, n);
    *rest = slice_of(rest->ptr + n + (end != NULL), rest->len - n - (end != NULL));
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(data, size);
    struct record_bytes bytes;
    bytes.columns = next_line(&rest);
    bytes.key = next_line(&rest);
    bytes.value = rest;
    struct json_reader *reader = json_reader_new();
    struct arena arena = {0};
    struct change change;
    struct err err = {0};
    if (json_read_change(reader, &bytes, &arena, &change, &err)) {
        struct buf again = {0};
        struct json_frame frame = {0};
        json_write_change(&again, &frame, &change);
        json_frame_deinit(&frame);
        bytes.value = buf_bytes(&again);
        if (!json_read_change(reader, &bytes, &arena, &change, &err))
            abort();
        buf_deinit(&again);
    }
    arena_deinit(&arena);
    json_reader_free(reader);
    return 0;
}
