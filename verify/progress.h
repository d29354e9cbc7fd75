// SPDX-License-Identifier: Apache-2.0
// Progress: how far the first reading of a group of tables is, in a file, so that an interrupted
// run goes on within a table: the tables, the sums so far, the key that the rows were hashed with,
// and the place on each side. Between two savings both sides stand still, so the sums have exactly
// the rows before the places. Rows that were read before the interruption count as they were then;
// what changed since differs, and is looked at again as any other suspicion.
//   FILE.TARGET.part   head, then numbers of 8 bytes and texts with their length in front; last the
//                      hash of all, so that what a crash cut off is not taken for whole
#ifndef TAILRACE_VERIFY_PROGRESS_H
#define TAILRACE_VERIFY_PROGRESS_H

#include "verify/buckets.h"
#include "verify/run.h"

struct progress {
    char *path;
    size_t *numbers; // of the tables in the list of all; NULL: nothing was loaded
    size_t n_tables;
    struct buckets buckets;
    size_t source_table; // that is read; its number in the group
    struct source_place source;
    struct scan_part target;
};

// `resume` is the file of --resume. Loads what is there if it fits the source's tables and the
// target, whose driver is open in `run`; what does not is begun anew, with a warning. Sets the key
// of the run's hashes.
void progress_open(struct progress *progress, const char *resume, struct run *run);
void progress_close(struct progress *progress);

// It is in the file when this returns. The run's tables are those of the group.
MUST_CHECK bool progress_save(const struct progress *progress, const struct run *run,
                              struct err *err);

// The group was compared to the end: begins the next one.
void progress_forget(struct progress *progress);

#endif
