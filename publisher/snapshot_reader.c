// SPDX-License-Identifier: Apache-2.0
// Snapshot reader: see snapshot_reader.h.
//
// A chunk is, in a view of its own,
//   SELECT columns…, numbers of ENUM and SET in the key…, (where) IS TRUE
//   FROM table FORCE INDEX (key) WHERE after ORDER BY key… LIMIT n
// `after` is (a > 1) OR (a = 1 AND b > X'…'), with the last row's own values in the column's own
// character set: the server compares, by the column's collation. Rows that do not fit `where` are
// read and dropped here, so that a chunk costs the same whatever it is.
//
// The shape of the table is read under the lock that a SELECT in the same transaction holds (no
// ALTER comes in between), and each chunk's cells must have the shape of then. What changes without
// that showing, a column more, the stream brings as DDL, and the table is begun anew.
#include "publisher/snapshot_reader.h"

#include "binlog/cell.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "record/json_writer.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROWS 500
#define MOST_ROWS 200000
#define CHUNK_BYTES ((uint64_t)16 << 20) // of cells
#define LEAST_BYTES 4096                 // to ask for so much takes longer than to read it
#define LOOK_EVERY 16                    // rows, at the clock
#define DRAIN_BYTES ((uint64_t)4 << 20)  // of rows left in a result: less is read, more is cut off
// Thousandths of the pause: what a chunk is to take, and over that, when no row is read any more.
#define AIM_FIRST 400
#define AIM_LEAST 100
#define AIM_MOST 600
#define CUT_MORE 150
#define AIM_GAINS 1   // with each chunk
#define AIM_LOSES 3   // its n-th part
#define AIM_BOUND 900 // with each chunk that took longer
#define ROW_BYTES_LEAST 16

#define ERRNO_TABLE_UNKNOWN 1146
#define ERRNO_COLUMN_UNKNOWN 1054
#define ERRNO_INDEX_UNKNOWN 1176
#define ERRNO_TABLE_CHANGED 1412
#define ERRNO_LOCK_WAIT 1205

struct snapshot_reader *reader_new(struct session *session, struct snapshot_source *source)
{
    struct snapshot_reader *reader = mem_zalloc(sizeof *reader);
    reader->session = session;
    reader->source = source;
    reader->limit = FIRST_ROWS;
    reader->aim = AIM_FIRST;
    return reader;
}

static void forget_schema(struct snapshot_reader *reader)
{
    schema_deinit(&reader->schema);
    reader->has_schema = false;
    free(reader->values);
    reader->values = NULL;
}

void reader_free(struct snapshot_reader *reader)
{
    if (!reader)
        return;
    forget_schema(reader);
    arena_deinit(&reader->arena);
    buf_deinit(&reader->select);
    buf_deinit(&reader->after);
    free(reader);
}

// --- errors ------------------------------------------------------------------------------------

static bool is_denied(unsigned number)
{
    return number == 1044 || number == 1142 || number == 1143;
}

enum snapshot_outcome reader_judge(struct snapshot_reader *reader, struct err *err)
{
    const struct wire *wire = reader->source->wire;
    unsigned number = wire ? wire_last_errno(wire) : 0;
    const struct table *table = &reader->schema.table;
    bool is_lost = err->class == ERR_RETRY && number != ERRNO_LOCK_WAIT;
    log_debug("snapshot: the source says no",
              LOG_FIELDS(log_u64("errno", number), log_str("reason", err->text)));
    source_drop(reader->source, err->class == ERR_RETRY);
    if (is_lost)
        log_warn("snapshots wait for the source", LOG_FIELDS(log_str("reason", err->text)));
    if (err->class == ERR_RETRY)
        return OUTCOME_MORE;
    if (number == ERRNO_TABLE_UNKNOWN)
        return OUTCOME_GONE;
    if (number == ERRNO_COLUMN_UNKNOWN || number == ERRNO_INDEX_UNKNOWN ||
        number == ERRNO_TABLE_CHANGED)
        return OUTCOME_CHANGED;
    if (is_denied(number))
        err_set(err, ERR_REFUSED,
                "the account may not read " SLICE_FMT "." SLICE_FMT ": GRANT SELECT ON `" SLICE_FMT
                "`.* TO '%s'@'…'",
                SLICE_ARG(table->db), SLICE_ARG(table->name), SLICE_ARG(table->db),
                reader->session->config->source.user);
    return OUTCOME_FAILED;
}

