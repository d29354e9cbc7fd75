// SPDX-License-Identifier: Apache-2.0
// Publisher: see publisher.h.
#define _DEFAULT_SOURCE // gethostname
#include "publisher/publisher.h"

#include "common/backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "publisher/session.h"
#include "publisher/standby.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define FIRST_WAIT_MS 1000
#define MOST_WAIT_MS 30000
#define TRANSACTION_LEAST ((uint64_t)32768) // bytes of a Kafka transaction

// Of no other run: a number of a process means little where each runs in a container.
static void name_instance(struct session_run *run)
{
    char host[256] = "";
    uint64_t random = clock_steady_us();
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random ^= clock_now_us();
    if (gethostname(host, sizeof host - 1) < 0 || !host[0])
        snprintf(host, sizeof host, "localhost");
    snprintf(run->instance, sizeof run->instance, "%s:%ld:%016" PRIx64, host, (long)getpid(),
             random);
}

static void log_summary(const struct session_run *run)
{
    struct rusage usage = {0};
    uint64_t ms = clock_steady_ms() - run->started_ms;
    getrusage(RUSAGE_SELF, &usage);
    uint64_t cpu_ms = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                      (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
    log_info("done", LOG_FIELDS(log_u64("rows", run->changes),
                                log_u64("rows_per_s", run->changes * 1000 / (ms ? ms : 1)),
                                log_u64("messages", run->messages), log_u64("bytes", run->bytes),
                                log_u64("commits", run->commits), log_u64("elapsed_ms", ms),
                                log_u64("cpu_ms", cpu_ms), log_u64("max_rss_kib", mem_peak_kib())));
}

// One session; *running: it got as far as reading.
static bool run_session(struct session_run *run, bool *running, bool *progress, struct err *err)
{
    struct session *session = session_open(run, err);
    *progress = false;
    if (!session)
        return err->class == ERR_STOPPED;
    *running = true;
    bool ok = session_loop(session, progress, err);
    session_close(session);
    return ok;
}

// After it was fenced, the next session finds out by whom before it writes anything. Once it has
// run, a name that is not resolved may pass as well.
static bool is_passing(const struct session_run *run, const struct err *err)
{
    return err_may_pass(err) || (err->class == ERR_REFUSED && run->fenced && !run->replaced);
}

// One that was fenced before it got as far as reading, but behind its mark: maybe by one that
// started with it, which was fenced by us. The next session finds out.
static bool may_be_the_newest(const struct session_run *run)
{
    return run->fenced && run->is_marked;
}

// A transaction that the brokers did not take within transaction.timeout.ms would fail for ever.
static void shrink_transactions(struct session_run *run)
{
    uint64_t bytes = run->transaction_bytes / 4;
    if (run->transaction_bytes > TRANSACTION_LEAST)
        run->transaction_bytes = bytes > TRANSACTION_LEAST ? bytes : TRANSACTION_LEAST;
}

bool publisher_run(const struct config *config, const struct publisher_options *options,
                   struct err *err)
{
    struct session_run run = {.config = config,
                              .options = options,
                              .started_ms = clock_steady_ms(),
                              .transaction_bytes = config->publish.transaction_bytes};
    struct backoff backoff = {.first_ms = FIRST_WAIT_MS, .most_ms = MOST_WAIT_MS};
    bool running = false;
    bool progress;
    bool ok;
    if (options->standby && !standby_wait(config, err))
        return err->class == ERR_STOPPED;
    name_instance(&run);
    while (!(ok = run_session(&run, &running, &progress, err))) {
        if (!is_passing(&run, err) || !(running || may_be_the_newest(&run)))
            break;
        if (progress)
            backoff_reset(&backoff);
        else
            shrink_transactions(&run);
        log_warn("session ended, trying again",
                 LOG_FIELDS(log_str("reason", err->text),
                            log_u64("wait_ms", backoff_next_ms(&backoff))));
        if (!backoff_wait(&backoff)) {
            ok = true;
            break;
        }
    }
    log_summary(&run);
    position_deinit(&run.target);
    return ok;
}
