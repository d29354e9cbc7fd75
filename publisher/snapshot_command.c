// SPDX-License-Identifier: Apache-2.0
// Snapshot command: see snapshot_command.h. What can be refused is refused here, before the
// publisher hears of it: tables and the condition are tried at the source, keys are read by the
// table's own columns.
#define _POSIX_C_SOURCE 200809L // getline
#include "publisher/snapshot_command.h"

#include "binlog/schema.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "publisher/checkpoint.h"
#include "publisher/control.h"
#include "publisher/pick.h"
#include "publisher/session_state.h"
#include "publisher/snapshot_key.h"
#include "publisher/snapshot_status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ID_BYTES 40
#define KEYS_IN_RECORD 200
#define KEYS_BYTES ((size_t)256 << 10) // of a record
#define SEND_RECORDS 64                // at once
#define LOOK_MS 50

// --- the state in Kafka ------------------------------------------------------------------------

struct state {
    rd_kafka_t *rk;
    struct checkpoint_log log;
    int64_t end;
};

static bool state_read(struct state *state, const struct config *config, struct err *err)
{
    return (state->rk || kafka_open_plain(config, &state->rk, err)) &&
           checkpoint_read_on(state->rk, config, &state->end, &state->log, err);
}

static void state_deinit(struct state *state)
{
    checkpoint_log_deinit(&state->log);
    if (state->rk)
        rd_kafka_destroy(state->rk);
}

static void print(struct buf *out)
{
    fwrite(out->ptr, 1, out->len, stdout);
    fflush(stdout);
    buf_clear(out);
}

static bool show_status(const struct config *config, const struct snapshot_options *options,
                        const char *id, struct err *err)
{
    struct state state = {.end = 0};
    struct buf out = {0};
    bool ok = state_read(&state, config, err);
    const struct snapshot_log *log = &state.log.snapshots;
    for (size_t i = 0; ok && i < log->n_snapshots; i++) {
        if (id && strcmp(id, log->snapshots[i]->id) != 0)
            continue;
        if (options->json)
            snapshot_status_json(&out, log->snapshots[i]);
        else
            snapshot_status_text(&out, log->snapshots[i]);
    }
    if (ok && id && !snapshot_find(log, id))
        ok = err_set(err, ERR_USAGE, "there is no snapshot %s", id);
    else if (ok && out.len == 0 && !options->json)
        buf_str(&out, "no snapshots\n");
    if (ok && out.len > 0)
        print(&out);
    buf_deinit(&out);
    state_deinit(&state);
    return ok;
}

static bool end_of_wait(const struct snapshot *snapshot, const struct snapshot_options *options,
                        struct err *err)
{
    struct buf out = {0};
    if (options->json)
        snapshot_status_json(&out, snapshot);
    else
        snapshot_status_text(&out, snapshot);
    print(&out);
    buf_deinit(&out);
    return snapshot->phase == SNAPSHOT_DONE ||
           err_set(err, ERR_REFUSED, "snapshot %s: %s%s%s", snapshot->id,
                   snapshot_phase_name(snapshot->phase), *snapshot->note ? ": " : "",
                   snapshot->note);
}

static void show_progress(const struct snapshot *snapshot, uint64_t *shown_ms)
{
    struct buf out = {0};
    if (!isatty(STDERR_FILENO) || clock_steady_ms() - *shown_ms < 500)
        return;
    *shown_ms = clock_steady_ms();
    snapshot_status_text(&out, snapshot);
    const char *first = strchr(buf_cstr(&out), '\n');
    const char *end = first ? strchr(first + 1, '\n') : NULL;
    if (end)
        fprintf(stderr, "\r\033[K%.*s", (int)(end - first - 1), first + 1);
    buf_deinit(&out);
}

static bool wait_for(const struct config *config, const struct snapshot_options *options,
                     const char *id, struct err *err)
{
    struct state state = {.end = 0};
    uint64_t shown_ms = 0;
    bool ok;
    for (;;) {
        ok = state_read(&state, config, err);
        const struct snapshot *snapshot = snapshot_find(&state.log.snapshots, id);
        if (!ok)
            break;
        if (snapshot && snapshot->known && snapshot_has_ended(snapshot)) {
            fputs(shown_ms ? "\r\033[K" : "", stderr);
            ok = end_of_wait(snapshot, options, err);
            break;
        }
        if (snapshot)
            show_progress(snapshot, &shown_ms);
        if (!stop_sleep_ms(LOOK_MS)) {
            ok = err_set(err, ERR_STOPPED, "stopped; the snapshot %s goes on", id);
            break;
        }
    }
    state_deinit(&state);
    return ok;
}

// --- the source --------------------------------------------------------------------------------

static bool connect_source(const struct config *config, struct pick *pick,
                           struct pick_server **server, struct err *err)
{
    return pick_open(pick, config, err) && pick_choose(pick, NULL, server, err) &&
           schema_session((*server)->wire, err);
}

