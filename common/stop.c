// SPDX-License-Identifier: Apache-2.0
// Stop flag: see stop.h.
#define _POSIX_C_SOURCE 200809L
#include "common/stop.h"

#include "common/clock.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STOP_SLICE_MS 50

static _Atomic uint64_t raised_at_ms; // by the steady clock; 0: the flag is down

static struct {
    _Atomic bool is_set;
    timer_t timer;
    unsigned ms;
    const char *program;
    int exit_code;
} limit;

// Also in a signal handler.
static void start_limit(void)
{
    struct itimerspec once = {
        .it_value = {.tv_sec = limit.ms / 1000, .tv_nsec = (long)(limit.ms % 1000) * 1000000}};
    timer_settime(limit.timer, 0, &once, NULL);
}

// Also in a signal handler.
void stop_request(void)
{
    uint64_t down = 0;
    if (atomic_compare_exchange_strong(&raised_at_ms, &down, clock_steady_ms()) &&
        atomic_load(&limit.is_set))
        start_limit();
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

static void tell(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n; // nobody is left to tell it to
}

static void on_limit(int number)
{
    (void)number;
    tell(limit.program);
    tell(": stopped without waiting any longer for what held it up\n");
    _exit(limit.exit_code);
}

void stop_within(unsigned ms, const char *program, int exit_code)
{
    struct sigaction action = {.sa_handler = on_limit};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    limit.ms = ms;
    limit.program = program;
    limit.exit_code = exit_code;
    sigaction(SIGALRM, &action, NULL);
    if (timer_create(CLOCK_MONOTONIC, &event, &limit.timer) < 0)
        return; // the system has no timer left: what heeds the flag ends all the same
    atomic_store(&limit.is_set, true);
    if (stop_requested())
        start_limit();
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
