// SPDX-License-Identifier: Apache-2.0
// MySQL: the source, read by SELECT through its client library (libmariadb or libmysqlclient) and
// by nothing else: none of it passes through binlog/. Texts come as the server stores them
// (character_set_results is NULL); numbers and times as text, times in UTC. One thread at a time.
#ifndef TAILRACE_VERIFY_MYSQL_H
#define TAILRACE_VERIFY_MYSQL_H

#include "common/buf.h"
#include "common/config.h"

struct mysql;

// One value of a result: borrowed until the next row.
struct cell {
    struct slice text;
    bool is_null;
};

// Receives one row. false and *err: the statement is given up.
typedef bool mysql_row_fn(void *into, const struct cell *cells, struct err *err);

// `server`: of several in [source] host the one that calls itself so (mysql_server), as only the
// server that the publisher reads is as far as the targets; NULL or "": the first that answers.
MUST_CHECK bool mysql_open(const struct config *config, const char *server, struct mysql **mysql,
                           struct err *err);
void mysql_shut(struct mysql *mysql);

// Runs the statement and hands over its rows as they arrive; `fn` may be NULL where there are none.
// After a lost connection it fails with ERR_RETRY, and mysql_open has to be called again.
MUST_CHECK bool mysql_each(struct mysql *mysql, const char *sql, mysql_row_fn *fn, void *into,
                           struct err *err);

// The first cell of the first row, appended; nothing where there is no row or it is NULL.
MUST_CHECK bool mysql_text(struct mysql *mysql, const char *sql, struct buf *out, struct err *err);

// server_uuid, or of MariaDB "server_id N": what checkpoints call the server.
MUST_CHECK bool mysql_server(struct mysql *mysql, struct buf *out, struct err *err);

bool mysql_is_mariadb(const struct mysql *mysql);

// `name` in backquotes; 'text' as a literal of hexadecimal digits.
void mysql_quote_name(struct buf *out, struct slice name);
void mysql_hex(struct buf *out, struct slice bytes);

#endif
