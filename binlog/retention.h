// SPDX-License-Identifier: Apache-2.0
// Retention: how long the server will keep what follows a position.
//
// A server removes whole files, the oldest first, and never the one that it writes:
//   by age   binlog_expire_logs_seconds (expire_logs_days) after its last event, which is when the
//            next file was begun; MySQL's binlog_expire_logs_auto_purge = OFF switches it off
//   by size  MariaDB 11.4's max_binlog_total_size (binlog_space_limit): while all files together
//            are larger
// It looks when it begins a file and when it starts, and spares files that a replica reads. So what
// is said here is the earliest moment. Nobody knows of PURGE BINARY LOGS, or of a provider that
// removes files by rules of its own.
#ifndef TAILRACE_BINLOG_RETENTION_H
#define TAILRACE_BINLOG_RETENTION_H

#include "binlog/server.h"

struct retention {
    char file[POSITION_FILE_MAX]; // the needed one; "" = unknown
    bool has_seconds;             // else it does not go by age
    bool has_bytes;               // else it does not go by size
    int64_t seconds;              // until it may go; below 0: it may be gone at any moment
    int64_t bytes;                // that may be written until then
    uint64_t of_seconds;          // the whole of each
    uint64_t of_bytes;
};

// `server` has what follows the position: server_has passed. *retention is all set.
MUST_CHECK bool retention_read(struct wire *wire, const struct wire_options *options,
                               const struct server *server, const struct position *position,
                               struct retention *retention, struct err *err);

// What it is computed from. Times are in seconds since 1970.
struct retention_facts {
    uint64_t expire_s;    // 0: files do not go by age
    uint64_t total_bytes; // 0: nor by size
    const struct server_log *logs;
    size_t n_logs;
    size_t needed;   // of the logs
    uint64_t next_s; // when the one behind it was begun; 0: it is the last
    uint64_t now_s;
};

// The arithmetic of it.
void retention_compute(struct retention *retention, const struct retention_facts *facts);

// What is left, of the time or the bytes whichever is less, in hundredths: 0 to 100.
unsigned retention_percent(const struct retention *retention);

#endif
