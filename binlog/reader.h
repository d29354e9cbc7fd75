// SPDX-License-Identifier: Apache-2.0
// Reader: the public face of the decoder. Events in, row changes out, in the order of the log, with
// the position.
//
// Nothing is skipped in silence: an event, type or field that this version does not know ends the
// stream with ERR_UNSUPPORTED or ERR_CORRUPT and "file:pos", the GTID and what to do; events that
// carry no change are ignored for the reasons listed in event.c and counted. One reader a thread.
#ifndef TAILRACE_BINLOG_READER_H
#define TAILRACE_BINLOG_READER_H

#include "binlog/source.h"
#include "record/change.h"
#include "record/position.h"
#include "record/table_filter.h"

struct names_source; // names.h
struct reader;

enum reader_kind {
    READER_CHANGE, // item->change
    READER_BEGIN,  // a transaction starts; item->gtid
    READER_COMMIT, // it is complete: reader_position has moved behind it
    READER_DDL,    // item->ddl; a READER_COMMIT follows
    READER_IDLE,   // nothing arrived within the time given, or a heartbeat: the position may have
                   // moved all the same
    READER_END,    // the file ended, or reader_options.until was reached
};

enum ddl_kind {
    DDL_CREATE_TABLE,
    DDL_ALTER_TABLE,
    DDL_DROP_TABLE,
    DDL_RENAME_TABLE,
    DDL_TRUNCATE_TABLE,
    DDL_CREATE_DATABASE,
    DDL_DROP_DATABASE,
    DDL_OTHER, // indexes, users, views, routines, …: no table's shape
};

// What a statement does to rows, without row events for them.
enum ddl_rows {
    DDL_ROWS_STAY,
    DDL_ROWS_GONE,    // all rows of the tables: dropped, truncated
    DDL_ROWS_RENAMED, // the tables are from and to by turns
    DDL_ROWS_UNTOLD,  // some come or go; no tables: of any table
};

struct ddl_table {
    struct slice db;
    struct slice name;
};

// A DDL statement: classified, never fully parsed. Borrowed.
struct ddl {
    enum ddl_kind kind;
    struct slice statement; // UTF-8
    struct slice db;        // current database of the session, or the one the statement names
    struct slice table;     // first table that it names; empty where none
    enum ddl_rows rows;
    const struct ddl_table *tables; // that `rows` is about
    size_t n_tables;
    const char *how; // DDL_ROWS_UNTOLD: "DROP PARTITION", …
    struct origin source;
};

struct reader_item {
    enum reader_kind kind;
    const struct change *change;
    const struct ddl *ddl;
    struct slice gtid; // text; empty without GTIDs
};

// Borrowed until reader_close.
struct reader_options {
    const char *source_name; // [source] name, for origin.name
    const char *version;     // of tailrace, for origin.version
    struct table_filter filter;
    const struct position *start; // where the source was told to start; NULL: at its beginning
    bool verify_checksums;
    const struct names_source *names; // asked for column names that the log lacks; NULL: nobody
};

// What passed, for --count, status and tests.
struct reader_counts {
    uint64_t events;
    uint64_t bytes;
    uint64_t changes;
    uint64_t transactions;
    uint64_t filtered_events; // row events of tables that the filter leaves out
    uint64_t ignored[256];    // by event type: events that carry no change
};

// Takes the source over, also when it fails (NULL and *err).
struct reader *reader_open_take(struct source *source, const struct reader_options *options,
                                struct err *err);
void reader_close(struct reader *reader);

// After READER_END: goes on with the next file of a log, with a new count of what was executed. XA
// transactions that are prepared in one file may be committed in the other.
void reader_continue_take(struct reader *reader, struct source *source);

// The next item, borrowed until the next call. With start->rows > 0 the first rows of the first
// transaction are passed over (still decoded, so that total_order is right). The text of an error
// says file:pos and GTID.
MUST_CHECK bool reader_next(struct reader *reader, unsigned timeout_ms, struct reader_item *item,
                            struct err *err);

// Where the stream is: complete transactions, and rows of the current one that were handed out.
// Borrowed; the caller may keep a copy (position_copy).
const struct position *reader_position(const struct reader *reader);

// GTID of the transaction that is being read, "" between transactions or without GTIDs.
struct slice reader_current_gtid(const struct reader *reader);

const struct reader_counts *reader_counts(const struct reader *reader);

#endif
