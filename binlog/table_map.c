// SPDX-License-Identifier: Apache-2.0
// Table map: see table_map.h. MySQL manual: "Binary Log Event", Table_map_event.
//
//   post-header   table number 6 (4 where the post-header has 6 bytes) · flags 2
//   body          db: length, bytes, NUL · table: the same · number of columns n · n type codes ·
//                 length of the metadata, metadata of each column · nullable bits, (n + 7) / 8
//   optional      to the end: type 1 · length · value (see `enum field`); since MySQL 8.0.1 and
//                 MariaDB 10.5
//
// Lengths and numbers are length-encoded integers. Bits of the nullable map start at the low end of
// a byte, those of the optional metadata at the high end. Invariant: a cached table map has the
// bytes of the event that made it; another event of that number replaces it.
#include "binlog/table_map.h"

#include "common/mem.h"
#include "common/utf8.h"

#include <stdio.h>
#include <stdlib.h>

#define MAP_BYTES 1024    // of a table of few columns
#define MAP_HOT_BYTES 640 // of these: the map, the event's body, the columns' formats
#define CACHE_LINE_BYTES 64
#define COLUMNS_LEAST 16 // there is room for, once there is a table

enum field {
    FIELD_SIGNEDNESS = 1,             // a bit for each numeric column
    FIELD_DEFAULT_CHARSET = 2,        // collation, then (n-th character column, collation)…
    FIELD_COLUMN_CHARSET = 3,         // collation of each character column
    FIELD_COLUMN_NAME = 4,            // length and bytes of each
    FIELD_SET_LABELS = 5,             // for each SET: number, then length and bytes of each
    FIELD_ENUM_LABELS = 6,            // for each ENUM: the same
    FIELD_GEOMETRY_TYPE = 7,          // a number for each geometry column
    FIELD_SIMPLE_KEY = 8,             // column numbers
    FIELD_PREFIX_KEY = 9,             // (column number, prefix length)…
    FIELD_LABEL_DEFAULT_CHARSET = 10, // as 2, over ENUM and SET columns
    FIELD_LABEL_COLUMN_CHARSET = 11,  // as 3, over ENUM and SET columns
    FIELD_VISIBILITY = 12,            // a bit for each column
    FIELD_VECTOR_DIMENSIONALITY = 13, // a number for each vector column
    FIELDS,
};

// What is known while one event is read.
struct parse {
    const struct event *event;
    struct table_map *map;
    struct column *columns;
    size_t n_columns;
    struct slice fields[FIELDS];
    bool has_field[FIELDS];
    bool is_mariadb;
};

size_t table_map_id_bytes(const struct event_format *format, uint8_t code)
{
    return format->post_header_bytes[code] == 6 ? 4 : 6;
}

static bool corrupt(const struct parse *parse, const struct cursor *cur, const char *what,
                    struct err *err)
{
    return err_at(err, ERR_CORRUPT, cursor_offset(cur), "TABLE_MAP_EVENT of %.*s.%.*s: %s",
                  SLICE_ARG(parse->map->table.db), SLICE_ARG(parse->map->table.name), what);
}

static struct cursor field_cursor(const struct parse *parse, enum field field)
{
    struct cursor cur = cursor_of(parse->fields[field]);
    cur.base = parse->event->bytes.ptr;
    if (!cur.pos)
        cur.pos = cur.end = cur.base;
    return cur;
}

// Columns that have a bit among the signs.
static bool is_numeric(const struct column_format *format)
{
    switch (format->code) {
    case CODE_TINY:
    case CODE_SHORT:
    case CODE_INT24:
    case CODE_LONG:
    case CODE_LONGLONG:
    case CODE_NEWDECIMAL:
    case CODE_FLOAT:
    case CODE_DOUBLE:
    case CODE_YEAR:
        return true;
    default: // of the server's codes, not of ours
        return false;
    }
}

