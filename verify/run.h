// SPDX-License-Identifier: Apache-2.0
// Run: what the parts of one verification share: the connections, the tables, the options, and the
// counters that show how far it is. Two threads read: one the source, one the target.
#ifndef TAILRACE_VERIFY_RUN_H
#define TAILRACE_VERIFY_RUN_H

#include "verify/hash.h"
#include "verify/source.h"
#include "verify/target.h"

#include <stdatomic.h>

struct fence;
struct progress;
struct report;
struct suspects;
struct throttle;

struct run_options {
    const char *targets;
    const char *json;
    const char *resume;
    const char *limit;
    bool counts;
    bool messages;
    bool repair;
    bool watch;
    bool dry_run;
    bool yes;
};

struct run {
    const struct config *config;
    const struct run_options *options;
    struct mysql *mysql;
    const struct target_driver *driver;
    struct target *target;
    struct fence *fence;
    struct report *report;
    struct throttle *throttle;
    struct shape_list tables;
    struct progress *progress; // of the group that is compared; NULL: it is not kept
    struct suspects *wrong;    // where keys that differ are kept for a repair; NULL: nowhere
    struct hash_key key;
    bool logs_differences; // at once, besides reporting them
};

// See target.h.
const char *run_lacks(const struct run *run);

// The name of the columns' hash: of the key alone, and of key and row.
struct row_hash {
    struct hash key;
    struct hash row;
};

// Scratch for turning cells into what the target has to hold; one for each thread.
struct renderer {
    struct buf key;
    struct buf row;
    struct cell *cells; // of the key
    size_t cap_cells;
};

// Renders the row: key and row are then in the renderer's buffers.
void renderer_take(struct renderer *renderer, const struct run *run, const struct shape *shape,
                   const struct cell *cells);
void renderer_deinit(struct renderer *renderer);

// The hash of both; the row's covers the key.
struct row_hash run_hash(const struct run *run, struct slice key, struct slice row,
                         struct buf *scratch);

#endif
