// SPDX-License-Identifier: Apache-2.0
// Payloads: the first byte says whose, the rest is the body of MySQL's event, or the rows that
// MariaDB compressed. What comes out is not longer than was said.
#include "binlog/payload.h"

#include <stdlib.h>

#define MOST_BYTES                                                                                 \
    ((uint64_t)8 << 20) // what a fuzzer makes of a few bytes need not be seen to the end

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_payload(struct slice body)
{
    static struct payload payload; // keeps its decompressor, as the reader's does
    struct event outer = {.code = EVENT_TRANSACTION_PAYLOAD, .bytes = body, .body = body};
    struct err err = {0};
    struct slice event = {0};
    uint64_t left;
    if (!payload_begin(&payload, &outer, NULL, &err))
        return;
    left = payload.left < MOST_BYTES ? payload.left : MOST_BYTES;
    while (payload_next(&payload, &event, &err) && event.len && event.len <= left)
        left -= event.len;
}

static void read_plain(struct slice body)
{
    struct plain plain = {0};
    struct cursor cur = cursor_of(body);
    struct err err = {0};
    if (plain_inflate(&plain, &cur, &err) && cursor_left(&cur) != plain.bytes.len)
        abort();
    plain_deinit(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] & 1)
        read_plain(slice_of(data + 1, size - 1));
    else if (size)
        read_payload(slice_of(data + 1, size - 1));
    return 0;
}
