// SPDX-License-Identifier: Apache-2.0
// Snapshot reader: reads one table for a snapshot, chunk by chunk in the order of its key, and
// sends each row as a record with op "r". Where a row stops a chunk may stop: the table's state
// (snapshot_log.h) follows every row that was sent.
//
// A table without an index that can be walked (none at all, prefixes, no B-tree) is read in one
// pass, during which the stream stands still; interrupted, it begins anew.
#ifndef TAILRACE_PUBLISHER_SNAPSHOT_READER_H
#define TAILRACE_PUBLISHER_SNAPSHOT_READER_H

#include "binlog/schema.h"
#include "publisher/session_state.h"
#include "publisher/snapshot_log.h"
#include "publisher/snapshot_source.h"
#include "record/value.h"

enum snapshot_outcome {
    OUTCOME_MORE,    // there are rows left, or nothing could be done now
    OUTCOME_END,     // the table is out
    OUTCOME_CHANGED, // it is not the table any more whose rows were read: begin anew
    OUTCOME_GONE,    // there is no such table
    OUTCOME_FAILED,  // it cannot be copied; the text of *err says why
};

struct snapshot_reader {
    struct session *session;
    struct snapshot_source *source;
    struct schema schema;
    bool has_schema;
    uint64_t cells_shape; // of the columns of a SELECT, while the schema is true
    struct value *values;
    struct arena arena;
    struct buf select; // "SELECT … FROM … FORCE INDEX (…)"
    struct buf after;  // the condition behind the last row
    size_t n_cells;
    uint64_t limit;    // rows of the next chunk
    unsigned aim;      // thousandths of the pause that it is to take
    uint64_t began_us; // of the chunk
    uint64_t first_us; // when its rows began to come
    uint32_t row;      // within the chunk
    struct origin origin;
};

struct snapshot_reader *reader_new(struct session *session, struct snapshot_source *source);
void reader_free(struct snapshot_reader *reader); // takes NULL

// Reads the table's shape from the server, in between two looks at its columns that agree; *outcome
// OUTCOME_MORE: it is known now. False and *err: of the connection, or of the account.
MUST_CHECK bool reader_prepare(struct snapshot_reader *reader, struct slice db, struct slice name,
                               const char *where, enum snapshot_outcome *outcome, struct err *err);

// A change of the table, op "r", made of the cells of a row; `cells` are those of reader->select.
MUST_CHECK bool reader_decode(struct snapshot_reader *reader, const struct wire_row *row,
                              struct err *err);

// Sends reader->values as `op`. *refused: *err is about this record only.
MUST_CHECK bool reader_send(struct snapshot_reader *reader, enum change_op op, bool *refused,
                            struct err *err);

// One chunk of at most [snapshot] pause. False: *err is about the session, which ends. *outcome
// OUTCOME_FAILED: the text is in *err.
MUST_CHECK bool reader_chunk(struct snapshot_reader *reader, const struct snapshot *snapshot,
                             struct snapshot_table *table, enum snapshot_outcome *outcome,
                             struct err *err);

// What an error of the source means for the table: OUTCOME_MORE after a pause for what passes.
// Drops the connection where it is lost.
enum snapshot_outcome reader_judge(struct snapshot_reader *reader, struct err *err);

// Fills in reader->origin for rows that are read now.
void reader_begin(struct snapshot_reader *reader);

#endif
