// SPDX-License-Identifier: Apache-2.0
// Snapshots: see snapshot.h. Tables of one snapshot are read one after the other, snapshots by
// turns.
#include "publisher/snapshot.h"

#include "binlog/schema.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "publisher/control.h"
#include "publisher/session_state.h"
#include "publisher/snapshot_key.h"
#include "publisher/snapshot_list.h"
#include "publisher/snapshot_reader.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COMMANDS_MS 20 // between two looks for commands while there is other work
#define PAUSES_MS 1000 // the longest pause that is counted by itself

struct snapshots {
    struct session *session;
    struct snapshot_log *log;
    struct snapshot_source source;
    struct control *control;
    struct topic *topic;          // of commands; it only has to be there
    struct snapshot_reader *keys; // of the table whose keys were asked for last
    char *keys_table;
    size_t turn;
    uint64_t looked_ms;             // for commands
    uint64_t idle_us;               // when the stream last had nothing to read
    uint64_t ended_us;              // of the last chunk
    uint64_t took_us;               // it
    bool held;                      // by a stream that does not keep up; logged
    uint32_t pauses[PAUSES_MS + 1]; // chunks by their milliseconds
    uint64_t n_pauses;
};

// --- opening -----------------------------------------------------------------------------------

// Another server has all that rows show, but what nobody will ever send is not waited for.
static bool settle_here(const struct server *server, struct position *settle)
{
    if (strcmp(server->uuid, settle->server_uuid) == 0 ||
        gtid_set_is_subset(&settle->executed, &server->executed))
        return false;
    gtid_set_copy(&settle->executed, &server->executed);
    memcpy(settle->file, server->file, sizeof settle->file);
    memcpy(settle->server_uuid, server->uuid, sizeof settle->server_uuid);
    settle->pos = server->pos;
    return true;
}

static void settle_all_here(struct snapshot_log *log, const struct server *server)
{
    for (size_t i = 0; i < log->n_snapshots; i++) {
        struct snapshot *snapshot = log->snapshots[i];
        if (!snapshot_has_ended(snapshot) && snapshot->settling)
            snapshot->dirty |= settle_here(server, &snapshot->settle);
        for (size_t k = 0; k < snapshot->n_list; k++)
            if (snapshot->list[k]->phase == TABLE_SETTLING)
                snapshot->list[k]->dirty |= settle_here(server, &snapshot->list[k]->settle);
    }
}

bool snapshots_open(struct session *session, struct snapshots **out, struct err *err)
{
    struct snapshots *snapshots = mem_zalloc(sizeof *snapshots);
    snapshots->session = session;
    snapshots->log = &session->log.snapshots;
    snapshots->source.options = session->options;
    snapshots->source.shown = &session->checkpoint.shown;
    settle_all_here(snapshots->log, &session->server);
    int64_t from =
        snapshots->log->has_control ? snapshots->log->control_offset : RD_KAFKA_OFFSET_BEGINNING;
    *out = snapshots;
    return topics_special(session->topics, "control", &snapshots->topic, err) &&
           control_open(session->config, from, &snapshots->control, err);
}

void snapshots_close(struct snapshots *snapshots)
{
    if (!snapshots)
        return;
    for (size_t i = 0; i < snapshots->log->n_snapshots; i++) {
        struct snapshot *snapshot = snapshots->log->snapshots[i];
        for (size_t k = 0; k < snapshot->n_list; k++) {
            reader_free(snapshot->list[k]->reader);
            snapshot->list[k]->reader = NULL;
        }
    }
    reader_free(snapshots->keys);
    free(snapshots->keys_table);
    control_close(snapshots->control);
    source_deinit(&snapshots->source);
    free(snapshots);
}

// --- ends --------------------------------------------------------------------------------------

