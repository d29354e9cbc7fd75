// SPDX-License-Identifier: Apache-2.0
// Window: the memory that a zstd decompressor works in. It has to have what the compressor may look
// back at, 128 MB at level 22. What is larger than WINDOW_MEMORY_BYTES lies in a temporary file
// that is mapped, and is out of memory between two steps.
#ifndef TAILRACE_BINLOG_WINDOW_H
#define TAILRACE_BINLOG_WINDOW_H

#include "common/err.h"

#define WINDOW_MEMORY_BYTES ((size_t)10 << 20) // the 8 MB of level 19, and the decompressor's own

// {0} is an empty one. It must not move while it has given something.
struct window {
    void *mapped; // NULL: nothing is
    size_t n;
    struct err err; // ERR_UNAVAILABLE: why nothing could be mapped
};

// The functions of a ZSTD_customMem with the window as `opaque`. NULL: no memory, or see `err`.
void *window_take(void *window, size_t n);
void window_return(void *window, void *bytes);

// Takes what is mapped out of memory; it comes back as it is read.
void window_rest(const struct window *window);

#endif
