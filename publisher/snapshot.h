// SPDX-License-Identifier: Apache-2.0
// Snapshots: copies of tables into their topics, made by the publisher between two transactions of
// its stream, while the source is written to.
//
// The stream stands at S, between two transactions. A chunk of rows is read in a view that shows S
// and perhaps more, up to P (snapshot_source.h proves P ≥ S), and is sent before the stream goes
// on.
// So every change up to S is in the topics before the rows, and in the rows; every change behind P
// comes after them. Changes in (S, P] are in the rows and come again after them: each carries the
// whole row, so once the stream has passed P, every key is as it was at P. Keys that did not change
// are right at once. No lock is held and nothing is written to the source.
//
// What was changed by DDL between S and P is read in its newer shape; when the stream meets the
// statement, the table is begun anew. A table is done only when the stream has passed the end of
// the binlog as it was after the last row was read.
//
// The stream is paused for a chunk, [snapshot] pause at most; then it has its share of the time.
#ifndef TAILRACE_PUBLISHER_SNAPSHOT_H
#define TAILRACE_PUBLISHER_SNAPSHOT_H

#include "binlog/reader.h"
#include "common/err.h"

#define SNAPSHOT_FIRST_ID "first" // of the copy at the very first start

struct session;
struct snapshot_plan;
struct snapshots;

// For an open session. Snapshots are those of session->log.
MUST_CHECK bool snapshots_open(struct session *session, struct snapshots **snapshots,
                               struct err *err);
void snapshots_close(struct snapshots *snapshots); // takes NULL

// The copy of all tables that are read; before anything is published.
void snapshots_add_first(struct session *session);

// Can that be done? What it refuses is said with both ways out: what mends it, and another start.
MUST_CHECK bool snapshots_check_first(struct session *session, struct snapshot_plan *plan,
                                      struct err *err);

// At a boundary of the stream: takes commands, and reads a chunk where it is time for one. `idle`:
// the stream has nothing to read now. *worked: rows may have been sent. False: the session ends.
MUST_CHECK bool snapshots_step(struct snapshots *snapshots, bool idle, bool *worked,
                               struct err *err);

// Is there work that does not wait for anybody?
bool snapshots_are_busy(const struct snapshots *snapshots);

// Have all of them ended, or are they paused; those too whose commands came before this session?
bool snapshots_have_ended(const struct snapshots *snapshots);

// The stream has met a statement.
void snapshots_see_ddl(struct snapshots *snapshots, const struct ddl *ddl);

#endif
