// SPDX-License-Identifier: Apache-2.0
// Compare: finds the keys that may differ. Both sides are read from end to end, at the same time,
// and each row's hash is added to (source) or taken from (target) the bucket that the hash of its
// key names. A bucket that is zero afterwards held the same rows on both sides, whatever their
// order. Only for the others both sides are read again, and their keys compared one by one. Memory
// is bounded by the number of buckets and of keys that are looked at in one go, not by the tables.
//
// A difference found here is a suspicion: the sides were not read at the same moment. recheck.h
// decides.
#ifndef TAILRACE_VERIFY_COMPARE_H
#define TAILRACE_VERIFY_COMPARE_H

#include "verify/run.h"
#include "verify/suspect.h"

// Receives each group of suspects, and decides on them.
typedef bool suspects_fn(struct run *run, struct suspects *suspects, struct err *err);

// Reads all tables of the run and hands the suspects over. Row counts go to the report.
MUST_CHECK bool compare_run(struct run *run, suspects_fn *fn, struct err *err);

#endif
