// SPDX-License-Identifier: Apache-2.0
// Server: what the source says of itself, and whether it can be read as a replica at all.
//
// MySQL 5.7 to 9.x and MariaDB 10.x and 11.x. Settings come from SHOW GLOBAL VARIABLES, where one
// that a version does not have is just missing; GTID sets from SELECT, because SHOW cuts long
// values off. Rights are found by asking for what needs them, so that roles count. All that is
// wrong is said in one message.
#include "binlog/server.h"

#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define ERRNO_SPECIFIC_ACCESS_DENIED 1227
#define ERRNO_SHOW_EVENTS 1220
#define EVENT_TYPE_COLUMN 2 // of SHOW BINLOG EVENTS, from 0
#define INFO_COLUMN 5
#define SQL_RUNNING_COLUMN 11 // of SHOW REPLICA STATUS, from 0

// A status that does not change while the GTID position is read is consistent with it; on a busy
// server it takes tries.
#define CONSISTENT_TRIES 20

// What the configuration has to be. `mend` is the statement, or what else to do.
struct setting {
    const char *name;
    const char *wanted;
    const char *mend;
};

static const struct setting settings[] = {
    {"log_bin", "ON",
     "start the server with log_bin (skip_log_bin and disable_log_bin removed) in the [mysqld] "
     "section of its configuration, then restart it"},
    {"binlog_format", "ROW",
     "SET GLOBAL binlog_format = ROW; and reconnect the sessions that write, they keep the old "
     "one"},
};

const char *server_variable(const struct wire_result *rows, const char *name)
{
    for (size_t i = 0; i < rows->n_rows; i++)
        if (rows->cells[2 * i] && strcasecmp(rows->cells[2 * i], name) == 0)
            return rows->cells[2 * i + 1];
    return NULL;
}

// As 80023 for "8.0.23".
static unsigned version_number(const char *version)
{
    unsigned major = 0;
    unsigned minor = 0;
    unsigned patch = 0;
    sscanf(version, "%u.%u.%u", &major, &minor, &patch);
    return major * 10000 + minor * 100 + patch;
}

static const char *status_statement(const struct wire *wire)
{
    bool is_new = !wire_is_mariadb(wire) && version_number(wire_server_version(wire)) >= 80200;
    return is_new ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

// What is wrong, numbered, for one message.
struct problems {
    struct buf text;
    unsigned n;
};

static void add_problem(struct problems *problems, const char *text)
{
    buf_printf(&problems->text, " (%u) %s", ++problems->n, text);
}

static void check_settings(const struct wire_result *variables, struct problems *problems)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const struct setting *setting = &settings[i];
        const char *found = server_variable(variables, setting->name);
        char text[512];
        if (found && strcasecmp(found, setting->wanted) == 0)
            continue;
        if (!found && strcmp(setting->name, "binlog_format") == 0)
            continue; // servers that know row events only have no such setting
        if (found)
            snprintf(text, sizeof text, "%s is %s, needed is %s: %s", setting->name, found,
                     setting->wanted, setting->mend);
        else
            snprintf(text, sizeof text,
                     "%s is not known to this server, needed is %s: upgrade to MySQL 8.0.1 or "
                     "MariaDB 10.5 at least",
                     setting->name, setting->wanted);
        add_problem(problems, text);
    }
}

static void warn_row_image(const struct wire_result *variables)
{
    const char *image = server_variable(variables, "binlog_row_image");
    if (image && strcasecmp(image, "FULL") != 0)
        log_warn("row image is not full: updates carry changed columns only, snapshots and "
                 "verification of single rows need SET GLOBAL binlog_row_image = FULL",
                 LOG_FIELDS(log_str("binlog_row_image", image)));
}

static void warn_row_metadata(const struct wire_result *variables)
{
    const char *metadata = server_variable(variables, "binlog_row_metadata");
    if (!metadata || strcasecmp(metadata, "FULL") != 0)
        log_warn("column names are not in the binlog and are read from information_schema; rows "
                 "with a DDL statement of their table behind them are refused; better is SET "
                 "GLOBAL binlog_row_metadata = FULL",
                 LOG_FIELDS(log_str("binlog_row_metadata", metadata ? metadata : "unknown")));
}

