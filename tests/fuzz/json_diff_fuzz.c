// SPDX-License-Identifier: Apache-2.0
// JSON diffs: a binary document, headed by the two bytes of its length, and the diffs for it. What
// they make of it is JSON.
#include "binlog/json_diff.h"
#include "binlog/jsonb.h"
#include "common/buf.h"
#include "record/json_tape.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct slice text)
{
    struct json_tape tape = {0};
    struct buf around = {0};
    struct err err = {0};
    buf_char(&around, '['); // a scalar is a document too
    buf_slice(&around, text);
    buf_char(&around, ']');
    if (!json_tape_parse(&tape, buf_bytes(&around), 0, 1, &err) || tape.n_tokens != 2)
        abort();
    buf_deinit(&around);
    json_tape_deinit(&tape);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct cursor cur = cursor_of(slice_of(data, size));
    struct cursor document = cursor_sub(&cur, cursor_u16(&cur));
    struct slice before;
    struct slice after;
    struct err err = {0};
    if (!cur.failed && jsonb_to_text(&document, &arena, &before, &err) &&
        json_diff_apply(&cur, before, &arena, &after, &err))
        check(after);
    arena_deinit(&arena);
    return 0;
}
