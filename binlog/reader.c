// SPDX-License-Identifier: Apache-2.0
// Reader: see reader.h. A pull machine: each event sets `due`, the items that it gives rise to, and
// reader_next hands them out one a call, in the order of `enum due`; only when none is due the next
// event is taken.
//
// Invariants
//   - `position` names a point between transactions: it moves when a READER_COMMIT is handed out,
//   and between
//     transactions with what lies there. Inside one only `rows` moves.
//   - No READER_COMMIT follows on rows that the server took back: a ROLLBACK behind rows of its
//     transaction is refused where it stands, XA where it starts.
//   - One event lives at a time, and with it all that borrows from it; values that needed room live
//   in `arena`, which is
//     reset at each call. Nothing is allocated per event or row once the buffers have grown.
#include "binlog/reader.h"

#include "binlog/charset.h"
#include "binlog/payload.h"
#include "binlog/query.h"
#include "binlog/row.h"
#include "binlog/transaction.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define MICROSECONDS 1000000u

enum due { DUE_BEGIN = 1, DUE_DDL = 2, DUE_ROWS = 4, DUE_COMMIT = 8, DUE_IDLE = 16 };

struct reader {
    struct source *source;
    const struct reader_options *options;
    struct event_format format;
    struct event_format inner_format; // of events in a transaction payload: no checksums
    struct table_maps maps;
    struct payload payload;
    struct plain plain;
    struct arena arena;

    char file[POSITION_FILE_MAX]; // of the event that is being read
    uint64_t event_pos;           // where it starts
    uint64_t next_pos;            // where it ends
    bool in_payload; // events come from `payload`; the positions are those of the event around them
    uint32_t payload_row; // rows counted over a payload, so that pos and row name one change

    unsigned due; // of enum due
    struct event event;
    struct row_event rows;
    uint32_t row; // within the event
    struct transaction transaction;
    struct ddl ddl;
    struct buf query; // text of the statement whose rows follow; empty: not logged
    struct origin origin;
    struct change change;

    struct position position;
    bool follows;       // position moves between transactions too (see follow)
    uint64_t skip_rows; // of the first transaction: passed over
    struct reader_counts counts;
};

// --- where we are --------------------------------------------------------------------------------

static bool between_transactions(const struct reader *reader)
{
    return reader->transaction.state == TRANSACTION_NONE;
}

static void move_position(struct reader *reader)
{
    memcpy(reader->position.file, reader->file, sizeof reader->position.file);
    reader->position.pos = reader->next_pos;
}

// Between transactions the position follows the events, so that a quiet server's log can be purged.
// A dump by GTID may begin in an earlier file than the position that it starts from: nothing moves
// back before something new was seen.
static void follow(struct reader *reader)
{
    if (between_transactions(reader) && reader->follows && reader->file[0])
        move_position(reader);
}

static bool fail_here(struct reader *reader, struct err *err)
{
    struct slice gtid = transaction_gtid(&reader->transaction);
    if (between_transactions(reader) || gtid.len == 0)
        return err_wrap(err, "%s:%llu", reader->file, (unsigned long long)reader->event_pos);
    return err_wrap(err, "%s:%llu (GTID %.*s)", reader->file, (unsigned long long)reader->event_pos,
                    SLICE_ARG(gtid));
}

// --- transactions --------------------------------------------------------------------------------

static void begin_transaction(struct reader *reader, const struct event *event)
{
    transaction_begin(&reader->transaction, reader->file, reader->event_pos);
    reader->follows = true;
    reader->origin.server_id = event->server_id;
    buf_clear(&reader->query);
    reader->due |= DUE_BEGIN;
}

static bool corrupt_order(const struct event *event, const char *what, struct err *err)
{
    return err_at(err, ERR_CORRUPT, EVENT_HEADER_BYTES, "%s %s", event_kind_of(event->code)->name,
                  what);
}

static bool handle_gtid(struct reader *reader, const struct event *event, struct err *err)
{
    if (!between_transactions(reader))
        return corrupt_order(event, "inside a transaction", err);
    begin_transaction(reader, event);
    return transaction_name(&reader->transaction, event, &reader->format, err);
}

static void commit(struct reader *reader, const struct event *event)
{
    if (!reader->transaction.commit_us)
        reader->transaction.commit_us = (uint64_t)event->timestamp * MICROSECONDS;
    reader->due |= DUE_COMMIT;
}

