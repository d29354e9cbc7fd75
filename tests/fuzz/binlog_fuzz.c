// SPDX-License-Identifier: Apache-2.0
// Decoder: the input is a binlog without its magic, read through the reader as a file is, checksums
// not verified so that the fuzzer gets behind them. Every change is encoded, so that every value is
// looked at.
#include "binlog/reader.h"
#include "common/cursor.h"
#include "common/mem.h"
#include "record/json_writer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LENGTH_AT 9 // of the event's length in its header

struct memory_source {
    struct source base;
    struct cursor cur;
};

static enum source_result next(struct source *base, unsigned timeout_ms, struct slice *event,
                               struct err *err)
{
    struct memory_source *source = (struct memory_source *)base;
    struct cursor peek = source->cur;
    (void)timeout_ms;
    if (cursor_done(&source->cur))
        return SOURCE_END;
    cursor_skip(&peek, LENGTH_AT);
    *event = cursor_bytes(&source->cur, cursor_u32(&peek));
    if (!source->cur.failed && !peek.failed && event->len > LENGTH_AT)
        return SOURCE_EVENT;
    err_set(err, ERR_CORRUPT, "the input ends inside an event");
    return SOURCE_ERROR;
}

static void close_source(struct source *base)
{
    free(base);
}

static void read_all(struct reader *reader)
{
    struct reader_item item = {0};
    struct buf json = {0};
    struct json_frame frame = {0};
    struct err err = {0};
    while (reader_next(reader, 0, &item, &err) && item.kind != READER_END) {
        if (item.kind != READER_CHANGE)
            continue;
        buf_clear(&json);
        json_write_change(&json, &frame, item.change);
    }
    json_frame_deinit(&frame);
    buf_deinit(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_source *source = mem_zalloc(sizeof *source);
    struct reader_options options = {.source_name = "fuzz", .version = "0"};
    struct err err = {0};
    source->base = (struct source){.next = next, .close = close_source, .name = "memory"};
    source->cur = cursor_of(slice_of(data, size));
    struct reader *reader = reader_open_take(&source->base, &options, &err);
    if (reader)
        read_all(reader);
    reader_close(reader);
    return 0;
}
