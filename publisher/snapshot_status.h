// SPDX-License-Identifier: Apache-2.0
// Snapshot status: what the checkpoint's topic knows of snapshots, for people and as JSON.
#ifndef TAILRACE_PUBLISHER_SNAPSHOT_STATUS_H
#define TAILRACE_PUBLISHER_SNAPSHOT_STATUS_H

#include "common/buf.h"
#include "publisher/snapshot_log.h"

// One JSON object a line:
//   {"id":"…","phase":"running","tables":"shop.*","where":"","rows":12000,"deletes":0,
//    "estimate":50000,"rows_per_s":81000,"seconds_left":1,"created_ms":…,"ended_ms":0,"note":"",
//    "list":[{"db":"shop","table":"product","phase":"reading","rows":…,"estimate":…,"bytes":…,
//             "busy_ms":…,"restarts":0,"note":""}]}
void snapshot_status_json(struct buf *out, const struct snapshot *snapshot);

// A few lines.
void snapshot_status_text(struct buf *out, const struct snapshot *snapshot);

#endif