static void log_snapshot(const char *event, const struct snapshots *snapshots,
                         const struct snapshot *snapshot)
{
    uint64_t rows = snapshot->rows;
    uint64_t below = 0;
    unsigned p99 = 0;
    for (size_t i = 0; i < snapshot->n_list; i++)
        rows += snapshot->list[i]->rows;
    while (p99 < PAUSES_MS && (below + snapshots->pauses[p99]) * 100 < snapshots->n_pauses * 99)
        below += snapshots->pauses[p99++];
    log_info(event, LOG_FIELDS(log_str("id", snapshot->id), log_str("tables", snapshot->tables),
                               log_str("phase", snapshot_phase_name(snapshot->phase)),
                               log_u64("n_tables", snapshot->n_list), log_u64("rows", rows),
                               log_u64("deletes", snapshot->deletes),
                               log_u64("chunks", snapshots->n_pauses), log_u64("pause_p99_ms", p99),
                               log_str("note", snapshot->note)));
}

static void end_snapshot(struct snapshots *snapshots, struct snapshot *snapshot,
                         enum snapshot_phase phase)
{
    snapshot->phase = phase;
    snapshot->ended_ms = clock_now_ms();
    snapshot->dirty = true;
    for (size_t i = 0; i < snapshot->n_list; i++) {
        reader_free(snapshot->list[i]->reader);
        snapshot->list[i]->reader = NULL;
    }
    log_snapshot("snapshot ended", snapshots, snapshot);
}

static void fail_snapshot(struct snapshots *snapshots, struct snapshot *snapshot,
                          const struct err *err)
{
    snapshot_set_text(&snapshot->note, err->text);
    log_err("snapshot failed", err);
    end_snapshot(snapshots, snapshot, SNAPSHOT_FAILED);
}

static void end_table(struct snapshot_table *table, enum snapshot_table_phase phase)
{
    table->phase = phase;
    table->ended_ms = clock_now_ms();
    table->dirty = true;
    buf_clear(&table->after);
    reader_free(table->reader);
    table->reader = NULL;
}

static void fail_table(struct snapshot_table *table, const struct err *err)
{
    snapshot_set_text(&table->note, err->text);
    log_error("snapshot: a table is not copied",
              LOG_FIELDS(log_str("db", table->db), log_str("table", table->name),
                         log_str("reason", err->text)));
    end_table(table, TABLE_FAILED);
}

static void restart_table(struct snapshot_table *table)
{
    log_info("snapshot: the table was changed, it is begun anew",
             LOG_FIELDS(log_str("db", table->db), log_str("table", table->name)));
    table->phase = TABLE_WAITING;
    table->rows = table->bytes = 0;
    table->restarts++;
    table->dirty = true;
    buf_clear(&table->after);
    reader_free(table->reader);
    table->reader = NULL;
}

// Statements say names in any letter case where the server does not tell them apart: one table more
// that is begun anew does no harm.
static bool is_same(struct slice name, const char *text)
{
    return name.len == strlen(text) && strncasecmp((const char *)name.ptr, text, name.len) == 0;
}

static bool concerns(const struct ddl *ddl, const struct snapshot_table *table)
{
    bool is_of_table = ddl->kind == DDL_CREATE_TABLE || ddl->kind == DDL_ALTER_TABLE ||
                       ddl->kind == DDL_DROP_TABLE || ddl->kind == DDL_RENAME_TABLE;
    if (ddl->kind == DDL_DROP_DATABASE)
        return is_same(ddl->db, table->db);
    bool is = is_of_table && is_same(ddl->db, table->db) && is_same(ddl->table, table->name);
    for (size_t i = 0; is_of_table && i < ddl->n_tables; i++)
        is |= is_same(ddl->tables[i].db, table->db) && is_same(ddl->tables[i].name, table->name);
    return is;
}