// ENUM and SET travel as CODE_STRING with their own code in the high byte of the metadata.
static uint8_t real_code(const struct column_format *format)
{
    uint8_t real = (uint8_t)(format->meta >> 8);
    bool has_labels = format->code == CODE_STRING && (real == CODE_ENUM || real == CODE_SET);
    return has_labels ? real : format->code;
}

typedef bool column_test(const struct parse *parse, const struct column_format *format);

static bool is_label(const struct parse *parse, const struct column_format *format)
{
    (void)parse;
    return real_code(format) == CODE_ENUM || real_code(format) == CODE_SET;
}

// Columns that have a collation. MySQL counts vectors among them, MariaDB geometry.
static bool is_character(const struct parse *parse, const struct column_format *format)
{
    switch (format->code) {
    case CODE_STRING:
        return !is_label(parse, format);
    case CODE_GEOMETRY:
        return parse->is_mariadb;
    case CODE_VAR_STRING:
    case CODE_VARCHAR:
    case CODE_BLOB:
    case CODE_TINY_BLOB:
    case CODE_MEDIUM_BLOB:
    case CODE_LONG_BLOB:
    case CODE_MARIADB_BLOB_COMPRESSED:
    case CODE_MARIADB_VARCHAR_COMPRESSED:
    case CODE_VECTOR:
        return true;
    default: // of the server's codes, not of ours
        return false;
    }
}

// Metadata of one column. Two-byte forms keep the server's order: high byte first where the first
// byte is a code or a precision, low byte first for lengths.
static uint16_t read_meta(uint8_t code, struct cursor *cur)
{
    switch (code) {
    case CODE_FLOAT:
    case CODE_DOUBLE:
    case CODE_TINY_BLOB:
    case CODE_BLOB:
    case CODE_MEDIUM_BLOB:
    case CODE_LONG_BLOB:
    case CODE_GEOMETRY:
    case CODE_JSON:
    case CODE_VECTOR:
    case CODE_TIME2:
    case CODE_DATETIME2:
    case CODE_TIMESTAMP2:
    case CODE_MARIADB_BLOB_COMPRESSED:
        return cursor_u8(cur);
    case CODE_STRING:
    case CODE_VAR_STRING:
    case CODE_ENUM:
    case CODE_SET:
    case CODE_NEWDECIMAL:
        return (uint16_t)cursor_be(cur, 2);
    case CODE_VARCHAR:
    case CODE_BIT:
    case CODE_MARIADB_VARCHAR_COMPRESSED:
        return cursor_u16(cur);
    default: // the others have none
        return 0;
    }
}

static bool read_names(struct parse *parse, struct cursor *cur, struct err *err)
{
    struct slice *names[] = {&parse->map->table.db, &parse->map->table.name};
    for (size_t i = 0; i < 2; i++) {
        struct slice name = cursor_lenenc_bytes(cur);
        if (cursor_u8(cur) != 0 || cur->failed || !utf8_is_valid(name))
            return err_at(err, ERR_CORRUPT, cursor_offset(cur),
                          "TABLE_MAP_EVENT: no valid name of a database and a table");
        *names[i] = name;
    }
    return true;
}

static void allocate_columns(struct parse *parse)
{
    struct table_map *map = parse->map;
    size_t n = parse->n_columns;
    map->formats = arena_zalloc(&map->arena, n * sizeof *map->formats);
    parse->columns = arena_zalloc(&map->arena, n * sizeof *parse->columns);
    map->table.columns = parse->columns;
    map->table.n_columns = n;
}

