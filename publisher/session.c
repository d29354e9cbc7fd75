// SPDX-License-Identifier: Apache-2.0
// Session: see session.h.
#define _POSIX_C_SOURCE 200809L // strtok_r
#include "publisher/session.h"

#include "binlog/position_find.h"
#include "binlog/reader.h"
#include "binlog/server.h"
#include "binlog/source_live.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "publisher/encoder.h"
#include "publisher/notices.h"
#include "publisher/producer.h"
#include "publisher/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 100
#define STOP_MS 500
#define READ_TIMEOUT_LEAST_MS 10000

struct session {
    struct session_run *run;
    const struct config *config;
    struct wire *wire; // until the dump takes it
    struct server server;
    rd_kafka_t *plain;
    struct checkpoint_log log;
    struct position start;
    struct producer *producer;
    struct topics *topics;
    struct topic *checkpoints;
    struct topic *ddl;          // NULL: not wanted
    struct topic *transactions; // NULL: not wanted
    struct encoder encoder;
    struct reader_options reader_options; // borrowed by the reader
    struct reader *reader;
    struct checkpoint checkpoint; // written last
    struct buf key;
    struct buf value;
    char gtid[GTID_TEXT_MAX];                       // of the transaction read last
    char transaction[CHECKPOINT_TRANSACTION_BYTES]; // whose changes are being sent; "" = none
    struct buf truncate;                            // a truncation that was met, for its refusal
    bool resuming;                                  // the first transaction is out in part
    bool settled;          // no change or statement is half done: a commit may follow
    unsigned rows_back;    // changes that the reader handed out and that were refused
    uint64_t begun_ms;     // steady; the first message since the last commit, 0 = none
    uint64_t committed_ms; // steady
};

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
        .host = source->host,
        .port = (unsigned)source->port,
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

static struct table_filter filter_of(const struct config *config)
{
    return (struct table_filter){config->tables.include, config->tables.exclude};
}

// --- opening -----------------------------------------------------------------------------------

