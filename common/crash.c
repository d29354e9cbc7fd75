// SPDX-License-Identifier: Apache-2.0
// Crash points: see crash.h. Empty unless built for it.
#define _POSIX_C_SOURCE 200809L
#include "common/crash.h"

#ifdef TAILRACE_CRASH_POINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[CRASH_N_POINTS] = {
#define CRASH_NAME(name) #name,
    CRASH_POINTS(CRASH_NAME)
#undef CRASH_NAME
};

static atomic_ulong passed[CRASH_N_POINTS]; // a counter of each point, for tests only

// Does the variable say NAME[:NTH] for this point and this time?
static bool is_meant(const char *variable, const char *name, unsigned long time)
{
    const char *text = getenv(variable);
    size_t len = strlen(name);
    if (!text || strncmp(text, name, len) != 0 || (text[len] != '\0' && text[len] != ':'))
        return false;
    return time == (text[len] ? strtoul(text + len + 1, NULL, 10) : 1);
}

void crash_here(enum crash_point point)
{
    unsigned long time = atomic_fetch_add(&passed[point], 1) + 1;
    if (is_meant("TAILRACE_CRASH_AT", names[point], time))
        kill(getpid(), SIGKILL);
    if (is_meant("TAILRACE_STOP_AT", names[point], time))
        kill(getpid(), SIGSTOP);
}

#else

typedef int crash_is_left_out; // ISO C wants something in a file

#endif
