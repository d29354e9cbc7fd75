// SPDX-License-Identifier: Apache-2.0
// Shown: what the target shows of each key already (appliers/core/guard.h), as text "P:O":
//   hash   field GUARD_FIELD
//   json   last member GUARD_FIELD
//   tailrace:tombstone:<key>   of a deleted one, with a time to live
#ifndef TAILRACE_APPLIERS_REDIS_SHOWN_H
#define TAILRACE_APPLIERS_REDIS_SHOWN_H

#include "appliers/redis/sink.h"
#include "appliers/redis/write.h"
#include "common/buf.h"

#define TOMBSTONE_PREFIX "tailrace:tombstone:"

struct shown {
    struct pipeline *pipeline;
    const struct batch *batch;
    const struct rules *rules;
};

// The key of the tombstone of what was at `key`.
void shown_write_tombstone(struct buf *out, struct slice key);

// Puts the guard's member behind the others of the JSON object.
void shown_append_json(struct buf *object, struct slice guard);

// Reads the guard out of the end of a JSON string that shown_append_json wrote.
bool shown_read_json(struct slice end, struct guard *guard);

// What is at a key. Of another type than the format says: it has no guard.
struct shown_object {
    bool exists;
    bool has_guard;
    struct guard guard;
};

// Asks for a key; each answer is heard in the order of the questions.
MUST_CHECK bool shown_ask(struct pipeline *pipeline, struct slice key, bool is_json,
                          struct err *err);
MUST_CHECK bool shown_hear(struct pipeline *pipeline, bool is_json, struct shown_object *object,
                           struct err *err);

// Leaves out of the writes those whose effect the target shows, and makes of each that is done a
// second time what the rules allow. What was asked for stays as it is until EXEC, as only the owner
// of the checkpoints, which are watched, writes it; with policy refresh others do, and then nothing
// worse can happen than that a key is removed.
MUST_CHECK bool shown_settle(const struct shown *shown, struct write *writes, size_t *n,
                             struct err *err);

#endif
