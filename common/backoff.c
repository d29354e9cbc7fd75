// SPDX-License-Identifier: Apache-2.0
// Back-off: see backoff.h.
#include "common/backoff.h"

#include "common/clock.h"
#include "common/stop.h"

unsigned backoff_next_ms(const struct backoff *backoff)
{
    unsigned ms = backoff->first_ms;
    for (unsigned i = 0; i < backoff->failures && ms < backoff->most_ms; i++)
        ms *= 2;
    return ms < backoff->most_ms ? ms : backoff->most_ms;
}

bool backoff_wait(struct backoff *backoff)
{
    unsigned ms = backoff_next_ms(backoff);
    backoff->failures++;
    return stop_sleep_ms(ms - ms / 4 + (unsigned)(clock_steady_us() % (ms / 4 + 1)));
}
