// SPDX-License-Identifier: Apache-2.0
// Names: see names.h. A table is read first, then the log from the rows to its end: a statement
// whose effect the table shows was logged before that could be seen, so it is found in the log.
//
// What was found on the way is kept, so the log is scanned once however many tables are asked for:
// statements between `from` and `to`. A table that was given stays until the reader comes to a
// statement that may concern it.
#include "binlog/names.h"

#include "binlog/source_live.h"
#include "common/mem.h"
#include "common/stop.h"
#include "record/position.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WAIT_MS 100
#define HEARTBEAT_MS 1000
#define STATEMENTS_MAX 100000
#define SHOWN_BYTES 120

struct place {
    char file[POSITION_FILE_MAX];
    uint64_t pos;
};

struct statement {
    struct place at;
    enum ddl_kind kind;
    enum ddl_rows rows;
    char *db;
    char *text; // in UTF-8
};

struct entry {
    struct schema schema;
    struct entry *next;
};

struct names {
    const struct wire_options *options;
    struct wire *wire; // for questions; NULL: not connected
    struct entry *entries;
    struct statement *statements; // ahead, in their order
    size_t n_statements;
    size_t cap_statements;
    struct place to; // up to where the log was scanned; file "" = not yet
};

struct names *names_new(const struct wire_options *options)
{
    struct names *names = mem_zalloc(sizeof *names);
    names->options = options;
    return names;
}

static void free_statement(struct statement *statement)
{
    free(statement->db);
    free(statement->text);
}

static void free_entry(struct entry *entry)
{
    schema_deinit(&entry->schema);
    free(entry);
}

void names_free(struct names *names)
{
    if (!names)
        return;
    while (names->entries) {
        struct entry *entry = names->entries;
        names->entries = entry->next;
        free_entry(entry);
    }
    for (size_t i = 0; i < names->n_statements; i++)
        free_statement(&names->statements[i]);
    free(names->statements);
    if (names->wire)
        wire_close(names->wire);
    free(names);
}

// --- whether a statement may concern a table -----------------------------------------------------

static bool is_plain(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] >= 0x80 || memchr("`\"'\\", name.ptr[i], 4))
            return false;
    return true;
}

static bool contains(const char *text, struct slice name)
{
    size_t n = strlen(text);
    for (size_t i = 0; name.len <= n && i <= n - name.len; i++)
        if (strncasecmp(text + i, (const char *)name.ptr, name.len) == 0)
            return true;
    return false;
}

static bool same_name(const char *a, struct slice b)
{
    return !is_plain(b) || (strlen(a) == b.len && strncasecmp(a, (const char *)b.ptr, b.len) == 0);
}

// Statements that leave every shape as it is. A table that has rows before CREATE TABLE stays as it
// is, or was dropped by a statement of its own.
static bool keeps_shapes(const struct statement *statement)
{
    static const char *const words[] = {"GRANT ", "REVOKE ", "ANALYZE ", "OPTIMIZE ", "FLUSH "};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncasecmp(statement->text, words[i], strlen(words[i])) == 0)
            return statement->kind == DDL_OTHER;
    return statement->kind == DDL_TRUNCATE_TABLE ||
           (statement->kind == DDL_CREATE_TABLE && statement->rows == DDL_ROWS_STAY);
}

// Rather too often than not: a name that may be written in more than one way is in every statement.
static bool may_concern(const struct statement *statement, struct slice db, struct slice table)
{
    if (statement->kind == DDL_DROP_DATABASE && same_name(statement->db, db))
        return true;
    if (keeps_shapes(statement))
        return false;
    return !*statement->text || !is_plain(table) || contains(statement->text, table);
}

// --- the log ahead -------------------------------------------------------------------------------

static int compare(const struct place *a, const struct place *b)
{
    int files = position_compare_files(a->file, b->file);
    return files ? files : (a->pos > b->pos) - (a->pos < b->pos);
}

