// SPDX-License-Identifier: Apache-2.0
// Reader, what is not decided yet: see reader_state.h.
//
// Events are kept until it is known what becomes of them:
//   - of an XA transaction until XA COMMIT, which gives its rows a GTID and a commit time, while
//     file, pos and row stay those of their own place; with ONE PHASE until its prepare event;
//   - of a transaction of MariaDB until its end: it may be ROLLBACK, and nothing at its head says
//     so;
//   - of any other transaction from its first SAVEPOINT to its end.
// Rows of tables that are left out are not kept.
//
// After a restart the rows of pending XA transactions are read again: the dump starts where they
// lie (position_begin), and what was read between them and the position is passed over. MySQL with
// GTIDs sends just what is pending. MariaDB sends all that follows in each domain: it was read
// before up to and with the last GTID of the domain that the position has; numbers are not
// compared, as they need not grow. Without GTIDs it is what starts before the position.
#include "binlog/reader_state.h"
#include "record/gtid_member.h"

#include <string.h>

#define KEPT_BYTES_MOST ((size_t)2 << 20) // in memory; more goes to a temporary file

static bool same_gtid(const struct gtid *a, const struct gtid *b)
{
    char text_a[GTID_TEXT_MAX];
    char text_b[GTID_TEXT_MAX];
    size_t n_a = gtid_write(text_a, a);
    size_t n_b = gtid_write(text_b, b);
    return slice_eq(slice_of(text_a, n_a), slice_of(text_b, n_b));
}

// --- opening and closing -------------------------------------------------------------------------

// The domains of MariaDB from which the log brings nothing that was read before.
static bool forget_reached(struct gtid_set *to_reach, const struct gtid_set *before,
                           struct err *err)
{
    struct gtid_set left = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < to_reach->n_members; i++) {
        const struct gtid *last = &to_reach->members[i].id;
        const struct gtid *start = gtid_set_last(before, last);
        if (!start || !same_gtid(start, last))
            ok = gtid_set_add(&left, last, err);
    }
    gtid_set_deinit(to_reach);
    *to_reach = left;
    return ok;
}

bool reader_hold_open(struct reader *reader, struct err *err)
{
    const struct position *start = reader->options->start;
    spill_init(&reader->spill, KEPT_BYTES_MOST);
    if (!start || start->pending.n == 0)
        return true;
    reader->is_again = true;
    if (start->executed.kind != GTID_MARIADB)
        return true;
    gtid_set_copy(&reader->to_reach, &start->executed);
    return forget_reached(&reader->to_reach, &start->pending.items[0].before, err);
}

void reader_hold_close(struct reader *reader)
{
    spill_drop(&reader->spill, &reader->hold.log);
    xa_list_clear(&reader->held, &reader->spill);
    spill_deinit(&reader->spill);
    buf_deinit(&reader->release_room);
    gtid_set_deinit(&reader->to_reach);
}

// --- what was read before ------------------------------------------------------------------------

static bool mariadb_was_read(struct reader *reader, const struct gtid *gtid)
{
    const struct gtid *last = gtid_set_last(&reader->to_reach, gtid);
    if (!last)
        return false;
    struct gtid_set reached = {0};
    if (same_gtid(last, gtid)) {
        struct err ignored; // one GTID of a kind is always taken
        if (gtid_set_add(&reached, gtid, &ignored))
            gtid_set_subtract(&reader->to_reach, &reached);
        gtid_set_deinit(&reached);
    }
    return true;
}

static bool was_read(struct reader *reader)
{
    const struct position *start = reader->options->start;
    const struct gtid *gtid = &reader->transaction.gtid;
    if (gtid->kind == GTID_MYSQL)
        return gtid_set_contains(&reader->position.executed, gtid);
    if (gtid->kind == GTID_MARIADB)
        return mariadb_was_read(reader, gtid);
    int files = position_compare_files(reader->file, start->file);
    return files < 0 || (files == 0 && reader->event_pos < start->pos);
}

static bool is_pending(const struct reader *reader)
{
    const struct pending_list *list = &reader->options->start->pending;
    const struct gtid *gtid = &reader->transaction.gtid;
    for (size_t i = 0; i < list->n; i++) {
        const struct pending_xa *pending = &list->items[i];
        if (pending->gtid.kind != GTID_NONE && gtid->kind != GTID_NONE) {
            if (same_gtid(&pending->gtid, gtid))
                return true;
        } else if (pending->gtid.kind == gtid->kind && pending->pos == reader->event_pos &&
                   strcmp(pending->file, reader->file) == 0) {
            return true;
        }
    }
    return false;
}

void reader_enter(struct reader *reader)
{
    reader->pass = PASS_ON;
    reader->hold.begin_pos = reader->event_pos;
    if (reader->is_again && was_read(reader))
        reader->pass = is_pending(reader) ? PASS_HELD : PASS_OVER;
    if (reader->pass != PASS_ON)
        return;
    reader->follows = true;
    reader->due |= DUE_BEGIN;
}

// --- keeping -------------------------------------------------------------------------------------

void reader_hold_begin(struct reader *reader)
{
    if (reader->pass == PASS_OVER)
        return;
    struct hold *hold = &reader->hold;
    reader->is_holding = true;
    memcpy(hold->file, reader->file, sizeof hold->file);
    hold->format = reader->in_payload ? reader->inner_format : reader->format;
    hold->in_payload = reader->in_payload;
}

