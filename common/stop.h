// SPDX-License-Identifier: Apache-2.0
// Stop flag: raised by SIGTERM and SIGINT, read by every loop that waits. SIGPIPE is ignored.
#ifndef TAILRACE_COMMON_STOP_H
#define TAILRACE_COMMON_STOP_H

#include <stdbool.h>
#include <stdint.h>

// Called once by main before threads start.
void stop_init(void);
bool stop_requested(void);
void stop_request(void);

// Milliseconds since the flag was raised; 0 as long as it is not. What may still be waited for then
// has its end counted from here, so that limits do not add up to more than a stop may take.
uint64_t stop_age_ms(void);

// Sleeps, but wakes within 50 ms of the flag; true when the whole time passed, false when the flag
// was raised.
bool stop_sleep_ms(unsigned ms);

#endif
