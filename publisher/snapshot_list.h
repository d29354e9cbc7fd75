// SPDX-License-Identifier: Apache-2.0
// Snapshot list: which tables a snapshot is of, and whether all of them can be copied. None is left
// out because the account may not see it: that is refused.
#ifndef TAILRACE_PUBLISHER_SNAPSHOT_LIST_H
#define TAILRACE_PUBLISHER_SNAPSHOT_LIST_H

#include "publisher/session_state.h"
#include "publisher/snapshot_log.h"
#include "publisher/snapshot_source.h"

// What the first copy would be.
struct snapshot_plan {
    size_t n_tables;
    uint64_t rows; // by the server's estimate
};

// Makes the globs of `snapshot` into tables. `source` is connected. ERR_REFUSED: a right is
// missing, or a table named by itself is not read.
MUST_CHECK bool snapshot_list(struct session *session, struct snapshot_source *source,
                              struct snapshot *snapshot, struct err *err);

// The same for all tables that are read, before anything is published. ERR_REFUSED also for tables
// without a key, where [publish] keyless does not take them.
MUST_CHECK bool snapshot_make_plan(struct session *session, struct snapshot_source *source,
                                   struct snapshot_plan *plan, struct err *err);

#endif
