// SPDX-License-Identifier: Apache-2.0
// Throttle: see throttle.h.
#define _POSIX_C_SOURCE 200809L
#include "verify/throttle.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/stop.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STEP_ROWS 256 // between two looks at the clock
#define SHOW_MS 500
#define LOAD_PAUSE_MS 100
#define LOAD_LOOK_MS 200

struct throttle {
    struct mysql *mysql; // NULL: the load is not watched
    uint64_t rate;       // 0: as fast as can be
    uint64_t most_threads;
    bool shows;
    const char *what;
    uint64_t rows_about;
    uint64_t began_ms;
    uint64_t shown_ms;
    uint64_t looked_ms;
    _Atomic uint64_t rows[2];
};

bool throttle_open(const struct config *config, const char *server, struct throttle **throttle,
                   struct err *err)
{
    struct throttle *made = mem_zalloc(sizeof *made);
    made->rate = config->verify.rate;
    made->most_threads = config->verify.source_threads;
    made->shows = isatty(STDERR_FILENO) != 0;
    *throttle = made;
    return made->most_threads == 0 || mysql_open(config, server, &made->mysql, err);
}

void throttle_close(struct throttle *throttle)
{
    if (!throttle)
        return;
    mysql_shut(throttle->mysql);
    free(throttle);
}

void throttle_begin(struct throttle *throttle, const char *what, uint64_t rows_about)
{
    throttle->what = what;
    throttle->rows_about = rows_about;
    throttle->began_ms = throttle->shown_ms = clock_steady_ms();
    atomic_store(&throttle->rows[THROTTLE_SOURCE], 0);
    atomic_store(&throttle->rows[THROTTLE_TARGET], 0);
}

void throttle_end(struct throttle *throttle)
{
    if (throttle->shows)
        fputs("\r\033[K", stderr);
}

static void show(struct throttle *throttle, uint64_t rows, uint64_t now_ms)
{
    double seconds = (double)(now_ms - throttle->began_ms) / 1000;
    double rate = seconds > 0 ? (double)rows / seconds : 0;
    uint64_t left = throttle->rows_about > rows ? throttle->rows_about - rows : 0;
    throttle->shown_ms = now_ms;
    fprintf(stderr, "\r\033[K%s: %llu rows, %.0f rows/s", throttle->what, (unsigned long long)rows,
            rate);
    if (left > 0 && rate > 0)
        fprintf(stderr, ", about %.0f s left", (double)left / rate);
}

void throttle_row(struct throttle *throttle, enum throttle_side side)
{
    uint64_t rows = atomic_fetch_add_explicit(&throttle->rows[side], 1, memory_order_relaxed) + 1;
    if (rows % STEP_ROWS != 0)
        return;
    uint64_t now_ms = clock_steady_ms();
    if (throttle->shows && side == THROTTLE_SOURCE && now_ms - throttle->shown_ms >= SHOW_MS)
        show(throttle, rows, now_ms);
    if (throttle->rate == 0)
        return;
    uint64_t due_ms = throttle->began_ms + rows * 1000 / throttle->rate;
    if (due_ms > now_ms)
        stop_sleep_ms((unsigned)(due_ms - now_ms));
}

// Cells: Variable_name, Value.
static bool take_threads(void *into, const struct cell *cells, struct err *err)
{
    char text[32];
    (void)err;
    snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(cells[1].text));
    *(uint64_t *)into = strtoull(text, NULL, 10);
    return true;
}

bool throttle_pause(struct throttle *throttle, struct err *err)
{
    uint64_t threads = UINT64_MAX;
    if (!throttle->mysql || clock_steady_ms() - throttle->looked_ms < LOAD_LOOK_MS)
        return true;
    while (threads > throttle->most_threads) {
        if (!mysql_each(throttle->mysql, "SHOW GLOBAL STATUS LIKE 'Threads_running'", take_threads,
                        &threads, err))
            return false;
        if (threads > throttle->most_threads && !stop_sleep_ms(LOAD_PAUSE_MS))
            return err_set(err, ERR_STOPPED, "stopped");
    }
    throttle->looked_ms = clock_steady_ms();
    return true;
}
