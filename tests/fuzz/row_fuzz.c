// SPDX-License-Identifier: Apache-2.0
// Rows: a table map, headed by the two bytes of its length, then the type of a row event and its
// body. Every value is written as JSON.
#include "binlog/row.h"
#include "record/json_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_image(struct buf *out, const struct row_image *image, size_t n)
{
    buf_clear(out);
    for (size_t i = 0; image->is_used && i < n; i++)
        if (image->values[i].kind != VALUE_ABSENT)
            json_write_value(out, &image->values[i]);
}

static void decode_all(struct row_event *rows)
{
    struct arena arena = {0};
    struct buf out = {0};
    struct err err = {0};
    while (!row_event_done(rows) && row_event_next(rows, &arena, &err)) {
        write_image(&out, &rows->before, rows->map->table.n_columns);
        write_image(&out, &rows->after, rows->map->table.n_columns);
        arena_reset(&arena);
    }
    buf_deinit(&out);
    arena_deinit(&arena);
}

static bool is_rows(uint8_t code)
{
    return (code >= EVENT_WRITE_ROWS_V1 && code <= EVENT_DELETE_ROWS_V1) ||
           (code >= EVENT_WRITE_ROWS && code <= EVENT_DELETE_ROWS) ||
           code == EVENT_PARTIAL_UPDATE_ROWS ||
           (code >= EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1 &&
            code <= EVENT_MARIADB_DELETE_ROWS_COMPRESSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct table_maps maps; // large; empty at each call
    static struct event_format format = {.is_known = true, .header_bytes = EVENT_HEADER_BYTES};
    struct cursor cur = cursor_of(slice_of(data, size));
    struct event map = {.code = EVENT_TABLE_MAP};
    struct table_filter filter = {0};
    struct plain plain = {0};
    struct row_event rows = {0};
    struct err err = {0};
    for (size_t code = 0; code < EVENT_CODES; code++)
        format.post_header_bytes[code] = 10;
    map.body = map.bytes = cursor_bytes(&cur, cursor_u16(&cur));
    struct event event = {.code = cursor_u8(&cur)};
    event.body = event.bytes = cursor_rest(&cur);
    if (!cur.failed && is_rows(event.code) && table_maps_add(&maps, &map, &format, &filter, &err) &&
        row_event_parse(&rows, &event, &format, &maps, &plain, &err))
        decode_all(&rows);
    plain_deinit(&plain);
    table_maps_clear(&maps);
    return 0;
}
