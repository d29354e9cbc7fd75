// SPDX-License-Identifier: Apache-2.0
// Payload: what servers compress. MySQL packs the events of a transaction into one
// TRANSACTION_PAYLOAD_EVENT (zstd), MariaDB the rows or the statement of one event (zlib).
#ifndef TAILRACE_BINLOG_PAYLOAD_H
#define TAILRACE_BINLOG_PAYLOAD_H

#include "binlog/event.h"
#include "binlog/window.h"
#include "common/buf.h"

// The events inside a transaction payload, one after the other. Memory is the decompressor's window
// and the largest event inside, whatever the transaction's size; where the source gives long events
// in pieces, that is all. {0} is one that was never used; it must not move once it was.
struct payload {
    bool is_compressed;
    struct slice input;    // what was not yet read of the outer event, as far as it is at hand
    struct source *source; // reads the rest of a long one: `beyond` bytes from `at` on
    uint64_t at;
    size_t beyond;
    uint64_t left; // bytes that are still to come out, by the outer event's own count
    struct buf plain;
    size_t begin;         // of what is not yet handed out in `plain`
    void *context;        // ZSTD_DCtx
    struct window window; // of the context
};

// Borrows the outer event and the source that it came from until payload_next has said that nothing
// is left. ERR_CORRUPT, ERR_UNSUPPORTED.
MUST_CHECK bool payload_begin(struct payload *payload, const struct event *outer,
                              struct source *source, struct err *err);

// The next event inside, without a checksum, borrowed until the next call; empty when nothing is
// left. ERR_CORRUPT, and what the source says.
MUST_CHECK bool payload_next(struct payload *payload, struct slice *event, struct err *err);

void payload_deinit(struct payload *payload);

// What MariaDB compressed, in the clear; memory that is used again for the next event. {0} is an
// empty one.
struct plain {
    struct buf bytes;
    void *stream; // z_stream
};

// Replaces what is left under the cursor by its uncompressed form, which lives until the next call.
// ERR_CORRUPT.
MUST_CHECK bool plain_inflate(struct plain *plain, struct cursor *cur, struct err *err);

void plain_deinit(struct plain *plain);

#endif
