// SPDX-License-Identifier: Apache-2.0
// Server: what the source says of itself, and whether it can be read as a replica at all. Every
// refusal names what was found, what is needed and the statement that mends it; nothing is written
// anywhere before these passed.
#ifndef TAILRACE_BINLOG_SERVER_H
#define TAILRACE_BINLOG_SERVER_H

#include "binlog/wire.h"
#include "record/position.h"

struct server {
    bool is_mariadb;
    unsigned lower_case_table_names; // 1: statements may name tables in another case than rows do
    bool gtid_mode;                  // MySQL: @@gtid_mode ON; MariaDB: always
    bool is_replica; // read_only, or it applies another server's changes: it may yet follow
    char version[64];
    char uuid[64];                // @@server_uuid; MariaDB: "server_id N"
    uint32_t server_id;           // of the server
    char file[POSITION_FILE_MAX]; // end of its binlog at the time of the call
    uint64_t pos;
    struct gtid_set executed; // @@gtid_executed; MariaDB: @@gtid_binlog_pos
    struct gtid_set purged;   // @@gtid_purged; MariaDB: what lies before the oldest binlog
    struct buf known;         // MariaDB: the last of each domain and server, as text
};

struct server_log { // one row of SHOW BINARY LOGS
    char file[POSITION_FILE_MAX];
    uint64_t size_bytes;
};

// Reads the facts; refuses (ERR_CONFIG) binlog off, binlog_format other than ROW, and (ERR_REFUSED)
// missing REPLICATION SLAVE or REPLICATION CLIENT (MariaDB: BINLOG MONITOR), with the GRANT. Warns
// of binlog_row_image and binlog_row_metadata other than FULL.
MUST_CHECK bool server_read(struct wire *wire, struct server *server, struct err *err);
void server_deinit(struct server *server);

// Appends what the set has and the server has never executed; nothing: it has all. MariaDB: the
// last transaction of each domain and server, as two histories may use the same sequence numbers.
void server_lacks(const struct server *server, const struct gtid_set *set, struct buf *out);

// Is what follows `position` still there, and is it the same history? ERR_REFUSED with the exact
// gap (GTID set or file) and the command that mends it: purged, reset, restored, promoted without
// what was published, another server without GTIDs. ERR_RETRY for a replica that is behind.
MUST_CHECK bool server_has(struct wire *wire, const struct server *server,
                           const struct position *position, struct err *err);

// The value of a name in the rows of SHOW GLOBAL VARIABLES; NULL: the server does not have it.
const char *server_variable(const struct wire_result *rows, const char *name);

// The binlog files, oldest first; free(3) *logs.
MUST_CHECK bool server_logs(struct wire *wire, struct server_log **logs, size_t *n_logs,
                            struct err *err);

#endif
