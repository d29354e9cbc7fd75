// SPDX-License-Identifier: Apache-2.0
// Records: see records.h. A line is
// {"before":…,"after":{"id":N,"k":N,"c":"…","pad":"…"},"source":…}; the texts are digits and
// dashes, so members are found by their names.
#define _GNU_SOURCE // memmem
#include "tests/bench/records.h"

#include "common/mem.h"
#include "tests/bench/limit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROW_FROM 4096

static struct slice map_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0 || status.st_size == 0)
        limit_fail("%s cannot be read or is empty", path);
    // MAP_POPULATE: what is measured later does not wait for the disk.
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (bytes == MAP_FAILED)
        limit_fail("%s cannot be mapped", path);
    close(fd);
    return slice_of(bytes, (size_t)status.st_size);
}

// What follows `name` in the line.
static struct slice after(struct slice line, const char *name)
{
    const uint8_t *found = memmem(line.ptr, line.len, name, strlen(name));
    if (!found)
        limit_fail("no %s in %.200s", name, (const char *)line.ptr);
    const uint8_t *begin = found + strlen(name);
    return slice_of(begin, (size_t)(line.ptr + line.len - begin));
}

static struct slice text_after(struct slice line, const char *name)
{
    struct slice text = after(line, name);
    const uint8_t *end = memchr(text.ptr, '"', text.len);
    if (!end)
        limit_fail("no end of %s", name);
    return slice_of(text.ptr, (size_t)(end - text.ptr));
}

static int32_t number_after(struct slice line, const char *name)
{
    return (int32_t)strtol((const char *)after(line, name).ptr, NULL, 10);
}

static void parse(struct record *record, struct slice line)
{
    struct slice row = after(line, "\"after\":");
    *record = (struct record){.json = line, .deleted = row.len && *row.ptr == 'n'};
    if (record->deleted)
        row = after(line, "\"before\":");
    record->id = number_after(row, "\"id\":");
    int length = snprintf(record->key, sizeof record->key, "{\"id\":%d}", record->id);
    record->key_len = (size_t)length;
    if (record->deleted)
        return;
    record->k = number_after(row, "\"k\":");
    record->c = text_after(row, "\"c\":\"");
    record->pad = text_after(row, "\"pad\":\"");
}

void records_open(struct records *records, const char *path)
{
    struct slice rest = map_file(path);
    size_t cap = 0;
    *records = (struct records){0};
    while (rest.len) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        if (!end)
            limit_fail("%s: the last line has no end", path);
        struct slice line = slice_of(rest.ptr, (size_t)(end - rest.ptr));
        if (records->n == cap) {
            cap = cap ? 2 * cap : GROW_FROM;
            records->all = mem_realloc(records->all, cap * sizeof *records->all);
        }
        struct record *record = &records->all[records->n++];
        parse(record, line);
        if (record->id > records->largest_id)
            records->largest_id = record->id;
        rest = slice_of(end + 1, rest.len - line.len - 1);
    }
}

void net_init(struct net *net, const struct records *records, int32_t part, int32_t n_parts,
              size_t batch_records)
{
    *net = (struct net){.records = records, .part = part, .n_parts = n_parts};
    net->seen = mem_zalloc(((size_t)records->largest_id + 1) * sizeof *net->seen);
    net->effects = mem_alloc(batch_records * sizeof *net->effects);
    net->batch = mem_alloc(batch_records * sizeof *net->batch);
}

void net_deinit(struct net *net)
{
    free(net->seen);
    free(net->effects);
    free(net->batch);
}

size_t net_next(struct net *net, size_t n)
{
    const struct records *records = net->records;
    net->taken = 0;
    for (; net->next < records->n && net->taken < n; net->next++)
        if (records->all[net->next].id % net->n_parts == net->part)
            net->batch[net->taken++] = &records->all[net->next];
    net->stamp++;
    size_t n_effects = 0;
    for (size_t i = net->taken; i-- > 0;) {
        uint32_t *seen = &net->seen[net->batch[i]->id];
        if (*seen != net->stamp)
            net->effects[n_effects++] = net->batch[i];
        *seen = net->stamp;
    }
    return n_effects;
}