static bool read_columns(struct parse *parse, struct cursor *cur, struct err *err)
{
    uint64_t n = cursor_lenenc(cur);
    if (cur->failed || n > cursor_left(cur) || n > TABLE_COLUMNS_MAX)
        return corrupt(parse, cur, "the number of columns does not fit", err);
    parse->n_columns = (size_t)n;
    allocate_columns(parse);
    struct column_format *formats = parse->map->formats;
    for (size_t i = 0; i < parse->n_columns; i++)
        formats[i].code = cursor_u8(cur);
    uint64_t meta_bytes = cursor_lenenc(cur);
    if (cur->failed || meta_bytes > cursor_left(cur))
        return corrupt(parse, cur, "the metadata do not fit", err);
    struct cursor meta = cursor_sub(cur, (size_t)meta_bytes);
    for (size_t i = 0; i < parse->n_columns; i++)
        formats[i].meta = read_meta(formats[i].code, &meta);
    if (!cursor_done(&meta))
        return corrupt(parse, &meta, "the metadata do not fit the columns", err);
    struct slice nullable = cursor_bytes(cur, (parse->n_columns + 7) / 8);
    if (cur->failed)
        return corrupt(parse, cur, "it ends before the nullable bits", err);
    for (size_t i = 0; i < parse->n_columns; i++)
        formats[i].is_nullable = nullable.ptr[i / 8] >> (i % 8) & 1;
    return true;
}

static bool find_fields(struct parse *parse, struct cursor *cur, struct err *err)
{
    while (!cur->failed && cursor_left(cur)) {
        size_t offset = cursor_offset(cur);
        uint8_t field = cursor_u8(cur);
        struct slice value = cursor_lenenc_bytes(cur);
        if (cur->failed)
            break;
        if (field == 0 || field >= FIELDS)
            return err_at(err, ERR_UNSUPPORTED, offset,
                          "TABLE_MAP_EVENT of %.*s.%.*s: metadata field %u is not known",
                          SLICE_ARG(parse->map->table.db), SLICE_ARG(parse->map->table.name),
                          field);
        if (parse->has_field[field])
            return corrupt(parse, cur, "a metadata field comes twice", err);
        parse->has_field[field] = true;
        parse->fields[field] = value;
    }
    return !cur->failed || corrupt(parse, cur, "the optional metadata are cut short", err);
}

static bool read_signs(struct parse *parse, struct err *err)
{
    parse->map->has_signs = parse->has_field[FIELD_SIGNEDNESS];
    if (!parse->map->has_signs)
        return true; // signed, as mysqlbinlog takes them
    struct cursor cur = field_cursor(parse, FIELD_SIGNEDNESS);
    size_t n = 0;
    uint8_t bits = 0;
    for (size_t i = 0; i < parse->n_columns; i++) {
        struct column_format *format = &parse->map->formats[i];
        if (!is_numeric(format))
            continue;
        if (n % 8 == 0)
            bits = cursor_u8(&cur);
        format->is_unsigned = bits >> (7 - n % 8) & 1;
        n++;
    }
    return cursor_done(&cur) || corrupt(parse, &cur, "signs do not fit the columns", err);
}

static void set_collation(struct column_format *format, uint64_t collation)
{
    format->collation = (uint16_t)collation;
    format->is_binary = collation == COLLATION_BINARY;
}

// The n-th (from 0) of the columns that pass the test; NULL where there are fewer.
static struct column_format *nth_column(struct parse *parse, column_test *test, uint64_t n)
{
    for (size_t i = 0; i < parse->n_columns; i++)
        if (test(parse, &parse->map->formats[i]) && n-- == 0)
            return &parse->map->formats[i];
    return NULL;
}

static bool read_default_charset(struct parse *parse, enum field field, column_test *test,
                                 struct err *err)
{
    if (!parse->has_field[field])
        return true;
    struct cursor cur = field_cursor(parse, field);
    uint64_t collation = cursor_lenenc(&cur);
    for (size_t i = 0; i < parse->n_columns; i++)
        if (test(parse, &parse->map->formats[i]))
            set_collation(&parse->map->formats[i], collation);
    while (!cur.failed && cursor_left(&cur)) {
        uint64_t n = cursor_lenenc(&cur);
        collation = cursor_lenenc(&cur);
        struct column_format *format = nth_column(parse, test, n);
        if (cur.failed || !format || collation > UINT16_MAX)
            return corrupt(parse, &cur, "character sets do not fit the columns", err);
        set_collation(format, collation);
    }
    return !cur.failed || corrupt(parse, &cur, "character sets are cut short", err);
}

