// SPDX-License-Identifier: Apache-2.0
// JSON reader: see json_reader.h. The value is put on a tape once; source names the table, the
// header its columns, the key its key: together they are a shape, which is made once and found
// again by a hash of them.
#include "record/json_reader.h"

#include "common/mem.h"
#include "record/json_decode.h"
#include "record/murmur2.h"

#include <stdlib.h>

#define SHAPE_BUCKETS 4096
#define SHAPES_MAX 1000000

struct shape {
    struct shape *next; // in the same bucket
    uint32_t hash;
    struct table table;
    struct slice header; // as it came
    struct arena arena;
};

struct json_reader {
    struct json_tape value;
    struct json_tape key;
    struct json_tape part; // header, and what lies inside a value
    struct shape *buckets[SHAPE_BUCKETS];
    size_t n_shapes;
    struct slice *key_names; // of the message's key
    size_t n_key;
    size_t cap_key;
};

enum { ROOT_BEFORE, ROOT_AFTER, ROOT_SOURCE, ROOT_OP, ROOT_TS_MS, ROOT_TRANSACTION, N_ROOT };
static const char *const root_names[N_ROOT] = {
    [ROOT_BEFORE] = "before", [ROOT_AFTER] = "after", [ROOT_SOURCE] = "source",
    [ROOT_OP] = "op",         [ROOT_TS_MS] = "ts_ms", [ROOT_TRANSACTION] = "transaction",
};

enum {
    SOURCE_VERSION,
    SOURCE_CONNECTOR,
    SOURCE_NAME,
    SOURCE_TS_MS,
    SOURCE_TS_US,
    SOURCE_SNAPSHOT,
    SOURCE_DB,
    SOURCE_TABLE,
    SOURCE_SERVER_ID,
    SOURCE_GTID,
    SOURCE_FILE,
    SOURCE_POS,
    SOURCE_ROW,
    SOURCE_THREAD,
    SOURCE_QUERY,
    N_SOURCE
};
static const char *const source_names[N_SOURCE] = {
    [SOURCE_VERSION] = "version",
    [SOURCE_CONNECTOR] = "connector",
    [SOURCE_NAME] = "name",
    [SOURCE_TS_MS] = "ts_ms",
    [SOURCE_TS_US] = "ts_us",
    [SOURCE_SNAPSHOT] = "snapshot",
    [SOURCE_DB] = "db",
    [SOURCE_TABLE] = "table",
    [SOURCE_SERVER_ID] = "server_id",
    [SOURCE_GTID] = "gtid",
    [SOURCE_FILE] = "file",
    [SOURCE_POS] = "pos",
    [SOURCE_ROW] = "row",
    [SOURCE_THREAD] = "thread",
    [SOURCE_QUERY] = "query",
};

// One message while it is read.
struct message {
    struct json_reader *reader;
    const struct json_tape *tape;
    const struct record_bytes *bytes;
    struct arena *arena;
    struct change *change;
    struct err *err;
};

struct json_reader *json_reader_new(void)
{
    return mem_zalloc(sizeof(struct json_reader));
}

static void shape_free(struct shape *shape)
{
    arena_deinit(&shape->arena);
    free(shape);
}

void json_reader_free(struct json_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < SHAPE_BUCKETS; i++) {
        while (reader->buckets[i]) {
            struct shape *next = reader->buckets[i]->next;
            shape_free(reader->buckets[i]);
            reader->buckets[i] = next;
        }
    }
    json_tape_deinit(&reader->value);
    json_tape_deinit(&reader->key);
    json_tape_deinit(&reader->part);
    free(reader->key_names);
    free(reader);
}

// Number of the column of that name, first looked for at `hint`, where it is as a rule; n_columns
// when there is none.
static size_t find_column(const struct table *table, struct slice name, size_t hint)
{
    for (size_t at = hint; at < table->n_columns; at++)
        if (slice_eq(table->columns[at].name, name))
            return at;
    for (size_t at = 0; at < hint && at < table->n_columns; at++)
        if (slice_eq(table->columns[at].name, name))
            return at;
    return table->n_columns;
}

static bool read_column(const struct json_tape *tape, const struct json_token *token,
                        struct shape *shape, struct column *column, struct err *err)
{
    struct table *table = &shape->table;
    struct arena *arena = &shape->arena;
    struct slice name;
    struct slice type;
    if (!json_key(tape, token, arena, &name, err) || !json_string(tape, token, arena, &type, err))
        return false;
    if (find_column(table, name, 0) < table->n_columns)
        return err_at(err, ERR_CORRUPT, token->key_start, "repeated column \"" SLICE_FMT "\"",
                      SLICE_ARG(name));
    if (!column_type_read(type, column, err))
        return err_wrap(err, "column " SLICE_FMT, SLICE_ARG(name));
    column->name = arena_copy(arena, name);
    table->n_columns++;
    return true;
}

