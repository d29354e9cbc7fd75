// SPDX-License-Identifier: Apache-2.0
// Progress: see progress.h.
#define _POSIX_C_SOURCE 200809L
#include "verify/progress.h"

#include "common/cursor.h"
#include "common/log.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD "tailrace verify part 1\n"
#define BYTES_MAX ((size_t)64 << 20)

static void put_number(struct buf *out, uint64_t n)
{
    buf_append(out, &n, sizeof n);
}

static void put_text(struct buf *out, struct slice text)
{
    put_number(out, text.len);
    buf_slice(out, text);
}

static uint64_t get_number(struct cursor *cur)
{
    uint64_t n = 0;
    const uint8_t *ptr = cursor_take(cur, sizeof n);
    if (ptr)
        memcpy(&n, ptr, sizeof n);
    return n;
}

static struct slice get_text(struct cursor *cur)
{
    return cursor_bytes(cur, (size_t)get_number(cur));
}

// Tables with the same text are read in the same way.
static void put_shape(struct buf *out, const struct shape *shape)
{
    buf_printf(out, "%s %s", shape->full, shape->select);
    for (size_t i = 0; i < shape->n_columns; i++) {
        const struct shape_column *column = &shape->columns[i];
        buf_printf(out, " %s %s %d %d %u %u", column->name, column->collation, (int)column->kind,
                   (int)column->holding.bson, column->precision, column->digits);
    }
    for (size_t i = 0; i < shape->n_key; i++)
        buf_printf(out, " %zu", shape->key[i]);
}

// --- loading ---

static void forget(struct progress *progress, const char *why)
{
    log_warn("begins anew what an earlier run had read in part",
             LOG_FIELDS(log_str("file", progress->path), log_str("reason", why)));
    progress_forget(progress);
}

static bool read_file(const char *path, struct buf *bytes)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    for (size_t n = 1; n > 0 && bytes->len <= BYTES_MAX;) {
        n = fread(buf_reserve(bytes, 65536), 1, 65536, file);
        bytes->len += n;
    }
    fclose(file);
    return true;
}

// The table of that shape, or all->n.
static size_t find_shape(const struct shape_list *all, struct slice wanted)
{
    struct buf text = {0};
    size_t i = 0;
    for (; i < all->n; i++) {
        buf_clear(&text);
        put_shape(&text, &all->shapes[i]);
        if (slice_eq(buf_bytes(&text), wanted))
            break;
    }
    buf_deinit(&text);
    return i;
}

static bool get_tables(struct progress *progress, struct cursor *cur, const struct shape_list *all)
{
    struct buckets *buckets = &progress->buckets;
    size_t n = (size_t)get_number(cur);
    if (n == 0 || n > all->n)
        return false;
    progress->n_tables = buckets->n_tables = n;
    progress->numbers = mem_zalloc(n * sizeof *progress->numbers);
    buckets->tables = mem_zalloc((n + 1) * sizeof *buckets->tables);
    for (size_t i = 0; i < n; i++) {
        struct bucket_table *table = &buckets->tables[i];
        progress->numbers[i] = find_shape(all, get_text(cur));
        *table = (struct bucket_table){.first = buckets->n, .n = (size_t)get_number(cur)};
        table->rows[0] = get_number(cur);
        table->rows[1] = get_number(cur);
        bool is_power = table->n > 0 && (table->n & (table->n - 1)) == 0;
        if (cur->failed || progress->numbers[i] == all->n || !is_power || table->n > BYTES_MAX)
            return false;
        buckets->n += table->n;
    }
    return true;
}

static bool get_buckets(struct buckets *buckets, struct cursor *cur)
{
    size_t n_bytes = buckets->n * sizeof *buckets->items;
    if (n_bytes > cursor_left(cur))
        return false;
    buckets->items = mem_zalloc(n_bytes + sizeof *buckets->items);
    for (size_t i = 0; i < buckets->n; i++) {
        uint64_t low = get_number(cur), high = get_number(cur);
        buckets_add(buckets, i, (struct hash){low, high});
    }
    return true;
}

static void get_places(struct progress *progress, struct cursor *cur)
{
    progress->source_table = (size_t)get_number(cur);
    progress->source.is_done = get_number(cur) != 0;
    buf_slice(&progress->source.after, get_text(cur));
    progress->target.table = (size_t)get_number(cur);
    progress->target.is_done = get_number(cur) != 0;
    buf_slice(&progress->target.at, get_text(cur));
}

