// SPDX-License-Identifier: Apache-2.0
// Transaction: the one that is being read: its name, commit time and state.
#ifndef TAILRACE_BINLOG_TRANSACTION_H
#define TAILRACE_BINLOG_TRANSACTION_H

#include "binlog/event.h"
#include "record/gtid.h"
#include "record/number_text.h"
#include "record/position.h"

#define TRANSACTION_ID_MAX (POSITION_FILE_MAX + NUMBER_U64_MAX)

enum transaction_state {
    TRANSACTION_NONE,      // between two
    TRANSACTION_NAMED,     // its GTID event was read, nothing else
    TRANSACTION_OPEN,      // up to XID, COMMIT or ROLLBACK
    TRANSACTION_XA,        // behind XA START, up to its prepare event
    TRANSACTION_STATEMENT, // rows without BEGIN (old logs): up to the statement's last row event
};

struct transaction {
    enum transaction_state state;
    struct gtid gtid;   // GTID_NONE: it has none
    uint64_t commit_us; // 0: no GTID event has said it
    uint64_t thread;
    bool has_thread;
    uint64_t n_changes;          // so far, over the tables that are read
    char id[TRANSACTION_ID_MAX]; // GTID, or file:pos of its first event
    size_t id_len;
};

// Begins one without a name: its id is file:pos.
void transaction_begin(struct transaction *transaction, const char *file, uint64_t pos);

// Names the transaction that was just begun from a GTID event of any kind, and sets its commit
// time: the original one, which is the same on every replica. ERR_CORRUPT, ERR_UNSUPPORTED.
MUST_CHECK bool transaction_name(struct transaction *transaction, const struct event *event,
                                 const struct event_format *format, struct err *err);

// MariaDB's GTID_LIST_EVENT: adds what was executed before the file. ERR_CORRUPT.
MUST_CHECK bool transaction_read_gtid_list(const struct event *event, struct gtid_set *executed,
                                           struct err *err);

// GTID as text; empty where it has none.
struct slice transaction_gtid(const struct transaction *transaction);

#endif
