// SPDX-License-Identifier: Apache-2.0
// Source: the seam under the decoder. A live server and a binlog file look the same: a run of
// events, each with its header and its checksum (if the log has them), in order. Events come as a
// whole; only a transaction payload, which is as large as its transaction, may come as its first
// bytes from a source that can read the rest of it. Implementations: source_file.h, source_live.h.
#ifndef TAILRACE_BINLOG_SOURCE_H
#define TAILRACE_BINLOG_SOURCE_H

#include "common/err.h"
#include "common/slice.h"

// The largest event taken, header included; larger declared lengths are corrupt. 1 GiB is the
// server's own limit.
#define SOURCE_EVENT_BYTES_MAX ((size_t)1 << 30)

// A piece of a long event.
#define SOURCE_PIECE_BYTES ((size_t)128 << 10)

enum source_result {
    SOURCE_EVENT,      // *event is set
    SOURCE_LONG_EVENT, // *event is the first bytes of a transaction payload; `read` gives the rest
    SOURCE_IDLE,       // nothing arrived within the time given; a file never says so
    SOURCE_END,        // no more will ever come
    SOURCE_ERROR,      // *err is set: ERR_RETRY when connecting again may help
};

struct source {
    // The next event; the slice is borrowed until the next call. timeout_ms: how long to wait for a
    // live server.
    enum source_result (*next)(struct source *source, unsigned timeout_ms, struct slice *event,
                               struct err *err);
    // n bytes from `at` on of the event that came last; at + n is not beyond its size. Borrowed
    // until the next call of read or next. NULL where events always come as a whole. ERR_CORRUPT
    // when they are not there any more, ERR_UNAVAILABLE.
    bool (*read)(struct source *source, uint64_t at, size_t n, struct slice *bytes,
                 struct err *err);
    void (*close)(struct source *source); // frees it
    const char *name;                     // for messages: the path or host:port
};

// The next piece of what is left of a long event, `left` bytes from `at` on, both of which move
// behind it. *left is not 0.
MUST_CHECK static inline bool source_read_piece(struct source *source, uint64_t *at, size_t *left,
                                                struct slice *piece, struct err *err)
{
    size_t n = *left < SOURCE_PIECE_BYTES ? *left : SOURCE_PIECE_BYTES;
    if (!source->read(source, *at, n, piece, err))
        return false;
    *at += n;
    *left -= n;
    return true;
}

static inline void source_close(struct source *source)
{
    if (source)
        source->close(source);
}

#endif
