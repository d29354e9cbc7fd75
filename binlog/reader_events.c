// SPDX-License-Identifier: Apache-2.0
// Reader, events: what each type does; see reader_state.h. A handler sets what is due, and says
// where rows that may still be undone are kept instead.
#include "binlog/reader_state.h"

#include "common/utf8.h"

// --- transactions --------------------------------------------------------------------------------

static void begin_transaction(struct reader *reader, const struct event *event)
{
    transaction_begin(&reader->transaction, reader->file, reader->event_pos);
    reader->origin.server_id = event->server_id;
    buf_clear(&reader->query);
}

// Begins one that no GTID event heads.
static void begin_unnamed(struct reader *reader, const struct event *event)
{
    begin_transaction(reader, event);
    reader_enter(reader);
}

bool reader_corrupt_order(const struct event *event, const char *what, struct err *err)
{
    return err_at(err, ERR_CORRUPT, EVENT_HEADER_BYTES, "%s %s", event_kind_of(event->code)->name,
                  what);
}

static bool handle_gtid(struct reader *reader, const struct event *event, struct err *err)
{
    if (!reader_between_transactions(reader))
        return reader_corrupt_order(event, "inside a transaction", err);
    begin_transaction(reader, event);
    if (!transaction_name(&reader->transaction, event, &reader->format, err))
        return false;
    reader_enter(reader);
    if (reader->format.is_mariadb && reader->transaction.state != TRANSACTION_NAMED)
        reader_hold_begin(reader);
    return true;
}

void reader_commit(struct reader *reader, const struct event *event)
{
    if (reader->pass != PASS_ON) { // nothing of it is handed out
        reader->transaction.state = TRANSACTION_NONE;
        return;
    }
    if (!reader->transaction.commit_us)
        reader->transaction.commit_us = (uint64_t)event->timestamp * MICROSECONDS;
    reader->due |= DUE_COMMIT;
}

static bool handle_xid(struct reader *reader, const struct event *event, struct err *err)
{
    if (reader->transaction.state != TRANSACTION_OPEN)
        return reader_corrupt_order(event, "without a transaction", err);
    reader_hold_release(reader);
    reader_commit(reader, event);
    return true;
}

static bool handle_begin(struct reader *reader, const struct event *event,
                         const struct query *query, struct err *err)
{
    if (reader_between_transactions(reader))
        begin_unnamed(reader, event);
    else if (reader->transaction.state != TRANSACTION_NAMED)
        return reader_corrupt_order(event, "BEGIN inside a transaction", err);
    reader->transaction.state = TRANSACTION_OPEN;
    reader->transaction.has_thread = true;
    reader->transaction.thread = query->thread;
    return true;
}

static bool refuse_rollback(struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "a ROLLBACK is logged behind rows of its transaction that were not kept: the "
                   "log did not say that they might be undone");
}

// A savepoint that was set before anything was kept has no rows of ours behind it, or they are out.
static bool handle_rollback_to(struct reader *reader, const struct query *query, struct err *err)
{
    if (reader->pass == PASS_OVER)
        return true;
    if (!reader->is_holding)
        return reader->transaction.n_changes == 0 || refuse_rollback(err);
    struct slice name = query_savepoint(query->statement, &reader->arena);
    return hold_rollback_to(&reader->spill, &reader->hold, name, err);
}

static bool handle_rollback(struct reader *reader, const struct event *event, struct err *err)
{
    if (reader->transaction.n_changes > 0)
        return refuse_rollback(err);
    reader_hold_forget(reader);
    reader_commit(reader, event);
    return true;
}

static bool handle_savepoint(struct reader *reader, const struct query *query, struct err *err)
{
    struct slice name = query_savepoint(query->statement, &reader->arena);
    if (reader->pass == PASS_OVER || name.len == 0) // RELEASE: nothing is undone by it
        return true;
    if (!reader->is_holding)
        reader_hold_begin(reader);
    return hold_savepoint(&reader->spill, &reader->hold, name, err);
}

static bool handle_end(struct reader *reader, const struct event *event, const struct query *query,
                       enum query_kind kind, struct err *err)
{
    enum transaction_state state = reader->transaction.state;
    bool is_xa = state == TRANSACTION_XA;
    if (state != TRANSACTION_OPEN && !(is_xa && kind == QUERY_ROLLBACK_TO))
        return reader_corrupt_order(event, "COMMIT or ROLLBACK without a transaction", err);
    if (kind == QUERY_ROLLBACK_TO)
        return handle_rollback_to(reader, query, err);
    if (kind == QUERY_ROLLBACK)
        return handle_rollback(reader, event, err);
    reader_hold_release(reader);
    reader_commit(reader, event);
    return true;
}