// What is wrong with it, or NULL.
static const char *load(struct progress *progress, struct run *run, struct slice bytes)
{
    size_t head = sizeof HEAD - 1;
    struct hash hash, own;
    struct hash_key key;
    if (bytes.len < head + sizeof key + sizeof hash || memcmp(bytes.ptr, HEAD, head) != 0)
        return "it is no such file";
    memcpy(&key, bytes.ptr + head, sizeof key);
    bytes.len -= sizeof hash;
    memcpy(&hash, bytes.ptr + bytes.len, sizeof hash);
    own = hash_of(&key, bytes);
    if (!hash_equal(own, hash))
        return "it is not whole";
    struct cursor cur = cursor_of(bytes);
    cursor_skip(&cur, head + sizeof key);
    if (!slice_eq_str(get_text(&cur), run->config->source.name))
        return "it is of another source";
    if (!get_tables(progress, &cur, &run->tables))
        return "a table has changed";
    if (!get_buckets(&progress->buckets, &cur))
        return "it is not whole";
    get_places(progress, &cur);
    if (!cursor_done(&cur) || progress->source_table > progress->n_tables ||
        progress->target.table > progress->n_tables)
        return "it is not whole";
    run->key = key;
    return NULL;
}

static uint64_t count_rows(const struct progress *progress, int side)
{
    uint64_t n = 0;
    for (size_t i = 0; i < progress->n_tables; i++)
        n += progress->buckets.tables[i].rows[side];
    return n;
}

void progress_open(struct progress *progress, const char *resume, struct run *run)
{
    struct buf bytes = {0}, path = {0};
    struct err err;
    *progress = (struct progress){.path = NULL};
    buf_printf(&path, "%s.%s.part", resume, run->driver->name);
    progress->path = mem_strdup(buf_cstr(&path));
    if (read_file(progress->path, &bytes)) {
        const char *why = load(progress, run, buf_bytes(&bytes));
        if (why)
            forget(progress, why);
        else if (!run->driver->can_go_on(run->target, &progress->target, &err))
            forget(progress, err.text);
        else
            log_info("goes on within what an earlier run had read in part",
                     LOG_FIELDS(log_str("target", run->driver->name),
                                log_u64("source_rows", count_rows(progress, 0)),
                                log_u64("target_rows", count_rows(progress, 1))));
    }
    buf_deinit(&bytes);
    buf_deinit(&path);
}

void progress_close(struct progress *progress)
{
    free(progress->path);
    free(progress->numbers);
    buckets_deinit(&progress->buckets);
    buf_deinit(&progress->source.after);
    buf_deinit(&progress->target.at);
    *progress = (struct progress){.path = NULL};
}

void progress_forget(struct progress *progress)
{
    char *path = progress->path;
    unlink(path);
    progress->path = NULL;
    progress_close(progress);
    progress->path = path;
}

// --- saving ---

static void put_buckets(struct buf *out, const struct buckets *buckets)
{
    for (size_t i = 0; i < buckets->n; i++) {
        put_number(out, atomic_load(&buckets->items[i].low));
        put_number(out, atomic_load(&buckets->items[i].high));
    }
}

static void put_tables(struct buf *out, const struct progress *progress, const struct run *run)
{
    struct buf shape = {0};
    put_number(out, run->tables.n);
    for (size_t i = 0; i < run->tables.n; i++) {
        const struct bucket_table *table = &progress->buckets.tables[i];
        buf_clear(&shape);
        put_shape(&shape, &run->tables.shapes[i]);
        put_text(out, buf_bytes(&shape));
        put_number(out, table->n);
        put_number(out, table->rows[0]);
        put_number(out, table->rows[1]);
    }
    buf_deinit(&shape);
}

static void put_places(struct buf *out, const struct progress *progress)
{
    put_number(out, progress->source_table);
    put_number(out, progress->source.is_done);
    put_text(out, buf_bytes(&progress->source.after));
    put_number(out, progress->target.table);
    put_number(out, progress->target.is_done);
    put_text(out, buf_bytes(&progress->target.at));
}

// Another file takes its place only when it is whole. The key in it is nobody else's business.
static bool write_file(const char *path, struct slice bytes, struct err *err)
{
    struct buf new = {0};
    buf_printf(&new, "%s.new", path);
    int fd = open(buf_cstr(&new), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    bool done = fd >= 0;
    for (size_t at = 0; done && at < bytes.len;) {
        ssize_t n = write(fd, bytes.ptr + at, bytes.len - at);
        done = n > 0 || (n < 0 && errno == EINTR);
        at += n > 0 ? (size_t)n : 0;
    }
    done = done && fsync(fd) == 0;
    int fault = errno;
    if (fd >= 0)
        close(fd);
    if (done && rename(buf_cstr(&new), path) != 0) {
        done = false;
        fault = errno;
    }
    buf_deinit(&new);
    return done || err_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(fault));
}

bool progress_save(const struct progress *progress, const struct run *run, struct err *err)
{
    struct buf out = {0};
    buf_str(&out, HEAD);
    buf_append(&out, &run->key, sizeof run->key);
    put_text(&out, slice_of_str(run->config->source.name));
    put_tables(&out, progress, run);
    put_buckets(&out, &progress->buckets);
    put_places(&out, progress);
    struct hash hash = hash_of(&run->key, buf_bytes(&out));
    buf_append(&out, &hash, sizeof hash);
    bool done = write_file(progress->path, buf_bytes(&out), err);
    buf_deinit(&out);
    return done;
}
