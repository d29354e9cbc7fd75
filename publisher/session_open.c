// SPDX-License-Identifier: Apache-2.0
// Session, opening and closing: what can be refused is refused before anything is written.
#include "publisher/session.h"

#include "binlog/position_find.h"
#include "binlog/source_live.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "publisher/hanging.h"
#include "publisher/session_state.h"
#include "publisher/snapshot.h"
#include "publisher/snapshot_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_TIMEOUT_LEAST_MS 10000
#define TAKEOVER_MS 1000 // several times what an older publisher takes to see us

static enum wire_tls tls_of(const char *word)
{
    static const char *const words[] = {
        [WIRE_TLS_OFF] = "off",
        [WIRE_TLS_PREFERRED] = "preferred",
        [WIRE_TLS_REQUIRED] = "required",
        [WIRE_TLS_VERIFY] = "verify",
    };
    enum wire_tls tls = WIRE_TLS_OFF;
    while (tls < WIRE_TLS_VERIFY && strcmp(words[tls], word) != 0)
        tls++;
    return tls;
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

void session_wire_options(const struct config *config, struct wire_options *options)
{
    const struct config_source *source = &config->source;
    uint64_t silent_ms = 3 * source->heartbeat_ms;
    if (silent_ms < READ_TIMEOUT_LEAST_MS)
        silent_ms = READ_TIMEOUT_LEAST_MS;
    *options = (struct wire_options){
        .socket = or_null(source->socket),
        .user = source->user,
        .password = source->password,
        .tls = tls_of(source->tls),
        .tls_ca = or_null(source->tls_ca),
        .tls_cert = or_null(source->tls_cert),
        .tls_key = or_null(source->tls_key),
        .connect_timeout_ms = (unsigned)source->connect_timeout_ms,
        .read_timeout_ms = (unsigned)silent_ms,
    };
}

struct table_filter session_filter(const struct config *config)
{
    return (struct table_filter){config->tables.include, config->tables.exclude};
}

// A position within a transaction counts rows over the tables that passed the filter of then.
static bool check_filter(const struct session *session, struct err *err)
{
    struct table_filter filter = session_filter(session->config);
    const struct position *start = &session->start;
    if (start->rows == 0 || start->filter == table_filter_digest(&filter))
        return true;
    return err_set(
        err, ERR_REFUSED,
        "[tables] was changed while a transaction was published in part (%llu rows after %s:%llu): "
        "start once with the former [tables], until it is past it, or publish these rows again "
        "with `tailrace offsets reset publisher --to %s:%llu`",
        (unsigned long long)start->rows, start->file, (unsigned long long)start->pos, start->file,
        (unsigned long long)start->pos);
}

// A GTID set holds for every server, file and position for the one that they were read from.
static void forget_file_of_another(struct session *session)
{
    struct position *start = &session->start;
    if (!session->server.gtid_mode || gtid_set_is_empty(&start->executed) ||
        strcmp(start->server_uuid, session->server.uuid) == 0)
        return;
    start->file[0] = '\0';
    start->pos = 0;
}

// Tables are copied first, and the stream goes on from where the source was before that.
bool session_starts_with_snapshot(const struct session *session)
{
    return !session->log.found && strcmp(session->config->publish.start, "snapshot") == 0;
}

static bool find_start(struct session *session, struct err *err)
{
    const char *from =
        session_starts_with_snapshot(session) ? "latest" : session->config->publish.start;
    if (!session->log.found)
        return position_find(&session->options, &session->server, from, &session->start, err) ||
               err_wrap(err, "[publish] start = %s", session->config->publish.start);
    position_copy(&session->start, &session->log.last.position);
    if (!check_filter(session, err))
        return false;
    forget_file_of_another(session);
    return true;
}

// What is needed from the server on: further back where XA transactions are pending.
static bool server_has_all(struct session *session, struct err *err)
{
    const struct pending_list *pending = &session->start.pending;
    struct wire *wire = session->picked->wire;
    if (!server_has(wire, &session->server, &session->start, err) ||
        !position_begin(&session->begin, &session->start, err))
        return false;
    if (pending->n == 0 || server_has(wire, &session->server, &session->begin, err))
        return true;
    return err_wrap(err,
                    "%zu XA transactions were prepared and not decided yet, the first of them %s "
                    "at %s:%llu, from where on the binlog is needed",
                    pending->n, pending->items[0].xid, pending->items[0].file,
                    (unsigned long long)pending->items[0].pos);
}

static void set_target(struct session *session)
{
    struct session_run *run = session->run;
    const struct server *server = &session->server;
    if (run->has_target)
        return;
    run->has_target = true;
    gtid_set_copy(&run->target.executed, &server->executed);
    memcpy(run->target.file, server->file, sizeof run->target.file);
    run->target.pos = server->pos;
}

struct topics_options session_topics_options(struct session *session)
{
    return (struct topics_options){
        .config = session->config,
        .plain = session->plain,
        .producer = session->producer,
        .log = &session->log,
        .accepted = session->run->options->accepted,
        .n_accepted = session->run->options->n_accepted,
    };
}

// After the checkpoint is read: what it says decides which server can be read from. They are asked
// again, as an older publisher that runs yet may have come further than they had when they were
// asked first, and that would look like another history.
bool session_choose_server(struct session *session, struct err *err)
{
    const struct checkpoint_log *log = &session->log;
    struct pick_server **picked = &session->picked;
    session->pick.shown = log->found ? &log->last.shown : NULL;
    if (!pick_choose(&session->pick, log->found ? &log->last.position : NULL, picked, err))
        return false;
    session->options = (*picked)->options;
    server_deinit(&session->server);
    session->server = (*picked)->server;
    (*picked)->server = (struct server){0};
    set_target(session);
    return find_start(session, err) && server_has_all(session, err);
}

// A broker refuses a producer that was replaced, one whose transaction was open for too long, and
// one of two that started at the same time and took a transactional.id each: the one whose mark is
// the last goes on. Who has written a checkpoint knows by the last one.
static bool is_replaced_by_fence(const struct session_run *run, const struct checkpoint_log *log,
                                 bool is_other)
{
    size_t n = strlen(run->instance);
    bool is_our_mark = strncmp(log->last_mark, run->instance, n) == 0 && log->last_mark[n] == ':';
    return run->fenced && (run->has_checkpoint ? is_other : !is_our_mark);
}

static bool check_replaced(struct session *session, struct err *err)
{
    struct session_run *run = session->run;
    const struct checkpoint_log *log = &session->log;
    bool is_other = log->found && strcmp(log->last.instance, run->instance) != 0;
    run->replaced =
        is_replaced_by_fence(run, log, is_other) ||
        (is_other && run->epoch > 0 && rival_is_newer(&log->last, run->epoch, run->instance));
    return !run->replaced ||
           err_set(err, ERR_REFUSED, "another publisher named %s took over (%s): only one may run",
                   session->config->source.name,
                   run->has_checkpoint || run->epoch > 0 ? log->last.instance : log->last_mark);
}

// Everything that can be refused; nothing is written.
static bool check_all(struct session *session, struct err *err)
{
    if (!pick_open(&session->pick, session->config, err) ||
        !kafka_open_plain(session->config, &session->plain, err) ||
        !checkpoint_read_on(session->plain, session->config, &session->log_end, &session->log,
                            err) ||
        !check_replaced(session, err) || !session_choose_server(session, err))
        return false;
    struct topics_options topics = session_topics_options(session);
    struct snapshot_plan plan;
    return (!session_starts_with_snapshot(session) || snapshots_check_first(session, &plan, err)) &&
           topics_check(&topics, err);
}

static bool send_message(void *into, const struct message *message, struct err *err)
{
    struct session *session = into;
    bool done = producer_send(session->producer, message, err);
    CRASH_POINT(publish_message_sent);
    return done;
}

static bool open_topics(struct session *session, struct err *err)
{
    const struct config_publish *publish = &session->config->publish;
    const struct encoder_options encoder = {
        .tombstones = publish->tombstones,
        .whole_row = strcmp(publish->keyless, "whole-row") == 0,
        .send = send_message,
        .into = session,
    };
    struct topics_options options = session_topics_options(session);
    encoder_init(&session->encoder, &encoder);
    session->topics = topics_new(&options);
    if (session_starts_with_snapshot(session))
        snapshots_add_first(session);
    return topics_special(session->topics, "checkpoint", &session->checkpoints, err) &&
           (!publish->ddl_topic || topics_special(session->topics, "ddl", &session->ddl, err)) &&
           (!publish->transactions_topic ||
            topics_special(session->topics, "transactions", &session->transactions, err)) &&
           snapshots_open(session, &session->snapshots, err) &&
           topics_record_accepted(session->topics, err);
}

static bool init_producer(struct session *session, struct err *err)
{
    bool done = producer_init(session->producer, err);
    CRASH_POINT(publish_fenced_older);
    return done;
}

static bool has_transactions(const struct session *session)
{
    return strcmp(session->config->publish.delivery, "at-least-once") != 0;
}

// Without transactions nothing fences an older publisher: it is given the time to see that there is
// a newer one.
static bool open_rival(struct session *session, struct err *err)
{
    const struct checkpoint_log *log = &session->log;
    struct session_run *run = session->run;
    bool is_other = log->found && strcmp(log->last.instance, run->instance) != 0;
    if (has_transactions(session))
        return true;
    if (run->epoch == 0)
        run->epoch = log->last.epoch + 1;
    session->rival = rival_open(session->config, &session->checkpoint, err);
    if (!session->rival || !session_commit(session, &session->start, true, err))
        return false;
    if (is_other && log->last.running && !stop_sleep_ms(TAKEOVER_MS))
        return err_set(err, ERR_STOPPED, "stopped");
    return rival_look(session->rival, 0, err);
}

// Only after a publisher that did not end in good order, and what it left was aborted just now.
static bool end_hanging(struct session *session, struct err *err)
{
    const struct hanging hanging = {session->config, session->plain, session->producer,
                                    &session->log};
    return !has_transactions(session) || !session->log.found || !session->log.last.running ||
           hanging_end(&hanging, err);
}

// A record that is durable behind all others, and no more than that to who reads it.
static bool write_mark(struct session *session, const char *mark, struct err *err)
{
    struct buf name = {0};
    checkpoint_topic_name(&name, session->config->source.name);
    buf_clear(&session->key);
    buf_clear(&session->value);
    checkpoint_mark_write_key(&session->key);
    checkpoint_mark_write(&session->value, mark);
    bool done = producer_commit_one(session->producer, buf_cstr(&name), buf_bytes(&session->key),
                                    buf_bytes(&session->value), err);
    session->run->is_marked |= done;
    buf_deinit(&name);
    return done;
}

// An older publisher of this name may have committed until it was fenced: what came is read after
// that, up to a mark of ours.
static bool read_newest(struct session *session, struct err *err)
{
    struct session_run *run = session->run;
    struct checkpoint_log *log = &session->log;
    char mark[CHECKPOINT_MARK_BYTES];
    int64_t *end = &session->log_end;
    snprintf(mark, sizeof mark, "%s:%u", run->instance, ++run->n_marks);
    return checkpoint_read_on(session->plain, session->config, end, log, err) &&
           end_hanging(session, err) && write_mark(session, mark, err) &&
           checkpoint_read_mark(session->plain, session->config, mark, end, log, err) &&
           (!log->found || session_choose_server(session, err));
}

static bool take_shown(struct session *session, struct err *err)
{
    return gtid_set_union(&session->checkpoint.shown, &session->log.last.shown, err);
}

static bool open_producer(struct session *session, struct err *err)
{
    session->producer = producer_open(session->config, err);
    return session->producer &&
           (session->log.exists || checkpoint_create(session->plain, session->config, err)) &&
           init_producer(session, err) && read_newest(session, err) && open_topics(session, err) &&
           take_shown(session, err) && open_rival(session, err) &&
           session_commit(session, &session->start, true, err);
}

// By GTID set where the server has them; by file and position where it has not, or where a position
// was given so.
static bool open_reader(struct session *session, struct err *err)
{
    const struct position *start = &session->start;
    const struct config_source *config = &session->config->source;
    const struct position *begin = &session->begin;
    if (!position_begin(&session->begin, start, err))
        return false;
    bool by_gtid = session->server.gtid_mode &&
                   (!gtid_set_is_empty(&begin->executed) || begin->file[0] == '\0');
    const struct wire_dump dump = {
        .executed = by_gtid ? &begin->executed : NULL,
        .file = by_gtid ? NULL : begin->file,
        .pos = begin->pos,
        .server_id = (uint32_t)config->server_id,
        .heartbeat_ms = (unsigned)config->heartbeat_ms,
    };
    session->names = names_new(&session->options);
    session->names_source = names_source(session->names);
    session->reader_options = (struct reader_options){
        .source_name = config->name,
        .version = TAILRACE_VERSION,
        .filter = session_filter(session->config),
        .start = start,
        .verify_checksums = true,
        .names = &session->names_source,
    };
    struct wire *wire = session->picked->wire;
    session_watch_retention(session, wire, start);
    session->picked->wire = NULL;
    pick_deinit(&session->pick);
    struct source *source = source_live_open_take(wire, &dump, SOURCE_LIVE_RING_BYTES, err);
    if (!source)
        return false;
    session->resuming = start->rows > 0;
    session->reader = reader_open_take(source, &session->reader_options, err);
    return session->reader != NULL;
}

void session_log_position(const char *event, const struct session *session,
                          const struct position *position)
{
    struct buf executed = {0};
    gtid_set_write(&executed, &position->executed);
    log_info(event,
             LOG_FIELDS(log_str("name", session->config->source.name),
                        log_slice("gtid", buf_bytes(&executed)), log_str("file", position->file),
                        log_u64("pos", position->pos), log_u64("rows", position->rows),
                        log_u64("xa_pending", position->pending.n)));
    buf_deinit(&executed);
}

struct session *session_new(struct session_run *run)
{
    struct session *session = mem_zalloc(sizeof *session);
    session->run = run;
    session->config = run->config;
    session->settled = true;
    return session;
}

struct session *session_open(struct session_run *run, struct err *err)
{
    struct session *session = session_new(run);
    if (!check_all(session, err) || !open_producer(session, err) || !open_reader(session, err)) {
        session_close(session);
        return NULL;
    }
    run->fenced = false;
    CRASH_POINT(publish_started);
    session_log_position("started", session, &session->start);
    return session;
}

void session_close(struct session *session)
{
    if (!session)
        return;
    struct session_run *run = session->run;
    if (session->producer) {
        const struct producer_counts *counts = producer_counts(session->producer);
        run->messages += counts->messages;
        run->bytes += counts->bytes;
        run->commits += counts->commits;
        run->fenced = run->fenced || producer_is_fenced(session->producer);
        producer_abort(session->producer);
    }
    if (session->reader)
        reader_close(session->reader);
    rival_close(session->rival);
    snapshots_close(session->snapshots);
    encoder_deinit(&session->encoder);
    topics_free(session->topics);
    producer_close(session->producer);
    checkpoint_log_deinit(&session->log);
    if (session->plain)
        rd_kafka_destroy(session->plain);
    pick_deinit(&session->pick);
    server_deinit(&session->server);
    position_deinit(&session->start);
    position_deinit(&session->begin);
    names_free(session->names);
    checkpoint_deinit(&session->checkpoint);
    buf_deinit(&session->key);
    buf_deinit(&session->value);
    buf_deinit(&session->refused);
    free(session);
}
