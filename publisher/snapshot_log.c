// SPDX-License-Identifier: Apache-2.0
// Snapshot log: see snapshot_log.h.
#include "publisher/snapshot_log.h"

#include "common/clock.h"
#include "common/mem.h"
#include "record/json_writer.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define ENDED_KEPT 16 // snapshots that have ended, for --status

static const char *const phases[] = {
    [SNAPSHOT_RUNNING] = "running",     [SNAPSHOT_PAUSED] = "paused", [SNAPSHOT_DONE] = "done",
    [SNAPSHOT_CANCELLED] = "cancelled", [SNAPSHOT_FAILED] = "failed",
};

static const char *const table_phases[] = {
    [TABLE_WAITING] = "waiting", [TABLE_READING] = "reading", [TABLE_SETTLING] = "settling",
    [TABLE_DONE] = "done",       [TABLE_GONE] = "gone",       [TABLE_FAILED] = "failed",
};

const char *snapshot_phase_name(enum snapshot_phase phase)
{
    return phases[phase];
}

const char *snapshot_table_phase_name(enum snapshot_table_phase phase)
{
    return table_phases[phase];
}

bool snapshot_has_ended(const struct snapshot *snapshot)
{
    return snapshot->phase != SNAPSHOT_RUNNING && snapshot->phase != SNAPSHOT_PAUSED;
}

bool snapshot_table_has_ended(const struct snapshot_table *table)
{
    return table->phase == TABLE_DONE || table->phase == TABLE_GONE || table->phase == TABLE_FAILED;
}

void snapshot_set_text(char **text, const char *with)
{
    char *copy = mem_strdup(with);
    free(*text);
    *text = copy;
}

// --- what is in memory -------------------------------------------------------------------------

static void table_free(struct snapshot_table *table)
{
    free(table->db);
    free(table->name);
    free(table->note);
    buf_deinit(&table->after);
    position_deinit(&table->settle);
    free(table);
}

static void snapshot_free(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_list; i++)
        table_free(snapshot->list[i]);
    free(snapshot->list);
    free(snapshot->id);
    free(snapshot->tables);
    free(snapshot->where);
    free(snapshot->note);
    position_deinit(&snapshot->settle);
    free(snapshot);
}

void snapshot_log_deinit(struct snapshot_log *log)
{
    for (size_t i = 0; i < log->n_snapshots; i++)
        snapshot_free(log->snapshots[i]);
    free(log->snapshots);
    buf_deinit(&log->removed);
    *log = (struct snapshot_log){.has_control = false};
}

struct snapshot *snapshot_find(const struct snapshot_log *log, const char *id)
{
    for (size_t i = 0; i < log->n_snapshots; i++)
        if (strcmp(log->snapshots[i]->id, id) == 0)
            return log->snapshots[i];
    return NULL;
}

struct snapshot *snapshot_add(struct snapshot_log *log, const char *id, const char *tables,
                              const char *where)
{
    struct snapshot *snapshot = mem_zalloc(sizeof *snapshot);
    snapshot->id = mem_strdup(id);
    snapshot->tables = mem_strdup(tables);
    snapshot->where = mem_strdup(where);
    snapshot->note = mem_strdup("");
    snapshot->created_ms = clock_now_ms();
    snapshot->dirty = true;
    snapshot->known = true;
    log->snapshots =
        mem_realloc(log->snapshots, (log->n_snapshots + 1) * sizeof(struct snapshot *));
    log->snapshots[log->n_snapshots++] = snapshot;
    return snapshot;
}

struct snapshot_table *snapshot_find_table(const struct snapshot *snapshot, struct slice db,
                                           struct slice name)
{
    for (size_t i = 0; i < snapshot->n_list; i++)
        if (slice_eq_str(db, snapshot->list[i]->db) && slice_eq_str(name, snapshot->list[i]->name))
            return snapshot->list[i];
    return NULL;
}

struct snapshot_table *snapshot_add_table(struct snapshot *snapshot, const char *db,
                                          const char *name)
{
    struct snapshot_table *table = mem_zalloc(sizeof *table);
    table->db = mem_strdup(db);
    table->name = mem_strdup(name);
    table->note = mem_strdup("");
    table->dirty = true;
    snapshot->list =
        mem_realloc(snapshot->list, (snapshot->n_list + 1) * sizeof(struct snapshot_table *));
    snapshot->list[snapshot->n_list++] = table;
    return table;
}

static void forget(struct snapshot_log *log, size_t number)
{
    snapshot_free(log->snapshots[number]);
    log->n_snapshots--;
    memmove(&log->snapshots[number], &log->snapshots[number + 1],
            (log->n_snapshots - number) * sizeof(struct snapshot *));
}

