// SPDX-License-Identifier: Apache-2.0
// Snapshot key: see snapshot_key.h.
//
// A row is looked up by the column's collation, which may find "abc" for "ABC": it stands under the
// key that it has itself, and where that is not the one asked for, there is none under that one.
#include "publisher/snapshot_key.h"

#include "binlog/cell.h"
#include "common/mem.h"
#include "record/json_decode.h"
#include "record/json_writer.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_BYTES 300

static bool refuse(const struct schema *schema, struct slice key, const char *why, struct err *err)
{
    return err_set(err, ERR_USAGE, "key %.*s of " SLICE_FMT "." SLICE_FMT ": %s",
                   (int)(key.len < SHOWN_BYTES ? key.len : SHOWN_BYTES), (const char *)key.ptr,
                   SLICE_ARG(schema->table.db), SLICE_ARG(schema->table.name), why);
}

// Members in the order of the key's columns.
static bool read_members(const struct schema *schema, const struct json_tape *tape,
                         struct arena *arena, struct value *row, struct err *err)
{
    struct json_tape part = {.n_tokens = 0};
    const struct json_decode decode = {.tape = tape, .part = &part, .arena = arena};
    const struct json_token *object = &tape->tokens[0];
    bool ok = object->kind == JSON_OBJECT;
    size_t at = 1;
    for (size_t k = 0; ok && k < schema->table.n_key; k++) {
        const struct column *column = &schema->table.columns[schema->table.key[k]];
        struct slice name;
        ok = at < tape->n_tokens && json_key(tape, &tape->tokens[at], arena, &name, err) &&
             slice_eq(name, column->name) &&
             json_decode_value(&decode, &tape->tokens[at], column, &row[schema->table.key[k]], err);
        at = ok ? tape->tokens[at].next : at;
    }
    json_tape_deinit(&part);
    return ok && at == tape->n_tokens;
}

bool key_read(const struct schema *schema, struct slice key, struct arena *arena, struct value *row,
              struct err *err)
{
    struct json_tape tape = {.n_tokens = 0};
    struct buf canonical = {0};
    if (schema->table.n_key == 0)
        return refuse(schema, key, "the table has no key", err);
    memset(row, 0, schema->table.n_columns * sizeof *row);
    bool ok =
        json_tape_parse(&tape, key, 0, 2, err) && read_members(schema, &tape, arena, row, err);
    ok = ok && json_write_key(&canonical, &schema->table, row, err) &&
         slice_eq(buf_bytes(&canonical), key);
    for (size_t k = 0; ok && k < schema->table.n_key; k++)
        ok = !value_is_null(&row[schema->table.key[k]]);
    json_tape_deinit(&tape);
    buf_deinit(&canonical);
    return ok || refuse(schema, key, "it is not one as records have it, such as {\"id\":7}", err);
}

// --- publishing --------------------------------------------------------------------------------

struct wanted {
    struct slice key;
    struct value *row;
    bool found;
};

struct keys {
    struct wanted *wanted; // sorted by key
    size_t n;
    struct arena arena;
    struct buf key; // of the row that was found
};

static int compare(const void *a, const void *b)
{
    const struct slice x = ((const struct wanted *)a)->key;
    const struct slice y = ((const struct wanted *)b)->key;
    size_t n = x.len < y.len ? x.len : y.len;
    int difference = n ? memcmp(x.ptr, y.ptr, n) : 0;
    return difference ? difference : (x.len > y.len) - (x.len < y.len);
}

static void keys_deinit(struct keys *keys)
{
    free(keys->wanted);
    arena_deinit(&keys->arena);
    buf_deinit(&keys->key);
}

static bool read_keys(const struct schema *schema, yajl_val texts, struct keys *keys,
                      struct err *err)
{
    size_t n_columns = schema->table.n_columns;
    keys->n = YAJL_GET_ARRAY(texts)->len;
    keys->wanted = mem_zalloc(keys->n * sizeof *keys->wanted);
    for (size_t i = 0; i < keys->n; i++) {
        struct wanted *wanted = &keys->wanted[i];
        wanted->key = slice_of_str(YAJL_GET_STRING(YAJL_GET_ARRAY(texts)->values[i]));
        wanted->row = arena_zalloc(&keys->arena, n_columns * sizeof *wanted->row);
        if (!key_read(schema, wanted->key, &keys->arena, wanted->row, err))
            return false;
    }
    qsort(keys->wanted, keys->n, sizeof *keys->wanted, compare);
    return true;
}

