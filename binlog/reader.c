// SPDX-License-Identifier: Apache-2.0
// Reader: see reader.h. A pull machine: each event sets `due`, the items that it gives rise to, and
// reader_next hands them out one a call, in the order of `enum due`; only when none is due the next
// event is taken.
//
// Invariants
//   - `position` names a point between transactions: it moves when a READER_COMMIT is handed out,
//   and between
//     transactions with what lies there. Inside one only `rows` moves.
//   - No row is handed out that the server took back: what may be undone is kept until that is
//     decided (reader_hold.c), and a ROLLBACK behind rows that were not kept is refused.
//   - One event lives at a time, and with it all that borrows from it; values that needed room live
//   in `arena`, which is
//     reset at each call. Nothing is allocated per event or row once the buffers have grown.
#include "binlog/reader_state.h"
#include "common/mem.h"

#include <stdlib.h>

// --- where we are --------------------------------------------------------------------------------

void reader_move_position(struct reader *reader)
{
    if (strcmp(reader->position.file, reader->file) != 0)
        memcpy(reader->position.file, reader->file, sizeof reader->position.file);
    reader->position.file_ts = reader->file_ts;
    reader->position.pos = reader->next_pos;
}

// Between transactions the position follows the events, so that a quiet server's log can be purged.
// A dump by GTID may begin in an earlier file than the position that it starts from: nothing moves
// back before something new was seen.
static void follow(struct reader *reader)
{
    if (reader_between_transactions(reader) && reader->follows && reader->file[0])
        reader_move_position(reader);
}

static bool fail_here(struct reader *reader, struct err *err)
{
    const char *file = reader->releasing ? reader->releasing->file : reader->file;
    struct slice gtid = transaction_gtid(&reader->transaction);
    if (reader_between_transactions(reader) || gtid.len == 0)
        return err_wrap(err, "%s:%llu", file, (unsigned long long)reader->event_pos);
    return err_wrap(err, "%s:%llu (GTID %.*s)", file, (unsigned long long)reader->event_pos,
                    SLICE_ARG(gtid));
}

// --- events --------------------------------------------------------------------------------------

static bool may_come_first(const struct event *event)
{
    return event->code == EVENT_FORMAT_DESCRIPTION || event->code == EVENT_ROTATE ||
           event->code == EVENT_HEARTBEAT || event->code == EVENT_HEARTBEAT_V2 ||
           event->code == EVENT_START_V3; // refused for what it is
}

static bool handle_outer(struct reader *reader, struct err *err)
{
    struct event *event = &reader->event;
    event_locate(event, &reader->event_pos, &reader->next_pos);
    if (!reader->format.is_known && !may_come_first(event))
        return reader_corrupt_order(event, "before a format description", err);
    if (!(event->flags & EVENT_FLAG_ARTIFICIAL)) {
        reader->counts.events++;
        reader->counts.bytes += event->size;
    }
    if (!reader_handle_event(reader, event, err))
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
        return reader_corrupt_order(event, "inside a transaction payload", err);
    reader->counts.events++;
    return reader_handle_event(reader, event, err);
}

static bool step_payload(struct reader *reader, struct err *err)
{
    struct slice bytes;
    if (!payload_next(&reader->payload, &bytes, err))
        return fail_here(reader, err);
    if (bytes.len)
        return handle_inner(reader, bytes, err) || fail_here(reader, err);
    reader->in_payload = false;
    if (reader_between_transactions(reader))
        return true;
    reader_corrupt_order(&reader->event, "is the last of a transaction payload without an end",
                         err);
    return fail_here(reader, err);
}

// Takes one event and sets what is due. *result as the source says.
static bool step(struct reader *reader, unsigned timeout_ms, enum source_result *result,
                 struct err *err)
{
    struct slice bytes;
    const struct event_format *format = &reader->format;
    bool verify = reader->options->verify_checksums;
    bool taken = true;
    *result = SOURCE_EVENT;
    if (reader->in_payload)
        return step_payload(reader, err);
    *result = reader->source->next(reader->source, timeout_ms, &bytes, err);
    switch (*result) {
    case SOURCE_EVENT:
        taken =
            event_parse(bytes, format, verify, &reader->event, err) && handle_outer(reader, err);
        break;
    case SOURCE_LONG_EVENT:
        taken = event_parse_long(reader->source, bytes, format, verify, &reader->event, err) &&
                handle_outer(reader, err);
        break;
    case SOURCE_IDLE:
        break;
    case SOURCE_END:
        taken = reader_between_transactions(reader) || reader_ends_in_transaction(reader, err);
        break;
    case SOURCE_ERROR:
        reader->event_pos = reader->next_pos;
        return reader->file[0] ? fail_here(reader, err) : false;
    }
    return taken || fail_here(reader, err);
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
    reader_set_origin(reader, &reader->event);
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
            reader_end_statement(reader);
        return true;
    }
    if (!row_event_next(rows, &reader->arena, err))
        return fail_here(reader, err);
    struct transaction *transaction = &reader->transaction;
    reader->change.source = reader->origin;
    bool in_payload = reader->releasing ? reader->releasing->in_payload : reader->in_payload;
    reader->change.source.row = in_payload ? reader->payload_row++ : reader->row++;
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
    reader_hold_commit(reader);
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
    reader_move_position(reader);
    return true;
}

bool reader_next(struct reader *reader, unsigned timeout_ms, struct reader_item *item,
                 struct err *err)
{
    *item = (struct reader_item){.kind = READER_IDLE};
    enum source_result result = SOURCE_EVENT;
    while (result != SOURCE_IDLE && result != SOURCE_END) {
        if (!reader->due) {
            arena_reset(&reader->arena);
            if (!step(reader, timeout_ms, &result, err))
                return false;
            continue;
        }
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
        if (reader->due & DUE_HELD) {
            arena_reset(&reader->arena);
            if (!reader_step_held(reader, err))
                return fail_here(reader, err);
            continue;
        }
        if (reader->due & DUE_COMMIT)
            return hand_out_commit(reader, item, err);
        reader->due &= ~(unsigned)DUE_IDLE;
        return true;
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
    reader->maps.names = options->names;
    if (reader_hold_open(reader, err))
        return reader;
    reader_close(reader);
    return NULL;
}

void reader_continue_take(struct reader *reader, struct source *source)
{
    source_close(reader->source);
    reader->source = source;
    reader->format = (struct event_format){0};
    table_maps_clear(&reader->maps);
    gtid_set_deinit(&reader->position.executed);
    reader->position.file[0] = '\0';
    reader->file[0] = '\0';
    reader->file_ts = 0;
    reader->next_pos = 0;
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
    reader_hold_close(reader);
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
    return reader_between_transactions(reader) ? slice_of(NULL, 0)
                                               : transaction_gtid(&reader->transaction);
}

const struct reader_counts *reader_counts(const struct reader *reader)
{
    return &reader->counts;
}