static bool keep_statement(struct names *names, const struct place *at, const struct ddl *ddl,
                           struct slice text, struct err *err)
{
    if (names->n_statements == STATEMENTS_MAX)
        return err_set(err, ERR_UNSUPPORTED,
                       "more than %d DDL statements are ahead of rows without column names: which "
                       "names they had is not sure",
                       STATEMENTS_MAX);
    if (names->n_statements == names->cap_statements) {
        names->cap_statements = names->cap_statements ? 2 * names->cap_statements : 16;
        names->statements =
            mem_realloc(names->statements, names->cap_statements * sizeof *names->statements);
    }
    names->statements[names->n_statements++] = (struct statement){
        .at = *at,
        .kind = ddl->kind,
        .rows = ddl->rows,
        .db = mem_strndup(ddl->db.ptr, ddl->db.len),
        .text = mem_strndup(text.ptr, text.len),
    };
    return true;
}

struct scan {
    struct names *names;
    struct event_format format;
    struct place at;  // of the event
    uint64_t end_pos; // behind it
    struct plain plain;
    struct arena arena;
};

static bool scan_query(struct scan *scan, const struct event *event, struct err *err)
{
    struct query query;
    struct ddl ddl = {0};
    arena_reset(&scan->arena);
    if (!query_parse(&query, event, &scan->format, &scan->plain, err))
        return false;
    struct slice text = query_text(query.statement, query.collation, &scan->arena);
    switch (query_classify(text, query.db, &scan->arena, &ddl)) {
    case QUERY_DDL:
    case QUERY_DML: // CREATE TABLE … SELECT, and what the reader will refuse
    case QUERY_UNKNOWN:
        return keep_statement(scan->names, &scan->at, &ddl, text, err);
    case QUERY_BEGIN:
    case QUERY_COMMIT:
    case QUERY_ROLLBACK:
    case QUERY_ROLLBACK_TO:
    case QUERY_SAVEPOINT:
    case QUERY_XA:
    case QUERY_EMPTY:
        break;
    }
    return true;
}

static bool scan_event(struct scan *scan, struct slice bytes, struct err *err)
{
    struct event event;
    struct slice file;
    if (!event_parse(bytes, &scan->format, true, &event, err))
        return false;
    event_locate(&event, &scan->at.pos, &scan->end_pos);
    switch (event.code) {
    case EVENT_FORMAT_DESCRIPTION:
        return event_format_parse(&event, true, &scan->format, err);
    case EVENT_ROTATE:
        if (!event_read_rotate(&event, &file, &scan->end_pos, err))
            return false;
        (void)snprintf(scan->at.file, sizeof scan->at.file, SLICE_FMT, SLICE_ARG(file));
        return true;
    case EVENT_QUERY:
    case EVENT_MARIADB_QUERY_COMPRESSED:
        return scan_query(scan, &event, err);
    default: // of the server's codes: no other is a statement
        return true;
    }
}

static bool scan_all(struct scan *scan, struct source *source, struct err *err)
{
    for (;;) {
        struct slice bytes;
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped while the log ahead was read");
        switch (source->next(source, WAIT_MS, &bytes, err)) {
        case SOURCE_EVENT:
        case SOURCE_LONG_EVENT: // never of a live server: refused as an event without its end
            if (!scan_event(scan, bytes, err))
                return err_wrap(err, "%s:%llu", scan->at.file, (unsigned long long)scan->at.pos);
            break;
        case SOURCE_IDLE:
            break;
        case SOURCE_END:
            return true;
        case SOURCE_ERROR:
            return false;
        }
    }
}

static void forget_behind(struct names *names, const struct place *here)
{
    size_t n = 0;
    while (n < names->n_statements && compare(&names->statements[n].at, here) < 0)
        free_statement(&names->statements[n++]);
    names->n_statements -= n;
    memmove(names->statements, names->statements + n,
            names->n_statements * sizeof *names->statements);
}

// From `here`, or from where an earlier look ended, to the end of the log.
static bool look_ahead(struct names *names, const struct place *here, struct err *err)
{
    const struct place *from = compare(&names->to, here) > 0 ? &names->to : here;
    const struct wire_dump dump = {
        .file = from->file, .pos = from->pos, .heartbeat_ms = HEARTBEAT_MS};
    struct scan scan = {.names = names, .at = *from, .end_pos = from->pos};
    struct wire *wire;
    if (names->n_statements)
        forget_behind(names, here);
    if (!wire_connect(names->options, &wire, err))
        return false;
    struct source *source = source_live_open_take(wire, &dump, SOURCE_LIVE_RING_BYTES, err);
    bool ok = source && scan_all(&scan, source, err);
    source_close(source);
    names->to = scan.at;
    names->to.pos = scan.end_pos;
    arena_deinit(&scan.arena);
    plain_deinit(&scan.plain);
    return ok;
}