static bool read_columns(struct json_reader *reader, struct shape *shape, struct err *err)
{
    const struct json_tape *tape = &reader->part;
    if (!json_tape_parse(&reader->part, shape->header, 0, 1, err))
        return false;
    if (tape->tokens[0].kind != JSON_OBJECT)
        return json_expected(tape, tape->tokens, "an object", err);
    size_t n = tape->n_tokens - 1;
    if (n > TABLE_COLUMNS_MAX)
        return err_at(err, ERR_CORRUPT, 0, "%zu columns; a table has 1 to %d", n,
                      TABLE_COLUMNS_MAX);
    struct column *columns = arena_zalloc(&shape->arena, n * sizeof *columns + 1);
    shape->table.columns = columns;
    for (size_t i = 0; i < n; i++)
        if (!read_column(tape, &tape->tokens[1 + i], shape, &columns[i], err))
            return false;
    table_render(&shape->table, columns, &shape->arena);
    return true;
}

// The key's names become column numbers.
static bool bind_key(const struct json_reader *reader, struct shape *shape, struct err *err)
{
    struct table *table = &shape->table;
    uint16_t *key = arena_alloc(&shape->arena, reader->n_key * sizeof *key + 1);
    for (size_t i = 0; i < reader->n_key; i++) {
        size_t column = find_column(table, reader->key_names[i], 0);
        uint32_t offset = reader->key.tokens[1 + i].key_start;
        if (column == table->n_columns)
            return err_at(err, ERR_CORRUPT, offset, "key: unknown column \"" SLICE_FMT "\"",
                          SLICE_ARG(reader->key_names[i]));
        for (size_t other = 0; other < i; other++)
            if (key[other] == column)
                return err_at(err, ERR_CORRUPT, offset, "key: repeated column \"" SLICE_FMT "\"",
                              SLICE_ARG(reader->key_names[i]));
        key[i] = (uint16_t)column;
    }
    table->key = key;
    table->n_key = reader->n_key;
    return true;
}

static struct shape *shape_new(struct json_reader *reader, const struct table *wanted,
                               struct slice header, struct err *err)
{
    struct shape *shape = mem_zalloc(sizeof *shape);
    shape->table.db = arena_copy(&shape->arena, wanted->db);
    shape->table.name = arena_copy(&shape->arena, wanted->name);
    shape->header = arena_copy(&shape->arena, header);
    if (!read_columns(reader, shape, err))
        (void)err_wrap(err, "header columns");
    else if (bind_key(reader, shape, err))
        return shape;
    shape_free(shape);
    return NULL;
}

static bool shape_is(const struct shape *shape, const struct json_reader *reader,
                     const struct table *wanted, struct slice header)
{
    const struct table *table = &shape->table;
    if (!slice_eq(table->db, wanted->db) || !slice_eq(table->name, wanted->name) ||
        !slice_eq(shape->header, header) || table->n_key != reader->n_key)
        return false;
    for (size_t i = 0; i < table->n_key; i++)
        if (!slice_eq(table->columns[table->key[i]].name, reader->key_names[i]))
            return false;
    return true;
}

// The table for wanted->db, wanted->name, the header and the names in the key; NULL with *err set.
static const struct table *find_table(struct json_reader *reader, const struct table *wanted,
                                      struct slice header, struct err *err)
{
    uint32_t hash = murmur2(wanted->db) ^ 31 * murmur2(wanted->name) ^ 37 * murmur2(header);
    struct shape **bucket = &reader->buckets[hash % SHAPE_BUCKETS];
    for (struct shape *shape = *bucket; shape; shape = shape->next)
        if (shape->hash == hash && shape_is(shape, reader, wanted, header))
            return &shape->table;
    if (reader->n_shapes == SHAPES_MAX) {
        (void)err_set(err, ERR_UNSUPPORTED, "more than %d shapes of tables in one process",
                      SHAPES_MAX);
        return NULL;
    }
    struct shape *shape = shape_new(reader, wanted, header, err);
    if (!shape)
        return NULL;
    shape->hash = hash;
    shape->next = *bucket;
    *bucket = shape;
    reader->n_shapes++;
    return &shape->table;
}

