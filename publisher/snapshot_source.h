// SPDX-License-Identifier: Apache-2.0
// Snapshot source: the second connection to the server, from which snapshots are read, and the
// proof that what it sees is not older than the stream.
//
// The invariant on which copies converge: a view that is opened here at position P shows every
// transaction that the stream has passed, P ≥ S. It has to be proven, because a server sends a
// transaction to its replicas before other connections see it: the binlog is written first, then
// the engine commits, in semi-synchronous replication much later. The proof is
//   MySQL    S is in @@gtid_executed, into which a transaction comes after the engine's commit
//   MariaDB  binlog_snapshot_file:position of a view that START TRANSACTION WITH CONSISTENT
//            SNAPSHOT opened is at S or behind it; the server opens it between two commits; of
//            another server than the stream's, BINLOG_GTID_POS of that place
// A later view is never older, so what was proven once for S holds. MySQL without GTIDs has no such
// proof, and its snapshots are refused.
//
// What a view shows behind S is published before the stream comes to it. Should the server die, and
// a replica without it be promoted, the copies would hold rows of nowhere: so these GTIDs are kept
// in the checkpoint until the stream has passed them, and such a server is refused.
#ifndef TAILRACE_PUBLISHER_SNAPSHOT_SOURCE_H
#define TAILRACE_PUBLISHER_SNAPSHOT_SOURCE_H

#include "binlog/server.h"
#include "binlog/wire.h"
#include "common/buf.h"

struct snapshot_source {
    struct wire_options options;
    struct wire *wire;            // NULL: not connected
    char uuid[64];                // of whom: behind one address there may be several servers
    uint64_t retry_at_ms;         // steady; not before, after a failure
    unsigned failures;            // in a row
    uint64_t not_before_us;       // steady; when to ask again for a view that was not there
    struct buf proven;            // the position that the proof was last given for
    struct gtid_set *shown;       // borrowed; gets what views show behind the stream
    char file[POSITION_FILE_MAX]; // MariaDB: of the newest view
    uint64_t pos;
};

void source_deinit(struct snapshot_source *source);

// Connects where it is not, and sets the session up. *ready is false while a failure is waited out
// (it was logged once). ERR_REFUSED and others that waiting does not mend.
MUST_CHECK bool source_connect(struct snapshot_source *source, bool *ready, struct err *err);

// Opens a view (a read-only transaction). *is_there is false, and none is open, as long as it would
// be older than `stream`.
MUST_CHECK bool source_begin(struct snapshot_source *source, const struct server *server,
                             const struct position *stream, bool *is_there, struct err *err);

// Ends it, without waiting for the server's answer.
MUST_CHECK bool source_end(struct snapshot_source *source, struct err *err);

// Where the server's binlog ends now: nothing that any view so far has shown is behind it.
MUST_CHECK bool source_position(struct snapshot_source *source, struct position *position,
                                struct err *err);

// Gives the connection up, to be tried again later: after ERR_RETRY, or with half a result.
void source_drop(struct snapshot_source *source, bool is_failure);

// Can snapshots be read from this server at all? ERR_REFUSED with what mends it: GTIDs (MySQL),
// full row images.
MUST_CHECK bool source_check(struct snapshot_source *source, const struct server *server,
                             struct err *err);

// Has the stream come to `position`, or is it of another server, where nothing can be told?
bool source_is_passed(const struct server *server, const struct position *stream,
                      const struct position *position);

#endif
