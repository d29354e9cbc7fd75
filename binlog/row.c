// SPDX-License-Identifier: Apache-2.0
// Row event: see row.h. MySQL manual: "Binary Log Event", Rows_event.
//
//   post-header   table number 6 (4 where the post-header has 6 bytes) · flags 2 (1: last of its
//                 statement) ·
//                 v2 only: length of the extra data, these two bytes included
//   body          extra data (partition numbers, NDB's) · number of columns n ·
//                 columns present, (n + 7) / 8 bytes; for an update a second time, for the image
//                 after
//   rows          each image: null bits of the present columns, then the values that are not NULL;
//                 an update has two images a row. To the end; at least one row, even when it has no
//                 bytes
//
// MariaDB's compressed events have the rows as one zlib stream behind a head (see payload.c).
//
// PARTIAL_UPDATE_ROWS_EVENT (binlog_row_value_options=PARTIAL_JSON) is an update of v2 whose images
// after begin with: options (a length-encoded integer) · with option 1 a bit for each JSON column
// of the table, present or not. Where the bit is set and the value is not NULL, a length of 4 bytes
// and the diffs (see json_diff.c) stand in its place; none of them: it is as before.
#include "binlog/row.h"

#include "binlog/json_diff.h"

#define ROWS_FLAG_STATEMENT_END 0x0001
#define EXTRA_LENGTH_BYTES 2
#define VALUE_OPTION_PARTIAL_JSON 1

struct row_kind {
    enum change_op op;
    bool has_extra; // v2
    bool is_compressed;
    bool is_partial;
};

static const struct row_kind kinds[EVENT_CODES] = {
    [EVENT_WRITE_ROWS_V1] = {.op = CHANGE_INSERT},
    [EVENT_UPDATE_ROWS_V1] = {.op = CHANGE_UPDATE},
    [EVENT_DELETE_ROWS_V1] = {.op = CHANGE_DELETE},
    [EVENT_WRITE_ROWS] = {.op = CHANGE_INSERT, .has_extra = true},
    [EVENT_UPDATE_ROWS] = {.op = CHANGE_UPDATE, .has_extra = true},
    [EVENT_DELETE_ROWS] = {.op = CHANGE_DELETE, .has_extra = true},
    [EVENT_PARTIAL_UPDATE_ROWS] = {.op = CHANGE_UPDATE, .has_extra = true, .is_partial = true},
    [EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1] = {.op = CHANGE_INSERT, .is_compressed = true},
    [EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1] = {.op = CHANGE_UPDATE, .is_compressed = true},
    [EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1] = {.op = CHANGE_DELETE, .is_compressed = true},
    [EVENT_MARIADB_WRITE_ROWS_COMPRESSED] = {.op = CHANGE_INSERT,
                                             .has_extra = true,
                                             .is_compressed = true},
    [EVENT_MARIADB_UPDATE_ROWS_COMPRESSED] = {.op = CHANGE_UPDATE,
                                              .has_extra = true,
                                              .is_compressed = true},
    [EVENT_MARIADB_DELETE_ROWS_COMPRESSED] = {.op = CHANGE_DELETE,
                                              .has_extra = true,
                                              .is_compressed = true},
};

static bool skip_extra(const struct event *event, struct cursor *cur, struct err *err)
{
    uint16_t length = cursor_u16(cur);
    if (length < EXTRA_LENGTH_BYTES)
        return cur->failed ? event_too_short(event, cur, err)
                           : err_at(err, ERR_CORRUPT, cursor_offset(cur) - EXTRA_LENGTH_BYTES,
                                    "extra data of %u bytes cannot hold their own length", length);
    cursor_skip(cur, length - EXTRA_LENGTH_BYTES);
    return !cur->failed || event_too_short(event, cur, err);
}

// An event with the highest table number has no rows: it ends a statement whose tables were all
// left out.
static bool is_dummy(uint64_t id, size_t id_bytes)
{
    return id == (id_bytes == 4 ? UINT32_MAX : ((uint64_t)1 << 48) - 1);
}

// Of the first n bits, from the low end of a byte on. Nearly always all are set.
static size_t count_bits(const uint8_t *bits, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i += 8) {
        size_t width = n - i < 8 ? n - i : 8;
        unsigned all = (1u << width) - 1;
        unsigned set = bits[i / 8] & all;
        count += set == all ? width : (size_t)__builtin_popcount(set);
    }
    return count;
}

static void read_image(struct row_image *image, struct cursor *cur, size_t n_columns)
{
    image->is_used = true;
    image->present = cursor_take(cur, (n_columns + 7) / 8);
    image->n_present = image->present ? count_bits(image->present, n_columns) : 0;
}