static bool handle_xid(struct reader *reader, const struct event *event, struct err *err)
{
    if (reader->transaction.state != TRANSACTION_OPEN)
        return corrupt_order(event, "without a transaction", err);
    commit(reader, event);
    return true;
}

static bool handle_begin(struct reader *reader, const struct event *event,
                         const struct query *query, struct err *err)
{
    if (between_transactions(reader))
        begin_transaction(reader, event);
    else if (reader->transaction.state != TRANSACTION_NAMED)
        return corrupt_order(event, "BEGIN inside a transaction", err);
    reader->transaction.state = TRANSACTION_OPEN;
    reader->transaction.has_thread = true;
    reader->transaction.thread = query->thread;
    return true;
}

static bool handle_end(struct reader *reader, const struct event *event, enum query_kind kind,
                       struct err *err)
{
    if (reader->transaction.state != TRANSACTION_OPEN)
        return corrupt_order(event, "COMMIT or ROLLBACK without a transaction", err);
    if (kind != QUERY_COMMIT && reader->transaction.n_changes > 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "a ROLLBACK is logged behind rows of its transaction, which mixes tables "
                       "with and without transactions: which rows stay is not in the log");
    if (kind != QUERY_ROLLBACK_TO)
        commit(reader, event);
    return true;
}

static void handle_ddl(struct reader *reader, const struct event *event, const struct query *query)
{
    if (between_transactions(reader))
        begin_transaction(reader, event);
    struct transaction *transaction = &reader->transaction;
    reader->due |= DUE_DDL;
    if (transaction->state != TRANSACTION_NAMED)
        return;
    transaction->has_thread = true;
    transaction->thread = query->thread;
    commit(reader, event);
}

static bool handle_query(struct reader *reader, const struct event *event, struct err *err)
{
    struct query query;
    if (!query_parse(&query, event, &reader->format, &reader->plain, err))
        return false;
    struct slice text = query_text(query.statement, query.collation, &reader->arena);
    enum query_kind kind = query_classify(text, query.db, &reader->arena, &reader->ddl);
    switch (kind) {
    case QUERY_BEGIN:
        return handle_begin(reader, event, &query, err);
    case QUERY_COMMIT:
    case QUERY_ROLLBACK:
    case QUERY_ROLLBACK_TO:
        return handle_end(reader, event, kind, err);
    case QUERY_SAVEPOINT:
        return true;
    case QUERY_DDL:
        reader->ddl.statement = text;
        handle_ddl(reader, event, &query);
        return true;
    case QUERY_EMPTY: // a placeholder for an event that was not meant for us
        if (reader->transaction.state == TRANSACTION_NAMED)
            commit(reader, event);
        return true;
    case QUERY_XA:
    case QUERY_DML:
    case QUERY_UNKNOWN:
        break;
    }
    return query_refuse(&query, kind, err);
}

// --- rows ----------------------------------------------------------------------------------------

// Rows that no BEGIN heads come from old servers: the statement is the transaction.
static void begin_statement(struct reader *reader, const struct event *event)
{
    if (between_transactions(reader))
        begin_transaction(reader, event);
    if (reader->transaction.state == TRANSACTION_NAMED)
        reader->transaction.state = TRANSACTION_STATEMENT;
}

static bool handle_table_map(struct reader *reader, const struct event *event, struct err *err)
{
    begin_statement(reader, event);
    return table_maps_add(&reader->maps, event, &reader->format, &reader->options->filter, err);
}

static void set_origin(struct reader *reader, const struct event *event)
{
    struct origin *origin = &reader->origin;
    const struct transaction *transaction = &reader->transaction;
    origin->server_id = event->server_id;
    origin->ts_us =
        transaction->commit_us ? transaction->commit_us : (uint64_t)event->timestamp * MICROSECONDS;
    origin->has_thread = transaction->has_thread;
    origin->thread = transaction->thread;
    origin->file = slice_of_str(reader->file);
    origin->pos = reader->event_pos;
    origin->gtid = transaction_gtid(transaction);
    origin->query = buf_bytes(&reader->query);
}

static void end_statement(struct reader *reader)
{
    buf_clear(&reader->query);
    if (reader->transaction.state == TRANSACTION_STATEMENT)
        commit(reader, &reader->event);
}

