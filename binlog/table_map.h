// SPDX-License-Identifier: Apache-2.0
// Table map: what a TABLE_MAP_EVENT says of a table, and the bounded cache of them that row events
// refer to by number.
#ifndef TAILRACE_BINLOG_TABLE_MAP_H
#define TAILRACE_BINLOG_TABLE_MAP_H

#include "binlog/column.h"
#include "binlog/event.h"
#include "binlog/names.h"
#include "record/table.h"
#include "record/table_filter.h"
#include "record/value.h"

// Limits of the cache; a table that was dropped from it comes again with its next statement.
#define TABLE_MAPS_MAX 8192
#define TABLE_MAPS_BYTES_MAX ((size_t)32 << 20)
#define TABLE_MAP_BUCKETS 8192

// It lies in its own arena, and what rows are decoded with behind it.
struct table_map {
    uint64_t id;
    struct table_map *next; // in its bucket
    bool is_used;           // since it was passed over last when room was made
    bool is_wanted;         // the filter lets it pass; else only db and name of `table` are set
    bool has_names;         // of the columns: they came with the event, or from `names`
    bool has_signs;         // signs came with the event
    struct slice body;      // of the event, as it was
    struct column_format *formats;
    struct table table; // rendered
    struct arena arena;
    struct table_map *newer, *older;
};

struct table_maps {
    struct table_map *buckets[TABLE_MAP_BUCKETS];
    struct table_map *last; // found or added last
    struct table_map *newest, *oldest;
    size_t n;
    size_t bytes;
    struct value *images; // room for the two images of a row of the widest table
    size_t n_images;
    // Asked for names that the log lacks; NULL: columns are called "@1", "@2". Then `file` and
    // `begin_pos` say where the transaction starts whose table maps are added.
    const struct names_source *names;
    const char *file;
    uint64_t begin_pos;
};

// {0} is an empty cache.
void table_maps_clear(struct table_maps *maps);

// Reads the event into the cache. The same bytes as before under the same number cost a comparison.
// ERR_CORRUPT, or ERR_UNSUPPORTED for types and metadata that this version does not know.
MUST_CHECK bool table_maps_add(struct table_maps *maps, const struct event *event,
                               const struct event_format *format, const struct table_filter *filter,
                               struct err *err);

// NULL where there is none. Borrowed until the next _add or _clear.
struct table_map *table_maps_find(struct table_maps *maps, uint64_t id);

// Bytes of the table number in table maps and row events: 4 in old logs, 6 since.
size_t table_map_id_bytes(const struct event_format *format, uint8_t code);

static inline uint64_t table_map_read_id(struct cursor *cur, size_t id_bytes)
{
    return id_bytes == 4 ? cursor_u32(cur) : cursor_u48(cur);
}

#endif
