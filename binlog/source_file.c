// SPDX-License-Identifier: Apache-2.0
// A binlog file as a source: see source_file.h.
//
//   file   magic fe 62 69 6e, then events without a gap; each says its own size at offset 9 of its
//          header
//
// The first event that comes out is an artificial rotation to the file's own name and position 4,
// as a server puts it at the head of a dump: the reader above need not know what it reads from.
#define _POSIX_C_SOURCE 200809L
#include "binlog/source_file.h"

#include "binlog/event.h"
#include "common/buf.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef BLOCK_BYTES // tests make it small
#define BLOCK_BYTES ((size_t)256 << 10)
#endif
#define MAGIC_BYTES 4
#define SIZE_OFFSET 9

struct source_file {
    struct source source;
    int fd;
    char *path;
    struct buf rotation; // empty once it was handed out
    struct buf block;    // bytes read, from `begin` on not yet handed out
    size_t begin;
};

static size_t in_block(const struct source_file *file)
{
    return file->block.len - file->begin;
}

static bool read_more(struct source_file *file, size_t room, ssize_t *n, struct err *err)
{
    do
        *n = read(file->fd, buf_reserve(&file->block, room), room);
    while (*n < 0 && errno == EINTR);
    if (*n < 0)
        return err_set(err, ERR_UNAVAILABLE, "%s: cannot read: %s", file->path, strerror(errno));
    file->block.len += (size_t)*n;
    return true;
}

// Brings n bytes together, or as many as the file still has. Memory grows with what is read, not
// with what is claimed.
static bool fill(struct source_file *file, size_t n, struct err *err)
{
    if (in_block(file) >= n)
        return true;
    if (file->begin)
        memmove(file->block.ptr, file->block.ptr + file->begin, in_block(file));
    file->block.len -= file->begin;
    file->begin = 0;
    ssize_t got = 1;
    while (got > 0 && file->block.len < n)
        if (!read_more(file, BLOCK_BYTES, &got, err))
            return false;
    return true;
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

static bool cut_short(const struct source_file *file, size_t size, struct err *err)
{
    return err_at(err, ERR_CORRUPT, in_block(file),
                  "the file ends inside an event, after %zu of at least %zu bytes", in_block(file),
                  size);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void put_le(struct buf *out, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_char(out, (char)(value >> (8 * i) & 0xff));
}

static void make_rotation(struct buf *out, const char *path)
{
    struct slice name = slice_of_str(base_name(path));
    put_le(out, 0, 4); // no time
    put_le(out, EVENT_ROTATE, 1);
    put_le(out, 0, 4); // no server
    put_le(out, EVENT_HEADER_BYTES + 8 + name.len, 4);
    put_le(out, 0, 4); // not in the file
    put_le(out, EVENT_FLAG_ARTIFICIAL, 2);
    put_le(out, MAGIC_BYTES, 8);
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
        cut_short(file, EVENT_HEADER_BYTES, err);
        return SOURCE_ERROR;
    }
    if (!event_size(file, &size, err) || !fill(file, size, err))
        return SOURCE_ERROR;
    if (in_block(file) < size) {
        cut_short(file, size, err);
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
    file->source = (struct source){next_event, close_file, file->path};
    file->fd = fd;
    make_rotation(&file->rotation, path);
    if (check_magic(file, err))
        return &file->source;
    close_file(&file->source);
    return NULL;
}
