// SPDX-License-Identifier: Apache-2.0
// Back-off: waits longer after each failure in a row, from first_ms doubling up to most_ms, a
// quarter of it random so that many processes do not come back in step.
#ifndef TAILRACE_COMMON_BACKOFF_H
#define TAILRACE_COMMON_BACKOFF_H

#include <stdbool.h>

struct backoff {
    unsigned first_ms;
    unsigned most_ms;
    unsigned failures; // in a row
};

// How long the next wait lasts, in milliseconds, without the random part.
unsigned backoff_next_ms(const struct backoff *backoff);

// Waits and counts one failure more; false when the stop flag was raised meanwhile.
bool backoff_wait(struct backoff *backoff);

static inline void backoff_reset(struct backoff *backoff)
{
    backoff->failures = 0;
}

#endif