// "user@host" of the server as 'user'@'host'.
static bool quoted_account(struct wire *wire, struct buf *out, struct err *err)
{
    struct wire_result rows;
    if (!wire_query(wire, "SELECT CURRENT_USER()", &rows, err))
        return false;
    const char *account = rows.n_rows ? rows.cells[0] : "";
    const char *at = strrchr(account, '@');
    size_t user_len = at ? (size_t)(at - account) : strlen(account);
    buf_printf(out, "'%.*s'@'%s'", (int)user_len, account, at ? at + 1 : "%");
    wire_result_deinit(&rows);
    return true;
}

static bool is_missing_right(const struct wire *wire)
{
    return wire_last_errno(wire) == ERRNO_SPECIFIC_ACCESS_DENIED;
}

// Whether the statement is allowed: false in *allowed for a missing right, an error for anything
// else.
static bool try_statement(struct wire *wire, const char *sql, bool *allowed, struct err *err)
{
    *allowed = wire_query(wire, sql, NULL, err);
    return *allowed || is_missing_right(wire);
}

// MariaDB has no harmless statement that needs REPLICATION SLAVE; its SHOW GRANTS includes those of
// the current role.
static bool find_grant(struct wire *wire, bool *granted, struct err *err)
{
    struct wire_result rows;
    if (!wire_query(wire, "SHOW GRANTS", &rows, err))
        return false;
    *granted = false;
    for (size_t i = 0; i < rows.n_rows; i++) {
        const char *grant = rows.cells[i];
        bool is_global = strstr(grant, " ON *.* TO ") != NULL;
        if (is_global && (strncmp(grant, "GRANT ALL PRIVILEGES ", 21) == 0 ||
                          strstr(grant, "REPLICATION SLAVE,") || strstr(grant, "SUPER") ||
                          strstr(grant, "REPLICATION SLAVE ON ")))
            *granted = true;
    }
    wire_result_deinit(&rows);
    return true;
}

static bool can_dump(struct wire *wire, bool *allowed, struct err *err)
{
    if (wire_is_mariadb(wire))
        return find_grant(wire, allowed, err);
    bool is_new = version_number(wire_server_version(wire)) >= 80022;
    return try_statement(wire, is_new ? "SHOW REPLICAS" : "SHOW SLAVE HOSTS", allowed, err);
}

static bool check_rights(struct wire *wire, struct problems *problems, struct err *err)
{
    bool can_read_status;
    bool can_read_log;
    if (!try_statement(wire, status_statement(wire), &can_read_status, err) ||
        !can_dump(wire, &can_read_log, err))
        return false;
    if (can_read_status && can_read_log)
        return true;
    const char *client = wire_is_mariadb(wire) ? "BINLOG MONITOR" : "REPLICATION CLIENT";
    struct buf text = {0};
    buf_printf(&text, "the account lacks %s%s%s: GRANT REPLICATION SLAVE, %s ON *.* TO ",
               can_read_log ? "" : "REPLICATION SLAVE",
               can_read_log || can_read_status ? "" : " and ", can_read_status ? "" : client,
               client);
    bool ok = quoted_account(wire, &text, err);
    buf_char(&text, ';');
    if (ok)
        add_problem(problems, buf_cstr(&text));
    buf_deinit(&text);
    return ok;
}

// The checks, all of them before the first refusal.
static bool check(struct wire *wire, const struct wire_result *variables, struct err *err)
{
    struct problems problems = {0};
    check_settings(variables, &problems);
    bool config_ok = problems.n == 0;
    bool ok = check_rights(wire, &problems, err);
    if (ok && problems.n) {
        const char *server = wire_is_mariadb(wire) ? "MariaDB" : "MySQL";
        ok = err_set(err, config_ok ? ERR_REFUSED : ERR_CONFIG,
                     "%s (%s %s) cannot be read as a replica:%s", wire_name(wire), server,
                     wire_server_version(wire), buf_cstr(&problems.text));
    }
    if (ok) {
        warn_row_image(variables);
        warn_row_metadata(variables);
    }
    buf_deinit(&problems.text);
    return ok;
}

// A cell that is one GTID set.
static bool select_gtids(struct wire *wire, const char *sql, struct gtid_set *set, struct err *err)
{
    struct wire_result rows;
    if (!wire_query(wire, sql, &rows, err))
        return false;
    const char *text = rows.n_rows && rows.cells[0] ? rows.cells[0] : "";
    gtid_set_deinit(set);
    bool ok = gtid_set_parse(set, slice_of_str(text), err) || err_wrap(err, "%s", sql);
    wire_result_deinit(&rows);
    return ok;
}

