// SPDX-License-Identifier: Apache-2.0
// Snapshot state: the records of session->log.snapshots that have changed, into the open Kafka
// transaction, behind the rows that they count and before the checkpoint.
#ifndef TAILRACE_PUBLISHER_SNAPSHOT_STATE_H
#define TAILRACE_PUBLISHER_SNAPSHOT_STATE_H

#include "publisher/snapshot_log.h"

struct session;

bool snapshot_state_is_dirty(const struct snapshot_log *log);

// What they count has been sent before, and is acknowledged where there are no transactions.
MUST_CHECK bool snapshot_state_send(struct session *session, struct err *err);

#endif