// The names in the message's key; none for a message without one.
static bool read_key_names(const struct message *message)
{
    struct json_reader *reader = message->reader;
    struct json_tape *tape = &reader->key;
    reader->n_key = 0;
    if (message->bytes->key.len == 0)
        return true;
    if (!json_tape_parse(tape, message->bytes->key, 0, 1, message->err))
        return err_wrap(message->err, "key");
    size_t n = tape->n_tokens - 1;
    if (tape->tokens[0].kind != JSON_OBJECT || n > TABLE_COLUMNS_MAX) {
        (void)json_expected(tape, tape->tokens, "an object of the key's columns", message->err);
        return err_wrap(message->err, "key");
    }
    if (n > reader->cap_key) {
        reader->key_names = mem_realloc(reader->key_names, n * sizeof *reader->key_names);
        reader->cap_key = n;
    }
    for (size_t i = 0; i < n; i++)
        if (!json_key(tape, &tape->tokens[1 + i], message->arena, &reader->key_names[i],
                      message->err))
            return err_wrap(message->err, "key");
    reader->n_key = n;
    return true;
}

static bool read_text(const struct message *message, const struct json_token *token,
                      struct slice *text)
{
    return json_string(message->tape, token, message->arena, text, message->err);
}

// A text that is not empty, or null: empty.
static bool read_text_or_null(const struct message *message, const struct json_token *token,
                              struct slice *text)
{
    *text = (struct slice){NULL, 0};
    if (token->kind == JSON_NULL)
        return true;
    if (!read_text(message, token, text))
        return false;
    return text->len > 0 ||
           json_expected(message->tape, token, "null or a text that is not empty", message->err);
}

static bool read_u64(const struct message *message, const struct json_token *token, uint64_t *v)
{
    return json_u64(message->tape, token, UINT64_MAX, v, message->err);
}

static bool read_u32(const struct message *message, const struct json_token *token, uint32_t *v)
{
    uint64_t wide = 0;
    bool ok = json_u64(message->tape, token, UINT32_MAX, &wide, message->err);
    *v = (uint32_t)wide;
    return ok;
}

static bool expect_text(const struct message *message, const struct json_token *token,
                        const char *text)
{
    return slice_eq_str(json_raw(message->tape, token), text) ||
           json_expected(message->tape, token, text, message->err);
}

static bool read_snapshot(const struct message *message, const struct json_token *token)
{
    struct slice raw = json_raw(message->tape, token);
    message->change->source.snapshot = slice_eq_str(raw, "\"true\"");
    return message->change->source.snapshot || slice_eq_str(raw, "\"false\"") ||
           json_expected(message->tape, token, "\"true\" or \"false\"", message->err);
}

static bool read_thread(const struct message *message, const struct json_token *token)
{
    struct origin *source = &message->change->source;
    source->has_thread = token->kind != JSON_NULL;
    return !source->has_thread || read_u64(message, token, &source->thread);
}

// Both times of the commit: the milliseconds are the microseconds cut off.
static bool read_times(const struct message *message, const struct json_token *ms,
                       const struct json_token *us)
{
    uint64_t ts_ms;
    struct origin *source = &message->change->source;
    if (!read_u64(message, ms, &ts_ms) || !read_u64(message, us, &source->ts_us))
        return false;
    return ts_ms == source->ts_us / 1000 ||
           json_expected(message->tape, ms, "source.ts_us / 1000", message->err);
}

static bool read_source(const struct message *message, const struct json_token *object,
                        struct table *wanted)
{
    const struct json_token *at[N_SOURCE];
    struct origin *source = &message->change->source;
    return json_members(message->tape, object, source_names, N_SOURCE, at, message->err) &&
           read_text(message, at[SOURCE_VERSION], &source->version) &&
           expect_text(message, at[SOURCE_CONNECTOR], "\"mysql\"") &&
           read_text(message, at[SOURCE_NAME], &source->name) &&
           read_times(message, at[SOURCE_TS_MS], at[SOURCE_TS_US]) &&
           read_snapshot(message, at[SOURCE_SNAPSHOT]) &&
           read_text(message, at[SOURCE_DB], &wanted->db) &&
           read_text(message, at[SOURCE_TABLE], &wanted->name) &&
           read_u32(message, at[SOURCE_SERVER_ID], &source->server_id) &&
           read_text_or_null(message, at[SOURCE_GTID], &source->gtid) &&
           read_text(message, at[SOURCE_FILE], &source->file) &&
           read_u64(message, at[SOURCE_POS], &source->pos) &&
           read_u32(message, at[SOURCE_ROW], &source->row) &&
           read_thread(message, at[SOURCE_THREAD]) &&
           read_text_or_null(message, at[SOURCE_QUERY], &source->query);
}