// --- tables --------------------------------------------------------------------------------------

static struct entry *find_entry(const struct names *names, const struct names_place *place)
{
    for (struct entry *entry = names->entries; entry; entry = entry->next)
        if (slice_eq(entry->schema.table.db, place->db) &&
            slice_eq(entry->schema.table.name, place->table))
            return entry;
    return NULL;
}

static bool connect(struct names *names, struct err *err)
{
    return names->wire ||
           (wire_connect(names->options, &names->wire, err) && schema_session(names->wire, err));
}

static bool refuse_statement(const struct names_place *place, const struct statement *statement,
                             struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "rows of " SLICE_FMT "." SLICE_FMT
                   " have no column names (binlog_row_metadata is not FULL), and those that the "
                   "server shows now may be others: at %s:%llu follows \"%.*s\". Leave the table "
                   "out with [tables] exclude, or go on behind that statement with `tailrace "
                   "offsets reset publisher --to` and copy the table again; SET GLOBAL "
                   "binlog_row_metadata = FULL mends it for new rows",
                   SLICE_ARG(place->db), SLICE_ARG(place->table), statement->at.file,
                   (unsigned long long)statement->at.pos, SHOWN_BYTES, statement->text);
}

static bool refuse_table(const struct names_place *place, const char *why, struct err *err)
{
    return err_set(err, ERR_REFUSED,
                   "rows of " SLICE_FMT "." SLICE_FMT
                   " have no column names (binlog_row_metadata is not FULL), and the server %s",
                   SLICE_ARG(place->db), SLICE_ARG(place->table), why);
}

static bool check(const struct names *names, const struct names_place *place,
                  const struct schema *schema, bool found, struct err *err)
{
    for (size_t i = 0; i < names->n_statements; i++)
        if (may_concern(&names->statements[i], place->db, place->table))
            return refuse_statement(place, &names->statements[i], err);
    if (!found || !schema->is_base_table)
        return refuse_table(place,
                            "does not show the table to this account: GRANT SELECT on it is "
                            "needed, or SET GLOBAL binlog_row_metadata = FULL for new rows",
                            err);
    for (size_t i = 0; i < schema->table.n_columns; i++)
        if (schema->columns[i].labels_unsure)
            return refuse_table(place,
                                "does not show all labels of an ENUM or SET as they are: "
                                "SET GLOBAL binlog_row_metadata = FULL is needed",
                                err);
    return true;
}

static bool read_table(struct names *names, const struct names_place *place, struct schema *schema,
                       struct err *err)
{
    struct place here = {.pos = place->pos};
    bool found;
    (void)snprintf(here.file, sizeof here.file, "%s", place->file);
    if (!connect(names, err) ||
        !schema_read(names->wire, place->db, place->table, schema, &found, err))
        return false;
    if (look_ahead(names, &here, err) && check(names, place, schema, found, err))
        return true;
    schema_deinit(schema);
    return false;
}

static bool find(void *into, const struct names_place *place, const struct schema **schema,
                 struct err *err)
{
    struct names *names = into;
    struct entry *entry = find_entry(names, place);
    if (!entry) {
        struct schema read;
        if (!read_table(names, place, &read, err))
            return false;
        entry = mem_zalloc(sizeof *entry);
        entry->schema = read;
        entry->next = names->entries;
        names->entries = entry;
    }
    *schema = &entry->schema;
    return true;
}

static void take_ddl(void *into, const struct ddl *ddl)
{
    struct names *names = into;
    struct statement statement = {.kind = ddl->kind};
    statement.db = mem_strndup(ddl->db.ptr, ddl->db.len);
    statement.text = mem_strndup(ddl->statement.ptr, ddl->statement.len);
    struct entry **link = &names->entries;
    while (*link) {
        struct entry *entry = *link;
        if (may_concern(&statement, entry->schema.table.db, entry->schema.table.name)) {
            *link = entry->next;
            free_entry(entry);
        } else {
            link = &entry->next;
        }
    }
    free_statement(&statement);
}

struct names_source names_source(struct names *names)
{
    return (struct names_source){.find = find, .ddl = take_ddl, .into = names};
}