static bool read_status(struct wire *wire, struct server *server, struct wire_result *rows,
                        struct err *err)
{
    const char *sql = status_statement(wire);
    if (!wire_query(wire, sql, rows, err))
        return false;
    if (rows->n_rows != 1 || rows->n_columns < 4) {
        wire_result_deinit(rows);
        return err_set(err, ERR_CONFIG, "%s: the server has no binlog", sql);
    }
    snprintf(server->file, sizeof server->file, "%s", rows->cells[0]);
    server->pos = strtoull(rows->cells[1], NULL, 10);
    return true;
}

// MySQL tells both in one row, except before 5.6.
static bool read_end_mysql(struct wire *wire, struct server *server, struct err *err)
{
    struct wire_result rows;
    if (!read_status(wire, server, &rows, err))
        return false;
    const char *text = rows.n_columns > 4 && rows.cells[4] ? rows.cells[4] : "";
    bool ok = gtid_set_parse(&server->executed, slice_of_str(text), err);
    wire_result_deinit(&rows);
    return ok && select_gtids(wire, "SELECT @@global.gtid_purged", &server->purged, err);
}

// Position and GTIDs of the same moment: the position has not moved while the GTIDs were read.
static bool read_end_mariadb(struct wire *wire, struct server *server, struct err *err)
{
    struct server before = {0};
    for (int i = 0; i < CONSISTENT_TRIES; i++) {
        struct wire_result rows;
        if (!read_status(wire, &before, &rows, err))
            return false;
        wire_result_deinit(&rows);
        if (!select_gtids(wire, "SELECT @@global.gtid_binlog_pos", &server->executed, err) ||
            !read_status(wire, server, &rows, err))
            return false;
        wire_result_deinit(&rows);
        if (before.pos == server->pos && strcmp(before.file, server->file) == 0)
            return true;
    }
    char sql[POSITION_FILE_MAX + 64];
    snprintf(sql, sizeof sql, "SELECT BINLOG_GTID_POS('%s', %" PRIu64 ")", server->file,
             server->pos);
    return select_gtids(wire, sql, &server->executed, err);
}

// What the binlog has ever held, and where a replica stands that was made from a backup.
static bool read_known_mariadb(struct wire *wire, struct server *server, struct err *err)
{
    struct wire_result rows;
    if (!wire_query(wire, "SELECT @@global.gtid_binlog_state, @@global.gtid_slave_pos", &rows, err))
        return false;
    buf_clear(&server->known);
    for (size_t i = 0; i < rows.n_columns * rows.n_rows; i++)
        if (rows.cells[i] && rows.cells[i][0])
            buf_printf(&server->known, "%s%s", server->known.len ? "," : "", rows.cells[i]);
    wire_result_deinit(&rows);
    return true;
}

// The GTID list at the beginning of the oldest file is what was purged.
static bool read_purged_mariadb(struct wire *wire, struct server *server, struct err *err)
{
    struct server_log *logs;
    size_t n_logs;
    if (!server_logs(wire, &logs, &n_logs, err))
        return false;
    char sql[POSITION_FILE_MAX + 64];
    snprintf(sql, sizeof sql, "SELECT BINLOG_GTID_POS('%s', 4)", n_logs ? logs[0].file : "");
    free(logs);
    return select_gtids(wire, sql, &server->purged, err);
}

static bool read_identity(struct wire *wire, const struct wire_result *variables,
                          struct server *server, struct err *err)
{
    const char *id = server_variable(variables, "server_id");
    const char *uuid = server_variable(variables, "server_uuid");
    const char *gtid_mode = server_variable(variables, "gtid_mode");
    const char *lower_case = server_variable(variables, "lower_case_table_names");
    server->lower_case_table_names = lower_case ? (unsigned)strtoul(lower_case, NULL, 10) : 0;
    server->is_mariadb = wire_is_mariadb(wire);
    server->gtid_mode = server->is_mariadb || (gtid_mode && strcasecmp(gtid_mode, "ON") == 0);
    snprintf(server->version, sizeof server->version, "%s", wire_server_version(wire));
    if (!id || (!server->is_mariadb && !uuid))
        return err_set(err, ERR_UNSUPPORTED, "%s: the server has no server_id or server_uuid",
                       wire_name(wire));
    server->server_id = (uint32_t)strtoul(id, NULL, 10);
    const char *read_only = server_variable(variables, "read_only");
    server->is_replica = read_only && strcasecmp(read_only, "OFF") != 0;
    if (server->is_mariadb)
        snprintf(server->uuid, sizeof server->uuid, "server_id %s", id);
    else
        snprintf(server->uuid, sizeof server->uuid, "%s", uuid);
    return true;
}