static bool read_column_charset(struct parse *parse, enum field field, column_test *test,
                                struct err *err)
{
    if (!parse->has_field[field])
        return true;
    struct cursor cur = field_cursor(parse, field);
    for (size_t i = 0; i < parse->n_columns; i++)
        if (test(parse, &parse->map->formats[i]))
            set_collation(&parse->map->formats[i], cursor_lenenc(&cur));
    return cursor_done(&cur) || corrupt(parse, &cur, "character sets do not fit the columns", err);
}

static bool read_column_names(struct parse *parse, struct err *err)
{
    struct arena *arena = &parse->map->arena;
    struct cursor cur = field_cursor(parse, FIELD_COLUMN_NAME);
    parse->map->has_names = parse->has_field[FIELD_COLUMN_NAME];
    for (size_t i = 0; i < parse->n_columns; i++) {
        char numbered[24];
        struct slice name = slice_of(numbered, 0);
        if (parse->map->has_names)
            name = cursor_lenenc_bytes(&cur);
        else
            name.len = (size_t)snprintf(numbered, sizeof numbered, "@%zu", i + 1);
        if (cur.failed || !utf8_is_valid(name))
            return corrupt(parse, &cur, "column names do not fit the columns", err);
        parse->columns[i].name = arena_copy(arena, name);
    }
    return cursor_done(&cur) || corrupt(parse, &cur, "there are names without columns", err);
}

static bool read_label(struct parse *parse, const struct column_format *format, struct cursor *cur,
                       struct slice *label, struct err *err)
{
    struct slice bytes = cursor_lenenc_bytes(cur);
    if (cur->failed)
        return corrupt(parse, cur, "labels are cut short", err);
    const struct charset *charset =
        format->is_binary ? NULL : charset_of_collation(format->collation);
    if (!charset) {
        *label = arena_copy(&parse->map->arena, bytes);
        return utf8_is_valid(bytes) || corrupt(parse, cur, "a label is not UTF-8", err);
    }
    struct value text;
    if (!charset_to_utf8(charset, bytes, &parse->map->arena, &text, err))
        return err_wrap(err, "label of %.*s.%.*s", SLICE_ARG(parse->map->table.db),
                        SLICE_ARG(parse->map->table.name));
    if (text.kind != VALUE_TEXT)
        return corrupt(parse, cur, "a label is invalid in its character set", err);
    *label = arena_copy(&parse->map->arena, text.text);
    return true;
}

static bool read_labels(struct parse *parse, enum field field, uint8_t code, struct err *err)
{
    if (!parse->has_field[field])
        return true;
    struct cursor cur = field_cursor(parse, field);
    for (size_t i = 0; i < parse->n_columns; i++) {
        struct column_format *format = &parse->map->formats[i];
        if (real_code(format) != code)
            continue;
        uint64_t n = cursor_lenenc(&cur);
        if (cur.failed || n > cursor_left(&cur)) // a label has one byte at least
            return corrupt(parse, &cur, "labels do not fit the columns", err);
        struct slice *labels = arena_alloc(&parse->map->arena, (size_t)n * sizeof *labels);
        for (size_t k = 0; k < n; k++)
            if (!read_label(parse, format, &cur, &labels[k], err))
                return false;
        format->labels = labels;
        format->n_labels = (uint32_t)n;
    }
    return cursor_done(&cur) || corrupt(parse, &cur, "there are labels without columns", err);
}

// The whole column stands for a key over its prefix.
static bool read_key(struct parse *parse, enum field field, struct err *err)
{
    if (!parse->has_field[field])
        return true;
    struct cursor cur = field_cursor(parse, field);
    uint16_t *key = arena_alloc(&parse->map->arena, cursor_left(&cur) * sizeof *key);
    size_t n = 0;
    while (!cur.failed && cursor_left(&cur)) {
        uint64_t column = cursor_lenenc(&cur);
        if (field == FIELD_PREFIX_KEY)
            (void)cursor_lenenc(&cur);
        if (cur.failed || column >= parse->n_columns)
            return corrupt(parse, &cur, "the key does not fit the columns", err);
        key[n++] = (uint16_t)column;
    }
    parse->map->table.key = key;
    parse->map->table.n_key = n;
    return true;
}

