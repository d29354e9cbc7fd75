// SPDX-License-Identifier: Apache-2.0
// Stop flag: raised by SIGTERM and SIGINT, read by every loop that waits. SIGPIPE is ignored.
#ifndef TAILRACE_COMMON_STOP_H
#define TAILRACE_COMMON_STOP_H

#include <stdbool.h>
#include <stdint.h>

#define STOP_MOST_MS 800 // a stop takes no more than a second, and ending has its share of it

// Called once by main before threads start.
void stop_init(void);
bool stop_requested(void);
void stop_request(void);

// Milliseconds since the flag was raised; 0 as long as it is not. What may still be waited for then
// has its end counted from here, so that limits do not add up to more than a stop may take.
uint64_t stop_age_ms(void);

// From now on the process ends with this exit code so long after the flag was raised, whatever it
// waits for, and says so on stderr. For one that may be killed at any moment: client libraries wait
// for a server that does not answer, and heed no flag. `program` is borrowed.
void stop_within(unsigned ms, const char *program, int exit_code);

// Sleeps, but wakes within 50 ms of the flag; true when the whole time passed, false when the flag
// was raised.
bool stop_sleep_ms(unsigned ms);

#endif