static void remove_records(struct snapshot_log *log, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_list; i++) {
        snapshot_write_key(&log->removed, snapshot, snapshot->list[i]);
        buf_char(&log->removed, '\n');
    }
    snapshot_write_key(&log->removed, snapshot, NULL);
    buf_char(&log->removed, '\n');
}

void snapshot_log_trim(struct snapshot_log *log)
{
    size_t ended = 0;
    for (size_t i = log->n_snapshots; i-- > 0;) {
        if (!snapshot_has_ended(log->snapshots[i]) || ++ended <= ENDED_KEPT)
            continue;
        remove_records(log, log->snapshots[i]);
        forget(log, i);
    }
}

// --- records -----------------------------------------------------------------------------------

void snapshot_write_key(struct buf *out, const struct snapshot *snapshot,
                        const struct snapshot_table *table)
{
    buf_str(out, "{\"kind\":\"snapshot\",\"id\":");
    json_write_string(out, slice_of_str(snapshot->id));
    if (table) {
        buf_str(out, ",\"db\":");
        json_write_string(out, slice_of_str(table->db));
        buf_str(out, ",\"table\":");
        json_write_string(out, slice_of_str(table->name));
    }
    buf_char(out, '}');
}

static void put_number(struct buf *out, const char *name, uint64_t v)
{
    buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)v);
}

static void put_text(struct buf *out, const char *name, struct slice text)
{
    buf_printf(out, ",\"%s\":", name);
    json_write_string(out, text);
}

void snapshot_write(struct buf *out, const struct snapshot *snapshot)
{
    buf_printf(out, "{\"version\":%d,\"phase\":\"%s\"", VERSION, phases[snapshot->phase]);
    put_text(out, "tables", slice_of_str(snapshot->tables));
    put_text(out, "where", slice_of_str(snapshot->where));
    buf_printf(out, ",\"keys\":%s,\"listed\":%s", snapshot->is_keys ? "true" : "false",
               snapshot->listed ? "true" : "false");
    put_number(out, "created_ms", snapshot->created_ms);
    put_number(out, "ended_ms", snapshot->ended_ms);
    put_number(out, "read", snapshot->rows);
    put_number(out, "deletes", snapshot->deletes);
    put_text(out, "note", slice_of_str(snapshot->note));
    if (snapshot->settling) {
        buf_char(out, ',');
        position_write_fields(out, &snapshot->settle);
    }
    buf_char(out, '}');
}

void snapshot_table_write(struct buf *out, const struct snapshot_table *table)
{
    buf_printf(out, "{\"version\":%d,\"phase\":\"%s\"", VERSION, table_phases[table->phase]);
    put_number(out, "read", table->rows);
    put_number(out, "bytes", table->bytes);
    put_number(out, "estimate", table->estimate);
    put_number(out, "busy_ms", table->busy_ms);
    put_number(out, "started_ms", table->started_ms);
    put_number(out, "ended_ms", table->ended_ms);
    put_number(out, "restarts", table->restarts);
    buf_printf(out, ",\"shape\":\"%016llx\"", (unsigned long long)table->shape);
    put_text(out, "after", buf_bytes(&table->after));
    put_text(out, "note", slice_of_str(table->note));
    if (table->phase == TABLE_SETTLING) {
        buf_char(out, ',');
        position_write_fields(out, &table->settle);
    }
    buf_char(out, '}');
}

void snapshot_control_write_key(struct buf *out)
{
    buf_str(out, "{\"kind\":\"control\"}");
}

void snapshot_control_write(struct buf *out, int64_t offset)
{
    buf_printf(out, "{\"version\":%d,\"offset\":%lld}", VERSION, (long long)offset);
}

// --- and back ----------------------------------------------------------------------------------

static uint64_t read_number(yajl_val tree, const char *name)
{
    int64_t v = tree_number(tree, name);
    return v < 0 ? 0 : (uint64_t)v;
}

static bool read_phase(const char *word, const char *const *names, size_t n, unsigned *phase,
                       struct err *err)
{
    for (*phase = 0; word && *phase < n; (*phase)++)
        if (strcmp(word, names[*phase]) == 0)
            return true;
    return err_set(err, ERR_CORRUPT, "snapshot: phase \"%s\" is not known", word ? word : "");
}