// Fields that no value depends on are still read, so that damage in them shows.
static bool check_numbers(struct parse *parse, enum field field, struct err *err)
{
    struct cursor cur = field_cursor(parse, field);
    while (!cur.failed && cursor_left(&cur))
        (void)cursor_lenenc(&cur);
    return !cur.failed || corrupt(parse, &cur, "a metadata field is cut short", err);
}

static bool check_visibility(struct parse *parse, struct err *err)
{
    if (!parse->has_field[FIELD_VISIBILITY] ||
        parse->fields[FIELD_VISIBILITY].len == (parse->n_columns + 7) / 8)
        return true;
    struct cursor cur = field_cursor(parse, FIELD_VISIBILITY);
    return corrupt(parse, &cur, "visibility does not fit the columns", err);
}

static bool read_fields(struct parse *parse, struct err *err)
{
    return read_signs(parse, err) &&
           read_default_charset(parse, FIELD_DEFAULT_CHARSET, is_character, err) &&
           read_column_charset(parse, FIELD_COLUMN_CHARSET, is_character, err) &&
           read_default_charset(parse, FIELD_LABEL_DEFAULT_CHARSET, is_label, err) &&
           read_column_charset(parse, FIELD_LABEL_COLUMN_CHARSET, is_label, err) &&
           read_column_names(parse, err) && read_labels(parse, FIELD_ENUM_LABELS, CODE_ENUM, err) &&
           read_labels(parse, FIELD_SET_LABELS, CODE_SET, err) &&
           read_key(parse, FIELD_SIMPLE_KEY, err) && read_key(parse, FIELD_PREFIX_KEY, err) &&
           check_numbers(parse, FIELD_GEOMETRY_TYPE, err) &&
           check_numbers(parse, FIELD_VECTOR_DIMENSIONALITY, err) && check_visibility(parse, err);
}

static bool resolve_columns(struct parse *parse, struct err *err)
{
    struct table *table = &parse->map->table;
    for (size_t i = 0; i < parse->n_columns; i++) {
        struct column_format *format = &parse->map->formats[i];
        parse->columns[i].is_unsigned = format->is_unsigned;
        if (!column_format_resolve(format, err) || !column_shape(format, &parse->columns[i], err))
            return err_wrap(err, "column %.*s of %.*s.%.*s", SLICE_ARG(parse->columns[i].name),
                            SLICE_ARG(table->db), SLICE_ARG(table->name));
    }
    table_render(table, parse->columns, &parse->map->arena);
    return true;
}

// The event's bytes are copied first: names, types and labels of the map may then borrow from the
// copy.
static bool parse_map(struct table_map *map, const struct event *event,
                      const struct event_format *format, const struct table_filter *filter,
                      struct err *err)
{
    map->body = arena_copy(&map->arena, event->body);
    struct parse parse = {.event = event, .map = map, .is_mariadb = format->is_mariadb};
    struct cursor cur = event_cursor(event);
    cursor_skip(&cur, table_map_id_bytes(format, EVENT_TABLE_MAP) + 2);
    if (!read_names(&parse, &cur, err))
        return false;
    map->table.db = arena_copy(&map->arena, map->table.db);
    map->table.name = arena_copy(&map->arena, map->table.name);
    map->is_wanted = table_filter_wants(filter, map->table.db, map->table.name);
    if (!map->is_wanted)
        return true;
    return read_columns(&parse, &cur, err) && find_fields(&parse, &cur, err) &&
           read_fields(&parse, err) && resolve_columns(&parse, err);
}

// --- names from the server -----------------------------------------------------------------------

