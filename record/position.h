// SPDX-License-Identifier: Apache-2.0
// Position: how far a stream of changes has come. `executed` and file:pos say what is complete;
// `rows` says how many row changes of the transaction that starts there are done as well, so that a
// transaction of any size can be left and taken up in its middle. Rows are counted over the tables
// that pass the filter: `filter` is the digest of it, and a position with rows > 0 is not used with
// another filter.
#ifndef TAILRACE_RECORD_POSITION_H
#define TAILRACE_RECORD_POSITION_H

#include "record/gtid.h"
#include "record/pending.h"

#define POSITION_FILE_MAX PENDING_FILE_MAX

struct position {
    struct gtid_set executed;     // empty where GTIDs are off
    char file[POSITION_FILE_MAX]; // "" = unknown
    uint64_t file_ts;             // when the server began the file, in seconds; 0 = unknown
    uint64_t pos;                 // behind the last complete transaction
    uint64_t rows;                // of the next transaction, already done
    uint64_t filter;              // digest of the table filter, where rows > 0
    uint64_t ts_us;               // commit time of the last complete transaction, 0 = none yet
    char server_uuid[64];         // of the server that it was read from; MariaDB: "server_id N"
    struct pending_list pending;  // XA transactions that are prepared, which `executed` says too
};

// {0} is the position before everything. deinit frees the set; copy replaces what `to` had.
void position_deinit(struct position *position);
void position_copy(struct position *to, const struct position *from);

// As JSON, the value of the checkpoint's record:
// {"gtid":"…","file":"binlog.000002","pos":1234,"rows":0,"filter":"…","ts_us":…,"server":"…"}
// where it is known, "file_ts":…, and where there are any, "pending":[…] as in pending.h.
// position_write_fields writes the members without the braces, for a record that has more.
void position_write_fields(struct buf *out, const struct position *position);
// Reads the members from a JSON object and passes over the ones that it does not know. ERR_CORRUPT.
MUST_CHECK bool position_read(struct position *position, struct slice json, struct err *err);

// Where reading has to begin so that what is pending is read again: `position` itself where nothing
// is. *from is replaced; by GTID where it has GTIDs, by file and position where `executed` is
// empty. ERR_CORRUPT.
MUST_CHECK bool position_begin(struct position *from, const struct position *position,
                               struct err *err);

// Files in the order of their numbers: < 0, 0 or > 0, as strcmp.
int position_compare_files(const char *a, const char *b);

#endif
