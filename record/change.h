// SPDX-License-Identifier: Apache-2.0
// Change: one committed row change, the contract between the processes. Everything in it is
// borrowed and lives until the next call of the reader that filled it in.
#ifndef TAILRACE_RECORD_CHANGE_H
#define TAILRACE_RECORD_CHANGE_H

#include "record/table.h"
#include "record/value.h"

enum change_op {
    CHANGE_INSERT = 'c',
    CHANGE_UPDATE = 'u',
    CHANGE_DELETE = 'd',
    CHANGE_READ = 'r',     // by a snapshot
    CHANGE_TRUNCATE = 't', // the whole table; neither before nor after
};

// Where a change comes from. file, pos and row, or gtid and total_order, name it for ever.
struct origin {
    struct slice version; // of tailrace that wrote the record
    struct slice name;    // of the source, [source] name
    uint64_t ts_us;       // of the commit, microseconds since 1970
    bool snapshot;
    bool has_thread;
    uint32_t server_id;
    uint32_t row;       // within the row event, from 0
    uint64_t thread;    // connection that made the change
    uint64_t pos;       // of the row event in its file
    struct slice file;  // of the binlog
    struct slice gtid;  // empty: none
    struct slice query; // empty: not logged
};

struct change {
    enum change_op op;
    const struct table *table;
    const struct value *before; // table->n_columns values; NULL for insert and read
    const struct value *after;  // NULL for delete
    struct origin source;
    struct slice transaction; // GTID, or file:pos of its start; empty: none (a snapshot)
    uint64_t total_order;     // within the transaction, from 1, over the tables that are read
    uint64_t encoded_ms;      // milliseconds since 1970
};

#endif