static bool is_glob(const char *table)
{
    return strpbrk(table, "*?[") != NULL;
}

static bool split(const char *operand, char **db, const char **table, struct err *err)
{
    const char *point = strchr(operand, '.');
    *db = NULL;
    *table = NULL;
    if (!point || point == operand || !point[1] || strchr(operand, ','))
        return err_set(err, ERR_USAGE, "%s: DB.TABLE is needed, or a glob such as shop.*", operand);
    *db = mem_strndup(operand, (size_t)(point - operand));
    *table = point + 1;
    return true;
}

// The table is read by the stream, is there, may be read, and knows the condition.
static bool try_table(const struct config *config, struct wire *wire, const char *operand,
                      const char *where, struct err *err)
{
    const struct table_filter filter = session_filter(config);
    const char *table;
    char *db;
    struct buf sql = {0};
    if (!split(operand, &db, &table, err))
        return false;
    bool ok = true;
    if (!is_glob(operand)) {
        ok = table_filter_wants(&filter, slice_of_str(db), slice_of_str(table)) ||
             err_set(err, ERR_USAGE, "table %s is not read: see [tables]", operand);
        buf_str(&sql, "SELECT 1 FROM ");
        schema_write_name(&sql, slice_of_str(db));
        buf_char(&sql, '.');
        schema_write_name(&sql, slice_of_str(table));
        buf_printf(&sql, " WHERE (%s) IS TRUE LIMIT 0", where && *where ? where : "1");
        if (ok && !wire_query(wire, buf_cstr(&sql), NULL, err)) {
            unsigned number = wire_last_errno(wire);
            ok = false;
            if (number == 1142 || number == 1044)
                err_set(err, ERR_REFUSED,
                        "the account may not read %s: GRANT SELECT ON `%s`.* TO '%s'@'…'", operand,
                        db, config->source.user);
        }
    }
    buf_deinit(&sql);
    free(db);
    return ok;
}

// --- commands ----------------------------------------------------------------------------------

static void make_id(char id[ID_BYTES])
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(id, ID_BYTES, "%Y%m%d-%H%M%S", &utc);
    snprintf(id + n, ID_BYTES - n, "-%05lx%05lx", (unsigned long)now.tv_nsec & 0xfffff,
             (unsigned long)getpid() & 0xfffff);
}

// What stands in the way of an answer is said, and the command waits in the topic.
static bool warn_not_running(const struct config *config, struct err *err)
{
    struct state state = {.end = 0};
    bool ok = state_read(&state, config, err);
    if (ok && !(state.log.found && state.log.last.running))
        fprintf(stderr, "publisher %s does not run: the command is taken when it starts\n",
                config->source.name);
    state_deinit(&state);
    return ok;
}

static bool end_command(const struct config *config, const struct snapshot_options *options,
                        const char *id, struct err *err)
{
    if (!warn_not_running(config, err))
        return false;
    if (options->wait)
        return wait_for(config, options, id, err);
    printf("%s\n", id);
    return true;
}

static bool order_copy(const struct config *config, const struct snapshot_options *options,
                       const char *const *tables, size_t n_tables, struct err *err)
{
    struct pick pick = {0};
    struct pick_server *server;
    struct buf record = {0};
    char id[ID_BYTES];
    bool ok = connect_source(config, &pick, &server, err);
    for (size_t i = 0; ok && i < n_tables; i++)
        ok = try_table(config, server->wire, tables[i], options->where, err);
    pick_deinit(&pick);
    make_id(id);
    control_write_snapshot(&record, id, tables, n_tables, options->where);
    ok = ok && control_send(config, &record, 1, err);
    buf_deinit(&record);
    return ok && end_command(config, options, id, err);
}

// Keys are sent a record of them at a time; the last record ends the snapshot.
struct keys {
    const struct config *config;
    const char *id;
    char *db;
    const char *table;
    struct buf lines; // of the next record
    size_t n_lines;
    struct buf records[SEND_RECORDS];
    size_t n_records;
    uint64_t total;
};

static bool flush_keys(struct keys *keys, struct err *err)
{
    bool ok =
        keys->n_records == 0 || control_send(keys->config, keys->records, keys->n_records, err);
    for (size_t i = 0; i < keys->n_records; i++)
        buf_clear(&keys->records[i]);
    keys->n_records = 0;
    return ok;
}

static bool end_record(struct keys *keys, bool last, struct err *err)
{
    control_write_keys(&keys->records[keys->n_records++], keys->id, keys->db, keys->table,
                       &keys->lines, last);
    buf_clear(&keys->lines);
    keys->n_lines = 0;
    return (!last && keys->n_records < SEND_RECORDS) || flush_keys(keys, err);
}

static bool add_key(struct keys *keys, struct slice key, struct err *err)
{
    bool is_full = keys->n_lines == KEYS_IN_RECORD || keys->lines.len + key.len > KEYS_BYTES;
    if (keys->n_lines > 0 && is_full && !end_record(keys, false, err))
        return false;
    buf_slice(&keys->lines, key);
    buf_char(&keys->lines, '\n');
    keys->n_lines++;
    keys->total++;
    return true;
}