// --- the table's shape -------------------------------------------------------------------------

static uint64_t digest(uint64_t seed, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        seed = (seed ^ bytes.ptr[i]) * 0x100000001b3;
    return seed;
}

// Of what `after` means: columns, their types, the key and its order.
static uint64_t shape_of(const struct schema *schema)
{
    uint64_t shape = digest(0xcbf29ce484222325, schema->table.columns_header);
    shape = digest(shape, schema->index.name);
    for (size_t i = 0; i < schema->table.n_key; i++) {
        uint8_t part[] = {(uint8_t)schema->table.key[i], (uint8_t)(schema->table.key[i] >> 8),
                          schema->index.descending[i]};
        shape = digest(shape, slice_of(part, sizeof part));
    }
    return shape;
}

static void write_table(struct buf *out, const struct table *table)
{
    buf_str(out, " FROM ");
    schema_write_name(out, table->db);
    buf_char(out, '.');
    schema_write_name(out, table->name);
}

static void write_select(struct snapshot_reader *reader, const char *where)
{
    const struct schema *schema = &reader->schema;
    struct buf *out = &reader->select;
    buf_clear(out);
    buf_str(out, "SELECT ");
    for (size_t i = 0; i < schema->table.n_columns; i++) {
        buf_str(out, i ? "," : "");
        cell_write_select(out, schema, i);
    }
    reader->n_cells = schema->table.n_columns;
    for (size_t i = 0; i < schema->table.n_key; i++) {
        if (!cell_is_label(schema, schema->table.key[i]))
            continue;
        buf_char(out, ',');
        cell_write_order(out, schema, schema->table.key[i]);
        reader->n_cells++;
    }
    if (*where) {
        buf_printf(out, ",((%s) IS TRUE)", where);
        reader->n_cells++;
    }
    write_table(out, &schema->table);
    if (schema->index.is_ordered) {
        buf_str(out, " FORCE INDEX (");
        schema_write_name(out, schema->index.name);
        buf_char(out, ')');
    }
}

// A SELECT of no rows: the digest of its columns. It keeps the table as it is until COMMIT.
static bool look_at_cells(struct snapshot_reader *reader, uint64_t *shape, struct err *err)
{
    struct wire *wire = reader->source->wire;
    struct buf sql = {0};
    buf_slice(&sql, buf_bytes(&reader->select));
    buf_str(&sql, " LIMIT 0");
    bool ok = wire_rows_open(wire, buf_bytes(&sql), shape, err);
    wire_rows_close(wire);
    buf_deinit(&sql);
    return ok;
}

// Without rights a table is not in information_schema; asking it tells that apart from none.
static bool explain_missing(struct snapshot_reader *reader, enum snapshot_outcome *outcome,
                            struct err *err)
{
    struct buf sql = {0};
    buf_str(&sql, "SELECT 1");
    write_table(&sql, &reader->schema.table);
    buf_str(&sql, " LIMIT 0");
    bool ok = wire_query(reader->source->wire, buf_cstr(&sql), NULL, err);
    buf_deinit(&sql);
    *outcome = OUTCOME_GONE;
    return ok || wire_last_errno(reader->source->wire) == ERRNO_TABLE_UNKNOWN;
}

static bool refuse_kind(const struct snapshot_reader *reader, struct err *err)
{
    const struct schema *schema = &reader->schema;
    const struct slice kind = schema->kind;
    if (!schema->is_base_table)
        return err_set(err, ERR_REFUSED, "it is a " SLICE_FMT ", and only tables are copied%s",
                       SLICE_ARG(kind),
                       slice_eq_str(kind, "SYSTEM VERSIONED")
                           ? ": rows of the past would be taken for rows of now"
                           : "");
    if (schema->table.n_key == 0 && !reader->session->encoder.options.whole_row)
        return err_set(err, ERR_REFUSED,
                       "it has no primary key: add one, leave it out with [tables] exclude, or set "
                       "[publish] keyless = whole-row");
    return true;
}