// A position within a transaction counts rows over the tables that passed the filter of then.
static bool check_filter(const struct session *session, struct err *err)
{
    struct table_filter filter = filter_of(session->config);
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

static bool find_start(struct session *session, const struct wire_options *options, struct err *err)
{
    if (session->log.found) {
        position_copy(&session->start, &session->log.last.position);
        return check_filter(session, err);
    }
    return position_find(options, &session->server, session->config->publish.start, &session->start,
                         err) ||
           err_wrap(err, "[publish] start = %s", session->config->publish.start);
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

static struct topics_options topics_options_of(struct session *session)
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

// After the checkpoint is read: an older publisher that runs yet may have come further than the
// server had when it was asked first, and that would look like another history.
static bool ask_server_again(struct session *session, struct err *err)
{
    server_deinit(&session->server);
    return server_read(session->wire, &session->server, err);
}

// Everything that can be refused; nothing is written.
static bool check_all(struct session *session, struct err *err)
{
    struct wire_options options;
    session_wire_options(session->config, &options);
    if (!wire_connect(&options, &session->wire, err) ||
        !server_read(session->wire, &session->server, err))
        return false;
    set_target(session);
    if (!kafka_open_plain(session->config, &session->plain, err) ||
        !checkpoint_read(session->plain, session->config, &session->log, err) ||
        !ask_server_again(session, err) || !find_start(session, &options, err) ||
        !server_has(session->wire, &session->server, &session->start, err))
        return false;
    struct topics_options topics = topics_options_of(session);
    return topics_check(&topics, err);
}

// An older publisher of this name may have committed until it was fenced: what counts is read again
// after that.
static bool read_again(struct session *session, struct err *err)
{
    struct wire_options options;
    session_wire_options(session->config, &options);
    checkpoint_log_deinit(&session->log);
    return checkpoint_read(session->plain, session->config, &session->log, err) &&
           (!session->log.found ||
            (ask_server_again(session, err) && find_start(session, &options, err) &&
             server_has(session->wire, &session->server, &session->start, err)));
}

static bool send_message(void *into, const struct message *message, struct err *err)
{
    struct session *session = into;
    return producer_send(session->producer, message, err);
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
    struct topics_options options = topics_options_of(session);
    encoder_init(&session->encoder, &encoder);
    session->topics = topics_new(&options);
    return topics_special(session->topics, "checkpoint", &session->checkpoints, err) &&
           (!publish->ddl_topic || topics_special(session->topics, "ddl", &session->ddl, err)) &&
           (!publish->transactions_topic ||
            topics_special(session->topics, "transactions", &session->transactions, err)) &&
           topics_record_accepted(session->topics, err);
}

// What the rows of a transaction that is out in part are of, and how many of them each topic got.
static void fill_transaction(struct session *session, struct checkpoint *checkpoint)
{
    const struct topic *topic = session->transactions ? topics_first(session->topics) : NULL;
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
    for (; topic; topic = topic->next)
        if (topic->transaction_changes > 0)
            buf_printf(&checkpoint->counts, "%s%s=%llu", checkpoint->counts.len ? "," : "",
                       topic->name, (unsigned long long)topic->transaction_changes);
}

static void fill_checkpoint(struct session *session, const struct position *position)
{
    struct checkpoint *checkpoint = &session->checkpoint;
    struct table_filter filter = filter_of(session->config);
    position_copy(&checkpoint->position, position);
    checkpoint->position.filter = position->rows > 0 ? table_filter_digest(&filter) : 0;
    fill_transaction(session, checkpoint);
    memcpy(checkpoint->instance, session->run->instance, sizeof checkpoint->instance);
}

// Commits what was sent with session->checkpoint.
static bool commit_checkpoint(struct session *session, bool running, struct err *err)
{
    struct checkpoint *checkpoint = &session->checkpoint;
    struct message message = {.topic = session->checkpoints->handle};
    checkpoint->running = running;
    checkpoint->alive_ms = clock_now_ms();
    buf_clear(&session->key);
    buf_clear(&session->value);
    checkpoint_write_key(&session->key);
    checkpoint_write(&session->value, checkpoint);
    message.key = buf_bytes(&session->key);
    message.value = buf_bytes(&session->value);
    if (!producer_commit(session->producer, &message, STOP_MS, err))
        return false;
    session->committed_ms = clock_steady_ms();
    session->begun_ms = 0;
    return true;
}

static bool commit(struct session *session, const struct position *position, bool running,
                   struct err *err)
{
    fill_checkpoint(session, position);
    return commit_checkpoint(session, running, err);
}

static bool open_producer(struct session *session, struct err *err)
{
    session->producer = producer_open(session->config, err);
    return session->producer &&
           (session->log.exists || checkpoint_create(session->plain, session->config, err)) &&
           producer_init(session->producer, err) && read_again(session, err) &&
           open_topics(session, err) && commit(session, &session->start, true, err);
}

// By GTID set where the server has them; by file and position where it has not, or where a position
// was given so.
static bool open_reader(struct session *session, struct err *err)
{
    const struct position *start = &session->start;
    const struct config_source *config = &session->config->source;
    bool by_gtid = session->server.gtid_mode &&
                   (!gtid_set_is_empty(&start->executed) || start->file[0] == '\0');
    const struct wire_dump dump = {
        .executed = by_gtid ? &start->executed : NULL,
        .file = by_gtid ? NULL : start->file,
        .pos = start->pos,
        .server_id = (uint32_t)config->server_id,
        .heartbeat_ms = (unsigned)config->heartbeat_ms,
    };
    session->reader_options = (struct reader_options){
        .source_name = config->name,
        .version = TAILRACE_VERSION,
        .filter = filter_of(session->config),
        .start = start,
        .verify_checksums = true,
        .needs_names = true,
    };
    struct wire *wire = session->wire;
    session->wire = NULL;
    struct source *source = source_live_open_take(wire, &dump, SOURCE_LIVE_RING_BYTES, err);
    if (!source)
        return false;
    session->resuming = start->rows > 0;
    session->reader = reader_open_take(source, &session->reader_options, err);
    return session->reader != NULL;
}

static void log_position(const char *event, const struct session *session,
                         const struct position *position)
{
    struct buf executed = {0};
    gtid_set_write(&executed, &position->executed);
    log_info(event,
             LOG_FIELDS(log_str("name", session->config->source.name),
                        log_slice("gtid", buf_bytes(&executed)), log_str("file", position->file),
                        log_u64("pos", position->pos), log_u64("rows", position->rows)));
    buf_deinit(&executed);
}

struct session *session_open(struct session_run *run, struct err *err)
{
    struct session *session = mem_zalloc(sizeof *session);
    session->run = run;
    session->config = run->config;
    session->settled = true;
    if (!check_all(session, err) || !open_producer(session, err) || !open_reader(session, err)) {
        session_close(session);
        return NULL;
    }
    log_position("started", session, &session->start);
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
        producer_abort(session->producer);
    }
    if (session->reader)
        reader_close(session->reader);
    encoder_deinit(&session->encoder);
    topics_free(session->topics);
    producer_close(session->producer);
    checkpoint_log_deinit(&session->log);
    if (session->plain)
        rd_kafka_destroy(session->plain);
    if (session->wire)
        wire_close(session->wire);
    server_deinit(&session->server);
    position_deinit(&session->start);
    checkpoint_deinit(&session->checkpoint);
    buf_deinit(&session->key);
    buf_deinit(&session->value);
    buf_deinit(&session->truncate);
    free(session);
}

// --- items -------------------------------------------------------------------------------------

// `text` as a C string of at most `size` bytes with its NUL.
static void keep_text(char *to, size_t size, struct slice text)
{
    size_t n = text.len < size ? text.len : size - 1;
    if (n)
        memcpy(to, text.ptr, n);
    to[n] = '\0';
}

// Sends what lies in session->key and session->value.
static bool send_notice(struct session *session, const struct topic *topic, struct err *err)
{
    struct message message = {
        .topic = topic->handle,
        .key = buf_bytes(&session->key),
        .value = buf_bytes(&session->value),
    };
    if (session->key.len == 0)
        message.key = (struct slice){NULL, 0};
    return producer_send(session->producer, &message, err);
}

static bool send_begin(struct session *session, const struct change *change, struct err *err)
{
    for (struct topic *topic = topics_first(session->topics); topic; topic = topic->next)
        topic->transaction_changes = 0;
    buf_clear(&session->key);
    buf_clear(&session->value);
    notice_write_key(&session->key, change->transaction);
    notice_write_begin(&session->value, change->transaction, change->source.ts_us / 1000);
    return send_notice(session, session->transactions, err);
}

// One "topic=n" of a checkpoint's counts.
static bool restore_count(struct session *session, char *item, struct err *err)
{
    char *equals = strchr(item, '=');
    if (!equals)
        return err_set(err, ERR_CORRUPT, "checkpoint: counts have the item \"%s\"", item);
    *equals = '\0';
    const struct checkpoint_topic *recorded = checkpoint_log_topic(&session->log, item);
    struct topic *topic;
    if (!recorded)
        return err_set(err, ERR_CORRUPT, "checkpoint: topic %s is counted and not recorded", item);
    const struct table table = {.db = slice_of_str(recorded->db),
                                .name = slice_of_str(recorded->table)};
    if (!topics_of_table(session->topics, &table, &topic, err))
        return false;
    topic->transaction_changes = strtoull(equals + 1, NULL, 10);
    return true;
}

static bool restore_counts(struct session *session, struct err *err)
{
    char *text = mem_strdup(buf_cstr(&session->log.last.counts));
    char *rest = NULL;
    bool ok = true;
    for (char *item = strtok_r(text, ",", &rest); ok && item; item = strtok_r(NULL, ",", &rest))
        ok = restore_count(session, item, err);
    free(text);
    return ok;
}

// The rest of a transaction that is out in part. After a failover the next transaction may be
// another one.
static bool resume(struct session *session, const struct change *change, struct err *err)
{
    const char *expected = session->log.last.transaction;
    session->resuming = false;
    if (*expected && !slice_eq_str(change->transaction, expected))
        return err_set(
            err, ERR_REFUSED,
            "%llu rows of the transaction %s are published, but this server goes on with " SLICE_FMT
            ": connect to the server %s until the transaction is complete",
            (unsigned long long)session->start.rows, expected, SLICE_ARG(change->transaction),
            session->log.last.position.server_uuid);
    if (session->transactions && !restore_counts(session, err))
        return false;
    keep_text(session->transaction, sizeof session->transaction, change->transaction);
    return true;
}

// After the first change of a transaction: BEGIN is in another topic, so their order tells nothing,
// and a change that is refused leaves nothing half sent.
static bool enter_transaction(struct session *session, const struct change *change, struct err *err)
{
    keep_text(session->transaction, sizeof session->transaction, change->transaction);
    return !session->transactions || send_begin(session, change, err);
}

static bool send_end(struct session *session, struct err *err)
{
    struct slice transaction = slice_of_str(session->transaction);
    uint64_t ts_ms = reader_position(session->reader)->ts_us / 1000;
    buf_clear(&session->key);
    buf_clear(&session->value);
    notice_write_key(&session->key, transaction);
    notice_write_end(&session->value, transaction, ts_ms, topics_first(session->topics));
    return send_notice(session, session->transactions, err);
}

// When it fails before anything of the change is out, the position before it still holds; a topic
// and its record in the checkpoint do no harm without it.
static bool send_change(struct session *session, const struct change *change,
                        const struct topic *topic, struct err *err)
{
    uint64_t sent = producer_counts(session->producer)->messages;
    if (encoder_change(&session->encoder, change, topic, clock_now_ms(), err))
        return true;
    session->settled = producer_counts(session->producer)->messages == sent;
    return false;
}

static bool take_change(struct session *session, const struct change *change, struct err *err)
{
    struct topic *topic;
    session->rows_back = 1;
    if ((session->resuming && !resume(session, change, err)) ||
        !encoder_check(&session->encoder, change, err))
        return false;
    if (!topics_of_table(session->topics, change->table, &topic, err))
        return err_wrap(err, SLICE_FMT ":%llu", SLICE_ARG(change->source.file),
                        (unsigned long long)change->source.pos);
    if (!send_change(session, change, topic, err))
        return false;
    session->settled = session->transaction[0] || enter_transaction(session, change, err);
    if (!session->settled)
        return false;
    topic->transaction_changes++;
    session->run->changes++;
    session->rows_back = 0;
    return true;
}

// A truncation of a table that is read: until copies can be truncated too, to go on would leave
// them full of rows that are gone. What came before it is committed, then the statement's own end
// tells the position behind it.
static bool begin_truncate(struct session *session, const struct ddl *ddl, struct err *err)
{
    buf_clear(&session->truncate);
    buf_printf(&session->truncate, SLICE_FMT "." SLICE_FMT " is truncated at " SLICE_FMT ":%llu",
               SLICE_ARG(ddl->db), SLICE_ARG(ddl->table), SLICE_ARG(ddl->source.file),
               (unsigned long long)ddl->source.pos);
    return commit(session, reader_position(session->reader), false, err);
}

static bool refuse_truncate(struct session *session, struct slice gtid, struct err *err)
{
    const struct position *behind = reader_position(session->reader);
    return err_set(
        err, ERR_UNSUPPORTED,
        "table %s (GTID " SLICE_FMT "): this version does not carry a truncation to the "
        "copies. Either leave the table out with [tables] exclude, or empty its copies and "
        "go on with `tailrace offsets reset publisher --to %s:%llu`",
        buf_cstr(&session->truncate), SLICE_ARG(gtid), behind->file,
        (unsigned long long)behind->pos);
}

static bool take_ddl(struct session *session, const struct ddl *ddl, struct err *err)
{
    struct table_filter filter = filter_of(session->config);
    session->settled = false; // until its READER_COMMIT
    if (ddl->kind == DDL_TRUNCATE_TABLE && table_filter_wants(&filter, ddl->db, ddl->table))
        return begin_truncate(session, ddl, err);
    if (!session->ddl)
        return true;
    buf_clear(&session->key);
    buf_clear(&session->value);
    notice_write_ddl(&session->value, ddl);
    return send_notice(session, session->ddl, err);
}

static bool take_commit(struct session *session, const struct reader_item *item, struct err *err)
{
    keep_text(session->gtid, sizeof session->gtid, item->gtid);
    if (session->truncate.len > 0)
        return refuse_truncate(session, item->gtid, err);
    session->settled = !session->transactions || !session->transaction[0] || send_end(session, err);
    session->resuming = false;
    session->transaction[0] = '\0';
    return session->settled;
}

static bool take(struct session *session, const struct reader_item *item, struct err *err)
{
    switch (item->kind) {
    case READER_CHANGE:
        return take_change(session, item->change, err);
    case READER_DDL:
        return take_ddl(session, item->ddl, err);
    case READER_COMMIT:
        return take_commit(session, item, err);
    case READER_END:
        return err_set(err, ERR_RETRY, "the server ended the dump");
    case READER_BEGIN:
    case READER_IDLE:
        return true;
    }
    return err_set(err, ERR_INTERNAL, "an item of kind %d", (int)item->kind);
}

// --- the loop ----------------------------------------------------------------------------------

static bool is_due(struct session *session, enum reader_kind kind)
{
    const struct config_publish *publish = &session->config->publish;
    uint64_t now_ms = clock_steady_ms();
    if (!session->settled)
        return false;
    if (!producer_is_open(session->producer))
        return now_ms - session->committed_ms >= publish->checkpoint_ms;
    if (session->begun_ms == 0)
        session->begun_ms = now_ms;
    return kind == READER_IDLE ||
           producer_open_bytes(session->producer) >= publish->transaction_bytes ||
           now_ms - session->begun_ms >= publish->transaction_ms;
}

static int compare_files(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);
    return n != m ? (n > m) - (n < m) : strcmp(a, b); // binlog.1000000 follows binlog.999999
}