// Does it apply another server's changes? The threads that do are Yes in a column whose place has
// not changed since 4.1; MariaDB has two more before it. An account that may not ask sees none.
static bool read_replication(struct wire *wire, struct server *server, struct err *err)
{
    bool is_new = version_number(server->version) >= 80022;
    size_t column = SQL_RUNNING_COLUMN + (server->is_mariadb ? 2 : 0);
    struct wire_result rows;
    const char *sql = "SHOW SLAVE STATUS";
    if (server->is_mariadb)
        sql = "SHOW ALL SLAVES STATUS";
    else if (is_new)
        sql = "SHOW REPLICA STATUS";
    if (!wire_query(wire, sql, &rows, err))
        return is_missing_right(wire);
    for (size_t i = 0; i < rows.n_rows && column < rows.n_columns; i++) {
        const char *runs = rows.cells[i * rows.n_columns + column];
        server->is_replica |= runs && strcasecmp(runs, "Yes") == 0;
    }
    wire_result_deinit(&rows);
    return true;
}

bool server_read(struct wire *wire, struct server *server, struct err *err)
{
    struct wire_result variables;
    *server = (struct server){0};
    if (!wire_query(wire,
                    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', "
                    "'binlog_row_metadata', 'binlog_row_image', 'gtid_mode', 'server_id', "
                    "'server_uuid', 'read_only', 'lower_case_table_names')",
                    &variables, err))
        return false;
    bool ok = check(wire, &variables, err) && read_identity(wire, &variables, server, err) &&
              read_replication(wire, server, err);
    wire_result_deinit(&variables);
    if (ok && server->is_mariadb)
        ok = read_end_mariadb(wire, server, err) && read_purged_mariadb(wire, server, err) &&
             read_known_mariadb(wire, server, err);
    else if (ok)
        ok = read_end_mysql(wire, server, err);
    if (!ok)
        server_deinit(server);
    return ok;
}

void server_deinit(struct server *server)
{
    gtid_set_deinit(&server->executed);
    gtid_set_deinit(&server->purged);
    buf_deinit(&server->known);
}

bool server_logs(struct wire *wire, struct server_log **logs, size_t *n_logs, struct err *err)
{
    struct wire_result rows;
    if (!wire_query(wire, "SHOW BINARY LOGS", &rows, err))
        return false;
    *n_logs = rows.n_rows;
    *logs = mem_zalloc((rows.n_rows + 1) * sizeof **logs);
    for (size_t i = 0; i < rows.n_rows; i++) {
        const char *const *row = rows.cells + i * rows.n_columns;
        snprintf((*logs)[i].file, sizeof(*logs)[i].file, "%s", row[0]);
        (*logs)[i].size_bytes = strtoull(row[1], NULL, 10);
    }
    wire_result_deinit(&rows);
    return true;
}

// What `set` has beyond `other`, as text, "" for nothing.
static void missing_text(const struct gtid_set *set, const struct gtid_set *other, struct buf *out)
{
    struct gtid_set missing = {0};
    gtid_set_copy(&missing, set);
    gtid_set_subtract(&missing, other);
    gtid_set_write(out, &missing);
    gtid_set_deinit(&missing);
}

// The next of "gtid,gtid,…"; false at the end. All of it comes from a server or gtid_set_write.
static bool next_gtid(struct slice *text, struct gtid *gtid)
{
    struct err ignored;
    while (text->len > 0) {
        const uint8_t *comma = memchr(text->ptr, ',', text->len);
        size_t n = comma ? (size_t)(comma - text->ptr) : text->len;
        struct slice one = slice_of(text->ptr, n);
        size_t past = comma ? n + 1 : n;
        *text = slice_of(text->ptr + past, text->len - past);
        if (gtid_parse(gtid, one, &ignored))
            return true;
    }
    return false;
}

// The last sequence number that the server knows of that domain and server, 0 for none.
static uint64_t last_known(const struct server *server, const struct gtid *of)
{
    struct slice text = buf_bytes(&server->known);
    struct gtid gtid;
    uint64_t last = 0;
    while (next_gtid(&text, &gtid))
        if (gtid.domain == of->domain && gtid.server == of->server && gtid.sequence > last)
            last = gtid.sequence;
    return last;
}