static bool read_schema(struct snapshot_reader *reader, struct slice db, struct slice name,
                        enum snapshot_outcome *outcome, struct err *err)
{
    bool found;
    forget_schema(reader);
    if (!schema_read(reader->source->wire, db, name, &reader->schema, &found, err))
        return false;
    if (!found)
        return explain_missing(reader, outcome, err);
    if (!refuse_kind(reader, err))
        return false;
    *outcome = OUTCOME_MORE;
    return true;
}

// The second look, under the lock. *same: it is still what the first one saw.
static bool read_again(struct snapshot_reader *reader, bool *same, struct err *err)
{
    struct schema again;
    bool found;
    const struct table *table = &reader->schema.table;
    if (!schema_read(reader->source->wire, table->db, table->name, &again, &found, err))
        return false;
    *same = found && shape_of(&again) == shape_of(&reader->schema);
    schema_deinit(&again);
    return true;
}

bool reader_prepare(struct snapshot_reader *reader, struct slice db, struct slice name,
                    const char *where, enum snapshot_outcome *outcome, struct err *err)
{
    struct wire *wire = reader->source->wire;
    bool same = false;
    if (!read_schema(reader, db, name, outcome, err))
        return false;
    if (*outcome != OUTCOME_MORE)
        return true;
    write_select(reader, where);
    if (!wire_query(wire, "START TRANSACTION READ ONLY", NULL, err) ||
        !look_at_cells(reader, &reader->cells_shape, err) || !read_again(reader, &same, err) ||
        !wire_query(wire, "COMMIT", NULL, err))
        return false;
    *outcome = same ? OUTCOME_MORE : OUTCOME_CHANGED;
    reader->has_schema = same;
    reader->values = mem_zalloc((reader->schema.table.n_columns + 1) * sizeof *reader->values);
    uint64_t fitting = CHUNK_BYTES / 4 / (reader->schema.row_bytes + ROW_BYTES_LEAST);
    reader->limit = fitting < FIRST_ROWS ? fitting + 1 : FIRST_ROWS;
    return true;
}

// --- rows --------------------------------------------------------------------------------------

void reader_begin(struct snapshot_reader *reader)
{
    const struct session *session = reader->session;
    const struct position *stream = reader_position(session->reader);
    reader->began_us = clock_steady_us();
    reader->row = 0;
    reader->origin = (struct origin){
        .version = slice_of_str(TAILRACE_VERSION),
        .name = slice_of_str(session->config->source.name),
        .ts_us = clock_now_us(),
        .snapshot = true,
        .server_id = session->server.server_id,
        .file = slice_of_str(stream->file),
        .pos = stream->pos,
    };
}

bool reader_decode(struct snapshot_reader *reader, const struct wire_row *row, struct err *err)
{
    const struct schema *schema = &reader->schema;
    arena_reset(&reader->arena);
    for (size_t i = 0; i < schema->table.n_columns; i++) {
        const struct slice cell = {(const uint8_t *)row->cells[i], row->lengths[i]};
        if (!cell_decode(schema, i, cell, &reader->arena, &reader->values[i], err))
            return err_wrap(err, SLICE_FMT "." SLICE_FMT, SLICE_ARG(schema->table.db),
                            SLICE_ARG(schema->table.name));
    }
    return true;
}

bool reader_send(struct snapshot_reader *reader, enum change_op op, bool *refused, struct err *err)
{
    struct session *session = reader->session;
    struct topic *topic;
    struct change change = {.op = op, .table = &reader->schema.table, .source = reader->origin};
    change.source.row = reader->row++;
    if (op == CHANGE_DELETE)
        change.before = reader->values;
    else
        change.after = reader->values;
    if (topics_of_table(session->topics, change.table, &topic, err) &&
        encoder_change(&session->encoder, &change, topic, clock_now_ms(), err)) {
        session->run->changes++;
        return true;
    }
    *refused = err->class == ERR_REFUSED;
    return false;
}

