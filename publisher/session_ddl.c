// SPDX-License-Identifier: Apache-2.0
// Session, statements. What a statement does to rows is in no row event, so it is carried to the
// copies here, or it is told:
//   TRUNCATE                    one record with op t in each partition of the table's topic
//   DROP, CREATE OR REPLACE     the same with [publish] on_drop = truncate, else a warning
//   RENAME of a swap by gh-ost  nothing: both have the same rows, apart from the altered columns
//   or pt-online-schema-change
//   any other RENAME, partitions and tablespaces that are dropped, exchanged, imported
//                               refused; with [publish] on_unlogged = accept a warning
// A refusal comes at the end of the statement, which tells the position behind it; what was before
// it is committed.
#include "common/clock.h"
#include "common/log.h"
#include "publisher/notices.h"
#include "publisher/session_state.h"
#include "publisher/snapshot.h"

#include <string.h>

// A table as rows name it.
struct named {
    struct buf db;
    struct buf name;
    struct table table;
};

static void fold(struct buf *out, struct slice text, bool lower)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.ptr[i];
        buf_char(out, lower && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
}

static void named_init(struct named *named, const struct session *session,
                       const struct ddl_table *table)
{
    bool lower = session->server.lower_case_table_names == 1;
    *named = (struct named){.table = {.columns_header = slice_of_str("{}")}};
    fold(&named->db, table->db, lower);
    fold(&named->name, table->name, lower);
    named->table.db = buf_bytes(&named->db);
    named->table.name = buf_bytes(&named->name);
}

static void named_deinit(struct named *named)
{
    buf_deinit(&named->db);
    buf_deinit(&named->name);
}

static bool is_wanted(const struct session *session, const struct ddl_table *table)
{
    struct table_filter filter = session_filter(session->config);
    struct named named;
    named_init(&named, session, table);
    bool wanted = table_filter_wants(&filter, named.table.db, named.table.name);
    named_deinit(&named);
    return wanted;
}

// --- refusals ----------------------------------------------------------------------------------

static void name_table(struct buf *out, const struct ddl_table *table)
{
    buf_printf(out, "%s" SLICE_FMT "." SLICE_FMT, out->len ? ", " : "table ", SLICE_ARG(table->db),
               SLICE_ARG(table->name));
}

static bool begin_refusal(struct session *session, const struct ddl *ddl, const char *why,
                          struct err *err)
{
    buf_printf(&session->refused, " at " SLICE_FMT ":%llu: %s", SLICE_ARG(ddl->source.file),
               (unsigned long long)ddl->source.pos, why);
    return session_commit(session, reader_position(session->reader), false, err);
}

bool session_refuse_ddl(struct session *session, struct slice gtid, struct err *err)
{
    const struct position *behind = reader_position(session->reader);
    return err_set(err, ERR_REFUSED,
                   "%s. To go on behind it (GTID " SLICE_FMT
                   "): `tailrace offsets reset publisher --to %s:%llu`",
                   buf_cstr(&session->refused), SLICE_ARG(gtid), behind->file,
                   (unsigned long long)behind->pos);
}

// Whether it can be told which table is meant.
static bool is_clear(const struct session *session, const struct ddl_table *table)
{
    unsigned lower_case = session->server.lower_case_table_names;
    bool is_ascii = true;
    for (size_t i = 0; i < table->name.len; i++)
        is_ascii = is_ascii && table->name.ptr[i] < 0x80;
    for (size_t i = 0; i < table->db.len; i++)
        is_ascii = is_ascii && table->db.ptr[i] < 0x80;
    return lower_case == 0 || (lower_case == 1 && is_ascii);
}

// --- tables that are empty now -----------------------------------------------------------------

static bool send_truncation(struct session *session, const struct ddl *ddl,
                            const struct table *table, const struct topic *topic, struct err *err)
{
    const struct change change = {
        .op = CHANGE_TRUNCATE, .table = table, .source = ddl->source, .total_order = 0};
    log_info("truncation", LOG_FIELDS(log_str("topic", topic->name),
                                      log_u64("partitions", (uint64_t)topic->n_partitions),
                                      log_u64("pos", ddl->source.pos)));
    return encoder_change(&session->encoder, &change, topic, clock_now_ms(), err);
}

