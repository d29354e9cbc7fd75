// SPDX-License-Identifier: Apache-2.0
// Progress: a log line now and then for work whose end is known: how much is left, the rate, and
// how long it will take.
#ifndef TAILRACE_APPLIERS_CORE_PROGRESS_H
#define TAILRACE_APPLIERS_CORE_PROGRESS_H

#include <stdint.h>

// {0} at the beginning.
struct progress {
    uint64_t begin_ms, told_ms;
    uint64_t all; // what was left at the beginning
};

// Tells, if it is time. `left` records, at the steady clock's now_ms.
void progress_tell(struct progress *progress, uint64_t left, uint64_t now_ms);

#endif