// The cell that the index orders the k-th column of the key by.
static struct slice order_cell(const struct snapshot_reader *reader, const struct wire_row *row,
                               size_t k)
{
    const struct schema *schema = &reader->schema;
    size_t at = schema->table.key[k];
    if (cell_is_label(schema, at)) {
        at = schema->table.n_columns;
        for (size_t i = 0; i < k; i++)
            at += cell_is_label(schema, schema->table.key[i]);
    }
    return (struct slice){(const uint8_t *)row->cells[at], row->lengths[at]};
}

// (a > 1) OR (a = 1 AND b > 2): the form in which both servers see ranges of the index.
static void write_after(struct snapshot_reader *reader, const struct wire_row *row)
{
    const struct schema *schema = &reader->schema;
    struct buf *out = &reader->after;
    buf_clear(out);
    for (size_t k = 0; k < schema->table.n_key; k++) {
        buf_str(out, k ? " OR (" : "(");
        for (size_t i = 0; i <= k; i++) {
            size_t column = schema->table.key[i];
            const char *than = schema->index.descending[i] ? "<" : ">";
            buf_str(out, i ? " AND " : "");
            schema_write_name(out, schema->table.columns[column].name);
            buf_str(out, i < k ? "=" : than);
            cell_write_literal(out, schema, column, order_cell(reader, row, i));
        }
        buf_char(out, ')');
    }
}

static void write_chunk(const struct snapshot_reader *reader, const struct snapshot_table *table,
                        struct buf *sql)
{
    const struct schema *schema = &reader->schema;
    buf_slice(sql, buf_bytes(&reader->select));
    if (!schema->index.is_ordered)
        return;
    if (table->after.len > 0) {
        buf_str(sql, " WHERE ");
        buf_slice(sql, buf_bytes(&table->after));
    }
    for (size_t k = 0; k < schema->table.n_key; k++) {
        buf_str(sql, k ? "," : " ORDER BY ");
        schema_write_name(sql, schema->table.columns[schema->table.key[k]].name);
        buf_str(sql, schema->index.descending[k] ? " DESC" : "");
    }
    buf_printf(sql, " LIMIT %llu", (unsigned long long)reader->limit);
}

// What one chunk is about.
struct chunk {
    struct snapshot_table *table;
    bool has_where;
    bool cut;     // it was ended before its last row
    bool refused; // *err is of one record
    uint64_t rows;
    uint64_t bytes; // of cells
};

static bool fits(const struct snapshot_reader *reader, const struct chunk *chunk,
                 const struct wire_row *row)
{
    if (!chunk->has_where)
        return true;
    const char *cell = row->cells[reader->n_cells - 1];
    return cell && strcmp(cell, "1") == 0;
}

static bool take_row(struct snapshot_reader *reader, struct chunk *chunk,
                     const struct wire_row *row, struct err *err)
{
    struct snapshot_table *table = chunk->table;
    uint64_t sent = producer_counts(reader->session->producer)->bytes;
    if (fits(reader, chunk, row)) {
        if (!reader_decode(reader, row, err)) {
            chunk->refused = true;
            return false;
        }
        if (!reader_send(reader, CHANGE_READ, &chunk->refused, err))
            return false;
        table->rows++;
        table->bytes += producer_counts(reader->session->producer)->bytes - sent;
    }
    if (reader->schema.index.is_ordered) {
        write_after(reader, row);
        buf_clear(&table->after);
        buf_slice(&table->after, buf_bytes(&reader->after));
    }
    for (size_t i = 0; i < row->n_columns; i++)
        chunk->bytes += row->lengths[i];
    chunk->rows++;
    return true;
}

// In one pass the stream stands still, but Kafka's transactions must not grow with the table: what
// is out is committed, at the position where the stream stands; the table is still being read, so
// after a crash it begins anew.
static bool commit_pass(struct snapshot_reader *reader, bool *ended, struct err *err)
{
    struct session *session = reader->session;
    *ended = stop_requested();
    if (*ended ||
        producer_open_bytes(session->producer) < session->config->publish.transaction_bytes)
        return true;
    return session_commit(session, reader_position(session->reader), true, err);
}

