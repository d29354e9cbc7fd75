// SPDX-License-Identifier: Apache-2.0
// A live server as a source: a thread of its own fetches and copies whole events into a bounded
// ring, the caller takes them out. So reading from the network and decoding overlap, "nothing more
// to read" is known at once, and a slow consumer holds the server back instead of filling memory.
// Threads: one, "fetch", owned by the source; it ends with source_close.
#ifndef TAILRACE_BINLOG_SOURCE_LIVE_H
#define TAILRACE_BINLOG_SOURCE_LIVE_H

#include "binlog/source.h"
#include "binlog/wire.h"

#define SOURCE_LIVE_RING_BYTES ((size_t)8 << 20)

// Starts the dump on a connected wire and takes the wire over, also when it fails.
// NULL and *err as wire_dump. A larger event than the ring passes through memory of its own.
struct source *source_live_open_take(struct wire *wire, const struct wire_dump *dump,
                                     size_t ring_bytes, struct err *err);

#endif
