// SPDX-License-Identifier: Apache-2.0
// Hold: the events of a transaction that are kept until it is known what becomes of them: rows of
// an XA transaction until its commit, rows behind a savepoint until the end. ROLLBACK TO takes off
// what came behind the savepoint.
#ifndef TAILRACE_BINLOG_HOLD_H
#define TAILRACE_BINLOG_HOLD_H

#include "binlog/event.h"
#include "binlog/spill.h"
#include "record/position.h"

struct hold {
    struct spill_log log;
    uint64_t last_savepoint;      // offset of its entry plus 1; 0: none
    char file[POSITION_FILE_MAX]; // in which the events lie
    uint64_t begin_pos;           // of the transaction
    struct event_format format;   // of the events
    bool in_payload;
    bool has_thread;
    uint64_t thread;
};

// An event that comes out again.
struct held_event {
    struct slice bytes; // until the next call
    uint64_t pos;       // where it starts in its file; in a payload: where that starts
};

// {0} is an empty hold. ERR_UNAVAILABLE for the temporary file.
MUST_CHECK bool hold_event(struct spill *spill, struct hold *hold, struct slice bytes, uint64_t pos,
                           struct err *err);
MUST_CHECK bool hold_savepoint(struct spill *spill, struct hold *hold, struct slice name,
                               struct err *err);

// Takes off what came behind the savepoint that was set last by that name; it stays itself.
// ERR_UNSUPPORTED where there is none, or where it is not sure which one the server means.
// hold->format says which server's rules hold.
MUST_CHECK bool hold_rollback_to(struct spill *spill, struct hold *hold, struct slice name,
                                 struct err *err);

// The event at *at (0: the first), and moves *at behind it. *given false: there is none left.
MUST_CHECK bool hold_next(const struct spill *spill, const struct hold *hold, uint64_t *at,
                          struct buf *room, struct held_event *held, bool *given, struct err *err);

#endif