static bool handle_xa_start(struct reader *reader, const struct event *event,
                            const struct query *query, struct err *err)
{
    if (reader_between_transactions(reader))
        begin_unnamed(reader, event);
    else if (reader->transaction.state != TRANSACTION_NAMED)
        return reader_corrupt_order(event, "XA START inside a transaction", err);
    reader->transaction.state = TRANSACTION_XA;
    reader->transaction.has_thread = true;
    reader->transaction.thread = query->thread;
    reader_hold_begin(reader);
    return true;
}

static bool handle_xa(struct reader *reader, const struct event *event, const struct query *query,
                      struct err *err)
{
    struct xa_statement xa;
    if (!xa_parse(&xa, query->statement, err))
        return false;
    switch (xa.verb) {
    case XA_START:
        return handle_xa_start(reader, event, query, err);
    case XA_END:
        return reader->transaction.state == TRANSACTION_XA ||
               reader_corrupt_order(event, "XA END without XA START", err);
    case XA_COMMIT:
    case XA_ROLLBACK:
        break;
    }
    if (reader_between_transactions(reader))
        begin_unnamed(reader, event);
    return reader_xa_decide(reader, event, &xa, err);
}

static void handle_ddl(struct reader *reader, const struct event *event, const struct query *query)
{
    if (reader_between_transactions(reader))
        begin_unnamed(reader, event);
    struct transaction *transaction = &reader->transaction;
    if (reader->pass == PASS_ON)
        reader->due |= DUE_DDL;
    if (reader->options->names) { // what is known without them may be of before
        reader->options->names->ddl(reader->options->names->into, &reader->ddl);
        table_maps_clear(&reader->maps);
    }
    if (transaction->state != TRANSACTION_NAMED)
        return;
    transaction->has_thread = true;
    transaction->thread = query->thread;
    reader_commit(reader, event);
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
        return handle_end(reader, event, &query, kind, err);
    case QUERY_SAVEPOINT:
        return handle_savepoint(reader, &query, err);
    case QUERY_XA:
        return handle_xa(reader, event, &query, err);
    case QUERY_DDL:
        reader->ddl.statement = text;
        handle_ddl(reader, event, &query);
        return true;
    case QUERY_EMPTY: // a placeholder for an event that was not meant for us
        if (reader->transaction.state == TRANSACTION_NAMED)
            reader_commit(reader, event);
        return true;
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
    if (reader_between_transactions(reader))
        begin_unnamed(reader, event);
    if (reader->transaction.state == TRANSACTION_NAMED)
        reader->transaction.state = TRANSACTION_STATEMENT;
}

static bool handle_table_map(struct reader *reader, const struct event *event, struct err *err)
{
    begin_statement(reader, event);
    if (reader->pass == PASS_OVER)
        return true;
    const struct event_format *format =
        reader->releasing ? &reader->releasing->format : &reader->format;
    reader->maps.file = reader->releasing ? reader->releasing->file : reader->file;
    reader->maps.begin_pos =
        reader->releasing ? reader->releasing->begin_pos : reader->hold.begin_pos;
    if (!table_maps_add(&reader->maps, event, format, &reader->options->filter, err))
        return false;
    return !reader->is_holding || !reader->maps.last->is_wanted ||
           reader_hold_event(reader, event, err);
}

void reader_set_origin(struct reader *reader, const struct event *event)
{
    struct origin *origin = &reader->origin;
    const struct transaction *transaction = &reader->transaction;
    origin->server_id = event->server_id;
    origin->ts_us =
        transaction->commit_us ? transaction->commit_us : (uint64_t)event->timestamp * MICROSECONDS;
    origin->has_thread = transaction->has_thread;
    origin->thread = transaction->thread;
    origin->file = slice_of_str(reader->releasing ? reader->releasing->file : reader->file);
    origin->pos = reader->event_pos;
    origin->gtid = transaction_gtid(transaction);
    origin->query = buf_bytes(&reader->query);
}

void reader_end_statement(struct reader *reader)
{
    buf_clear(&reader->query);
    if (reader->transaction.state == TRANSACTION_STATEMENT)
        reader_commit(reader, &reader->event);
}

static bool hold_rows(struct reader *reader, const struct event *event, struct err *err)
{
    const struct table_map *map;
    if (!row_event_find_map(event, &reader->format, &reader->maps, &map, err))
        return false;
    reader->counts.filtered_events += map && !map->is_wanted;
    return !map || !map->is_wanted || reader_hold_event(reader, event, err);
}

