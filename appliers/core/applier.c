// SPDX-License-Identifier: Apache-2.0
// Applier: see applier.h.
#define _DEFAULT_SOURCE // gethostname
#include "appliers/core/applier.h"

#include "appliers/core/beside.h"
#include "appliers/core/consumer.h"
#include "appliers/core/guard.h"
#include "common/backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MOST_MS 30000
#define STOP_GRACE_MS 500     // for the batch in flight, once the stop flag is raised
#define GRACE_LOOK_MS 20      // between two looks at the flag
#define FAULT_GRACE_MS 120000 // else: the client libraries' own time limits end it before

struct session {
    const struct applier *applier;
    char group[SINK_GROUP_BYTES];
    char owner[SINK_OWNER_BYTES];
    struct worker_options worker_options;
    struct sink *control;
    struct dead_letter_log *letters;
    struct worker **workers;
    size_t n_workers;
    struct consumer *consumer;
};

void applier_group(const struct config *config, const struct sink_driver *driver,
                   char group[SINK_GROUP_BYTES])
{
    snprintf(group, SINK_GROUP_BYTES, "%s.apply.%s", config->source.name, driver->name);
}

void applier_make_owner(char owner[SINK_OWNER_BYTES])
{
    char host[64] = "";
    uint64_t random = clock_steady_us();
    gethostname(host, sizeof host - 1);
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random ^= clock_now_us();
    snprintf(owner, SINK_OWNER_BYTES, "%s:%d:%016" PRIx64, host, (int)getpid(), random);
}

// --- a session ---

// All connections are made, and all refusals show, before the group is joined.
static bool open_workers(struct session *session, struct err *err)
{
    const struct applier *applier = session->applier;
    size_t n = applier->config->apply.workers;
    session->workers = mem_zalloc(n * sizeof *session->workers);
    for (size_t i = 0; i < n; i++) {
        struct sink *sink;
        if (!applier->driver->open(applier->config, &sink, err))
            return false;
        if (applier->is_beside)
            applier->driver->beside->enter(sink);
        session->workers[session->n_workers++] = worker_start(&session->worker_options, sink);
    }
    return true;
}

static bool open_session(struct session *session, struct err *err)
{
    const struct applier *applier = session->applier;
    session->letters = dead_letter_log_new(applier->config, session->group);
    session->worker_options = (struct worker_options){.limits = &applier->config->apply,
                                                      .driver = applier->driver,
                                                      .group = session->group,
                                                      .owner = session->owner,
                                                      .guarded = guard_is_on(applier->config),
                                                      .letters = session->letters};
    if (!applier->driver->open(applier->config, &session->control, err) ||
        !open_workers(session, err))
        return false;
    struct consumer_options options = {.config = applier->config,
                                       .driver = applier->driver,
                                       .group = session->group,
                                       .owner = session->owner,
                                       .control = session->control,
                                       .letters = session->letters,
                                       .workers = session->workers,
                                       .n_workers = session->n_workers,
                                       .until_caught_up = applier->until_caught_up,
                                       .tells_progress = applier->is_beside,
                                       .topics = applier->topics,
                                       .n_topics = applier->n_topics};
    return consumer_open(&options, &session->consumer, err);
}

static bool wait_for_worker(struct worker *worker, uint64_t until_ms)
{
    while (!worker_ended(worker, GRACE_LOOK_MS))
        if (clock_steady_ms() >= until_ms || stop_age_ms() >= STOP_GRACE_MS)
            return false;
    return true;
}

// Lets the batches in flight end. False: one did not within its time.
static bool stop_workers(struct session *session)
{
    uint64_t until_ms = clock_steady_ms() + FAULT_GRACE_MS;
    bool all_ended = true;
    for (size_t i = 0; i < session->n_workers; i++)
        worker_stop(session->workers[i]);
    for (size_t i = 0; i < session->n_workers; i++)
        all_ended = wait_for_worker(session->workers[i], until_ms) && all_ended;
    return all_ended;
}

static void log_end(const struct worker_stats *stats, uint64_t begin_ms)
{
    uint64_t ms = clock_steady_ms() - begin_ms;
    log_info("session ended",
             LOG_FIELDS(log_u64("records", stats->records), log_u64("effects", stats->effects),
                        log_u64("batches", stats->batches), log_u64("bytes", stats->bytes),
                        log_u64("dead_letters", stats->dead_letters), log_u64("ms", ms),
                        log_u64("records_per_s", ms ? stats->records * 1000 / ms : 0),
                        log_u64("max_rss_kib", mem_peak_kib())));
}

// A batch may be in flight for longer than a stop may take: the process ends without it. The step
// is applied as a whole or not at all, and the next start finds out which.
static void abandon(struct session *session)
{
    if (session->consumer)
        consumer_leave(session->consumer);
    struct err err;
    err_set(&err, ERR_RETRY, "stopped without the outcome of a batch in flight");
    log_warn(err.text, NULL);
    _exit(stop_requested() ? EXIT_SUCCESS : err_exit_code(&err));
}

static void close_session(struct session *session, struct worker_stats *stats)
{
    if (!stop_workers(session))
        abandon(session);
    if (session->consumer)
        consumer_leave(session->consumer);
    for (size_t i = 0; i < session->n_workers; i++)
        worker_free(session->workers[i], stats);
    consumer_free(session->consumer);
    dead_letter_log_free(session->letters);
    session->applier->driver->close(session->control);
    free((void *)session->workers);
}

// *opened: it got as far as reading.
static bool run_session(const struct applier *applier, bool *opened, struct worker_stats *stats,
                        struct err *err)
{
    struct session session = {.applier = applier};
    uint64_t begin_ms = clock_steady_ms();
    if (applier->group)
        snprintf(session.group, sizeof session.group, "%s", applier->group);
    else
        applier_group(applier->config, applier->driver, session.group);
    applier_make_owner(session.owner);
    *stats = (struct worker_stats){0};
    *opened = open_session(&session, err);
    if (*opened)
        log_info("joined",
                 LOG_FIELDS(log_str("group", session.group), log_str("owner", session.owner)));
    bool done = *opened && consumer_run(session.consumer, err);
    close_session(&session, stats);
    if (*opened)
        log_end(stats, begin_ms);
    return done;
}

// --- sessions ---

bool applier_run(const struct applier *applier, struct err *err)
{
    struct backoff backoff = {.first_ms = BACKOFF_FIRST_MS, .most_ms = BACKOFF_MOST_MS};
    bool ever_opened = false;
    for (;;) {
        struct worker_stats stats;
        bool opened;
        if (run_session(applier, &opened, &stats, err))
            return true;
        ever_opened = ever_opened || opened;
        if (stop_requested())
            return true;
        if (!ever_opened || !err_may_pass(err))
            return false;
        if (stats.batches > 0)
            backoff_reset(&backoff);
        log_warn(
            "session failed, another follows",
            LOG_FIELDS(log_str("reason", err->text), log_u64("in_ms", backoff_next_ms(&backoff))));
        if (!backoff_wait(&backoff))
            return true;
    }
}