bool reader_hold_event(struct reader *reader, const struct event *event, struct err *err)
{
    return hold_event(&reader->spill, &reader->hold, event->bytes, reader->event_pos, err);
}

void reader_hold_forget(struct reader *reader)
{
    spill_clear(&reader->spill, &reader->hold.log);
    reader->hold.last_savepoint = 0;
    reader->is_holding = false;
}

static void release(struct reader *reader, struct hold *hold)
{
    reader->is_holding = false;
    reader->releasing = hold;
    reader->release_at = 0;
    reader->release_end_pos = reader->event_pos;
    reader->due |= DUE_HELD;
}

void reader_hold_release(struct reader *reader)
{
    if (reader->is_holding)
        release(reader, &reader->hold);
}

bool reader_step_held(struct reader *reader, struct err *err)
{
    const struct hold *hold = reader->releasing;
    struct held_event held;
    bool given;
    if (!hold_next(&reader->spill, hold, &reader->release_at, &reader->release_room, &held, &given,
                   err))
        return false;
    if (!given) {
        reader->due &= ~(unsigned)DUE_HELD;
        reader->event_pos = reader->release_end_pos;
        reader->releasing = NULL;
        return true;
    }
    reader->event_pos = held.pos;
    return event_parse(held.bytes, &hold->format, false, &reader->event, err) &&
           reader_handle_event(reader, &reader->event, err);
}

// --- XA ------------------------------------------------------------------------------------------

static bool check_prepare(const struct reader *reader, const char *xid, struct err *err)
{
    bool is_known = reader->pass == PASS_ON && pending_find(&reader->position.pending, xid);
    if (is_known || xa_list_find(&reader->held, xid))
        return err_set(err, ERR_CORRUPT, "XA PREPARE %s, which is prepared already", xid);
    if (reader->pass == PASS_ON && reader->position.pending.n >= PENDING_MAX)
        return err_set(err, ERR_UNSUPPORTED,
                       "more than %d XA transactions are prepared and neither committed nor rolled "
                       "back: decide them (XA RECOVER lists them), then start again from a "
                       "position behind that",
                       PENDING_MAX);
    return true;
}

bool reader_xa_prepare(struct reader *reader, const struct event *event, struct err *err)
{
    struct transaction *transaction = &reader->transaction;
    char xid[PENDING_XID_MAX];
    bool one_phase;
    if (transaction->state != TRANSACTION_XA)
        return reader_corrupt_order(event, "without XA START", err);
    if (!xa_read_prepare(event, xid, &one_phase, err))
        return false;
    if (one_phase) {
        reader_hold_release(reader);
    } else if (reader->pass != PASS_OVER) {
        if (!check_prepare(reader, xid, err))
            return false;
        reader->hold.has_thread = transaction->has_thread;
        reader->hold.thread = transaction->thread;
        xa_list_add_take(&reader->held, xid, &reader->hold);
        reader->is_holding = false;
        if (reader->pass == PASS_ON)
            memcpy(reader->xid, xid, sizeof reader->xid);
    }
    transaction->state = TRANSACTION_OPEN;
    reader_commit(reader, event);
    return true;
}

static bool refuse_unknown(const char *xid, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "XA COMMIT %s: it was prepared before the position from which reading started, "
                   "so its rows are not known. Start from before its XA PREPARE (`tailrace offsets "
                   "reset publisher --to` time:… or FILE:POS; with tailrace cat, name that file "
                   "too), or go on behind it with a position behind it, and copy the tables that "
                   "it changed",
                   xid);
}

bool reader_xa_decide(struct reader *reader, const struct event *event,
                      const struct xa_statement *xa, struct err *err)
{
    struct transaction *transaction = &reader->transaction;
    struct xa_held *held = xa_list_find(&reader->held, xa->xid);
    bool is_commit = xa->verb == XA_COMMIT;
    if (transaction->state != TRANSACTION_NAMED)
        return reader_corrupt_order(event, "XA COMMIT or XA ROLLBACK inside a transaction", err);
    if (reader->pass == PASS_ON && is_commit && !held)
        return refuse_unknown(xa->xid, err);
    transaction->state = TRANSACTION_OPEN;
    if (reader->pass == PASS_ON && held) {
        memcpy(reader->xid, xa->xid, sizeof reader->xid);
        transaction->has_thread = held->hold.has_thread;
        transaction->thread = held->hold.thread;
        reader->payload_row = 0;
        if (is_commit)
            release(reader, &held->hold);
    }
    reader_commit(reader, event);
    return true;
}

static void add_pending(struct reader *reader)
{
    struct position *position = &reader->position;
    struct xa_held *held = xa_list_find(&reader->held, reader->xid);
    struct pending_xa *pending = pending_add(&position->pending, reader->xid);
    pending->gtid = reader->transaction.gtid;
    pending->pos = held->hold.begin_pos;
    memcpy(pending->file, held->hold.file, sizeof pending->file);
    if (pending->gtid.kind == GTID_MARIADB)
        gtid_set_copy(&pending->before, &position->executed);
}

void reader_hold_commit(struct reader *reader)
{
    reader_hold_forget(reader);
    if (!reader->xid[0])
        return;
    if (pending_find(&reader->position.pending, reader->xid)) {
        pending_remove(&reader->position.pending, reader->xid);
        xa_list_remove(&reader->held, &reader->spill, reader->xid);
    } else {
        add_pending(reader);
    }
    reader->xid[0] = '\0';
}