static void lacks_mariadb(const struct server *server, const struct gtid_set *set, struct buf *out)
{
    struct buf written = {0};
    struct gtid gtid;
    gtid_set_write(&written, set);
    struct slice text = buf_bytes(&written);
    while (next_gtid(&text, &gtid)) {
        char name[GTID_TEXT_MAX];
        uint64_t last = last_known(server, &gtid);
        if (last >= gtid.sequence)
            continue;
        gtid_write(name, &gtid);
        buf_printf(out, "%s%s (of server_id %" PRIu32 " its last is ", out->len ? ", " : "", name,
                   gtid.server);
        if (last > 0)
            buf_printf(out, "%" PRIu32 "-%" PRIu32 "-%" PRIu64 ")", gtid.domain, gtid.server, last);
        else
            buf_str(out, "none)");
    }
    buf_deinit(&written);
}

void server_lacks(const struct server *server, const struct gtid_set *set, struct buf *out)
{
    if (server->is_mariadb)
        lacks_mariadb(server, set, out);
    else
        missing_text(set, &server->executed, out);
}

static bool fail_lacks(const struct wire *wire, const struct server *server, struct buf *gap,
                       struct err *err)
{
    if (server->is_replica)
        return err_set(err, ERR_RETRY,
                       "%s: this replica has not executed transactions that the position holds: "
                       "%s; it may follow",
                       wire_name(wire), buf_cstr(gap));
    return err_set(err, ERR_REFUSED,
                   "%s: the position holds transactions that this server never executed: %s; it "
                   "was reset, restored from an older state, promoted before it had them, or is "
                   "another server; connect to the right one, or start over with `tailrace "
                   "offsets reset publisher --to earliest` and copy the tables again "
                   "with `tailrace snapshot`",
                   wire_name(wire), buf_cstr(gap));
}

static bool has_gtids(const struct wire *wire, const struct server *server,
                      const struct gtid_set *executed, struct err *err)
{
    struct buf gap = {0};
    bool ok = true;
    server_lacks(server, executed, &gap);
    if (gap.len) {
        ok = fail_lacks(wire, server, &gap, err);
        goto out;
    }
    missing_text(&server->purged, executed, &gap);
    if (gap.len)
        ok = err_set(err, ERR_REFUSED,
                     "%s: the server purged transactions that were not read yet: %s; start from "
                     "what is left with `tailrace offsets reset publisher --to earliest` and copy "
                     "the tables again with `tailrace snapshot`, and raise "
                     "binlog_expire_logs_seconds on the server",
                     wire_name(wire), buf_cstr(&gap));
out:
    buf_deinit(&gap);
    return ok;
}

static const struct server_log *find_log(const struct server_log *logs, size_t n_logs,
                                         const char *file)
{
    for (size_t i = 0; i < n_logs; i++)
        if (strcmp(logs[i].file, file) == 0)
            return &logs[i];
    return NULL;
}

static bool fail_no_file(const struct wire *wire, const struct position *position,
                         const struct server_log *oldest, struct err *err)
{
    return err_set(err, ERR_REFUSED,
                   "%s: %s:%" PRIu64 ": the server has no such binlog file (any more), its oldest "
                   "is %s; start from there with `tailrace offsets reset publisher --to earliest` "
                   "and copy the tables again with `tailrace snapshot`",
                   wire_name(wire), position->file, position->pos, oldest ? oldest->file : "none");
}

static bool has_file(struct wire *wire, const struct server *server,
                     const struct position *position, struct err *err)
{
    struct server_log *logs;
    size_t n_logs;
    if (position->server_uuid[0] && strcmp(position->server_uuid, server->uuid) != 0)
        return err_set(err, ERR_REFUSED,
                       "%s: the position %s:%" PRIu64 " is of server %s, this one is %s, and "
                       "without GTIDs files of two servers cannot be compared; connect to the "
                       "right one, or start over with `tailrace offsets reset publisher --to "
                       "earliest`",
                       wire_name(wire), position->file, position->pos, position->server_uuid,
                       server->uuid);
    if (!server_logs(wire, &logs, &n_logs, err))
        return false;
    const struct server_log *log = find_log(logs, n_logs, position->file);
    bool ok = true;
    if (!log)
        ok = fail_no_file(wire, position, n_logs ? logs : NULL, err);
    else if (position->pos > log->size_bytes)
        ok = err_set(err, ERR_REFUSED,
                     "%s: %s:%" PRIu64 ": the file has only %" PRIu64 " bytes; the server was "
                     "reset or restored; start over with `tailrace offsets reset publisher --to "
                     "earliest`",
                     wire_name(wire), position->file, position->pos, log->size_bytes);
    free(logs);
    return ok;
}

