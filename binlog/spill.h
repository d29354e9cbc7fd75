// SPDX-License-Identifier: Apache-2.0
// Spill: bytes that have to be kept until it is known what becomes of them, in logs that grow at
// the end. All logs of a spill share its memory; beyond the limit their bytes go to a temporary
// file without a name (in $TMPDIR, else /tmp), so that memory does not depend on how much is kept.
//
// Memory: the limit, and less than a block (SPILL_BLOCK_BYTES) for each log beyond it. In the file
// a log occupies whole blocks, which are used again when it is dropped.
#ifndef TAILRACE_BINLOG_SPILL_H
#define TAILRACE_BINLOG_SPILL_H

#include "common/buf.h"
#include "common/err.h"

#define SPILL_BLOCK_BYTES ((size_t)8 << 10)

struct spill {
    size_t memory_bytes; // in the tails of all logs
    size_t memory_most;
    int fd;            // valid where n_blocks > 0
    uint32_t n_blocks; // that the file has
    uint32_t *unused;  // blocks of it that no log has
    size_t n_unused;
    size_t cap_unused;
};

// {0} is an empty log. The first n_blocks × SPILL_BLOCK_BYTES of it are in the file, the rest is in
// the tail.
struct spill_log {
    struct buf tail;
    uint32_t *blocks;
    size_t n_blocks;
    size_t cap_blocks;
};

void spill_init(struct spill *spill, size_t memory_most);
void spill_deinit(struct spill *spill); // after its logs were dropped

// Bytes in the log, and the offset of what is appended next.
uint64_t spill_size(const struct spill_log *log);

// ERR_UNAVAILABLE when the temporary file cannot be made or written.
MUST_CHECK bool spill_append(struct spill *spill, struct spill_log *log, struct slice bytes,
                             struct err *err);

// n bytes from `at` on, all of them in the log: borrowed from it, or read into `room`; until either
// changes. ERR_UNAVAILABLE when the temporary file cannot be read.
MUST_CHECK bool spill_read(const struct spill *spill, const struct spill_log *log, uint64_t at,
                           size_t n, struct buf *room, struct slice *bytes, struct err *err);

// Leaves the first `size` bytes. ERR_UNAVAILABLE.
MUST_CHECK bool spill_truncate(struct spill *spill, struct spill_log *log, uint64_t size,
                               struct err *err);

// Leaves nothing, and keeps a little memory for the next bytes.
void spill_clear(struct spill *spill, struct spill_log *log);

// Frees all of it.
void spill_drop(struct spill *spill, struct spill_log *log);

#endif