void snapshots_see_ddl(struct snapshots *snapshots, const struct ddl *ddl)
{
    for (size_t i = 0; i < snapshots->log->n_snapshots; i++) {
        struct snapshot *snapshot = snapshots->log->snapshots[i];
        for (size_t k = 0; !snapshot_has_ended(snapshot) && k < snapshot->n_list; k++) {
            struct snapshot_table *table = snapshot->list[k];
            bool is_begun = table->phase == TABLE_READING || table->phase == TABLE_SETTLING;
            if (is_begun && concerns(ddl, table))
                restart_table(table);
        }
    }
}

// What the stream has passed is done; a snapshot whose tables have all ended has ended.
static void settle(struct snapshots *snapshots, struct snapshot *snapshot)
{
    const struct session *session = snapshots->session;
    const struct position *stream = reader_position(session->reader);
    bool failed = false;
    bool ended = snapshot->listed;
    for (size_t i = 0; i < snapshot->n_list; i++) {
        struct snapshot_table *table = snapshot->list[i];
        if (table->phase == TABLE_SETTLING &&
            source_is_passed(&session->server, stream, &table->settle))
            end_table(table, TABLE_DONE);
        ended = ended && snapshot_table_has_ended(table);
        failed |= table->phase == TABLE_FAILED;
    }
    if (snapshot->is_keys)
        ended = snapshot->settling && source_is_passed(&session->server, stream, &snapshot->settle);
    if (ended)
        end_snapshot(snapshots, snapshot, failed ? SNAPSHOT_FAILED : SNAPSHOT_DONE);
}

// --- which tables ------------------------------------------------------------------------------

static bool list_tables(struct snapshots *snapshots, struct snapshot *snapshot, struct err *err)
{
    if (!source_check(&snapshots->source, &snapshots->session->server, err) ||
        !snapshot_list(snapshots->session, &snapshots->source, snapshot, err))
        return false;
    log_snapshot("snapshot begun", snapshots, snapshot);
    if (snapshot->n_list == 0)
        log_warn("a snapshot of nothing: no table fits",
                 LOG_FIELDS(log_str("id", snapshot->id), log_str("tables", snapshot->tables),
                            log_str("include", snapshots->session->config->tables.include)));
    return true;
}

void snapshots_add_first(struct session *session)
{
    snapshot_add(&session->log.snapshots, SNAPSHOT_FIRST_ID, "", "");
}

bool snapshots_check_first(struct session *session, struct snapshot_plan *plan, struct err *err)
{
    struct snapshot_source source = {.options = session->options};
    bool ok = wire_connect(&source.options, &source.wire, err) &&
              schema_session(source.wire, err) && source_check(&source, &session->server, err) &&
              snapshot_make_plan(session, &source, plan, err);
    source_deinit(&source);
    if (ok || err->class == ERR_RETRY)
        return ok;
    return err_wrap(err, "[publish] start = snapshot, the default, copies all tables first (or set "
                         "start = earliest: no copy, only what the binlog still holds)");
}

// --- commands ----------------------------------------------------------------------------------

static void set_phase(struct snapshots *snapshots, const struct control_command *command)
{
    for (size_t i = 0; i < snapshots->log->n_snapshots; i++) {
        struct snapshot *snapshot = snapshots->log->snapshots[i];
        if (snapshot_has_ended(snapshot) ||
            (*command->id && strcmp(command->id, snapshot->id) != 0))
            continue;
        if (command->kind == CONTROL_CANCEL) {
            end_snapshot(snapshots, snapshot, SNAPSHOT_CANCELLED);
            continue;
        }
        snapshot->phase = command->kind == CONTROL_PAUSE ? SNAPSHOT_PAUSED : SNAPSHOT_RUNNING;
        snapshot->dirty = true;
        log_snapshot("snapshot", snapshots, snapshot);
    }
}

