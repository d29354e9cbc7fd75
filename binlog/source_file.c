// SPDX-License-Identifier: Apache-2.0
// A binlog file as a source: see source_file.h.
//
//   file   magic fe 62 69 6e, then events without a gap; each says its own size at offset 9 of its
//          header
//
// The first event that comes out is an artificial rotation to the file's own name and position 4,
// as a server puts it at the head of a dump: the reader above need not know what it reads from.
//
// A long transaction payload is not brought together: its pieces are read from where it lies in the
// file. What cannot be read twice (a pipe) is kept in a temporary file for as long as it is needed.
// Either way all of the event is there before its head is handed out.
#define _POSIX_C_SOURCE 200809L
#include "binlog/source_file.h"

#include "binlog/event.h"
#include "binlog/spill.h"
#include "common/buf.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef BLOCK_BYTES // tests make it small
#define BLOCK_BYTES ((size_t)256 << 10)
#endif
// Larger transaction payloads are long events. What was read ahead is never as much.
#define LONG_BYTES (4 * BLOCK_BYTES)
#define HEAD_BYTES 512 // of a long event: more than a header and what heads a payload
#define MAGIC_BYTES 4
#define CODE_OFFSET 4
#define SIZE_OFFSET 9

struct source_file {
    struct source source;
    int fd;
    char *path;
    struct buf rotation; // empty once it was handed out
    struct buf block;    // bytes read, from `begin` on not yet handed out
    size_t begin;

    bool can_seek;
    uint64_t read_to;      // in the file: what lies behind `block`
    uint64_t long_begin;   // in the file: the long event that was handed out last
    struct spill spill;    // of a file that cannot seek:
    struct spill_log kept; // the same event
    struct buf piece;      // of it
};

static size_t in_block(const struct source_file *file)
{
    return file->block.len - file->begin;
}

static bool cannot_read(const struct source_file *file, struct err *err)
{
    return err_set(err, ERR_UNAVAILABLE, "%s: cannot read: %s", file->path, strerror(errno));
}

static bool read_more(struct source_file *file, struct buf *to, size_t room, ssize_t *n,
                      struct err *err)
{
    do
        *n = read(file->fd, buf_reserve(to, room), room);
    while (*n < 0 && errno == EINTR);
    if (*n < 0)
        return cannot_read(file, err);
    to->len += (size_t)*n;
    file->read_to += (uint64_t)*n;
    return true;
}

static bool read_ahead(struct source_file *file, size_t n, struct err *err)
{
    if (file->begin)
        memmove(file->block.ptr, file->block.ptr + file->begin, in_block(file));
    file->block.len -= file->begin;
    file->begin = 0;
    ssize_t got = 1;
    while (got > 0 && file->block.len < n)
        if (!read_more(file, &file->block, BLOCK_BYTES, &got, err))
            return false;
    return true;
}

// Brings n bytes together, or as many as the file still has. Memory grows with what is read, not
// with what is claimed.
static bool fill(struct source_file *file, size_t n, struct err *err)
{
    return in_block(file) >= n || read_ahead(file, n, err);
}

static bool event_size(struct source_file *file, size_t *size, struct err *err)
{
    struct cursor cur = cursor_of(slice_of(file->block.ptr + file->begin, in_block(file)));
    cursor_skip(&cur, SIZE_OFFSET);
    *size = cursor_u32(&cur);
    if (*size >= EVENT_HEADER_BYTES && *size <= SOURCE_EVENT_BYTES_MAX)
        return true;
    return err_at(err, ERR_CORRUPT, SIZE_OFFSET, "an event of %zu bytes cannot be", *size);
}

static bool cut_short(uint64_t found, size_t size, struct err *err)
{
    return err_at(err, ERR_CORRUPT, (size_t)found,
                  "the file ends inside an event, after %llu of at least %zu bytes",
                  (unsigned long long)found, size);
}

// --- long events ---------------------------------------------------------------------------------

static bool is_long(const struct source_file *file, size_t size)
{
    return size > LONG_BYTES &&
           file->block.ptr[file->begin + CODE_OFFSET] == EVENT_TRANSACTION_PAYLOAD;
}

// Leaves it where it lies, and goes on behind it.
static bool pass_over(struct source_file *file, size_t size, struct err *err)
{
    struct stat info;
    uint64_t begin = file->read_to - in_block(file);
    if (fstat(file->fd, &info) != 0)
        return cannot_read(file, err);
    if ((uint64_t)info.st_size < begin + size)
        return cut_short((uint64_t)info.st_size - begin, size, err);
    if (lseek(file->fd, (off_t)(begin + size), SEEK_SET) < 0)
        return cannot_read(file, err);
    file->long_begin = begin;
    file->read_to = begin + size;
    return true;
}

static bool keep(struct source_file *file, size_t size, struct err *err)
{
    struct spill_log *kept = &file->kept;
    struct slice at_hand = slice_of(file->block.ptr + file->begin, in_block(file));
    spill_clear(&file->spill, kept);
    if (!spill_append(&file->spill, kept, at_hand, err))
        return false;
    while (spill_size(kept) < size) {
        size_t missing = size - (size_t)spill_size(kept);
        ssize_t got;
        buf_clear(&file->piece);
        if (!read_more(file, &file->piece, missing < BLOCK_BYTES ? missing : BLOCK_BYTES, &got,
                       err))
            return false;
        if (got == 0)
            return cut_short(spill_size(kept), size, err);
        if (!spill_append(&file->spill, kept, buf_bytes(&file->piece), err))
            return false;
    }
    return true;
}