// Without metadata a row has neither names nor a key.
static bool check_names(const struct reader *reader, const struct table_map *map, struct err *err)
{
    if (map->has_names || !reader->options->needs_names)
        return true;
    return err_set(err, ERR_UNSUPPORTED,
                   "rows of " SLICE_FMT "." SLICE_FMT
                   " have no column names: they were written with binlog_row_metadata=MINIMAL. "
                   "Leave the table out with [tables] exclude, or go on behind them with `tailrace "
                   "offsets reset publisher --to` FILE:POS and copy the table",
                   SLICE_ARG(map->table.db), SLICE_ARG(map->table.name));
}

static bool handle_rows(struct reader *reader, const struct event *event, struct err *err)
{
    begin_statement(reader, event);
    struct row_event *rows = &reader->rows;
    if (!row_event_parse(rows, event, &reader->format, &reader->maps, &reader->plain, err))
        return false;
    if (row_event_done(rows)) {
        reader->counts.filtered_events += rows->map != NULL;
        if (rows->ends_statement)
            end_statement(reader);
        return true;
    }
    if (!check_names(reader, rows->map, err))
        return false;
    reader->row = 0;
    set_origin(reader, event);
    reader->change.op = rows->op;
    reader->change.table = &rows->map->table;
    reader->change.before = rows->before.is_used ? rows->map->before : NULL;
    reader->change.after = rows->after.is_used ? rows->map->after : NULL;
    reader->due |= DUE_ROWS;
    return true;
}

// The text of the statement whose rows follow. MySQL puts a length of one byte before it, which is
// too small for most statements and of no use.
static bool handle_rows_query(struct reader *reader, const struct event *event, struct err *err)
{
    struct cursor cur = event_cursor(event);
    if (event->code == EVENT_ROWS_QUERY)
        cursor_skip(&cur, 1);
    struct slice text = cursor_rest(&cur);
    if (cur.failed)
        return event_too_short(event, &cur, err);
    buf_clear(&reader->query);
    buf_slice(&reader->query, query_text(text, 0, &reader->arena));
    return true;
}

// --- the log itself ------------------------------------------------------------------------------

static bool ends_in_transaction(const struct reader *reader, struct err *err)
{
    return err_set(err, ERR_CORRUPT,
                   "the log ends inside the transaction %.*s: it was cut, the server crashed, or "
                   "it is still being written",
                   (int)reader->transaction.id_len, reader->transaction.id);
}

static bool handle_format(struct reader *reader, const struct event *event, struct err *err)
{
    if (!between_transactions(reader))
        return ends_in_transaction(reader, err);
    if (!event_format_parse(event, reader->options->verify_checksums, &reader->format, err))
        return false;
    reader->inner_format = reader->format;
    reader->inner_format.has_checksum = false;
    table_maps_clear(&reader->maps);
    return true;
}

static bool handle_rotate(struct reader *reader, const struct event *event, struct err *err)
{
    struct slice name;
    uint64_t pos;
    if (!event_read_rotate(event, &name, &pos, err))
        return false;
    if (name.len >= POSITION_FILE_MAX || !charset_utf8_is_valid(name))
        return corrupt_order(event, "without a valid file name", err);
    if (!between_transactions(reader))
        return ends_in_transaction(reader, err);
    memcpy(reader->file, name.ptr, name.len);
    reader->file[name.len] = '\0';
    reader->next_pos = pos;
    if (event->end_pos != 0 && !(event->flags & EVENT_FLAG_ARTIFICIAL))
        return true;
    // one at the head of a dump only says where we are
    if (reader->position.file[0] == '\0')
        move_position(reader);
    return true;
}

// What was executed before the file: `executed` starts there where reading starts at its beginning.
static bool handle_executed(struct reader *reader, const struct event *event, struct err *err)
{
    struct gtid_set *executed = &reader->position.executed;
    if (reader->options->start || !gtid_set_is_empty(executed))
        return true;
    if (event->code == EVENT_MARIADB_GTID_LIST)
        return transaction_read_gtid_list(event, executed, err);
    return gtid_set_decode(executed, event->body, err);
}

