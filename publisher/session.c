// SPDX-License-Identifier: Apache-2.0
// Session, the loop: see session.h.
#include "publisher/session.h"

#include "common/clock.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/stop.h"
#include "publisher/session_state.h"
#include "publisher/snapshot.h"
#include "publisher/snapshot_state.h"

#include <stdio.h>
#include <string.h>

#define WAIT_MS 100
#define RIVAL_MS 300 // a server ends the dump of the older of two at once, Kafka tells us later
#define DISPLACEMENTS_MOST 3
#define DISPLACED_MS 600000 // a displacement so long after the last one counts as the first
#define COMMIT_SHARE 4      // a transaction lasts so many times what the commit before it took,
#define SLOW_TRANSACTION_MS 5000 // but no longer for that reason

// What the rows of a transaction that is out in part are of, and how many of them each topic got.
static void fill_transaction(struct session *session, struct checkpoint *checkpoint)
{
    const struct topic *topic = session->transactions ? topics_counted(session->topics) : NULL;
    checkpoint->transaction[0] = '\0';
    buf_clear(&checkpoint->counts);
    if (checkpoint->position.rows == 0)
        return;
    if (!session->transaction[0]) { // nothing was read yet: as it was at the start
        const struct checkpoint *last = &session->log.last;
        memcpy(checkpoint->transaction, last->transaction, sizeof checkpoint->transaction);
        buf_slice(&checkpoint->counts, buf_bytes(&last->counts));
        return;
    }
    memcpy(checkpoint->transaction, session->transaction, sizeof checkpoint->transaction);
    for (; topic; topic = topic->next_counted)
        buf_printf(&checkpoint->counts, "%s%s=%llu", checkpoint->counts.len ? "," : "", topic->name,
                   (unsigned long long)topic->transaction_changes);
}

static void fill_checkpoint(struct session *session, const struct position *position)
{
    struct checkpoint *checkpoint = &session->checkpoint;
    struct table_filter filter = session_filter(session->config);
    session->is_committed = false;
    position_copy(&checkpoint->position, position);
    checkpoint->position.filter = position->rows > 0 ? table_filter_digest(&filter) : 0;
    if (position->rows == 0 || session->transaction[0]) // else it is another server's yet
        memcpy(checkpoint->position.server_uuid, session->server.uuid, sizeof session->server.uuid);
    fill_transaction(session, checkpoint);
    gtid_set_subtract(&checkpoint->shown, &position->executed);
    memcpy(checkpoint->instance, session->run->instance, sizeof checkpoint->instance);
    checkpoint->epoch = session->rival ? session->run->epoch : session->log.last.epoch;
}

// Slowly: what the brokers did not take in time they may not take yet.
static void grow_transactions(struct session *session)
{
    uint64_t *bytes = &session->run->transaction_bytes;
    uint64_t most = session->config->publish.transaction_bytes;
    *bytes = *bytes + *bytes / 8 < most ? *bytes + *bytes / 8 : most;
}

// Commits what was sent with session->checkpoint.
static bool commit_checkpoint(struct session *session, bool running, struct err *err)
{
    struct checkpoint *checkpoint = &session->checkpoint;
    struct message message = {.topic = session->checkpoints->handle};
    uint64_t begun_ms = clock_steady_ms();
    checkpoint->running = running;
    checkpoint->alive_ms = clock_now_ms();
    buf_clear(&session->key);
    buf_clear(&session->value);
    checkpoint_write_key(&session->key);
    checkpoint_write(&session->value, checkpoint);
    message.key = buf_bytes(&session->key);
    message.value = buf_bytes(&session->value);
    if (!producer_commit(session->producer, &message, err))
        return false;
    CRASH_POINT(publish_committed);
    session->is_committed = true;
    session->run->has_checkpoint = true;
    grow_transactions(session);
    session->committed_ms = clock_steady_ms();
    session->commit_took_ms = session->committed_ms - begun_ms;
    session->begun_ms = 0;
    return true;
}

bool session_commit(struct session *session, const struct position *position, bool running,
                    struct err *err)
{
    CRASH_POINT(publish_commit_due);
    if (snapshot_state_is_dirty(&session->log.snapshots) &&
        (!producer_settle(session->producer, err) || !snapshot_state_send(session, err)))
        return false;
    fill_checkpoint(session, position);
    return commit_checkpoint(session, running, err);
}

// --- the loop ----------------------------------------------------------------------------------

// transaction_time, or longer where commits are slow, as with many partitions, so that what is
// behind is not held up by them.
static uint64_t transaction_ms(const struct session *session)
{
    uint64_t ms = session->config->publish.transaction_ms;
    uint64_t slow_ms = COMMIT_SHARE * session->commit_took_ms;
    if (slow_ms > SLOW_TRANSACTION_MS)
        slow_ms = SLOW_TRANSACTION_MS;
    return ms > slow_ms ? ms : slow_ms;
}

static bool is_due(struct session *session, enum reader_kind kind)
{
    const struct config_publish *publish = &session->config->publish;
    uint64_t now_ms = clock_steady_ms();
    if (!session->settled)
        return false;
    if (!producer_is_open(session->producer) && !snapshot_state_is_dirty(&session->log.snapshots))
        return now_ms - session->committed_ms >= publish->checkpoint_ms;
    if (session->begun_ms == 0)
        session->begun_ms = now_ms;
    return kind == READER_IDLE ||
           producer_open_bytes(session->producer) >= session->run->transaction_bytes ||
           now_ms - session->begun_ms >= transaction_ms(session);
}