static bool handle_rows(struct reader *reader, const struct event *event, struct err *err)
{
    begin_statement(reader, event);
    if (reader->pass == PASS_OVER) {
        bool is_statement = reader->transaction.state == TRANSACTION_STATEMENT;
        if (is_statement && row_event_ends_statement(event, &reader->format))
            reader_commit(reader, event);
        return true;
    }
    if (reader->is_holding)
        return hold_rows(reader, event, err);
    const struct event_format *format =
        reader->releasing ? &reader->releasing->format : &reader->format;
    struct row_event *rows = &reader->rows;
    if (!row_event_parse(rows, event, format, &reader->maps, &reader->plain, err))
        return false;
    if (row_event_done(rows)) {
        reader->counts.filtered_events += rows->map != NULL;
        if (rows->ends_statement)
            reader_end_statement(reader);
        return true;
    }
    reader->row = 0;
    reader_set_origin(reader, event);
    reader->change.op = rows->op;
    reader->change.table = &rows->map->table;
    reader->change.before = rows->before.is_used ? rows->before.values : NULL;
    reader->change.after = rows->after.is_used ? rows->after.values : NULL;
    reader->due |= DUE_ROWS;
    return true;
}

// The text of the statement whose rows follow. MySQL puts a length of one byte before it, which is
// too small for most statements and of no use.
static bool handle_rows_query(struct reader *reader, const struct event *event, struct err *err)
{
    if (reader->pass == PASS_OVER)
        return true;
    if (reader->is_holding)
        return reader_hold_event(reader, event, err);
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

bool reader_ends_in_transaction(const struct reader *reader, struct err *err)
{
    return err_set(err, ERR_CORRUPT,
                   "the log ends inside the transaction %.*s: it was cut, the server crashed, or "
                   "it is still being written",
                   (int)reader->transaction.id_len, reader->transaction.id);
}

// A server that was reset or restored has other transactions in a file of the same name, maybe with
// the same borders. The event at the head of a file tells when the server began it.
static bool check_file(const struct reader *reader, struct err *err)
{
    const struct position *start = reader->options->start;
    if (!start || !start->file_ts || !reader->file_ts || reader->file_ts == start->file_ts ||
        strcmp(start->file, reader->file) != 0)
        return true;
    return err_set(err, ERR_REFUSED,
                   "%s was read up to %llu, but the server has another file of that name, begun at "
                   "%llu and not at %llu (seconds since 1970): it was reset or restored; start "
                   "over with `tailrace offsets reset publisher --to earliest` and copy the tables "
                   "again with `tailrace snapshot`",
                   start->file, (unsigned long long)start->pos, (unsigned long long)reader->file_ts,
                   (unsigned long long)start->file_ts);
}

static bool handle_format(struct reader *reader, const struct event *event, struct err *err)
{
    if (!reader_between_transactions(reader))
        return reader_ends_in_transaction(reader, err);
    if (!event_format_parse(event, reader->options->verify_checksums, &reader->format, err))
        return false;
    reader->inner_format = reader->format;
    reader->inner_format.has_checksum = false;
    table_maps_clear(&reader->maps);
    reader->file_ts = event->timestamp;
    return check_file(reader, err);
}

static bool handle_rotate(struct reader *reader, const struct event *event, struct err *err)
{
    struct slice name;
    uint64_t pos;
    if (!event_read_rotate(event, &name, &pos, err))
        return false;
    if (name.len >= POSITION_FILE_MAX || !utf8_is_valid(name))
        return reader_corrupt_order(event, "without a valid file name", err);
    if (!reader_between_transactions(reader))
        return reader_ends_in_transaction(reader, err);
    memcpy(reader->file, name.ptr, name.len);
    reader->file[name.len] = '\0';
    bool is_known = strcmp(reader->position.file, reader->file) == 0;
    reader->file_ts = is_known ? reader->position.file_ts : 0; // until its head says it
    reader->next_pos = pos;
    if (event->end_pos != 0 && !(event->flags & EVENT_FLAG_ARTIFICIAL))
        return true;
    // one at the head of a dump only says where we are
    if (reader->position.file[0] == '\0')
        reader_move_position(reader);
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
    if (is_here && reader_between_transactions(reader)) {
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
        return reader_corrupt_order(event, "without a GTID event before it", err);
    reader->payload_row = 0;
    reader->in_payload = true;
    return payload_begin(&reader->payload, event, reader->source, err);
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
    [EVENT_XA_PREPARE] = reader_xa_prepare,
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

bool reader_handle_event(struct reader *reader, const struct event *event, struct err *err)
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