static bool refuse_shape(const struct table_map *map, const struct column *columns,
                         const struct schema *schema, struct err *err)
{
    const struct table *table = &map->table;
    struct buf types = {0};
    for (size_t i = 0; i < table->n_columns; i++) {
        buf_str(&types, i ? ", " : "");
        column_type_write(&types, &columns[i]);
    }
    err_set(err, ERR_UNSUPPORTED,
            "rows of " SLICE_FMT "." SLICE_FMT " have no column names (binlog_row_metadata is not "
            "FULL), and the table on the server is another: the log has (%s), the server " SLICE_FMT
            ". Leave the table out with [tables] exclude, or go on behind these rows with "
            "`tailrace offsets reset publisher --to` and copy the table again",
            SLICE_ARG(table->db), SLICE_ARG(table->name), buf_cstr(&types),
            SLICE_ARG(schema->table.columns_header));
    buf_deinit(&types);
    return false;
}

static void copy_labels(struct table_map *map, struct column_format *format,
                        const struct schema_column *from)
{
    struct slice *labels = arena_alloc(&map->arena, from->n_labels * sizeof *labels);
    for (size_t i = 0; i < from->n_labels; i++)
        labels[i] = arena_copy(&map->arena, from->labels[i]);
    format->labels = labels;
    format->n_labels = (uint32_t)from->n_labels;
}

// What the event itself says of a column stays; the rest comes from the server.
static bool fill_column(struct table_map *map, size_t i, const struct schema *schema,
                        struct column *column, struct err *err)
{
    struct column_format *format = &map->formats[i];
    const struct column *shape = &schema->table.columns[i];
    const struct schema_column *from = &schema->columns[i];
    bool is_text =
        shape->type == COLUMN_CHAR || shape->type == COLUMN_VARCHAR || shape->type == COLUMN_TEXT;
    bool is_bytes = shape->type == COLUMN_BINARY || shape->type == COLUMN_VARBINARY ||
                    shape->type == COLUMN_BLOB;
    if (!map->has_signs)
        format->is_unsigned = shape->is_unsigned;
    if (format->collation == 0 && (is_text || is_bytes)) {
        format->text = from->text;
        format->is_binary = !from->text;
    }
    if (!format->labels && from->labels)
        copy_labels(map, format, from);
    column->is_unsigned = format->is_unsigned;
    column->name = arena_copy(&map->arena, shape->name);
    return column_shape(format, column, err);
}

static bool same_type(const struct column *a, const struct column *b)
{
    struct buf text_a = {0};
    struct buf text_b = {0};
    column_type_write(&text_a, a);
    column_type_write(&text_b, b);
    bool same = slice_eq(buf_bytes(&text_a), buf_bytes(&text_b));
    buf_deinit(&text_a);
    buf_deinit(&text_b);
    return same;
}

static void copy_key(struct table_map *map, const struct table *from)
{
    uint16_t *key = arena_alloc(&map->arena, from->n_key * sizeof *key);
    for (size_t i = 0; i < from->n_key; i++)
        key[i] = from->key[i];
    map->table.key = key;
    map->table.n_key = from->n_key;
}

static bool fetch_names(const struct table_maps *maps, struct table_map *map, struct err *err)
{
    struct table *table = &map->table;
    const struct names_place place = {table->db, table->name, maps->file, maps->begin_pos};
    const struct schema *schema;
    if (!maps->names->find(maps->names->into, &place, &schema, err))
        return false;
    if (schema->table.n_columns != table->n_columns)
        return refuse_shape(map, table->columns, schema, err);
    struct column *columns = arena_zalloc(&map->arena, table->n_columns * sizeof *columns);
    for (size_t i = 0; i < table->n_columns; i++)
        if (!fill_column(map, i, schema, &columns[i], err))
            return false;
    for (size_t i = 0; i < table->n_columns; i++)
        if (!same_type(&columns[i], &schema->table.columns[i]))
            return refuse_shape(map, columns, schema, err);
    copy_key(map, &schema->table);
    map->has_names = true;
    table->columns = columns;
    table_render(table, columns, &map->arena);
    return true;
}

// --- the cache -----------------------------------------------------------------------------------

static struct table_map **bucket_of(struct table_maps *maps, uint64_t id)
{
    return &maps->buckets[id % TABLE_MAP_BUCKETS];
}

