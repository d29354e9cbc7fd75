// SPDX-License-Identifier: Apache-2.0
// Wire: the seam under the live source. Two implementations, one chosen at build time: wire_mysql.c
// (Oracle's libmysqlclient) and wire_mariadb.c (libmariadb); each reads from MySQL and from MariaDB
// servers. A connection is used by one thread at a time; only wire_interrupt may be called from
// another.
#ifndef TAILRACE_BINLOG_WIRE_H
#define TAILRACE_BINLOG_WIRE_H

#include "common/err.h"
#include "common/slice.h"

enum wire_tls {
    WIRE_TLS_OFF,
    WIRE_TLS_PREFERRED, // if the server offers it
    WIRE_TLS_REQUIRED,  // encrypted, whoever answers
    WIRE_TLS_VERIFY,    // encrypted, certificate and host name checked against tls_ca
};

// Borrowed until wire_connect returns. NULL or 0: not given.
struct wire_options {
    const char *host;
    unsigned port;
    const char *socket; // path; wins over host and port
    const char *user;
    const char *password;
    enum wire_tls tls;
    const char *tls_ca;
    const char *tls_cert;
    const char *tls_key;
    unsigned connect_timeout_ms;
    unsigned read_timeout_ms; // a silent server (heartbeats included) counts as gone after it
};

// Where a dump starts. One of the first two; the other is NULL.
struct wire_dump {
    const struct gtid_set *executed; // MySQL: COM_BINLOG_DUMP_GTID; MariaDB: @slave_connect_state
    const char *file;
    uint64_t pos;
    uint32_t server_id; // 0: takes nobody's place, and the dump ends where the log does
    unsigned heartbeat_ms;
};

struct wire;

// A result: rows of texts, NULL for SQL NULL, all in one piece of memory that wire_result_deinit
// frees.
struct wire_result {
    size_t n_rows;
    size_t n_columns;
    const char **cells; // n_rows × n_columns
    void *memory;
};

// ERR_REFUSED: wrong user, password or right. ERR_UNAVAILABLE: no such host. ERR_RETRY: refused or
// lost connection.
MUST_CHECK bool wire_connect(const struct wire_options *options, struct wire **wire,
                             struct err *err);

// One statement. `result` may be NULL when there is none to keep. Errors carry the server's number
// and text.
MUST_CHECK bool wire_query(struct wire *wire, const char *sql, struct wire_result *result,
                           struct err *err);
void wire_result_deinit(struct wire_result *result);

// One statement without a result, whose end is not awaited: an error of it is that of the next call
// on this connection.
MUST_CHECK bool wire_send(struct wire *wire, const char *sql, struct err *err);

// One row of a statement whose result is read as it arrives. Borrowed until the next call.
struct wire_row {
    size_t n_columns;
    const char *const *cells; // NULL: SQL NULL; else `lengths` bytes, whatever they are
    const unsigned long *lengths;
};

// Runs one statement with a result, of which one row at a time is in memory. `shape` (may be NULL):
// a digest of the columns' types and character sets as the server sees them; equal digests, equal
// columns. Until wire_rows_close nothing else may be asked on this connection.
MUST_CHECK bool wire_rows_open(struct wire *wire, struct slice sql, uint64_t *shape,
                               struct err *err);

// The next row; *found is false behind the last one.
MUST_CHECK bool wire_rows_next(struct wire *wire, struct wire_row *row, bool *found,
                               struct err *err);

// Ends the result. Rows that are left are read and dropped: who has many of them closes the
// connection instead.
void wire_rows_close(struct wire *wire);

// Number of the server's error behind the last failed wire_query or wire_rows_… (1236, 1227, …),
// 0 where it was none of the server's.
unsigned wire_last_errno(const struct wire *wire);

bool wire_is_mariadb(const struct wire *wire);
const char *wire_server_version(const struct wire *wire);
const char *wire_name(const struct wire *wire); // "user@host:port" or "user@socket", for messages
const char *wire_library(void);                 // "libmysqlclient 9.7.4", "libmariadb 3.3.14"

// Starts the dump, checksums and heartbeats negotiated. From then on only wire_fetch, _interrupt
// and _close.
MUST_CHECK bool wire_dump(struct wire *wire, const struct wire_dump *dump, struct err *err);

// The next event (header, body, checksum), borrowed until the next call; blocks. Empty at the end
// of the dump, which only a dump with server id 0 has.
// ERR_REFUSED when the server says that the position is gone (1236), ERR_CONFIG when another
// replica has our server_id, ERR_RETRY for a lost connection.
MUST_CHECK bool wire_fetch(struct wire *wire, struct slice *event, struct err *err);

// Makes a blocked wire_fetch return with ERR_RETRY soon. From any thread.
void wire_interrupt(struct wire *wire);

void wire_close(struct wire *wire);

#endif