// A heartbeat's header has but 32 bits for the position: a smaller one than ours has wrapped.
static bool handle_heartbeat(struct reader *reader, const struct event *event, struct err *err)
{
    struct slice name;
    uint64_t pos;
    if (!event_read_heartbeat(event, &name, &pos, err))
        return false;
    bool is_here = slice_eq_str(name, reader->file);
    if (is_here && event->code == EVENT_HEARTBEAT) {
        pos |= reader->next_pos & ~(uint64_t)UINT32_MAX;
        pos += pos < reader->next_pos ? (uint64_t)1 << 32 : 0;
    }
    if (is_here && between_transactions(reader)) {
        reader->follows = true;
        reader->next_pos = pos;
    }
    reader->due |= DUE_IDLE;
    return true;
}

static bool handle_incident(struct reader *reader, const struct event *event, struct err *err)
{
    (void)reader;
    return event_refuse_incident(event, err);
}

static bool handle_payload(struct reader *reader, const struct event *event, struct err *err)
{
    if (reader->transaction.state != TRANSACTION_NAMED)
        return corrupt_order(event, "without a GTID event before it", err);
    reader->payload_row = 0;
    reader->in_payload = true;
    return payload_begin(&reader->payload, event, err);
}

// --- events --------------------------------------------------------------------------------------

typedef bool handler(struct reader *reader, const struct event *event, struct err *err);

// For each type that event.c says is decoded.
static handler *const handlers[EVENT_CODES] = {
    [EVENT_QUERY] = handle_query,
    [EVENT_ROTATE] = handle_rotate,
    [EVENT_FORMAT_DESCRIPTION] = handle_format,
    [EVENT_XID] = handle_xid,
    [EVENT_TABLE_MAP] = handle_table_map,
    [EVENT_WRITE_ROWS_V1] = handle_rows,
    [EVENT_UPDATE_ROWS_V1] = handle_rows,
    [EVENT_DELETE_ROWS_V1] = handle_rows,
    [EVENT_INCIDENT] = handle_incident,
    [EVENT_HEARTBEAT] = handle_heartbeat,
    [EVENT_ROWS_QUERY] = handle_rows_query,
    [EVENT_WRITE_ROWS] = handle_rows,
    [EVENT_UPDATE_ROWS] = handle_rows,
    [EVENT_DELETE_ROWS] = handle_rows,
    [EVENT_GTID] = handle_gtid,
    [EVENT_ANONYMOUS_GTID] = handle_gtid,
    [EVENT_PREVIOUS_GTIDS] = handle_executed,
    [EVENT_PARTIAL_UPDATE_ROWS] = handle_rows,
    [EVENT_TRANSACTION_PAYLOAD] = handle_payload,
    [EVENT_HEARTBEAT_V2] = handle_heartbeat,
    [EVENT_GTID_TAGGED] = handle_gtid,
    [EVENT_MARIADB_ANNOTATE_ROWS] = handle_rows_query,
    [EVENT_MARIADB_GTID] = handle_gtid,
    [EVENT_MARIADB_GTID_LIST] = handle_executed,
    [EVENT_MARIADB_QUERY_COMPRESSED] = handle_query,
    [EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1] = handle_rows,
    [EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1] = handle_rows,
    [EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1] = handle_rows,
    [EVENT_MARIADB_WRITE_ROWS_COMPRESSED] = handle_rows,
    [EVENT_MARIADB_UPDATE_ROWS_COMPRESSED] = handle_rows,
    [EVENT_MARIADB_DELETE_ROWS_COMPRESSED] = handle_rows,
};

static bool handle_event(struct reader *reader, const struct event *event, struct err *err)
{
    const struct event_kind *kind = event_kind_of(event->code);
    bool is_ignorable = kind->action == EVENT_ACTION_NONE && event->flags & EVENT_FLAG_IGNORABLE;
    if (kind->action == EVENT_ACTION_IGNORE || is_ignorable) {
        reader->counts.ignored[event->code]++;
        return true;
    }
    if (kind->action != EVENT_ACTION_DECODE)
        return event_refuse(event, err);
    return handlers[event->code](reader, event, err);
}

