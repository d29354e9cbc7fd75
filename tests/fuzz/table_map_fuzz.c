// SPDX-License-Identifier: Apache-2.0
// Table maps: the first byte says how long table numbers are, the rest is one event after the
// other, each headed by the two bytes of its length. What is taken has names and a key that fits.
#include "binlog/table_map.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct table_map *map)
{
    size_t n = 0;
    for (size_t i = 0; i < map->table.n_columns; i++)
        n += map->table.columns[i].name.len + map->table.columns[i].json_name.len;
    for (size_t i = 0; i < map->table.n_key; i++)
        if (map->table.key[i] >= map->table.n_columns)
            abort();
    if (map->is_wanted && map->table.n_columns && n == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct table_maps maps; // large; empty at each call
    struct event_format format = {.is_known = true, .header_bytes = EVENT_HEADER_BYTES};
    struct table_filter filter = {.exclude = "left.out"};
    struct cursor cur = cursor_of(slice_of(data, size));
    struct err err = {0};
    format.post_header_bytes[EVENT_TABLE_MAP] = cursor_u8(&cur) & 1 ? 6 : 8;
    while (!cur.failed && cursor_left(&cur)) {
        struct event event = {.code = EVENT_TABLE_MAP};
        event.body = cursor_bytes(&cur, cursor_u16(&cur));
        event.bytes = event.body;
        if (!cur.failed && table_maps_add(&maps, &event, &format, &filter, &err))
            check(maps.last);
    }
    table_maps_clear(&maps);
    return 0;
}