static bool empty_copies(struct session *session, const struct ddl *ddl, const struct table *table,
                         struct err *err)
{
    struct topic *topic;
    bool is_drop = ddl->kind != DDL_TRUNCATE_TABLE;
    if (!topics_find_table(session->topics, table, &topic, err))
        return false;
    if (!topic)
        return true; // nothing of it was ever published
    if (!is_drop || strcmp(session->config->publish.on_drop, "truncate") == 0)
        return send_truncation(session, ddl, table, topic, err);
    log_warn("a table is gone, its copies stay ([publish] on_drop = keep); made anew, its copies "
             "hold the old rows as well",
             LOG_FIELDS(log_str("db", topic->db), log_str("table", topic->table)));
    return true;
}

static bool take_gone(struct session *session, const struct ddl *ddl, const struct ddl_table *table,
                      struct err *err)
{
    struct table_filter filter = session_filter(session->config);
    struct named named;
    named_init(&named, session, table);
    bool ok = !table_filter_wants(&filter, named.table.db, named.table.name) ||
              empty_copies(session, ddl, &named.table, err);
    named_deinit(&named);
    return ok;
}

static bool take_all_gone(struct session *session, const struct ddl *ddl, struct err *err)
{
    for (size_t i = 0; i < ddl->n_tables; i++) {
        const struct ddl_table *table = &ddl->tables[i];
        if (is_clear(session, table) || !is_wanted(session, table))
            continue;
        name_table(&session->refused, table);
        return begin_refusal(session, ddl,
                             "with this lower_case_table_names it cannot be told which table is "
                             "truncated or dropped",
                             err);
    }
    for (size_t i = 0; i < ddl->n_tables; i++)
        if (!take_gone(session, ddl, &ddl->tables[i], err))
            return false;
    return true;
}

// DROP DATABASE names no tables: all that have a topic.
static bool take_gone_database(struct session *session, const struct ddl *ddl, struct err *err)
{
    const struct ddl_table database = {.db = ddl->db};
    struct named named;
    bool ok = true;
    named_init(&named, session, &database);
    for (size_t i = 0; ok && i < session->log.n_topics; i++) {
        const struct checkpoint_topic *topic = &session->log.topics[i];
        const struct ddl_table table = {slice_of_str(topic->db), slice_of_str(topic->table)};
        if (slice_eq(table.db, named.table.db))
            ok = take_gone(session, ddl, &table, err);
    }
    for (struct topic *topic = topics_first(session->topics); ok && topic; topic = topic->next) {
        const struct ddl_table table = {slice_of_str(topic->db), slice_of_str(topic->table)};
        if (slice_eq(table.db, named.table.db) && !checkpoint_log_topic(&session->log, topic->name))
            ok = take_gone(session, ddl, &table, err);
    }
    named_deinit(&named);
    return ok;
}

// --- rows that come or go ----------------------------------------------------------------------

// session->refused says what and of which table.
static bool take_untold(struct session *session, const struct ddl *ddl, struct err *err)
{
    static const char why[] =
        "rows come or go without row events, so its copies would differ. Leave the table out with "
        "[tables] exclude, or set [publish] on_unlogged = accept, and afterwards mend the copies: "
        "`tailrace verify --repair`, or `tailrace snapshot` with the table's name";
    if (strcmp(session->config->publish.on_unlogged, "refuse") == 0)
        return begin_refusal(session, ddl, why, err);
    log_warn(
        "rows came or went without row events: mend the copies with `tailrace verify --repair` "
        "or `tailrace snapshot`",
        LOG_FIELDS(log_str("what", buf_cstr(&session->refused)), log_u64("pos", ddl->source.pos)));
    buf_clear(&session->refused);
    return true;
}

static bool take_partitions(struct session *session, const struct ddl *ddl, struct err *err)
{
    for (size_t i = 0; i < ddl->n_tables; i++)
        if (is_wanted(session, &ddl->tables[i]))
            name_table(&session->refused, &ddl->tables[i]);
    if (ddl->n_tables > 0 && session->refused.len == 0)
        return true;
    buf_printf(&session->refused, "%s%s", session->refused.len ? ": " : "", ddl->how);
    return take_untold(session, ddl, err);
}

static bool same_table(const struct ddl_table *a, const struct ddl_table *b)
{
    return slice_eq(a->db, b->db) && slice_eq(a->name, b->name);
}