static bool handle_outer(struct reader *reader, struct slice bytes, struct err *err)
{
    struct event *event = &reader->event;
    if (!event_parse(bytes, &reader->format, reader->options->verify_checksums, event, err))
        return false;
    event_locate(event, &reader->event_pos, &reader->next_pos);
    bool is_first = event->code == EVENT_FORMAT_DESCRIPTION || event->code == EVENT_ROTATE ||
                    event->code == EVENT_HEARTBEAT || event->code == EVENT_HEARTBEAT_V2 ||
                    event->code == EVENT_START_V3; // refused for what it is
    if (!reader->format.is_known && !is_first)
        return corrupt_order(event, "before a format description", err);
    if (!(event->flags & EVENT_FLAG_ARTIFICIAL)) {
        reader->counts.events++;
        reader->counts.bytes += bytes.len;
    }
    if (!handle_event(reader, event, err))
        return false;
    follow(reader);
    return true;
}

// Nothing that concerns the log itself can stand inside a transaction.
static bool handle_inner(struct reader *reader, struct slice bytes, struct err *err)
{
    struct event *event = &reader->event;
    if (!event_parse(bytes, &reader->inner_format, false, event, err))
        return false;
    if (event->code == EVENT_TRANSACTION_PAYLOAD || event->code == EVENT_FORMAT_DESCRIPTION ||
        event->code == EVENT_ROTATE)
        return corrupt_order(event, "inside a transaction payload", err);
    reader->counts.events++;
    return handle_event(reader, event, err);
}

static bool step_payload(struct reader *reader, struct err *err)
{
    struct slice bytes;
    if (!payload_next(&reader->payload, &bytes, err))
        return fail_here(reader, err);
    if (bytes.len)
        return handle_inner(reader, bytes, err) || fail_here(reader, err);
    reader->in_payload = false;
    if (between_transactions(reader))
        return true;
    corrupt_order(&reader->event, "is the last of a transaction payload without an end", err);
    return fail_here(reader, err);
}

// Takes one event and sets what is due. *result as the source says.
static bool step(struct reader *reader, unsigned timeout_ms, enum source_result *result,
                 struct err *err)
{
    struct slice bytes;
    *result = SOURCE_EVENT;
    if (reader->in_payload)
        return step_payload(reader, err);
    *result = reader->source->next(reader->source, timeout_ms, &bytes, err);
    if (*result == SOURCE_ERROR) {
        reader->event_pos = reader->next_pos;
        return reader->file[0] ? fail_here(reader, err) : false;
    }
    if (*result == SOURCE_EVENT && !handle_outer(reader, bytes, err))
        return fail_here(reader, err);
    if (*result == SOURCE_END && !between_transactions(reader)) {
        ends_in_transaction(reader, err);
        return fail_here(reader, err);
    }
    return true;
}

// --- items ---------------------------------------------------------------------------------------

static bool hand_out_begin(struct reader *reader, struct reader_item *item)
{
    reader->due &= ~(unsigned)DUE_BEGIN;
    item->kind = READER_BEGIN;
    item->gtid = transaction_gtid(&reader->transaction);
    return true;
}

static bool hand_out_ddl(struct reader *reader, struct reader_item *item)
{
    reader->due &= ~(unsigned)DUE_DDL;
    set_origin(reader, &reader->event);
    reader->ddl.source = reader->origin;
    item->kind = READER_DDL;
    item->ddl = &reader->ddl;
    item->gtid = transaction_gtid(&reader->transaction);
    return true;
}

// The next change of the event into *item; *given false when the event had but rows to pass over.
static bool hand_out_row(struct reader *reader, struct reader_item *item, bool *given,
                         struct err *err)
{
    struct row_event *rows = &reader->rows;
    *given = false;
    if (row_event_done(rows)) {
        reader->due &= ~(unsigned)DUE_ROWS;
        if (rows->ends_statement)
            end_statement(reader);
        return true;
    }
    if (!row_event_next(rows, &reader->arena, err))
        return fail_here(reader, err);
    struct transaction *transaction = &reader->transaction;
    reader->change.source = reader->origin;
    reader->change.source.row = reader->in_payload ? reader->payload_row++ : reader->row++;
    reader->change.total_order = ++transaction->n_changes;
    if (transaction->n_changes <= reader->skip_rows)
        return true;
    reader->change.transaction = slice_of(transaction->id, transaction->id_len);
    reader->change.encoded_ms = reader->origin.ts_us / 1000;
    reader->position.rows = transaction->n_changes;
    reader->counts.changes++;
    item->kind = READER_CHANGE;
    item->change = &reader->change;
    item->gtid = reader->origin.gtid;
    *given = true;
    return true;
}

