// SPDX-License-Identifier: Apache-2.0
// Session, retention: a warning while there is time. A server spares the file that it sends; the
// one that a publisher needs which is away, or was until now, it does not.
#include "binlog/retention.h"
#include "common/clock.h"
#include "common/log.h"
#include "publisher/session_state.h"

#define LOOK_MS 60000

// Hundredths of the time or the bytes that are left: each step is said once.
static const unsigned steps[] = {25, 10, 5, 1, 0};

static unsigned step_of(const struct retention *retention)
{
    unsigned percent = retention_percent(retention);
    unsigned step = 0;
    while (step < sizeof steps / sizeof *steps && percent <= steps[step])
        step++;
    return step;
}

static void warn(const struct retention *retention)
{
    struct buf left = {0};
    if (retention->has_seconds)
        buf_printf(&left, "%lld s", (long long)(retention->seconds > 0 ? retention->seconds : 0));
    if (retention->has_bytes)
        buf_printf(&left, "%s%lld bytes", left.len ? ", " : "",
                   (long long)(retention->bytes > 0 ? retention->bytes : 0));
    log_warn("the server will soon remove a binlog that is not read yet: raise "
             "binlog_expire_logs_seconds (or max_binlog_total_size)",
             LOG_FIELDS(log_str("file", retention->file), log_str("left", buf_cstr(&left)),
                        log_u64("percent_left", retention_percent(retention))));
    buf_deinit(&left);
}

static void warn_unknown(const struct err *err)
{
    log_warn("how long the server keeps its binlog is not known",
             LOG_FIELDS(log_str("reason", err->text)));
}

// It is worth a warning only: what keeps it from being known does not stop anything.
static void look(struct session *session, struct wire *wire, const struct position *position)
{
    struct session_run *run = session->run;
    struct retention retention;
    struct err err;
    if (!retention_read(wire, &session->options, &session->server, position, &retention, &err)) {
        warn_unknown(&err);
        return;
    }
    unsigned step = step_of(&retention);
    if (step > run->retention_step)
        warn(&retention);
    run->retention_step = step;
}

void session_watch_retention(struct session *session, struct wire *wire,
                             const struct position *position)
{
    struct session_run *run = session->run;
    struct wire *own = NULL;
    struct err err;
    uint64_t now_ms = clock_steady_ms();
    if (!wire && now_ms - run->retention_ms < LOOK_MS)
        return;
    run->retention_ms = now_ms;
    if (!wire && !wire_connect(&session->options, &own, &err)) {
        warn_unknown(&err);
        return;
    }
    look(session, wire ? wire : own, position);
    wire_close(own);
}