static bool look_at_clock(struct snapshot_reader *reader, struct chunk *chunk, struct err *err)
{
    uint64_t cut_us = reader->session->config->snapshot.pause_ms * (reader->aim + CUT_MORE);
    if (!reader->schema.index.is_ordered)
        return commit_pass(reader, &chunk->cut, err);
    chunk->cut = chunk->bytes > CHUNK_BYTES || clock_steady_us() - reader->began_us >= cut_us;
    return true;
}

// True with chunk->rows, or *source is false: *err is of the source.
static bool read_rows(struct snapshot_reader *reader, struct chunk *chunk, bool *of_source,
                      struct err *err)
{
    struct wire_row row;
    bool found = true;
    while (!chunk->cut) {
        *of_source = true;
        if (!wire_rows_next(reader->source->wire, &row, &found, err))
            return false;
        if (!found)
            return true;
        *of_source = false;
        if (!take_row(reader, chunk, &row, err))
            return false;
        bool is_time = chunk->rows % LOOK_EVERY == 0 || chunk->bytes > CHUNK_BYTES / LOOK_EVERY;
        if (is_time && !look_at_clock(reader, chunk, err))
            return false;
    }
    return true;
}

// Rows that are left in the result are read and dropped where they are few.
static bool end_rows(struct snapshot_reader *reader, const struct chunk *chunk, struct err *err)
{
    uint64_t left = reader->limit > chunk->rows ? reader->limit - chunk->rows : 0;
    bool is_much = !reader->schema.index.is_ordered ||
                   (chunk->rows && left * (chunk->bytes / chunk->rows) > DRAIN_BYTES);
    if (chunk->cut && is_much) {
        source_drop(reader->source, false);
        return true;
    }
    wire_rows_close(reader->source->wire);
    return source_end(reader->source, err);
}

// A busy machine lets some chunks take several times what they would by themselves. Where that
// comes near to the pause all of them become smaller at once, and larger again so slowly that it
// happens with less than one of a hundred.
static void adapt_aim(struct snapshot_reader *reader)
{
    uint64_t took_us = clock_steady_us() - reader->began_us;
    unsigned aim = reader->aim + AIM_GAINS;
    if (took_us > reader->session->config->snapshot.pause_ms * AIM_BOUND)
        aim -= aim / AIM_LOSES;
    reader->aim = aim < AIM_LEAST ? AIM_LEAST : aim > AIM_MOST ? AIM_MOST : aim;
}

// The next chunk shall take what the aim says, and not more than its share of memory.
static void adapt(struct snapshot_reader *reader, const struct chunk *chunk)
{
    uint64_t rows_us = clock_steady_us() - reader->first_us + 1;
    uint64_t before_us = reader->first_us - reader->began_us;
    uint64_t aim_us = reader->session->config->snapshot.pause_ms * reader->aim;
    uint64_t left_us = aim_us > before_us + aim_us / 4 ? aim_us - before_us : aim_us / 4;
    uint64_t limit = chunk->rows * left_us / rows_us;
    uint64_t row_bytes = chunk->rows ? chunk->bytes / chunk->rows + 1 : 1;
    if (chunk->rows == 0 || (!chunk->cut && chunk->rows < reader->limit))
        return;
    if (limit > 2 * reader->limit)
        limit = 2 * reader->limit;
    if (limit < chunk->rows / 2)
        limit = chunk->rows / 2; // one that was held up tells little
    if (limit < LEAST_BYTES / row_bytes)
        limit = LEAST_BYTES / row_bytes;
    if (limit > CHUNK_BYTES / row_bytes)
        limit = CHUNK_BYTES / row_bytes;
    reader->limit = limit < 1 ? 1 : limit > MOST_ROWS ? MOST_ROWS : limit;
}