static bool hand_out_commit(struct reader *reader, struct reader_item *item, struct err *err)
{
    struct transaction *transaction = &reader->transaction;
    struct position *position = &reader->position;
    reader->due &= ~(unsigned)DUE_COMMIT;
    if (transaction->n_changes < reader->skip_rows) {
        err_set(err, ERR_CORRUPT,
                "the transaction has %llu row changes, but %llu of it were read before: this is "
                "another history",
                (unsigned long long)transaction->n_changes, (unsigned long long)reader->skip_rows);
        return fail_here(reader, err);
    }
    if (transaction->gtid.kind != GTID_NONE &&
        !gtid_set_add(&position->executed, &transaction->gtid, err))
        return fail_here(reader, err);
    item->kind = READER_COMMIT;
    item->gtid = transaction_gtid(transaction);
    position->rows = 0;
    position->ts_us = transaction->commit_us;
    transaction->state = TRANSACTION_NONE;
    reader->skip_rows = 0;
    reader->counts.transactions++;
    move_position(reader);
    return true;
}

bool reader_next(struct reader *reader, unsigned timeout_ms, struct reader_item *item,
                 struct err *err)
{
    *item = (struct reader_item){.kind = READER_IDLE};
    enum source_result result = SOURCE_EVENT;
    while (result == SOURCE_EVENT) {
        if (reader->due & DUE_BEGIN)
            return hand_out_begin(reader, item);
        if (reader->due & DUE_DDL)
            return hand_out_ddl(reader, item);
        if (reader->due & DUE_ROWS) {
            bool given;
            arena_reset(&reader->arena);
            if (!hand_out_row(reader, item, &given, err))
                return false;
            if (given)
                return true;
            continue;
        }
        if (reader->due & DUE_COMMIT)
            return hand_out_commit(reader, item, err);
        if (reader->due & DUE_IDLE) {
            reader->due &= ~(unsigned)DUE_IDLE;
            return true;
        }
        arena_reset(&reader->arena);
        if (!step(reader, timeout_ms, &result, err))
            return false;
    }
    if (result == SOURCE_END)
        item->kind = READER_END;
    return true;
}

// --- the rest of the public face -----------------------------------------------------------------

static bool check_start(const struct reader_options *options, struct err *err)
{
    const struct position *start = options->start;
    if (!start || start->rows == 0 || start->filter == table_filter_digest(&options->filter))
        return true;
    return err_set(err, ERR_REFUSED,
                   "the position lies %llu row changes inside a transaction, counted with other "
                   "tables in [tables] than now: put back the former include and exclude until "
                   "the transaction is complete",
                   (unsigned long long)start->rows);
}

static void begin_at(struct reader *reader, const struct position *start)
{
    reader->follows = !start || gtid_set_is_empty(&start->executed);
    if (start) {
        position_copy(&reader->position, start);
        reader->skip_rows = start->rows;
    }
    reader->position.filter = table_filter_digest(&reader->options->filter);
}

struct reader *reader_open_take(struct source *source, const struct reader_options *options,
                                struct err *err)
{
    if (!check_start(options, err)) {
        source_close(source);
        return NULL;
    }
    struct reader *reader = mem_zalloc(sizeof *reader);
    reader->source = source;
    reader->options = options;
    reader->origin.name = slice_of_str(options->source_name);
    reader->origin.version = slice_of_str(options->version);
    begin_at(reader, options->start);
    return reader;
}

void reader_close(struct reader *reader)
{
    if (!reader)
        return;
    source_close(reader->source);
    table_maps_clear(&reader->maps);
    payload_deinit(&reader->payload);
    plain_deinit(&reader->plain);
    arena_deinit(&reader->arena);
    buf_deinit(&reader->query);
    position_deinit(&reader->position);
    free(reader);
}

const struct position *reader_position(const struct reader *reader)
{
    return &reader->position;
}

struct slice reader_current_gtid(const struct reader *reader)
{
    return between_transactions(reader) ? slice_of(NULL, 0)
                                        : transaction_gtid(&reader->transaction);
}

const struct reader_counts *reader_counts(const struct reader *reader)
{
    return &reader->counts;
}
