// SPDX-License-Identifier: Apache-2.0
// Position find: from a user's words to a position between two transactions of the server's binlog.
#ifndef TAILRACE_BINLOG_POSITION_FIND_H
#define TAILRACE_BINLOG_POSITION_FIND_H

#include "binlog/server.h"
#include "binlog/wire.h"
#include "record/position.h"

// `where`:
//   earliest      before the first transaction that the server still has
//   latest        behind the last one, as `server` has it
//   gtid:SET      behind the transactions of the set, which the server must have executed, and to
//                 which all that it has purged must belong
//   FILE:POS      must be the border of a transaction; its GTID set is read from the file
//   time:ISO8601  before the first transaction committed at that time or later; or latest
//
// FILE:POS and time: read the binlog through connections of their own, up to the end that `server`
// has; that takes as long as the server needs to send it. *position is replaced. ERR_USAGE for
// words that are none of these, ERR_REFUSED for a position that is no border or not there (with the
// nearest ones), ERR_STOPPED, and the errors of wire.h.
MUST_CHECK bool position_find(const struct wire_options *options, const struct server *server,
                              const char *where, struct position *out, struct err *err);

// When a binlog file was begun, in microseconds since 1970; through a connection of its own.
MUST_CHECK bool position_file_time(const struct wire_options *options, const struct server *server,
                                   const char *file, uint64_t *us, struct err *err);

#endif