// The view is open.
static bool read_chunk(struct snapshot_reader *reader, struct chunk *chunk, bool *of_source,
                       enum snapshot_outcome *outcome, struct err *err)
{
    struct buf sql = {0};
    uint64_t shape;
    *of_source = true;
    if (chunk->table->after.len == 0)
        chunk->table->rows = chunk->table->bytes = 0;
    write_chunk(reader, chunk->table, &sql);
    bool ok = wire_rows_open(reader->source->wire, buf_bytes(&sql), &shape, err);
    buf_deinit(&sql);
    if (!ok)
        return false;
    reader->first_us = clock_steady_us();
    if (shape != reader->cells_shape) {
        *outcome = OUTCOME_CHANGED;
        source_drop(reader->source, false);
        return true;
    }
    if (!read_rows(reader, chunk, of_source, err))
        return false;
    bool is_last = !chunk->cut && (!reader->schema.index.is_ordered || chunk->rows < reader->limit);
    *outcome = is_last ? OUTCOME_END : OUTCOME_MORE;
    *of_source = true;
    if (!end_rows(reader, chunk, err))
        return false;
    adapt_aim(reader);
    adapt(reader, chunk);
    return true;
}

// Of an empty table there is nothing to send: with hundreds of them making topics would take long.
static bool has_rows(struct snapshot_reader *reader, bool *has, struct err *err)
{
    struct wire_result rows;
    struct buf sql = {0};
    buf_str(&sql, "SELECT 1");
    write_table(&sql, &reader->schema.table);
    buf_str(&sql, " LIMIT 1");
    bool ok = wire_query(reader->source->wire, buf_cstr(&sql), &rows, err);
    buf_deinit(&sql);
    if (!ok)
        return false;
    *has = rows.n_rows > 0;
    wire_result_deinit(&rows);
    return true;
}

// Its shape and its topic, which may have to be made: no chunk yet.
static bool open_table(struct snapshot_reader *reader, const struct snapshot *snapshot,
                       struct chunk *chunk, bool *of_source, enum snapshot_outcome *outcome,
                       struct err *err)
{
    struct snapshot_table *table = chunk->table;
    bool has = false;
    if (!reader_prepare(reader, slice_of_str(table->db), slice_of_str(table->name), snapshot->where,
                        outcome, err))
        return false;
    if (*outcome != OUTCOME_MORE)
        return true;
    if (table->phase == TABLE_READING && table->after.len > 0 &&
        table->shape != shape_of(&reader->schema)) {
        *outcome = OUTCOME_CHANGED; // while no publisher ran
        return true;
    }
    if (table->after.len == 0) {
        table->rows = table->bytes = 0;
        table->started_ms = clock_now_ms();
    }
    struct topic *topic;
    if (!has_rows(reader, &has, err))
        return false;
    if (has && !topics_of_table(reader->session->topics, &reader->schema.table, &topic, err)) {
        *of_source = false;
        return false;
    }
    table->phase = TABLE_READING;
    table->shape = shape_of(&reader->schema);
    table->estimate = reader->schema.rows;
    table->dirty = true;
    return true;
}

bool reader_chunk(struct snapshot_reader *reader, const struct snapshot *snapshot,
                  struct snapshot_table *table, enum snapshot_outcome *outcome, struct err *err)
{
    struct chunk chunk = {.table = table, .has_where = snapshot->where[0] != '\0'};
    struct session *session = reader->session;
    bool is_there = false;
    bool of_source = true;
    *outcome = OUTCOME_MORE;
    reader_begin(reader);
    bool ok = reader->has_schema
                  ? source_begin(reader->source, &session->server, reader_position(session->reader),
                                 &is_there, err) &&
                        (!is_there || read_chunk(reader, &chunk, &of_source, outcome, err))
                  : open_table(reader, snapshot, &chunk, &of_source, outcome, err);
    chunk.refused |= !ok && !of_source && err->class == ERR_REFUSED;
    table->busy_ms += (clock_steady_us() - reader->began_us) / 1000;
    table->dirty |= chunk.rows > 0;
    if (*outcome == OUTCOME_CHANGED)
        forget_schema(reader);
    if (ok)
        return true;
    if (!of_source && !chunk.refused)
        return false;
    *outcome = of_source ? reader_judge(reader, err) : OUTCOME_FAILED;
    if (!of_source)
        source_drop(reader->source, false);
    return true;
}