// The reader of the table, kept while the same one is asked for.
static bool prepare_keys(struct snapshots *snapshots, const struct control_command *command,
                         enum snapshot_outcome *outcome, struct err *err)
{
    struct buf name = {0};
    buf_printf(&name, "%s.%s", command->db, command->table);
    if (snapshots->keys && strcmp(snapshots->keys_table, buf_cstr(&name)) != 0) {
        reader_free(snapshots->keys);
        snapshots->keys = NULL;
    }
    snapshot_set_text(&snapshots->keys_table, buf_cstr(&name));
    buf_deinit(&name);
    if (!snapshots->keys)
        snapshots->keys = reader_new(snapshots->session, &snapshots->source);
    *outcome = OUTCOME_MORE;
    if (snapshots->keys->has_schema)
        return true;
    const struct table_filter filter = session_filter(snapshots->session->config);
    struct slice db = slice_of_str(command->db);
    struct slice table = slice_of_str(command->table);
    if (!table_filter_wants(&filter, db, table))
        return err_set(err, ERR_REFUSED, "table %s is not read: see [tables]",
                       snapshots->keys_table);
    return reader_prepare(snapshots->keys, db, table, "", outcome, err);
}

static struct snapshot *find_keys(struct snapshots *snapshots,
                                  const struct control_command *command)
{
    struct snapshot *snapshot = snapshot_find(snapshots->log, command->id);
    if (snapshot)
        return snapshot;
    struct buf table = {0};
    buf_printf(&table, "%s.%s", command->db, command->table);
    snapshot = snapshot_add(snapshots->log, command->id, buf_cstr(&table), "");
    snapshot->is_keys = true;
    buf_deinit(&table);
    return snapshot;
}

// *taken is false while the source is not ready. False: the session ends.
static bool publish_keys(struct snapshots *snapshots, const struct control_command *command,
                         bool *taken, struct err *err)
{
    struct snapshot *snapshot = find_keys(snapshots, command);
    enum snapshot_outcome outcome = OUTCOME_FAILED;
    bool ready = false;
    *taken = snapshot_has_ended(snapshot); // cancelled, or failed at an earlier record
    if (*taken)
        return true;
    bool good = source_connect(&snapshots->source, &ready, err) &&
                (!ready || source_check(&snapshots->source, &snapshots->session->server, err)) &&
                (!ready || prepare_keys(snapshots, command, &outcome, err));
    if (good && (!ready || outcome == OUTCOME_CHANGED))
        return true;
    if (good && outcome == OUTCOME_MORE &&
        !key_publish(snapshots->keys, snapshot, command->keys, &outcome, err))
        return false;
    if (!good && snapshots->source.wire)
        outcome = snapshots->keys ? reader_judge(snapshots->keys, err) : OUTCOME_FAILED;
    if (outcome == OUTCOME_CHANGED || !snapshots->source.wire) {
        reader_free(snapshots->keys);
        snapshots->keys = NULL;
    }
    if (outcome == OUTCOME_MORE || outcome == OUTCOME_CHANGED)
        return true;
    *taken = true;
    if (outcome == OUTCOME_GONE)
        err_set(err, ERR_REFUSED, "there is no table %s", snapshots->keys_table);
    if (outcome != OUTCOME_END) {
        fail_snapshot(snapshots, snapshot, err);
        return true;
    }
    if (command->last && !source_position(&snapshots->source, &snapshot->settle, err)) {
        source_drop(&snapshots->source, true);
        *taken = false; // they are published once more: that does no harm
        return true;
    }
    snapshot->settling = command->last;
    return true;
}

static bool take_command(struct snapshots *snapshots, const struct control_command *command,
                         bool *taken, struct err *err)
{
    *taken = true;
    switch (command->kind) {
    case CONTROL_SNAPSHOT:
        if (!snapshot_find(snapshots->log, command->id))
            snapshot_add(snapshots->log, command->id,
                         buf_bytes(&command->tables).len
                             ? buf_cstr((struct buf *)(uintptr_t)&command->tables)
                             : "",
                         command->where);
        snapshot_log_trim(snapshots->log);
        return true;
    case CONTROL_KEYS:
        return publish_keys(snapshots, command, taken, err);
    case CONTROL_PAUSE:
    case CONTROL_RESUME:
    case CONTROL_CANCEL:
        set_phase(snapshots, command);
        return true;
    }
    return err_set(err, ERR_INTERNAL, "a command of kind %d", (int)command->kind);
}

