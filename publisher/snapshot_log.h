// SPDX-License-Identifier: Apache-2.0
// Snapshot log: what the checkpoint's topic knows of snapshots. Every record is written in the same
// Kafka transaction as the rows that it counts, so after a crash nothing is read twice and nothing
// is left out.
//   key   {"kind":"snapshot","id":"20261121-081500-3f2a"}
//   value {"version":1,"phase":"running","tables":"shop.*,crm.person","where":"id < 100",
//          "keys":false,"listed":true,"created_ms":…,"ended_ms":0,"rows":0,"deletes":0,"note":""}
//         of keys to be published anew, while they settle, also the members of a position
//   key   {"kind":"snapshot","id":"…","db":"shop","table":"product"}
//   value {"version":1,"phase":"reading","read":12000,"bytes":…,"estimate":50000,"busy_ms":…,
//          "started_ms":…,"ended_ms":0,"restarts":0,"shape":"…","after":"`id` > 12000","note":""}
//         while it settles also the members of a position (record/position.h): its end is reached
//         when the stream has come to it
//   key   {"kind":"control"}
//   value {"version":1,"offset":17}      of NAME.control: the next command to be taken
#ifndef TAILRACE_PUBLISHER_SNAPSHOT_LOG_H
#define TAILRACE_PUBLISHER_SNAPSHOT_LOG_H

#include "common/buf.h"
#include "publisher/tree.h"
#include "record/position.h"

enum snapshot_phase {
    SNAPSHOT_RUNNING,
    SNAPSHOT_PAUSED,
    SNAPSHOT_DONE,
    SNAPSHOT_CANCELLED,
    SNAPSHOT_FAILED, // at least one table was not copied; `note` of it says why
};

enum snapshot_table_phase {
    TABLE_WAITING,
    TABLE_READING,
    TABLE_SETTLING, // all is out; the stream has yet to come to where it was when it was read
    TABLE_DONE,
    TABLE_GONE, // it was dropped meanwhile; the stream brings that too
    TABLE_FAILED,
};

struct snapshot_reader;

struct snapshot_table {
    char *db;
    char *name;
    enum snapshot_table_phase phase;
    uint64_t rows;
    uint64_t bytes;    // of the rows' records
    uint64_t estimate; // of rows, by the server
    uint64_t busy_ms;  // spent reading it
    uint64_t started_ms;
    uint64_t ended_ms;
    uint64_t restarts;      // by DDL
    uint64_t shape;         // digest of columns and key that `after` is of
    struct buf after;       // SQL: what comes behind the last row; empty: from the beginning
    struct position settle; // while TABLE_SETTLING
    char *note;             // why it failed, "" = it did not
    bool dirty;             // not in Kafka as it is here
    struct snapshot_reader *reader; // of the session, while it is read
};

struct snapshot {
    char *id;
    enum snapshot_phase phase;
    char *tables;  // globs, comma-separated
    char *where;   // "" = all rows
    bool is_keys;  // single rows by their keys
    bool listed;   // the globs were made into tables
    bool settling; // keys: all are out
    uint64_t created_ms;
    uint64_t ended_ms;
    uint64_t rows;    // keys: rows published
    uint64_t deletes; // keys: that are not in the source
    struct position settle;
    char *note;
    bool dirty;
    bool known; // its own record was there
    struct snapshot_table **list;
    size_t n_list;
};

struct snapshot_log {
    struct snapshot **snapshots; // oldest first
    size_t n_snapshots;
    int64_t control_offset; // -1 where none was taken yet; see has_control
    bool has_control;
    bool control_dirty;
    struct buf removed; // keys of records to be removed, each with a line end
};

// {0} is the empty log.
void snapshot_log_deinit(struct snapshot_log *log);

// Takes one record of kind "snapshot" or "control"; `value` NULL removes what was under the key.
// ERR_CORRUPT.
MUST_CHECK bool snapshot_log_take(struct snapshot_log *log, yajl_val key, yajl_val value,
                                  struct slice text, struct err *err);

struct snapshot *snapshot_find(const struct snapshot_log *log, const char *id);

// Takes copies of the texts. dirty.
struct snapshot *snapshot_add(struct snapshot_log *log, const char *id, const char *tables,
                              const char *where);
struct snapshot_table *snapshot_add_table(struct snapshot *snapshot, const char *db,
                                          const char *name);
struct snapshot_table *snapshot_find_table(const struct snapshot *snapshot, struct slice db,
                                           struct slice name);

// Removes the oldest that have ended, but for the newest few.
void snapshot_log_trim(struct snapshot_log *log);

bool snapshot_has_ended(const struct snapshot *snapshot);
bool snapshot_table_has_ended(const struct snapshot_table *table);

// Replaces the text.
void snapshot_set_text(char **text, const char *with);

const char *snapshot_phase_name(enum snapshot_phase phase);
const char *snapshot_table_phase_name(enum snapshot_table_phase phase);

// Records, to be sent where `dirty` says so.
void snapshot_write_key(struct buf *out, const struct snapshot *snapshot,
                        const struct snapshot_table *table); // table NULL: of the snapshot itself
void snapshot_write(struct buf *out, const struct snapshot *snapshot);
void snapshot_table_write(struct buf *out, const struct snapshot_table *table);
void snapshot_control_write_key(struct buf *out);
void snapshot_control_write(struct buf *out, int64_t offset);

#endif
