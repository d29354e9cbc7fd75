// SPDX-License-Identifier: Apache-2.0
// Query: statements that are logged as text: transaction control and DDL; and what must not be
// there in row format.
#ifndef TAILRACE_BINLOG_QUERY_H
#define TAILRACE_BINLOG_QUERY_H

#include "binlog/event.h"
#include "binlog/payload.h"
#include "binlog/reader.h"
#include "common/arena.h"

struct query {
    uint32_t thread;
    struct slice db;        // current database of the session
    struct slice statement; // bytes in the client's character set
    unsigned collation;     // of the client's character set; 0: not said
};

enum query_kind {
    QUERY_BEGIN,
    QUERY_COMMIT,
    QUERY_ROLLBACK,
    QUERY_ROLLBACK_TO, // a savepoint
    QUERY_SAVEPOINT,   // sets or releases one
    QUERY_XA,
    QUERY_DDL,
    QUERY_DML,   // changes rows by text: binlog_format is not ROW
    QUERY_EMPTY, // nothing but comments
    QUERY_UNKNOWN,
};

// Reads QUERY_EVENT and MariaDB's compressed form. Borrows from the event, or from `plain`.
// ERR_CORRUPT.
MUST_CHECK bool query_parse(struct query *query, const struct event *event,
                            const struct event_format *format, struct plain *plain,
                            struct err *err);

// Classifies a statement. For QUERY_DDL all but statement and source of *ddl is set (`db` is the
// one that the statement names, else `current_db`; in the arena or borrowed); for others *ddl is
// left alone.
enum query_kind query_classify(struct slice statement, struct slice current_db, struct arena *arena,
                               struct ddl *ddl);

// The savepoint that SAVEPOINT or ROLLBACK TO names; empty for RELEASE. In the arena or borrowed.
struct slice query_savepoint(struct slice statement, struct arena *arena);

// ERR_UNSUPPORTED with the statement's head and the way out, for QUERY_DML and _UNKNOWN.
// Always returns false.
bool query_refuse(const struct query *query, enum query_kind kind, struct err *err);

// Text as UTF-8: as it is where it is valid, else from the collation's character set, else as
// latin1, in which every byte is a character. In the arena or borrowed.
struct slice query_text(struct slice text, unsigned collation, struct arena *arena);

#endif
