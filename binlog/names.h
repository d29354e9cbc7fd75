// SPDX-License-Identifier: Apache-2.0
// Names: the shape of a table whose rows were logged without names (binlog_row_metadata=MINIMAL or
// NO_LOG), from the server's information_schema. The server shows the table of now, the rows are of
// then: a shape is given only when the log holds no statement between the rows and its end that may
// concern the table; else it is refused, with the place of the statement. A DDL statement may
// concern every table whose name stands in its text, and all of a database that it names.
//
// What the server does not log (sql_log_bin = 0) cannot be seen; a shape that does not fit the
// columns of the rows is refused by whoever asks.
#ifndef TAILRACE_BINLOG_NAMES_H
#define TAILRACE_BINLOG_NAMES_H

#include "binlog/query.h"
#include "binlog/schema.h"

// Where rows are: the table, and the start of their transaction in the log of this server.
struct names_place {
    struct slice db;
    struct slice table;
    const char *file;
    uint64_t pos;
};

// What the reader asks.
struct names_source {
    // *schema is borrowed until the next call of either.
    bool (*find)(void *into, const struct names_place *place, const struct schema **schema,
                 struct err *err);
    void (*ddl)(void *into, const struct ddl *ddl); // the log has come to this statement
    void *into;
};

struct names;

// Connects when it is first asked. The options are borrowed.
struct names *names_new(const struct wire_options *options);
void names_free(struct names *names);

// find: ERR_UNSUPPORTED where the shape is not sure, ERR_REFUSED where the server does not show the
// table, ERR_STOPPED, and the errors of wire.h.
struct names_source names_source(struct names *names);

#endif
