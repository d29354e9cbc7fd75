// SPDX-License-Identifier: Apache-2.0
// Spill: see spill.h. A log's bytes go to the file from its tail, whole blocks at a time and blocks
// that follow one another in the file in one write. So the tail is always the end of the log, and
// what is small never leaves memory.
#define _POSIX_C_SOURCE 200809L
#include "binlog/spill.h"

#include "binlog/temporary_file.h"
#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK SPILL_BLOCK_BYTES
#define KEPT_BYTES ((size_t)64 << 10) // of a tail that is cleared

static uint64_t offset_of(uint32_t block)
{
    return (uint64_t)block * BLOCK;
}

void spill_init(struct spill *spill, size_t memory_most)
{
    *spill = (struct spill){.memory_most = memory_most, .fd = -1};
}

void spill_deinit(struct spill *spill)
{
    if (spill->n_blocks)
        close(spill->fd);
    free(spill->unused);
    *spill = (struct spill){.fd = -1};
}

uint64_t spill_size(const struct spill_log *log)
{
    return (uint64_t)log->n_blocks * BLOCK + log->tail.len;
}

static bool take_block(struct spill *spill, uint32_t *block, struct err *err)
{
    if (spill->n_unused) {
        *block = spill->unused[--spill->n_unused];
        return true;
    }
    if (spill->n_blocks == 0 && !temporary_file_open(&spill->fd, err))
        return false;
    *block = spill->n_blocks++;
    return true;
}

static void return_block(struct spill *spill, uint32_t block)
{
    if (spill->n_unused == spill->cap_unused) {
        spill->cap_unused = spill->cap_unused ? 2 * spill->cap_unused : 64;
        spill->unused = mem_realloc(spill->unused, spill->cap_unused * sizeof *spill->unused);
    }
    spill->unused[spill->n_unused++] = block;
}

static void add_block(struct spill_log *log, uint32_t block)
{
    if (log->n_blocks == log->cap_blocks) {
        log->cap_blocks = log->cap_blocks ? 2 * log->cap_blocks : 64;
        log->blocks = mem_realloc(log->blocks, log->cap_blocks * sizeof *log->blocks);
    }
    log->blocks[log->n_blocks++] = block;
}

static bool write_all(int fd, const uint8_t *bytes, size_t n, uint64_t at, struct err *err)
{
    while (n) {
        ssize_t done = pwrite(fd, bytes, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return temporary_file_failed("write", err);
        bytes += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return true;
}

static bool read_all(int fd, uint8_t *bytes, size_t n, uint64_t at, struct err *err)
{
    while (n) {
        ssize_t done = pread(fd, bytes, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done == 0)
            errno = ENODATA;
        if (done <= 0)
            return temporary_file_failed("read", err);
        bytes += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return true;
}

// A run of blocks that follow one another, the first of them already taken.
static bool write_run(struct spill *spill, struct spill_log *log, const uint8_t *bytes,
                      size_t n_blocks, size_t *written, struct err *err)
{
    uint32_t first;
    if (!take_block(spill, &first, err))
        return false;
    add_block(log, first);
    *written = 1;
    while (*written < n_blocks) {
        uint32_t next;
        if (!take_block(spill, &next, err))
            return false;
        if (next != first + *written) {
            return_block(spill, next);
            break;
        }
        add_block(log, next);
        ++*written;
    }
    return write_all(spill->fd, bytes, *written * BLOCK, offset_of(first), err);
}

// Memory beyond what is left is given back.
static void move_tail(struct spill *spill, struct spill_log *log, size_t done)
{
    struct buf rest = {0};
    buf_append(&rest, log->tail.ptr + done, log->tail.len - done);
    buf_deinit(&log->tail);
    log->tail = rest;
    spill->memory_bytes -= done;
}

static bool write_tail(struct spill *spill, struct spill_log *log, struct err *err)
{
    size_t n_blocks = log->tail.len / BLOCK;
    size_t done = 0;
    while (done < n_blocks) {
        size_t n;
        if (!write_run(spill, log, log->tail.ptr + done * BLOCK, n_blocks - done, &n, err))
            return false;
        done += n;
    }
    move_tail(spill, log, done * BLOCK);
    return true;
}

bool spill_append(struct spill *spill, struct spill_log *log, struct slice bytes, struct err *err)
{
    buf_slice(&log->tail, bytes);
    spill->memory_bytes += bytes.len;
    return spill->memory_bytes <= spill->memory_most || log->tail.len < BLOCK ||
           write_tail(spill, log, err);
}

bool spill_read(const struct spill *spill, const struct spill_log *log, uint64_t at, size_t n,
                struct buf *room, struct slice *bytes, struct err *err)
{
    uint64_t in_file = (uint64_t)log->n_blocks * BLOCK;
    if (at >= in_file) {
        *bytes = slice_of(log->tail.ptr + (at - in_file), n);
        return true;
    }
    buf_clear(room);
    while (n && at < in_file) {
        size_t within = (size_t)(at % BLOCK);
        size_t part = BLOCK - within < n ? BLOCK - within : n;
        uint64_t from = offset_of(log->blocks[at / BLOCK]) + within;
        if (!read_all(spill->fd, buf_reserve(room, part), part, from, err))
            return false;
        room->len += part;
        at += part;
        n -= part;
    }
    buf_append(room, log->tail.ptr, n);
    *bytes = buf_bytes(room);
    return true;
}

bool spill_truncate(struct spill *spill, struct spill_log *log, uint64_t size, struct err *err)
{
    size_t n_blocks = (size_t)(size / BLOCK);
    size_t rest = (size_t)(size % BLOCK);
    if (n_blocks >= log->n_blocks) {
        size_t left = (size_t)(size - (uint64_t)log->n_blocks * BLOCK);
        spill->memory_bytes -= log->tail.len - left;
        log->tail.len = left;
        return true;
    }
    struct buf tail = {0};
    uint8_t *to = buf_reserve(&tail, BLOCK);
    if (!read_all(spill->fd, to, rest, offset_of(log->blocks[n_blocks]), err)) {
        buf_deinit(&tail);
        return false;
    }
    tail.len = rest;
    while (log->n_blocks > n_blocks)
        return_block(spill, log->blocks[--log->n_blocks]);
    spill->memory_bytes += rest;
    spill->memory_bytes -= log->tail.len;
    buf_deinit(&log->tail);
    log->tail = tail;
    return true;
}

void spill_clear(struct spill *spill, struct spill_log *log)
{
    while (log->n_blocks)
        return_block(spill, log->blocks[--log->n_blocks]);
    spill->memory_bytes -= log->tail.len;
    if (log->tail.cap > KEPT_BYTES)
        buf_deinit(&log->tail);
    buf_clear(&log->tail);
}

void spill_drop(struct spill *spill, struct spill_log *log)
{
    spill_clear(spill, log);
    buf_deinit(&log->tail);
    free(log->blocks);
    *log = (struct spill_log){0};
}