static bool has_reached(const struct session *session, const struct position *position)
{
    const struct position *target = &session->run->target;
    if (session->server.gtid_mode)
        return gtid_set_is_subset(&target->executed, &position->executed);
    int files = position_compare_files(position->file, target->file);
    return files > 0 || (files == 0 && position->pos >= target->pos);
}

// Looks only while it was not yet so: comparing sets is not for every transaction of a long life.
// Of this session alone: what a former one read it may have failed to commit.
static bool is_caught_up(struct session *session, enum reader_kind kind)
{
    if (session->caught_up || (kind != READER_COMMIT && kind != READER_IDLE))
        return session->caught_up;
    session->caught_up = has_reached(session, reader_position(session->reader));
    if (session->caught_up)
        session_log_position("caught up", session, reader_position(session->reader));
    return session->caught_up;
}

// The last checkpoint: with what was read before the end or, where something is half done, as it
// was.
static bool save(struct session *session, bool running, struct err *err)
{
    struct position position = {0};
    if (!session->settled) {
        producer_abort(session->producer);
        return commit_checkpoint(session, running, err);
    }
    position_copy(&position, reader_position(session->reader));
    position.rows -= session->rows_back;
    bool ok = session_commit(session, &position, running, err);
    position_deinit(&position);
    return ok;
}

// What is open is aborted, and the last checkpoint written once more, so that nobody waits for a
// sign of life; not after a commit of unknown outcome.
static void say_goodbye(struct session *session)
{
    struct err err;
    if (!session->is_committed)
        return;
    producer_abort(session->producer);
    if (!commit_checkpoint(session, false, &err))
        log_err("not committed", &err);
}

// The server has ended our dump because another replica came with our server_id. An older publisher
// of this name that was cut off does that before it hears that it was replaced; it ends by itself,
// and we go on. One that goes on doing it is somebody else.
static bool is_displaced_for_now(struct session_run *run, const struct err *err)
{
    uint64_t now_ms = clock_steady_ms();
    if (err->class != ERR_CONFIG)
        return false;
    if (now_ms - run->displaced_ms > DISPLACED_MS)
        run->displacements = 0;
    run->displaced_ms = now_ms;
    return run->displacements++ < DISPLACEMENTS_MOST;
}

// What was read before a failure of the source, or of a change, is saved. Where that fails as well,
// the first error is the one that counts, unless another publisher took over: then that is the
// reason of it, and nothing is saved.
static bool fail(struct session *session, struct err *err)
{
    char gtid[GTID_TEXT_MAX];
    struct err second;
    bool of_source = session->rows_back == 0 && session->settled;
    snprintf(gtid, sizeof gtid, SLICE_FMT, SLICE_ARG(reader_current_gtid(session->reader)));
    if (err->class == ERR_STOPPED) {
        say_goodbye(session);
        return true;
    }
    if (session->rival && !rival_look(session->rival, RIVAL_MS, &second)) {
        *err = second;
        return false;
    }
    if (is_displaced_for_now(session->run, err))
        err->class = ERR_RETRY;
    if ((err->class != ERR_RETRY || of_source) &&
        !save(session, err->class == ERR_RETRY, &second)) {
        if (second.class == ERR_REFUSED && err->class != ERR_REFUSED)
            *err = second;
        else
            log_err("not committed", &second);
    }
    return gtid[0] && !strstr(err->text, gtid) ? err_wrap(err, "GTID %s", gtid) : false;
}

// Between two transactions; *kind becomes another where rows were sent, so that a commit comes when
// enough of them are.
static bool work_on_snapshots(struct session *session, enum reader_kind *kind, struct err *err)
{
    bool worked;
    bool is_idle = *kind == READER_IDLE;
    if (!session->settled || stop_requested() || (!is_idle && *kind != READER_COMMIT) ||
        reader_position(session->reader)->rows > 0)
        return true;
    if (!snapshots_step(session->snapshots, is_idle, &worked, err))
        return false;
    if (worked && snapshots_are_busy(session->snapshots))
        *kind = READER_COMMIT;
    return true;
}

// For a commit, or a chunk of a snapshot, as soon as nothing is left.
static unsigned wait_ms_of(const struct session *session)
{
    bool is_waiting = producer_is_open(session->producer) && session->settled;
    return is_waiting || snapshots_are_busy(session->snapshots) ? 0 : WAIT_MS;
}

bool session_loop(struct session *session, bool *progress, struct err *err)
{
    bool until = session->run->options->until_caught_up;
    struct reader_item item = {.kind = READER_IDLE};
    *progress = false;
    while (!stop_requested() || !session->settled) {
        if (!reader_next(session->reader, wait_ms_of(session), &item, err) ||
            !session_take(session, &item, err))
            return fail(session, err);
        enum reader_kind kind = item.kind;
        if (!work_on_snapshots(session, &kind, err))
            return err->class == ERR_RETRY ? false : fail(session, err);
        bool due = is_due(session, kind);
        if (session->rival && (due || kind == READER_IDLE) && !rival_look(session->rival, 0, err))
            return false;
        if (due) {
            if (!session_commit(session, reader_position(session->reader), true, err))
                return err->class == ERR_STOPPED;
            *progress = true;
            if (item.kind != READER_IDLE) // it is behind
                session_watch_retention(session, NULL, reader_position(session->reader));
        }
        if (is_caught_up(session, item.kind) && until && session->settled &&
            snapshots_have_ended(session->snapshots))
            break;
    }
    if (!save(session, false, err) && err->class != ERR_STOPPED)
        return false;
    session_log_position("stopped", session, &session->checkpoint.position);
    return true;
}
