// SPDX-License-Identifier: Apache-2.0
// Stop flag: see stop.h.
#define _POSIX_C_SOURCE 200809L
#include "common/stop.h"

#include "common/clock.h"

#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#define STOP_SLICE_MS 50

static _Atomic uint64_t raised_at_ms; // by the steady clock; 0: the flag is down

// Also in a signal handler.
void stop_request(void)
{
    uint64_t down = 0;
    atomic_compare_exchange_strong(&raised_at_ms, &down, clock_steady_ms());
}

static void on_signal(int number)
{
    (void)number;
    stop_request();
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
    return atomic_load_explicit(&raised_at_ms, memory_order_relaxed) != 0;
}

uint64_t stop_age_ms(void)
{
    uint64_t at_ms = atomic_load_explicit(&raised_at_ms, memory_order_relaxed);
    return at_ms ? clock_steady_ms() - at_ms : 0;
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