static void write_condition(struct buf *sql, const struct schema *schema, const struct keys *keys)
{
    for (size_t i = 0; i < keys->n; i++) {
        buf_str(sql, i ? " OR (" : " WHERE (");
        for (size_t k = 0; k < schema->table.n_key; k++) {
            size_t column = schema->table.key[k];
            buf_str(sql, k ? " AND " : "");
            schema_write_name(sql, schema->table.columns[column].name);
            buf_char(sql, '=');
            cell_write_value(sql, schema, column, &keys->wanted[i].row[column]);
        }
        buf_char(sql, ')');
    }
}

static bool take_row(struct snapshot_reader *reader, struct keys *keys, const struct wire_row *row,
                     struct snapshot *snapshot, struct err *err)
{
    bool refused;
    if (!reader_decode(reader, row, err))
        return false;
    buf_clear(&keys->key);
    if (!json_write_key(&keys->key, &reader->schema.table, reader->values, err))
        return false;
    const struct wanted this = {.key = buf_bytes(&keys->key)};
    struct wanted *wanted = bsearch(&this, keys->wanted, keys->n, sizeof this, compare);
    if (!wanted || wanted->found)
        return true;
    wanted->found = true;
    snapshot->rows++;
    return reader_send(reader, CHANGE_READ, &refused, err);
}

static bool send_missing(struct snapshot_reader *reader, struct keys *keys,
                         struct snapshot *snapshot, struct err *err)
{
    struct value *values = reader->values;
    bool refused;
    bool ok = true;
    for (size_t i = 0; ok && i < keys->n; i++) {
        bool is_twice = i > 0 && slice_eq(keys->wanted[i].key, keys->wanted[i - 1].key);
        if (keys->wanted[i].found || is_twice)
            continue;
        reader->values = keys->wanted[i].row;
        ok = reader_send(reader, CHANGE_DELETE, &refused, err);
        snapshot->deletes++;
    }
    reader->values = values;
    return ok;
}

// A key that comes twice is found once: both are marked.
static void mark_twins(struct keys *keys)
{
    for (size_t i = 1; i < keys->n; i++)
        if (slice_eq(keys->wanted[i].key, keys->wanted[i - 1].key))
            keys->wanted[i].found = keys->wanted[i - 1].found |= keys->wanted[i].found;
}

// *of_source: *err is of the source, which may be asked again as long as nothing was sent.
static bool publish(struct snapshot_reader *reader, struct keys *keys, struct snapshot *snapshot,
                    bool *of_source, struct err *err)
{
    struct wire *wire = reader->source->wire;
    struct buf sql = {0};
    struct wire_row row;
    uint64_t shape;
    bool found = true;
    buf_slice(&sql, buf_bytes(&reader->select));
    write_condition(&sql, &reader->schema, keys);
    *of_source = true;
    bool ok = wire_rows_open(wire, buf_bytes(&sql), &shape, err);
    buf_deinit(&sql);
    if (ok && shape != reader->cells_shape)
        ok = err_set(err, ERR_RETRY, "the table was changed while it was read");
    while (ok && found) {
        *of_source = true;
        ok = wire_rows_next(wire, &row, &found, err);
        if (!ok || !found)
            break;
        *of_source = false;
        ok = take_row(reader, keys, &row, snapshot, err);
    }
    if (!ok)
        return false;
    wire_rows_close(wire);
    mark_twins(keys);
    *of_source = false;
    if (!send_missing(reader, keys, snapshot, err))
        return false;
    *of_source = true;
    return source_end(reader->source, err);
}

bool key_publish(struct snapshot_reader *reader, struct snapshot *snapshot, yajl_val texts,
                 enum snapshot_outcome *outcome, struct err *err)
{
    struct session *session = reader->session;
    struct keys keys = {.n = 0};
    bool is_there = false;
    bool of_source = true;
    *outcome = OUTCOME_FAILED;
    reader_begin(reader);
    if (!read_keys(&reader->schema, texts, &keys, err)) {
        keys_deinit(&keys);
        return true;
    }
    bool ok = source_begin(reader->source, &session->server, reader_position(session->reader),
                           &is_there, err) &&
              (!is_there || publish(reader, &keys, snapshot, &of_source, err));
    keys_deinit(&keys);
    if (ok)
        *outcome = is_there ? OUTCOME_END : OUTCOME_MORE;
    else if (of_source)
        *outcome = reader_judge(reader, err);
    snapshot->dirty = true;
    return ok || of_source;
}