static bool read_images(struct row_event *rows, const struct event *event, struct cursor *cur,
                        struct err *err)
{
    const struct table *table = &rows->map->table;
    uint64_t n = cursor_lenenc(cur);
    if (cur->failed)
        return event_too_short(event, cur, err);
    if (n != table->n_columns)
        return err_at(err, ERR_CORRUPT, cursor_offset(cur),
                      "rows of %llu columns, but the table map of %.*s.%.*s has %zu",
                      (unsigned long long)n, SLICE_ARG(table->db), SLICE_ARG(table->name),
                      table->n_columns);
    rows->before.is_used = rows->after.is_used = false;
    if (rows->op != CHANGE_INSERT)
        read_image(&rows->before, cur, table->n_columns);
    if (rows->op != CHANGE_DELETE)
        read_image(&rows->after, cur, table->n_columns);
    return !cur->failed || event_too_short(event, cur, err);
}

// Table number and flags.
static bool read_head(struct cursor *cur, const struct event *event,
                      const struct event_format *format, struct table_maps *maps,
                      struct table_map **map, uint16_t *flags, struct err *err)
{
    size_t id_bytes = table_map_id_bytes(format, event->code);
    uint64_t id = table_map_read_id(cur, id_bytes);
    *flags = cursor_u16(cur);
    *map = NULL;
    if (cur->failed)
        return event_too_short(event, cur, err);
    if (is_dummy(id, id_bytes) && *flags & ROWS_FLAG_STATEMENT_END)
        return true;
    *map = table_maps_find(maps, id);
    return *map || err_at(err, ERR_CORRUPT, EVENT_HEADER_BYTES,
                          "rows of table number %llu, of which "
                          "no table map came before",
                          (unsigned long long)id);
}

bool row_event_find_map(const struct event *event, const struct event_format *format,
                        struct table_maps *maps, const struct table_map **map, struct err *err)
{
    struct cursor cur = event_cursor(event);
    struct table_map *found;
    uint16_t flags;
    bool ok = read_head(&cur, event, format, maps, &found, &flags, err);
    *map = found;
    return ok;
}

bool row_event_ends_statement(const struct event *event, const struct event_format *format)
{
    struct cursor cur = event_cursor(event);
    cursor_skip(&cur, table_map_id_bytes(format, event->code));
    uint16_t flags = cursor_u16(&cur);
    return !cur.failed && flags & ROWS_FLAG_STATEMENT_END;
}

bool row_event_parse(struct row_event *rows, const struct event *event,
                     const struct event_format *format, struct table_maps *maps,
                     struct plain *plain, struct err *err)
{
    const struct row_kind *kind = &kinds[event->code];
    struct cursor cur = event_cursor(event);
    uint16_t flags;
    if (!read_head(&cur, event, format, maps, &rows->map, &flags, err))
        return false;
    rows->op = kind->op;
    rows->ends_statement = flags & ROWS_FLAG_STATEMENT_END;
    rows->is_started = false;
    rows->is_partial = kind->is_partial;
    if (!rows->map)
        return true;
    if (!rows->map->is_wanted)
        return true;
    if (kind->has_extra && !skip_extra(event, &cur, err))
        return false;
    if (!read_images(rows, event, &cur, err))
        return false;
    rows->before.values = maps->images;
    rows->after.values = maps->images + rows->map->table.n_columns;
    rows->cur = cur;
    return !kind->is_compressed || plain_inflate(plain, &rows->cur, err);
}

static bool name_column(const struct row_event *rows, size_t i, struct err *err)
{
    const struct table *table = &rows->map->table;
    return err_wrap(err, "column %.*s of %.*s.%.*s", SLICE_ARG(table->columns[i].name),
                    SLICE_ARG(table->db), SLICE_ARG(table->name));
}

static bool decode_column(const struct row_event *rows, size_t i, struct cursor *cur,
                          struct arena *arena, struct value *value, struct err *err)
{
    return column_decode(&rows->map->formats[i], cur, arena, value, err) ||
           name_column(rows, i, err);
}

static bool cut_short(const struct row_event *rows, struct err *err)
{
    const struct table *table = &rows->map->table;
    return err_at(err, ERR_CORRUPT, cursor_offset(&rows->cur), "a row of %.*s.%.*s is cut short",
                  SLICE_ARG(table->db), SLICE_ARG(table->name));
}

