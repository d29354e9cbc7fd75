// SPDX-License-Identifier: Apache-2.0
// Reader state: what the files of the reader share. reader.c takes events and hands out items,
// reader_events.c says what each type of event does, reader_hold.c keeps what is not decided yet
// and passes over what was read before.
#ifndef TAILRACE_BINLOG_READER_STATE_H
#define TAILRACE_BINLOG_READER_STATE_H

#include "binlog/hold.h"
#include "binlog/payload.h"
#include "binlog/query.h"
#include "binlog/reader.h"
#include "binlog/row.h"
#include "binlog/transaction.h"
#include "binlog/xa.h"

#define MICROSECONDS 1000000u

// What the last event gave rise to, in the order in which it is handed out.
enum due {
    DUE_BEGIN = 1,
    DUE_DDL = 2,
    DUE_ROWS = 4,
    DUE_HELD = 8, // events of `releasing`, which may make rows due again
    DUE_COMMIT = 16,
    DUE_IDLE = 32,
};

// What is done with the transaction that is being read.
enum pass {
    PASS_ON,   // it is new
    PASS_OVER, // it was read before this reader's start
    PASS_HELD, // so it was, and it is an XA transaction that was pending then: its rows are kept
};

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
    uint64_t file_ts;             // when the server began the file; 0: not said yet
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

    bool is_holding;  // the events of the transaction are kept in `hold`
    struct hold hold; // empty between transactions
    struct hold
        *releasing; // NULL: nothing; events come from here: `hold`, or an XA transaction of `held`
    uint64_t release_at;
    uint64_t release_end_pos; // event_pos behind it
    struct buf release_room;
    struct spill spill;
    struct xa_list held;       // XA transactions that are prepared
    char xid[PENDING_XID_MAX]; // of the one that is being prepared, or decided; "" = none

    enum pass pass;
    bool is_again;            // the log may still bring what was read before
    struct gtid_set to_reach; // MariaDB: the last of each domain that was read before

    struct position position;
    bool follows;       // position moves between transactions too (see follow in reader.c)
    uint64_t skip_rows; // of the first transaction: passed over
    struct reader_counts counts;
};

static inline bool reader_between_transactions(const struct reader *reader)
{
    return reader->transaction.state == TRANSACTION_NONE;
}

// reader.c: moves the position to behind the event that was read last.
void reader_move_position(struct reader *reader);

// --- reader_events.c -----------------------------------------------------------------------------

// Does what an event of the log, of a payload or of a hold is there for.
MUST_CHECK bool reader_handle_event(struct reader *reader, const struct event *event,
                                    struct err *err);

// ERR_CORRUPT: "EVENT what". Always returns false.
bool reader_corrupt_order(const struct event *event, const char *what, struct err *err);

// ERR_CORRUPT: the log ends where it should not. Always returns false.
bool reader_ends_in_transaction(const struct reader *reader, struct err *err);

// What the event's changes say of where they come from.
void reader_set_origin(struct reader *reader, const struct event *event);

// The last row of an event was taken.
void reader_end_statement(struct reader *reader);

// The transaction is complete.
void reader_commit(struct reader *reader, const struct event *event);

// --- reader_hold.c -------------------------------------------------------------------------------

MUST_CHECK bool reader_hold_open(struct reader *reader, struct err *err);
void reader_hold_close(struct reader *reader);

// Decides what becomes of the transaction whose name and place are known now.
void reader_enter(struct reader *reader);

// Keeps the events of this transaction from now on.
void reader_hold_begin(struct reader *reader);
MUST_CHECK bool reader_hold_event(struct reader *reader, const struct event *event,
                                  struct err *err);

// What was kept is undone, or becomes due.
void reader_hold_forget(struct reader *reader);
void reader_hold_release(struct reader *reader);

// The XA transaction that is being read is prepared; an XA transaction is committed or rolled back.
MUST_CHECK bool reader_xa_prepare(struct reader *reader, const struct event *event,
                                  struct err *err);
MUST_CHECK bool reader_xa_decide(struct reader *reader, const struct event *event,
                                 const struct xa_statement *xa, struct err *err);

// The next event of what is released, or the end of it.
MUST_CHECK bool reader_step_held(struct reader *reader, struct err *err);

// The transaction is handed out: what is pending moves with the position.
void reader_hold_commit(struct reader *reader);

#endif