static bool has_reached(const struct session *session, const struct position *position)
{
    const struct position *target = &session->run->target;
    if (session->server.gtid_mode)
        return gtid_set_is_subset(&target->executed, &position->executed);
    int files = compare_files(position->file, target->file);
    return files > 0 || (files == 0 && position->pos >= target->pos);
}

// Looks only while it was not yet so: comparing sets is not for every transaction of a long life.
static bool is_caught_up(struct session *session, enum reader_kind kind)
{
    struct session_run *run = session->run;
    if (run->caught_up || (kind != READER_COMMIT && kind != READER_IDLE))
        return run->caught_up;
    run->caught_up = has_reached(session, reader_position(session->reader));
    if (run->caught_up)
        log_position("caught up", session, reader_position(session->reader));
    return run->caught_up;
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
    bool ok = commit(session, &position, running, err);
    position_deinit(&position);
    return ok;
}

// What was read before a failure of the source, or of a change, is saved. Where that fails as well,
// the first error is the one that counts, unless another publisher took over: then that is the
// reason of it.
static bool fail(struct session *session, struct err *err)
{
    char gtid[GTID_TEXT_MAX];
    struct err second;
    bool of_source = session->rows_back == 0 && session->settled;
    snprintf(gtid, sizeof gtid, SLICE_FMT, SLICE_ARG(reader_current_gtid(session->reader)));
    if (err->class == ERR_STOPPED)
        return true; // what is open is aborted
    if ((err->class != ERR_RETRY || of_source) &&
        !save(session, err->class == ERR_RETRY, &second)) {
        if (second.class == ERR_REFUSED && err->class != ERR_REFUSED)
            *err = second;
        else
            log_err("not committed", &second);
    }
    return gtid[0] && !strstr(err->text, gtid) ? err_wrap(err, "GTID %s", gtid) : false;
}

bool session_loop(struct session *session, bool *progress, struct err *err)
{
    bool until = session->run->options->until_caught_up;
    struct reader_item item = {.kind = READER_IDLE};
    *progress = false;
    while (!stop_requested() || !session->settled) {
        bool is_waiting = producer_is_open(session->producer) && session->settled;
        unsigned wait_ms = is_waiting ? 0 : WAIT_MS; // for a commit as soon as nothing is left
        if (!reader_next(session->reader, wait_ms, &item, err) || !take(session, &item, err))
            return fail(session, err);
        if (is_due(session, item.kind)) {
            if (!commit(session, reader_position(session->reader), true, err))
                return err->class == ERR_STOPPED;
            if (item.kind == READER_IDLE)
                producer_rest(session->producer);
            *progress = true;
        }
        if (is_caught_up(session, item.kind) && until && session->settled)
            break;
    }
    if (!save(session, false, err) && err->class != ERR_STOPPED)
        return false;
    log_position("stopped", session, &session->checkpoint.position);
    return true;
}