static bool fail_other_history(const struct wire *wire, const struct position *position,
                               const char *found, struct err *err)
{
    return err_set(err, ERR_REFUSED,
                   "%s: %s:%" PRIu64 " was read from this server, but %s: it was reset, restored, "
                   "or lost the end of its binlog in a crash, and its GTIDs name other "
                   "transactions by now; start over with `tailrace offsets reset publisher --to "
                   "earliest` and copy the tables again with `tailrace snapshot`",
                   wire_name(wire), position->file, position->pos, found);
}

// The last GTID of that domain and server, or of that uuid, does not go back in one history.
static bool was_executed(const struct gtid_set *executed, const struct gtid *gtid)
{
    struct buf written = {0};
    struct gtid last;
    bool found = false;
    if (gtid->kind == GTID_MYSQL)
        return gtid_set_contains(executed, gtid);
    gtid_set_write(&written, executed);
    struct slice text = buf_bytes(&written);
    while (next_gtid(&text, &last))
        found |= last.domain == gtid->domain && last.server == gtid->server &&
                 last.sequence >= gtid->sequence;
    buf_deinit(&written);
    return found;
}

// The GTID in "SET @@SESSION.GTID_NEXT= 'uuid:7'", "BEGIN GTID 0-1-7" or "GTID 0-1-7".
static bool read_event_gtid(const char *info, struct gtid *gtid)
{
    struct err ignored;
    const char *quote = strchr(info, '\'');
    const char *word = strstr(info, "GTID ");
    const char *text = quote ? quote + 1 : word ? word + 5 : "";
    return gtid_parse(gtid, slice_of(text, strcspn(text, "' ")), &ignored);
}

// What follows the position in its file, which is there: not something that was executed before it.
static bool check_next_event(struct wire *wire, const struct position *position, struct err *err)
{
    char sql[POSITION_FILE_MAX + 96];
    struct wire_result rows;
    struct gtid gtid;
    bool ok = true;
    snprintf(sql, sizeof sql, "SHOW BINLOG EVENTS IN '%s' FROM %" PRIu64 " LIMIT 1", position->file,
             position->pos);
    if (!wire_query(wire, sql, &rows, err))
        return wire_last_errno(wire) == ERRNO_SHOW_EVENTS
                   ? fail_other_history(wire, position, "no event begins there", err)
                   : false;
    for (size_t i = 0; i < rows.n_rows && rows.n_columns > INFO_COLUMN; i++) {
        const char *const *row = rows.cells + i * rows.n_columns;
        if (strncmp(row[EVENT_TYPE_COLUMN], "Gtid", 4) == 0 && row[INFO_COLUMN] &&
            read_event_gtid(row[INFO_COLUMN], &gtid) && was_executed(&position->executed, &gtid))
            ok = fail_other_history(wire, position, "what follows there was read before", err);
    }
    wire_result_deinit(&rows);
    return ok;
}

// A server that was reset, or lost what it had not written to its disk, gives the same GTIDs to
// other transactions. Where the position has the file of this very server, the file tells.
static bool check_history(struct wire *wire, const struct server *server,
                          const struct position *position, struct err *err)
{
    struct server_log *logs;
    size_t n_logs;
    if (!position->file[0] || strcmp(position->server_uuid, server->uuid) != 0)
        return true;
    if (!server_logs(wire, &logs, &n_logs, err))
        return false;
    const struct server_log *log = find_log(logs, n_logs, position->file);
    bool ok = true;
    if (log && position->pos > log->size_bytes)
        ok = fail_other_history(wire, position, "the file ends before it", err);
    else if (log)
        ok = check_next_event(wire, position, err);
    else if (n_logs && position_compare_files(position->file, logs[n_logs - 1].file) > 0)
        ok = fail_other_history(wire, position, "its newest file is an older one", err);
    free(logs);
    return ok;
}

bool server_has(struct wire *wire, const struct server *server, const struct position *position,
                struct err *err)
{
    bool by_gtid = !position->file[0] || !gtid_set_is_empty(&position->executed);
    if (server->gtid_mode && by_gtid)
        return has_gtids(wire, server, &position->executed, err) &&
               check_history(wire, server, position, err);
    if (position->file[0])
        return has_file(wire, server, position, err);
    return err_set(err, ERR_REFUSED,
                   "%s: the position is a GTID set, but gtid_mode is not ON on this server; turn "
                   "it on, or start from a file with `tailrace offsets reset publisher --to "
                   "FILE:POS`",
                   wire_name(wire));
}