static bool read_op(const struct message *message, const struct json_token *token)
{
    struct slice raw = json_raw(message->tape, token);
    if (token->kind == JSON_STRING && raw.len == 3 && memchr("cudrt", raw.ptr[1], 5)) {
        message->change->op = (enum change_op)raw.ptr[1];
        return true;
    }
    return json_expected(message->tape, token, "one of \"c\", \"u\", \"d\", \"r\", \"t\"",
                         message->err);
}

static bool read_transaction(const struct message *message, const struct json_token *object)
{
    static const char *const names[] = {"id", "total_order"};
    const struct json_token *at[2];
    struct change *change = message->change;
    if (object->kind == JSON_NULL)
        return true;
    if (!json_members(message->tape, object, names, 2, at, message->err) ||
        !read_text(message, at[0], &change->transaction) ||
        !read_u64(message, at[1], &change->total_order))
        return false;
    return change->transaction.len > 0 ||
           json_expected(message->tape, at[0], "a text that is not empty", message->err);
}

static bool read_columns_of_row(const struct message *message, const struct json_token *object,
                                struct value *row)
{
    const struct json_tape *tape = message->tape;
    const struct table *table = message->change->table;
    const struct json_decode decode = {tape, &message->reader->part, message->arena};
    const struct json_token *end = tape->tokens + object->next;
    size_t at = 0;
    for (const struct json_token *token = object + 1; token < end;
         token = tape->tokens + token->next) {
        struct slice name;
        if (!json_key(tape, token, message->arena, &name, message->err))
            return false;
        at = find_column(table, name, at);
        if (at == table->n_columns || row[at].kind != VALUE_ABSENT)
            return err_at(message->err, ERR_CORRUPT, token->key_start,
                          "%s column \"" SLICE_FMT "\"",
                          at == table->n_columns ? "unknown" : "repeated", SLICE_ARG(name));
        if (!json_decode_value(&decode, token, &table->columns[at], &row[at], message->err))
            return false;
        at++;
    }
    return true;
}

// before or after: `wanted` by the kind of change, else null.
static bool read_row(const struct message *message, const struct json_token *token, bool wanted,
                     const struct value **row)
{
    if (!wanted)
        return token->kind == JSON_NULL ||
               json_expected(message->tape, token, "null", message->err);
    if (token->kind != JSON_OBJECT)
        return json_expected(message->tape, token, "a row", message->err);
    size_t n = message->change->table->n_columns;
    struct value *values = arena_zalloc(message->arena, n * sizeof *values);
    *row = values;
    return read_columns_of_row(message, token, values);
}

static bool read_rows(const struct message *message, const struct json_token *const *root)
{
    struct change *change = message->change;
    enum change_op op = change->op;
    bool has_before = op == CHANGE_UPDATE || op == CHANGE_DELETE;
    bool has_after = op == CHANGE_UPDATE || op == CHANGE_INSERT || op == CHANGE_READ;
    return read_row(message, root[ROOT_BEFORE], has_before, &change->before) &&
           read_row(message, root[ROOT_AFTER], has_after, &change->after);
}

static bool read_message(const struct message *message)
{
    struct table wanted = {0};
    const struct json_token *root[N_ROOT];
    struct json_reader *reader = message->reader;
    struct change *change = message->change;
    if (!json_members(message->tape, message->tape->tokens, root_names, N_ROOT, root,
                      message->err) ||
        !read_op(message, root[ROOT_OP]) ||
        !read_u64(message, root[ROOT_TS_MS], &change->encoded_ms) ||
        !read_source(message, root[ROOT_SOURCE], &wanted) ||
        !read_transaction(message, root[ROOT_TRANSACTION]) || !read_key_names(message))
        return false;
    change->table = find_table(reader, &wanted, message->bytes->columns, message->err);
    if (change->table && change->table->n_columns == 0 && change->op != CHANGE_TRUNCATE)
        return err_at(message->err, ERR_CORRUPT, 0,
                      "header columns: 0 columns; only a truncation has none");
    return change->table && read_rows(message, root);
}

bool json_read_change(struct json_reader *reader, const struct record_bytes *bytes,
                      struct arena *arena, struct change *change, struct err *err)
{
    struct message message = {reader, &reader->value, bytes, arena, change, err};
    memset(change, 0, sizeof *change);
    return json_tape_parse(&reader->value, bytes->value, 0, 2, err) && read_message(&message);
}
