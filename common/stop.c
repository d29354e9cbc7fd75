// SPDX-License-Identifier: Apache-2.0
// Stop flag: see stop.h.
#define _POSIX_C_SOURCE 200809L
#include "common/stop.h"

#include "common/clock.h"

#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#define STOP_SLICE_MS 50

static atomic_bool stop_flag;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stop_flag, true);
}

void stop_init(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

bool stop_requested(void)
{
    return atomic_load_explicit(&stop_flag, memory_order_relaxed);
}

void stop_request(void)
{
    atomic_store(&stop_flag, true);
}

bool stop_sleep_ms(unsigned ms)
{
    uint64_t until = clock_steady_ms() + ms;
    for (uint64_t now = clock_steady_ms(); now < until && !stop_requested();
         now = clock_steady_ms()) {
        uint64_t left = until - now;
        struct timespec t = {.tv_nsec =
                                 (long)(left < STOP_SLICE_MS ? left : STOP_SLICE_MS) * 1000000};
        nanosleep(&t, NULL);
    }
    return !stop_requested();
}