// The bits of an image after that say which JSON columns are partial; NULL where none is.
static bool read_partial_bits(struct row_event *rows, const uint8_t **bits, struct err *err)
{
    *bits = NULL;
    uint64_t options = cursor_lenenc(&rows->cur);
    if (options & ~(uint64_t)VALUE_OPTION_PARTIAL_JSON)
        return err_at(
            err, ERR_UNSUPPORTED, cursor_offset(&rows->cur),
            "binlog_row_value_options %llx: only PARTIAL_JSON (1) is known to this version",
            (unsigned long long)options);
    size_t n_json = 0;
    for (size_t i = 0; i < rows->map->table.n_columns; i++)
        n_json += rows->map->formats[i].code == CODE_JSON;
    if (options)
        *bits = cursor_take(&rows->cur, (n_json + 7) / 8);
    return !rows->cur.failed || cut_short(rows, err);
}

static bool no_document(const struct value *before, uint64_t offset, struct err *err)
{
    if (before->kind != VALUE_ABSENT)
        return err_at(err, ERR_CORRUPT, offset, "a partial update of what was no JSON document");
    return err_at(err, ERR_UNSUPPORTED, offset,
                  "a partial JSON update cannot be applied, as the row event lacks the document "
                  "before it: SET GLOBAL binlog_row_image = 'FULL' (or binlog_row_value_options = "
                  "''), then start from a position behind this transaction");
}

// Diffs of none are nothing to do: what was absent stays absent.
static bool decode_diffs(const struct value *before, struct cursor *cur, struct arena *arena,
                         struct value *value, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    struct cursor diffs = cursor_sub(cur, cursor_u32(cur));
    if (diffs.failed)
        return err_at(err, ERR_CORRUPT, offset, "a partial JSON update is cut short");
    *value = *before;
    if (before->kind == VALUE_JSON)
        return json_diff_apply(&diffs, before->text, arena, &value->text, err);
    return cursor_done(&diffs) || no_document(before, offset, err);
}

static bool decode_partial(const struct row_event *rows, size_t i, struct cursor *cur,
                           struct arena *arena, struct value *value, struct err *err)
{
    return decode_diffs(&rows->before.values[i], cur, arena, value, err) ||
           name_column(rows, i, err);
}

// An image after of a partial update.
static bool decode_partial_image(struct row_event *rows, struct arena *arena, struct err *err)
{
    const struct row_image *image = &rows->after;
    struct cursor *cur = &rows->cur;
    struct value *values = image->values;
    const uint8_t *bits;
    if (!read_partial_bits(rows, &bits, err))
        return false;
    const uint8_t *nulls = cursor_take(cur, (image->n_present + 7) / 8);
    if (!nulls)
        return cut_short(rows, err);
    size_t k = 0;
    size_t json = 0;
    for (size_t i = 0; i < rows->map->table.n_columns; i++) {
        bool is_partial = false;
        if (bits && rows->map->formats[i].code == CODE_JSON) {
            is_partial = bits[json / 8] >> (json % 8) & 1;
            json++;
        }
        values[i].kind = VALUE_ABSENT;
        if (!(image->present[i / 8] >> (i % 8) & 1))
            continue;
        values[i].kind = VALUE_NULL;
        bool is_null = nulls[k / 8] >> (k % 8) & 1;
        k++;
        if (!is_null && !(is_partial ? decode_partial(rows, i, cur, arena, &values[i], err)
                                     : decode_column(rows, i, cur, arena, &values[i], err)))
            return false;
    }
    return true;
}

static bool decode_image(struct row_event *rows, const struct row_image *image, struct arena *arena,
                         struct err *err)
{
    size_t n_columns = rows->map->table.n_columns;
    struct value *values = image->values;
    struct cursor *cur = &rows->cur;
    const uint8_t *nulls = cursor_take(cur, (image->n_present + 7) / 8);
    if (!nulls)
        return cut_short(rows, err);
    bool is_full = image->n_present == n_columns;
    size_t k = 0;
    for (size_t i = 0; i < n_columns; i++) {
        if (!is_full && !(image->present[i / 8] >> (i % 8) & 1)) {
            values[i].kind = VALUE_ABSENT;
            continue;
        }
        bool is_null = nulls[k / 8] >> (k % 8) & 1;
        k++;
        if (is_null)
            values[i].kind = VALUE_NULL;
        else if (!decode_column(rows, i, cur, arena, &values[i], err))
            return false;
    }
    return true;
}

bool row_event_next(struct row_event *rows, struct arena *arena, struct err *err)
{
    const uint8_t *start = rows->cur.pos;
    if (rows->before.is_used && !decode_image(rows, &rows->before, arena, err))
        return false;
    if (rows->is_partial && !decode_partial_image(rows, arena, err))
        return false;
    if (!rows->is_partial && rows->after.is_used && !decode_image(rows, &rows->after, arena, err))
        return false;
    rows->is_started = true;
    if (rows->cur.pos == start && cursor_left(&rows->cur))
        return err_at(err, ERR_CORRUPT, cursor_offset(&rows->cur),
                      "rows without any column are followed by %zu bytes", cursor_left(&rows->cur));
    return true;
}
