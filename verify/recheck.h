// SPDX-License-Identifier: Apache-2.0
// Recheck: decides about suspects while rows go on changing.
//   read the source, wait for the fence (fence.h), read the target, read the source again
// The target then holds at least the first reading. If it equals one of the two, the key is equal.
// A difference is reported only when the source's row rested and the same was found RECHECK_SAME
// times in a row, with longer and longer pauses, each time behind a new fence, and with the
// applier's own note beside the row unchanged: so no change that was on its way can be taken for
// one. A row that never rests within [verify] tries is undecided. Where the target may lack rows
// (target.h) one that is not there is no difference.
#ifndef TAILRACE_VERIFY_RECHECK_H
#define TAILRACE_VERIFY_RECHECK_H

#include "verify/run.h"
#include "verify/suspect.h"

#define RECHECK_SAME 4

// Reads the source once, and closes those whose row there is what the target was seen to hold.
MUST_CHECK bool recheck_sift(struct run *run, struct suspects *suspects, struct err *err);

// Sets the verdict of each.
MUST_CHECK bool recheck_run(struct run *run, struct suspects *suspects, struct err *err);

// The rows of one suspect as they are now, canon.h; what is not there is empty. For the report.
MUST_CHECK bool recheck_read(struct run *run, const struct suspect *suspect, struct buf *source,
                             struct buf *target, struct err *err);

#endif