static void enqueue(struct table_maps *maps, struct table_map *map)
{
    map->newer = NULL;
    map->older = maps->newest;
    if (maps->newest)
        maps->newest->newer = map;
    else
        maps->oldest = map;
    maps->newest = map;
}

static void dequeue(struct table_maps *maps, struct table_map *map)
{
    *(map->newer ? &map->newer->older : &maps->newest) = map->older;
    *(map->older ? &map->older->newer : &maps->oldest) = map->newer;
}

static void remove_map(struct table_maps *maps, struct table_map *map)
{
    struct table_map **link = bucket_of(maps, map->id);
    while (*link != map)
        link = &(*link)->next;
    *link = map->next;
    dequeue(maps, map);
    if (maps->last == map)
        maps->last = NULL;
    maps->n--;
    maps->bytes -= map->arena.used_bytes;
    struct arena arena = map->arena;
    arena_deinit(&arena);
}

// The oldest go, those that were used since their turn last came get another one.
static void make_room(struct table_maps *maps)
{
    while (maps->n >= TABLE_MAPS_MAX || (maps->n && maps->bytes > TABLE_MAPS_BYTES_MAX)) {
        struct table_map *map = maps->oldest;
        if (!map->is_used) {
            remove_map(maps, map);
            continue;
        }
        map->is_used = false;
        dequeue(maps, map);
        enqueue(maps, map);
    }
}

void table_maps_clear(struct table_maps *maps)
{
    for (size_t i = 0; i < TABLE_MAP_BUCKETS; i++)
        while (maps->buckets[i])
            remove_map(maps, maps->buckets[i]);
    free(maps->images);
    maps->images = NULL;
    maps->n_images = 0;
}

static void make_images(struct table_maps *maps, size_t n_columns)
{
    if (maps->images && 2 * n_columns <= maps->n_images)
        return;
    maps->n_images = n_columns > COLUMNS_LEAST ? 2 * n_columns : 2 * COLUMNS_LEAST;
    maps->images = mem_realloc(maps->images, maps->n_images * sizeof *maps->images);
}

// With thousands of tables none is near the processor any more. What the event is compared with and
// the rows are decoded with is asked for at once, instead of one after the other as it is needed.
static void expect_use(const struct table_map *map)
{
    for (size_t at = 0; map && at < MAP_HOT_BYTES; at += CACHE_LINE_BYTES)
        __builtin_prefetch((const char *)map + at);
}

struct table_map *table_maps_find(struct table_maps *maps, uint64_t id)
{
    struct table_map *map = maps->last;
    if (!map || map->id != id) {
        map = *bucket_of(maps, id);
        expect_use(map);
        while (map && map->id != id)
            map = map->next;
    }
    if (map) {
        map->is_used = true;
        maps->last = map;
    }
    return map;
}

static struct table_map *new_map(uint64_t id)
{
    struct arena arena = {.block_bytes = MAP_BYTES};
    struct table_map *map = arena_zalloc(&arena, sizeof *map);
    map->id = id;
    map->arena = arena;
    return map;
}

bool table_maps_add(struct table_maps *maps, const struct event *event,
                    const struct event_format *format, const struct table_filter *filter,
                    struct err *err)
{
    struct cursor cur = event_cursor(event);
    uint64_t id = table_map_read_id(&cur, table_map_id_bytes(format, EVENT_TABLE_MAP));
    if (cur.failed)
        return event_too_short(event, &cur, err);
    struct table_map *map = table_maps_find(maps, id);
    if (map && slice_eq(map->body, event->body))
        return true;
    if (map)
        remove_map(maps, map);
    make_room(maps);
    map = new_map(id);
    bool ok = parse_map(map, event, format, filter, err);
    if (ok && map->is_wanted && !map->has_names && maps->names)
        ok = fetch_names(maps, map, err);
    map->next = *bucket_of(maps, id);
    *bucket_of(maps, id) = map;
    enqueue(maps, map);
    maps->n++;
    maps->bytes += map->arena.used_bytes;
    maps->last = map;
    if (!ok)
        remove_map(maps, map);
    else
        make_images(maps, map->table.n_columns);
    return ok;
}