// At most one command a step: it may have sent rows.
static bool look_for_commands(struct snapshots *snapshots, bool *worked, struct err *err)
{
    const rd_kafka_message_t *message;
    struct control_command command;
    bool taken = true;
    if (!control_peek(snapshots->control, &message, err))
        return false;
    if (!message)
        return true;
    if (control_parse(slice_of(message->payload, message->len), &command, err)) {
        command.offset = message->offset;
        bool ok = take_command(snapshots, &command, &taken, err);
        control_command_deinit(&command);
        if (!ok)
            return false;
    } else
        log_err("a command that cannot be read is passed over", err);
    *worked = true;
    if (!taken)
        return true;
    snapshots->log->has_control = true;
    snapshots->log->control_offset = message->offset + 1;
    snapshots->log->control_dirty = true;
    control_take(snapshots->control);
    snapshots->looked_ms = 0; // there may be more
    return true;
}

// --- chunks ------------------------------------------------------------------------------------

static struct snapshot_table *next_table(const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_list; i++)
        if (snapshot->list[i]->phase == TABLE_READING || snapshot->list[i]->phase == TABLE_WAITING)
            return snapshot->list[i];
    return NULL;
}

static bool has_work(const struct snapshot *snapshot)
{
    return snapshot->phase == SNAPSHOT_RUNNING && !snapshot->is_keys &&
           (!snapshot->listed || next_table(snapshot));
}

bool snapshots_are_busy(const struct snapshots *snapshots)
{
    const struct snapshot_source *source = &snapshots->source;
    if (!source->wire && clock_steady_ms() < source->retry_at_ms)
        return false;
    if (clock_steady_us() < source->not_before_us)
        return false;
    for (size_t i = 0; i < snapshots->log->n_snapshots; i++)
        if (has_work(snapshots->log->snapshots[i]))
            return true;
    return false;
}

bool snapshots_have_ended(const struct snapshots *snapshots)
{
    if (!control_is_read(snapshots->control))
        return false;
    for (size_t i = 0; i < snapshots->log->n_snapshots; i++)
        if (snapshots->log->snapshots[i]->phase == SNAPSHOT_RUNNING)
            return false;
    return true;
}

// The next by turns.
static struct snapshot *choose(struct snapshots *snapshots)
{
    size_t n = snapshots->log->n_snapshots;
    for (size_t i = 0; i < n; i++) {
        struct snapshot *snapshot = snapshots->log->snapshots[(snapshots->turn + i) % n];
        if (!has_work(snapshot))
            continue;
        snapshots->turn = (snapshots->turn + i + 1) % n;
        return snapshot;
    }
    return NULL;
}

// The stream is served first: a chunk comes when it has nothing to read, or has had its share since
// the last one; and none while it has not kept up for longer than allowed, so that its lag does not
// grow without bound.
static bool is_time(struct snapshots *snapshots, bool idle)
{
    const struct config_snapshot *config = &snapshots->session->config->snapshot;
    uint64_t now_us = clock_steady_us();
    if (idle)
        snapshots->idle_us = now_us;
    if (snapshots->idle_us == 0)
        snapshots->idle_us = now_us; // the session begins
    bool holds = now_us - snapshots->idle_us > config->catch_up_ms * 1000;
    if (holds && !snapshots->held)
        log_info("snapshots wait for the stream to catch up", NULL);
    snapshots->held = holds;
    uint64_t rest_us = snapshots->took_us * (100 - config->share) / config->share;
    return idle || (!holds && now_us - snapshots->ended_us >= rest_us);
}