static bool read_snapshot(struct snapshot *snapshot, yajl_val tree, struct slice text,
                          struct err *err)
{
    const char *tables = tree_text(tree, "tables");
    const char *where = tree_text(tree, "where");
    const char *note = tree_text(tree, "note");
    unsigned phase;
    if (!read_phase(tree_text(tree, "phase"), phases, sizeof phases / sizeof *phases, &phase, err))
        return false;
    if (!tables || !where || !note)
        return err_set(err, ERR_CORRUPT, "snapshot: \"tables\", \"where\" or \"note\" is missing");
    snapshot->phase = (enum snapshot_phase)phase;
    snapshot_set_text(&snapshot->tables, tables);
    snapshot_set_text(&snapshot->where, where);
    snapshot_set_text(&snapshot->note, note);
    snapshot->is_keys = tree_flag(tree, "keys");
    snapshot->listed = tree_flag(tree, "listed");
    snapshot->created_ms = read_number(tree, "created_ms");
    snapshot->ended_ms = read_number(tree, "ended_ms");
    snapshot->rows = read_number(tree, "read");
    snapshot->deletes = read_number(tree, "deletes");
    snapshot->dirty = false;
    snapshot->known = true;
    snapshot->settling = tree_text(tree, "file") != NULL;
    position_deinit(&snapshot->settle);
    return !snapshot->settling || position_read(&snapshot->settle, text, err);
}

static bool read_table(struct snapshot_table *table, yajl_val tree, struct slice text,
                       struct err *err)
{
    const char *shape = tree_text(tree, "shape");
    const char *after = tree_text(tree, "after");
    const char *note = tree_text(tree, "note");
    unsigned phase;
    if (!read_phase(tree_text(tree, "phase"), table_phases,
                    sizeof table_phases / sizeof *table_phases, &phase, err))
        return false;
    if (!shape || !after || !note)
        return err_set(err, ERR_CORRUPT, "snapshot: \"shape\", \"after\" or \"note\" is missing");
    table->phase = (enum snapshot_table_phase)phase;
    table->rows = read_number(tree, "read");
    table->bytes = read_number(tree, "bytes");
    table->estimate = read_number(tree, "estimate");
    table->busy_ms = read_number(tree, "busy_ms");
    table->started_ms = read_number(tree, "started_ms");
    table->ended_ms = read_number(tree, "ended_ms");
    table->restarts = read_number(tree, "restarts");
    table->shape = strtoull(shape, NULL, 16);
    buf_clear(&table->after);
    buf_str(&table->after, after);
    snapshot_set_text(&table->note, note);
    table->dirty = false;
    position_deinit(&table->settle);
    return table->phase != TABLE_SETTLING || position_read(&table->settle, text, err);
}

// A record of a table may stand before the one of its snapshot, which is written more often.
static struct snapshot *find_or_add(struct snapshot_log *log, const char *id)
{
    struct snapshot *snapshot = snapshot_find(log, id);
    if (snapshot)
        return snapshot;
    snapshot = snapshot_add(log, id, "", "");
    snapshot->dirty = false;
    snapshot->known = false;
    return snapshot;
}

static void remove_snapshot(struct snapshot_log *log, const char *id)
{
    for (size_t i = 0; i < log->n_snapshots; i++)
        if (strcmp(log->snapshots[i]->id, id) == 0) {
            forget(log, i);
            return;
        }
}

static bool take_control(struct snapshot_log *log, yajl_val value, struct err *err)
{
    int64_t offset = value ? tree_number(value, "offset") : 0;
    if (offset < 0)
        return err_set(err, ERR_CORRUPT, "control: \"offset\" is missing");
    log->has_control = value != NULL;
    log->control_offset = offset;
    return true;
}

static bool take_table(struct snapshot *snapshot, const char *db, const char *name, yajl_val value,
                       struct slice text, struct err *err)
{
    struct snapshot_table *table =
        snapshot_find_table(snapshot, slice_of_str(db), slice_of_str(name));
    if (!table)
        table = snapshot_add_table(snapshot, db, name);
    return read_table(table, value, text, err);
}

bool snapshot_log_take(struct snapshot_log *log, yajl_val key, yajl_val value, struct slice text,
                       struct err *err)
{
    const char *kind = tree_text(key, "kind");
    const char *id = tree_text(key, "id");
    const char *db = tree_text(key, "db");
    const char *table = tree_text(key, "table");
    if (value && !tree_version(value, VERSION, err))
        return false;
    if (strcmp(kind, "control") == 0)
        return take_control(log, value, err);
    if (!id || !db != !table)
        return err_set(err, ERR_CORRUPT, "snapshot: the key has no \"id\", or a half table");
    if (!value) { // all records of a snapshot are removed together, its own the last
        if (!table)
            remove_snapshot(log, id);
        return true;
    }
    struct snapshot *snapshot = find_or_add(log, id);
    return table ? take_table(snapshot, db, table, value, text, err)
                 : read_snapshot(snapshot, value, text, err);
}