// _NAME_gho (gh-ost), _NAME_new (pt-online-schema-change, which puts more '_' before it where that
// name is taken).
static bool is_ghost(const struct ddl_table *ghost, const struct ddl_table *of)
{
    struct slice name = ghost->name;
    bool is_marked = false;
    for (; name.len > of->name.len + 4 && name.ptr[0] == '_'; name.ptr++, name.len--)
        is_marked = true;
    if (!is_marked || name.len != of->name.len + 4 || !slice_eq(ghost->db, of->db) ||
        memcmp(name.ptr, of->name.ptr, of->name.len) != 0)
        return false;
    struct slice suffix = slice_of(name.ptr + of->name.len, 4);
    return slice_eq_str(suffix, "_gho") || slice_eq_str(suffix, "_new");
}

// The table that another pair renames to this name, in the same statement; NULL: none.
static const struct ddl_table *find_successor(const struct ddl *ddl, const struct ddl_table *table)
{
    for (size_t i = 0; i + 1 < ddl->n_tables; i += 2)
        if (same_table(&ddl->tables[i + 1], table))
            return &ddl->tables[i];
    return NULL;
}

static bool is_moved_away(const struct ddl *ddl, const struct ddl_table *table)
{
    for (size_t i = 0; i + 1 < ddl->n_tables; i += 2)
        if (same_table(&ddl->tables[i], table))
            return true;
    return false;
}

// A pair of such a swap: ghost TO name, while name TO other stands there too; or that other pair.
static bool is_swap(const struct ddl *ddl, const struct ddl_table *from, const struct ddl_table *to)
{
    const struct ddl_table *successor = find_successor(ddl, from);
    return (is_ghost(from, to) && is_moved_away(ddl, to)) ||
           (successor && is_ghost(successor, from));
}

// Tells of rows that have come to a name, unless it is such a swap.
static bool take_renamed_to(struct session *session, const struct ddl *ddl,
                            const struct ddl_table *pair, struct err *err)
{
    const struct ddl_table *from = &pair[0], *to = &pair[1];
    if (!is_wanted(session, to))
        return true;
    if (is_swap(ddl, from, to)) {
        log_info("a table is swapped: its copies have its rows, altered columns follow as rows are "
                 "written",
                 LOG_FIELDS(log_slice("db", to->db), log_slice("table", to->name)));
        return true;
    }
    name_table(&session->refused, to);
    buf_printf(&session->refused, ": " SLICE_FMT "." SLICE_FMT " is renamed to it",
               SLICE_ARG(from->db), SLICE_ARG(from->name));
    return take_untold(session, ddl, err);
}

// What was refused is found out before anything is sent.
static bool take_renamed(struct session *session, const struct ddl *ddl, struct err *err)
{
    for (size_t i = 0; i + 1 < ddl->n_tables; i += 2)
        if (!take_renamed_to(session, ddl, &ddl->tables[i], err))
            return false;
        else if (session->refused.len > 0)
            return true;
    for (size_t i = 0; i + 1 < ddl->n_tables; i += 2) {
        const struct ddl_table *from = &ddl->tables[i];
        if (!find_successor(ddl, from) && !is_swap(ddl, from, from + 1) &&
            !take_gone(session, ddl, from, err))
            return false;
    }
    return true;
}

// --- a statement -------------------------------------------------------------------------------

static bool take_rows(struct session *session, const struct ddl *ddl, struct err *err)
{
    switch (ddl->rows) {
    case DDL_ROWS_STAY:
        return ddl->kind != DDL_DROP_DATABASE || take_gone_database(session, ddl, err);
    case DDL_ROWS_GONE:
        return take_all_gone(session, ddl, err);
    case DDL_ROWS_UNTOLD:
        return take_partitions(session, ddl, err);
    case DDL_ROWS_RENAMED:
        return take_renamed(session, ddl, err);
    }
    return err_set(err, ERR_INTERNAL, "a statement of kind %d", (int)ddl->rows);
}

bool session_take_ddl(struct session *session, const struct ddl *ddl, struct err *err)
{
    session->settled = false; // until its READER_COMMIT
    snapshots_see_ddl(session->snapshots, ddl);
    buf_clear(&session->refused);
    if (!take_rows(session, ddl, err))
        return false;
    if (!session->ddl || session->refused.len > 0)
        return true;
    buf_clear(&session->key);
    buf_clear(&session->value);
    notice_write_ddl(&session->value, ddl);
    return session_send_notice(session, session->ddl, err);
}
