// SPDX-License-Identifier: Apache-2.0
// Snapshot list: see snapshot_list.h.
#include "publisher/snapshot_list.h"

#include "common/mem.h"
#include "publisher/grants.h"

#include <stdlib.h>
#include <string.h>

#define NAMED 5 // tables in a message

// --- rights ------------------------------------------------------------------------------------

static bool is_covered(const struct wire_result *rows, const char *globs, struct slice *lacking)
{
    struct slice glob;
    while (table_filter_next(&globs, &glob)) {
        *lacking = glob;
        if (!grants_cover(rows->cells, rows->n_rows, glob))
            return false;
    }
    return true;
}

static bool refuse_rights(const struct session *session, const struct wire *wire,
                          struct slice lacking, struct err *err)
{
    struct slice db;
    struct slice table;
    struct buf on = {0};
    table_filter_split(lacking, &db, &table);
    if (table_filter_is_plain(db))
        schema_write_name(&on, db);
    else
        buf_char(&on, '*');
    err_set(err, ERR_REFUSED,
            "%s: to find all tables of " SLICE_FMT ", none left out, the account needs to see "
            "them: GRANT SELECT ON %s.* TO '%s'@'…'",
            wire_name(wire), SLICE_ARG(lacking), buf_cstr(&on), session->config->source.user);
    buf_deinit(&on);
    return false;
}

// The snapshot's own globs, or those of [tables], which every table has to fit as well.
static bool check_rights(const struct session *session, struct wire *wire,
                         const struct snapshot *snapshot, struct err *err)
{
    const char *include = session->config->tables.include;
    const char *read = *include ? include : "*.*";
    struct slice lacking = slice_of_str("");
    struct wire_result rows;
    if (!wire_query(wire, "SHOW GRANTS", &rows, err))
        return false;
    bool ok = is_covered(&rows, read, &lacking) ||
              (*snapshot->tables && is_covered(&rows, snapshot->tables, &lacking)) ||
              refuse_rights(session, wire, lacking, err);
    wire_result_deinit(&rows);
    return ok;
}

// --- tables ------------------------------------------------------------------------------------

static bool is_wanted(const struct session *session, const struct snapshot *snapshot,
                      const char *const *cells)
{
    const struct table_filter all = session_filter(session->config);
    const struct table_filter these = {.include = snapshot->tables};
    struct slice db = slice_of_str(cells[0]);
    struct slice name = slice_of_str(cells[1]);
    return table_filter_wants(&all, db, name) &&
           table_filter_wants(*snapshot->tables ? &these : &all, db, name);
}

static bool list_by_globs(struct session *session, struct wire *wire, struct snapshot *snapshot,
                          struct err *err)
{
    struct wire_result rows;
    if (!check_rights(session, wire, snapshot, err) ||
        !wire_query(wire,
                    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS FROM information_schema.TABLES "
                    "WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') "
                    "ORDER BY TABLE_SCHEMA, TABLE_NAME",
                    &rows, err))
        return false;
    for (size_t i = 0; i < rows.n_rows; i++) {
        const char *const *cells = rows.cells + i * rows.n_columns;
        if (!is_wanted(session, snapshot, cells))
            continue;
        struct snapshot_table *table = snapshot_add_table(snapshot, cells[0], cells[1]);
        table->estimate = cells[2] ? strtoull(cells[2], NULL, 10) : 0;
    }
    wire_result_deinit(&rows);
    return true;
}

// "db.table", where neither is a glob.
static bool list_one(const struct session *session, struct snapshot *snapshot, struct err *err)
{
    const struct table_filter filter = session_filter(session->config);
    char *db = mem_strdup(snapshot->tables);
    char *point = strchr(db, '.');
    bool ok = point != NULL;
    if (ok) {
        *point = '\0';
        ok = table_filter_wants(&filter, slice_of_str(db), slice_of_str(point + 1));
    }
    if (ok)
        snapshot_add_table(snapshot, db, point + 1);
    else
        err_set(err, ERR_REFUSED, "table %s is not read: see [tables]", snapshot->tables);
    free(db);
    return ok;
}

bool snapshot_list(struct session *session, struct snapshot_source *source,
                   struct snapshot *snapshot, struct err *err)
{
    bool is_one = *snapshot->tables && !strpbrk(snapshot->tables, "*?[,");
    bool ok = is_one ? list_one(session, snapshot, err)
                     : list_by_globs(session, source->wire, snapshot, err);
    snapshot->listed = ok;
    snapshot->dirty |= ok;
    return ok;
}

// --- the first copy ----------------------------------------------------------------------------

// As schema.c has it: PRIMARY, or a unique index without NULLs, prefixes and expressions.
static const char select_keyless[] =
    "SELECT t.TABLE_SCHEMA, t.TABLE_NAME FROM information_schema.TABLES t LEFT JOIN "
    "(SELECT DISTINCT u.s, u.n FROM "
    "(SELECT TABLE_SCHEMA s, TABLE_NAME n FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 "
    "GROUP BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME HAVING MAX(INDEX_NAME = 'PRIMARY') = 1 OR "
    "SUM(NULLABLE = 'YES' OR COLUMN_NAME IS NULL OR SUB_PART IS NOT NULL) = 0) u) k "
    "ON k.s = t.TABLE_SCHEMA AND k.n = t.TABLE_NAME "
    "WHERE t.TABLE_TYPE = 'BASE TABLE' AND k.n IS NULL ORDER BY t.TABLE_SCHEMA, t.TABLE_NAME";

// The stream would stop at the first change of such a table.
static bool check_keys(const struct session *session, struct wire *wire,
                       const struct snapshot *snapshot, struct err *err)
{
    struct wire_result rows;
    struct buf names = {0};
    size_t n = 0;
    if (strcmp(session->config->publish.keyless, "whole-row") == 0)
        return true;
    if (!wire_query(wire, select_keyless, &rows, err))
        return false;
    for (size_t i = 0; i < rows.n_rows; i++) {
        const char *const *cells = rows.cells + i * rows.n_columns;
        if (is_wanted(session, snapshot, cells) && n++ < NAMED)
            buf_printf(&names, "%s%s.%s", n > 1 ? ", " : "", cells[0], cells[1]);
    }
    wire_result_deinit(&rows);
    bool ok = n == 0 || err_set(err, ERR_REFUSED,
                                "%zu of the tables have no primary key, and no unique key that "
                                "cannot be NULL: %s%s; add one, leave them out with [tables] "
                                "exclude, or set [publish] keyless = whole-row",
                                n, buf_cstr(&names), n > NAMED ? ", …" : "");
    buf_deinit(&names);
    return ok;
}

bool snapshot_make_plan(struct session *session, struct snapshot_source *source,
                        struct snapshot_plan *plan, struct err *err)
{
    struct snapshot_log log = {.n_snapshots = 0};
    struct snapshot *all = snapshot_add(&log, "", "", "");
    bool ok =
        snapshot_list(session, source, all, err) && check_keys(session, source->wire, all, err);
    *plan = (struct snapshot_plan){.n_tables = all->n_list};
    for (size_t i = 0; i < all->n_list; i++)
        plan->rows += all->list[i]->estimate;
    snapshot_log_deinit(&log);
    return ok;
}
