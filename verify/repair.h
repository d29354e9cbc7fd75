// SPDX-License-Identifier: Apache-2.0
// Repair: what differs is published again. The keys go to tailrace-snapshot, which publishes what
// the source holds of each (the row, or that there is none) through the running publisher; so the
// targets get it on the path of every other change, once and in order.
#ifndef TAILRACE_VERIFY_REPAIR_H
#define TAILRACE_VERIFY_REPAIR_H

#include "verify/suspect.h"

#include <stdio.h>

// Prints what would be done, or asks for it and waits until it is published. Keys that no row of
// the source can have are left to a person. ERR_REFUSED: more than --limit, and no --yes.
MUST_CHECK bool repair_run(struct run *run, const struct suspects *wrong, FILE *out,
                           struct err *err);

#endif