static bool read_lines(FILE *file, struct keys *keys, const struct schema *schema, struct err *err)
{
    struct value *row = mem_alloc((schema->table.n_columns + 1) * sizeof *row);
    struct arena arena = {0};
    char *line = NULL;
    size_t size = 0;
    bool ok = true;
    for (ssize_t n; ok && (n = getline(&line, &size, file)) > 0;) {
        struct slice key = slice_of(line, (size_t)n - (line[n - 1] == '\n'));
        arena_reset(&arena);
        ok = key.len == 0 || (key_read(schema, key, &arena, row, err) && add_key(keys, key, err));
    }
    if (ok && ferror(file))
        ok = err_set(err, ERR_UNAVAILABLE, "reading keys: %s", strerror(errno));
    free(line);
    free(row);
    arena_deinit(&arena);
    return ok;
}

static bool read_table(const struct config *config, struct keys *keys, struct schema *schema,
                       struct err *err)
{
    struct pick pick = {0};
    struct pick_server *server;
    bool found = false;
    bool ok = connect_source(config, &pick, &server, err) &&
              schema_read(server->wire, slice_of_str(keys->db), slice_of_str(keys->table), schema,
                          &found, err);
    if (ok && (!found || !schema->is_base_table))
        ok = err_set(err, ERR_USAGE, "there is no table %s.%s, or the account may not read it",
                     keys->db, keys->table);
    pick_deinit(&pick);
    return ok;
}

static void keys_deinit(struct keys *keys)
{
    for (size_t i = 0; i < SEND_RECORDS; i++)
        buf_deinit(&keys->records[i]);
    buf_deinit(&keys->lines);
    free(keys->db);
}

static bool order_keys(const struct config *config, const struct snapshot_options *options,
                       const char *table, struct err *err)
{
    const struct table_filter filter = session_filter(config);
    struct schema schema = {.table = {.n_key = 0}};
    char id[ID_BYTES];
    struct keys keys = {.config = config, .id = id};
    bool is_input = strcmp(options->keys, "-") == 0;
    FILE *file = is_input ? stdin : fopen(options->keys, "r");
    if (!file)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", options->keys, strerror(errno));
    make_id(id);
    bool ok = split(table, &keys.db, &keys.table, err) &&
              (table_filter_wants(&filter, slice_of_str(keys.db), slice_of_str(keys.table)) ||
               err_set(err, ERR_USAGE, "table %s is not read: see [tables]", table)) &&
              read_table(config, &keys, &schema, err) && read_lines(file, &keys, &schema, err);
    if (ok && keys.total > 0)
        ok = end_record(&keys, true, err);
    if (!is_input)
        fclose(file);
    bool is_none = ok && keys.total == 0;
    if (is_none)
        printf("no keys\n");
    schema_deinit(&schema);
    keys_deinit(&keys);
    return ok && (is_none || end_command(config, options, id, err));
}

static bool order_phase(const struct config *config, const struct snapshot_options *options,
                        const char *id, struct err *err)
{
    enum control_kind kind = options->pause    ? CONTROL_PAUSE
                             : options->resume ? CONTROL_RESUME
                                               : CONTROL_CANCEL;
    struct state state = {.end = 0};
    struct buf record = {0};
    bool ok = state_read(&state, config, err);
    const struct snapshot *snapshot = ok && id ? snapshot_find(&state.log.snapshots, id) : NULL;
    if (ok && id && (!snapshot || snapshot_has_ended(snapshot)))
        ok = err_set(err, ERR_USAGE, "snapshot %s %s", id, snapshot ? "has ended" : "is not known");
    control_write_order(&record, kind, id);
    ok = ok && control_send(config, &record, 1, err);
    buf_deinit(&record);
    state_deinit(&state);
    return ok && warn_not_running(config, err);
}

bool snapshot_command(const struct config *config, const struct snapshot_options *options,
                      const char *const *operands, size_t n_operands, struct err *err)
{
    const char *id = n_operands ? operands[0] : NULL;
    int verbs = options->status + options->pause + options->resume + options->cancel;
    if (verbs > 1 || (verbs && (n_operands > 1 || options->keys || options->where)))
        return err_set(err, ERR_USAGE,
                       "one of --status, --pause, --resume, --cancel, and at most one ID");
    if (options->status)
        return show_status(config, options, id, err);
    if (verbs)
        return order_phase(config, options, id, err);
    if (n_operands == 0 || (options->keys && (n_operands > 1 || options->where)))
        return err_set(err, ERR_USAGE,
                       "snapshot needs DB.TABLE; with --keys exactly one, and no "
                       "--where");
    if (options->keys)
        return order_keys(config, options, operands[0], err);
    return order_copy(config, options, operands, n_operands, err);
}
