// SPDX-License-Identifier: Apache-2.0
// What the two implementations of wire.h share: the connection itself, statements, results and the
// classes of errors (wire_common.c), written against the part of <mysql.h> in which both libraries
// agree. The rest, each in its own file: wire_mysql.c and wire_mariadb.c define the wire_driver_
// functions, wire_fetch and wire_library.
#ifndef TAILRACE_BINLOG_WIRE_COMMON_H
#define TAILRACE_BINLOG_WIRE_COMMON_H

#include "binlog/wire.h"

#include <mysql.h>

// The largest packet either library takes: an event of SOURCE_EVENT_BYTES_MAX is the most a server
// writes.
#define WIRE_PACKET_BYTES_MAX (1UL << 30)

// COM_BINLOG_DUMP carries the position in four bytes.
#define WIRE_POS_MAX UINT32_MAX

// The first event of a binlog file stands behind the magic.
#define WIRE_POS_FIRST 4

// Flag of COM_BINLOG_DUMP.
#define WIRE_DUMP_ANNOTATE 2

// Where COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID start.
struct wire_start {
    const char *file; // "" with GTIDs
    uint32_t pos;
    uint32_t server_id;
    bool annotate;               // MariaDB: send the statements' texts as well
    const struct gtid_set *gtid; // MySQL: what not to send; NULL: start at file:pos
};

struct wire_stream; // what wire_mysql.c keeps for the dump

struct wire {
    MYSQL *mysql;
    struct wire_stream *stream; // NULL before wire_dump
    MYSQL_RES *rows;            // of wire_rows_open; NULL: none is open
    int socket; // a duplicate of the library's, for wire_interrupt; -1: not connected
    bool is_mariadb;
    bool is_sent; // a statement whose end was not awaited
    unsigned last_errno;
    uint32_t server_id; // of the dump, for messages
    char version[64];
    char name[256]; // "user@host:port", for messages
};

// Sets *err from the library's last error, with the class that its number has. Always returns
// false.
bool wire_fail(struct wire *wire, const char *what, struct err *err);

// As wire_fail, for a number and text that the caller has.
bool wire_fail_with(struct wire *wire, const char *what, unsigned number, const char *text,
                    struct err *err);

// The server said that the dump is over: fine for server id 0, ERR_RETRY for a replica, which waits
// for more.
MUST_CHECK bool wire_dump_ended(const struct wire *wire, struct err *err);

// TLS, and what else the libraries name differently, before the connection is made.
MUST_CHECK bool wire_driver_configure(struct wire *wire, const struct wire_options *options,
                                      struct err *err);

// Sends the dump command; the session's variables are set.
MUST_CHECK bool wire_driver_dump(struct wire *wire, const struct wire_start *start,
                                 struct err *err);

// Frees wire->stream.
void wire_driver_close(struct wire *wire);

#endif