static enum source_result long_event(struct source_file *file, size_t size, struct slice *event,
                                     struct err *err)
{
    if (!fill(file, HEAD_BYTES, err) ||
        !(file->can_seek ? pass_over(file, size, err) : keep(file, size, err)))
        return SOURCE_ERROR;
    *event = slice_of(file->block.ptr + file->begin, HEAD_BYTES);
    file->begin = file->block.len; // all that was read ahead is of this event: see LONG_BYTES
    return SOURCE_LONG_EVENT;
}

static bool read_in_file(struct source_file *file, uint64_t at, size_t n, struct err *err)
{
    buf_clear(&file->piece);
    while (file->piece.len < n) {
        size_t missing = n - file->piece.len;
        off_t from = (off_t)(file->long_begin + at + file->piece.len);
        ssize_t got = pread(file->fd, buf_reserve(&file->piece, missing), missing, from);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return cannot_read(file, err);
        if (got == 0)
            return err_at(err, ERR_CORRUPT, (size_t)at, "%s became shorter while it was read",
                          file->path);
        file->piece.len += (size_t)got;
    }
    return true;
}

static bool read_long(struct source *source, uint64_t at, size_t n, struct slice *bytes,
                      struct err *err)
{
    struct source_file *file = (struct source_file *)source;
    if (!file->can_seek)
        return spill_read(&file->spill, &file->kept, at, n, &file->piece, bytes, err);
    if (!read_in_file(file, at, n, err))
        return false;
    *bytes = buf_bytes(&file->piece);
    return true;
}

// --- the source ----------------------------------------------------------------------------------

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void make_rotation(struct buf *out, const char *path)
{
    struct slice name = slice_of_str(base_name(path));
    buf_le(out, 0, 4); // no time
    buf_le(out, EVENT_ROTATE, 1);
    buf_le(out, 0, 4); // no server
    buf_le(out, EVENT_HEADER_BYTES + 8 + name.len, 4);
    buf_le(out, 0, 4); // not in the file
    buf_le(out, EVENT_FLAG_ARTIFICIAL, 2);
    buf_le(out, MAGIC_BYTES, 8);
    buf_slice(out, name);
}

static enum source_result next_event(struct source *source, unsigned timeout_ms,
                                     struct slice *event, struct err *err)
{
    (void)timeout_ms; // a file never makes anyone wait
    struct source_file *file = (struct source_file *)source;
    size_t size = 0;
    if (file->rotation.len) {
        *event = buf_bytes(&file->rotation);
        buf_clear(&file->rotation);
        return SOURCE_EVENT;
    }
    if (!fill(file, EVENT_HEADER_BYTES, err))
        return SOURCE_ERROR;
    if (in_block(file) == 0)
        return SOURCE_END;
    if (in_block(file) < EVENT_HEADER_BYTES) {
        cut_short(in_block(file), EVENT_HEADER_BYTES, err);
        return SOURCE_ERROR;
    }
    if (!event_size(file, &size, err))
        return SOURCE_ERROR;
    if (is_long(file, size))
        return long_event(file, size, event, err);
    if (!fill(file, size, err))
        return SOURCE_ERROR;
    if (in_block(file) < size) {
        cut_short(in_block(file), size, err);
        return SOURCE_ERROR;
    }
    *event = slice_of(file->block.ptr + file->begin, size);
    file->begin += size;
    return SOURCE_EVENT;
}

static void close_file(struct source *source)
{
    struct source_file *file = (struct source_file *)source;
    if (file->fd > STDIN_FILENO)
        close(file->fd);
    buf_deinit(&file->block);
    buf_deinit(&file->rotation);
    buf_deinit(&file->piece);
    spill_drop(&file->spill, &file->kept);
    spill_deinit(&file->spill);
    free(file->path);
    free(file);
}

static bool check_magic(struct source_file *file, struct err *err)
{
    static const uint8_t magic[MAGIC_BYTES] = {0xfe, 'b', 'i', 'n'};
    static const uint8_t encrypted[MAGIC_BYTES] = {0xfd, 'b', 'i', 'n'};
    if (!fill(file, MAGIC_BYTES, err))
        return false;
    struct slice head = slice_of(file->block.ptr, in_block(file));
    if (head.len >= MAGIC_BYTES && memcmp(head.ptr, encrypted, MAGIC_BYTES) == 0)
        return err_at(err, ERR_UNSUPPORTED, 0,
                      "%s: the file is encrypted: read it from the running server, which decrypts "
                      "it, or with mysqlbinlog --read-from-remote-server --raw",
                      file->path);
    if (head.len < MAGIC_BYTES || memcmp(head.ptr, magic, MAGIC_BYTES) != 0)
        return err_at(err, ERR_CORRUPT, 0, "%s: not a binlog: it does not begin with fe 62 69 6e",
                      file->path);
    file->begin = MAGIC_BYTES;
    return true;
}

static bool is_at_start_of_file(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && lseek(fd, 0, SEEK_CUR) == 0;
}

struct source *source_file_open(const char *path, struct err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        err_set(err, ERR_UNAVAILABLE, "%s: cannot open: %s", path, strerror(errno));
        return NULL;
    }
    struct source_file *file = mem_zalloc(sizeof *file);
    file->path = mem_strdup(path);
    file->source = (struct source){
        .next = next_event, .read = read_long, .close = close_file, .name = file->path};
    file->fd = fd;
    file->can_seek = is_at_start_of_file(fd);
    spill_init(&file->spill, 0);
    make_rotation(&file->rotation, path);
    if (check_magic(file, err))
        return &file->source;
    close_file(&file->source);
    return NULL;
}