// Opening a table holds the stream up as well, but is not a chunk.
static void count_pause(struct snapshots *snapshots, uint64_t began_us, bool is_chunk)
{
    snapshots->ended_us = clock_steady_us();
    snapshots->took_us = snapshots->ended_us - began_us;
    uint64_t ms = snapshots->took_us / 1000;
    if (!is_chunk)
        return;
    snapshots->pauses[ms < PAUSES_MS ? ms : PAUSES_MS]++;
    snapshots->n_pauses++;
}

static void finish_table(struct snapshots *snapshots, struct snapshot_table *table)
{
    struct err err = {0};
    struct position end = {0};
    if (!source_position(&snapshots->source, &end, &err)) {
        reader_judge(table->reader, &err); // the last chunk is read again, and is empty
        return;
    }
    position_copy(&table->settle, &end);
    position_deinit(&end);
    table->phase = TABLE_SETTLING;
    table->dirty = true;
    reader_free(table->reader);
    table->reader = NULL;
    log_info("snapshot: all rows of a table are out",
             LOG_FIELDS(log_str("db", table->db), log_str("table", table->name),
                        log_u64("rows", table->rows), log_u64("busy_ms", table->busy_ms)));
}

static bool read_table(struct snapshots *snapshots, struct snapshot *snapshot,
                       struct snapshot_table *table, struct err *err)
{
    enum snapshot_outcome outcome;
    if (!table->reader)
        table->reader = reader_new(snapshots->session, &snapshots->source);
    if (!reader_chunk(table->reader, snapshot, table, &outcome, err))
        return false;
    switch (outcome) {
    case OUTCOME_MORE:
        break;
    case OUTCOME_END:
        finish_table(snapshots, table);
        break;
    case OUTCOME_CHANGED:
        restart_table(table);
        break;
    case OUTCOME_GONE:
        end_table(table, TABLE_GONE);
        break;
    case OUTCOME_FAILED:
        fail_table(table, err);
        break;
    }
    return true;
}

// Tables to be found, or a chunk.
static bool work_on(struct snapshots *snapshots, struct snapshot *snapshot, bool *worked,
                    struct err *err)
{
    bool ready;
    uint64_t began_us = clock_steady_us();
    if (!source_connect(&snapshots->source, &ready, err)) {
        fail_snapshot(snapshots, snapshot, err);
        return true;
    }
    *worked = ready;
    if (!ready)
        return true;
    if (snapshot->listed) {
        struct snapshot_table *table = next_table(snapshot);
        bool is_chunk = table->reader && table->reader->has_schema; // else it is opened
        bool ok = read_table(snapshots, snapshot, table, err);
        count_pause(snapshots, began_us, is_chunk && snapshots->source.not_before_us < began_us);
        return ok;
    }
    if (list_tables(snapshots, snapshot, err))
        return true;
    bool is_passing = err->class == ERR_RETRY;
    source_drop(&snapshots->source, is_passing);
    if (!is_passing)
        fail_snapshot(snapshots, snapshot, err);
    return true;
}

static void settle_all(struct snapshots *snapshots)
{
    for (size_t i = 0; i < snapshots->log->n_snapshots; i++)
        if (!snapshot_has_ended(snapshots->log->snapshots[i]))
            settle(snapshots, snapshots->log->snapshots[i]);
}

bool snapshots_step(struct snapshots *snapshots, bool idle, bool *worked, struct err *err)
{
    uint64_t now_ms = clock_steady_ms();
    *worked = false;
    settle_all(snapshots);
    if (now_ms - snapshots->looked_ms >= COMMANDS_MS) {
        snapshots->looked_ms = now_ms;
        if (!look_for_commands(snapshots, worked, err))
            return false;
    }
    if (*worked || !snapshots_are_busy(snapshots) || !is_time(snapshots, idle))
        return true;
    struct snapshot *snapshot = choose(snapshots);
    return !snapshot || work_on(snapshots, snapshot, worked, err);
}
