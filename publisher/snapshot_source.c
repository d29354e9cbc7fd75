// SPDX-License-Identifier: Apache-2.0
// Snapshot source: see snapshot_source.h.
#include "publisher/snapshot_source.h"

#include "binlog/schema.h"
#include "common/clock.h"
#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_WAIT_MS 200
#define MOST_WAIT_MS 30000
#define NOT_THERE_US 1000 // how long to leave the stream alone while P < S

void source_drop(struct snapshot_source *source, bool is_failure)
{
    if (source->wire)
        wire_close(source->wire);
    source->wire = NULL;
    buf_clear(&source->proven);
    if (!is_failure)
        return;
    uint64_t wait_ms = (uint64_t)FIRST_WAIT_MS << (source->failures < 8 ? source->failures : 8);
    source->failures++;
    source->retry_at_ms = clock_steady_ms() + (wait_ms < MOST_WAIT_MS ? wait_ms : MOST_WAIT_MS);
}

void source_deinit(struct snapshot_source *source)
{
    source_drop(source, false);
    buf_deinit(&source->proven);
}

// As server.h has it.
static bool read_uuid(struct snapshot_source *source, struct err *err)
{
    bool is_mariadb = wire_is_mariadb(source->wire);
    struct wire_result rows;
    if (!wire_query(source->wire, is_mariadb ? "SELECT @@server_id" : "SELECT @@server_uuid", &rows,
                    err))
        return false;
    const char *text = rows.n_rows && rows.cells[0] ? rows.cells[0] : "";
    snprintf(source->uuid, sizeof source->uuid, "%s%s", is_mariadb ? "server_id " : "", text);
    wire_result_deinit(&rows);
    return true;
}

bool source_connect(struct snapshot_source *source, bool *ready, struct err *err)
{
    *ready = source->wire != NULL;
    if (*ready || clock_steady_ms() < source->retry_at_ms)
        return true;
    if (wire_connect(&source->options, &source->wire, err) && schema_session(source->wire, err) &&
        read_uuid(source, err)) {
        *ready = true;
        return true;
    }
    bool is_passing = err->class == ERR_RETRY;
    if (is_passing)
        log_warn("snapshots wait for the source", LOG_FIELDS(log_str("reason", err->text)));
    source_drop(source, true);
    return is_passing;
}

// --- the view ----------------------------------------------------------------------------------

static int compare_files(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);
    return n != m ? (n > m) - (n < m) : strcmp(a, b);
}

static bool is_at(const char *file, uint64_t pos, const struct position *position)
{
    int files = compare_files(file, position->file);
    return files > 0 || (files == 0 && pos >= position->pos);
}

// "gtid" of MySQL, or file:pos: what the proof is given for.
static void write_stream(struct buf *out, const struct server *server,
                         const struct position *stream)
{
    if (server->is_mariadb)
        buf_printf(out, "%s:%" PRIu64 " ", stream->file, stream->pos);
    gtid_set_write(out, &stream->executed);
}

static bool is_executed(struct snapshot_source *source, const struct buf *set, bool *is,
                        struct err *err)
{
    struct wire_result rows;
    struct buf sql = {0};
    buf_str(&sql, "SELECT GTID_SUBSET('");
    buf_slice(&sql, buf_bytes(set));
    buf_str(&sql, "', @@GLOBAL.gtid_executed)");
    bool ok = wire_query(source->wire, buf_cstr(&sql), &rows, err);
    buf_deinit(&sql);
    if (!ok)
        return false;
    *is = rows.n_rows == 1 && rows.cells[0] && strcmp(rows.cells[0], "1") == 0;
    wire_result_deinit(&rows);
    return true;
}

static bool read_view(struct snapshot_source *source, struct err *err)
{
    struct wire_result rows;
    if (!wire_query(source->wire, "SHOW STATUS LIKE 'binlog_snapshot_%'", &rows, err))
        return false;
    source->file[0] = '\0';
    for (size_t i = 0; i < rows.n_rows; i++) {
        const char *const *cells = rows.cells + i * rows.n_columns;
        if (strcasecmp(cells[0], "binlog_snapshot_file") == 0)
            snprintf(source->file, sizeof source->file, "%s", cells[1]);
        else if (strcasecmp(cells[0], "binlog_snapshot_position") == 0)
            source->pos = strtoull(cells[1], NULL, 10);
    }
    wire_result_deinit(&rows);
    return source->file[0] ||
           err_set(err, ERR_UNSUPPORTED, "the server tells no position of a view");
}

// The GTIDs that the view shows, where the stream's position is known by GTIDs only.
static bool view_has(struct snapshot_source *source, const struct gtid_set *executed, bool *has,
                     struct err *err)
{
    struct wire_result rows;
    struct gtid_set shown = {0};
    char sql[POSITION_FILE_MAX + 64];
    snprintf(sql, sizeof sql, "SELECT BINLOG_GTID_POS('%s', %" PRIu64 ")", source->file,
             source->pos);
    if (!wire_query(source->wire, sql, &rows, err))
        return false;
    const char *text = rows.n_rows && rows.cells[0] ? rows.cells[0] : "";
    bool ok = gtid_set_parse(&shown, slice_of_str(text), err);
    *has = ok && gtid_set_is_subset(executed, &shown);
    gtid_set_deinit(&shown);
    wire_result_deinit(&rows);
    return ok;
}

static bool prove_view(struct snapshot_source *source, const struct server *server,
                       const struct position *stream, bool *is, struct err *err)
{
    if (!read_view(source, err))
        return false;
    bool is_same = strcmp(source->uuid, server->uuid) == 0 &&
                   (!stream->server_uuid[0] || strcmp(stream->server_uuid, server->uuid) == 0);
    if (stream->file[0] && is_same) {
        *is = is_at(source->file, source->pos, stream);
        return true;
    }
    return view_has(source, &stream->executed, is, err);
}

// MySQL counts a transaction as executed a moment after others see it: what is missed for that is
// added with the next view.
static bool add_shown(struct snapshot_source *source, const struct server *server,
                      const struct position *stream, struct err *err)
{
    struct wire_result rows;
    struct gtid_set more = {0};
    struct buf sql = {0};
    if (server->is_mariadb)
        buf_str(&sql, "SELECT @@GLOBAL.gtid_binlog_pos");
    else {
        buf_str(&sql, "SELECT GTID_SUBTRACT(@@GLOBAL.gtid_executed, '");
        gtid_set_write(&sql, &stream->executed);
        buf_str(&sql, "')");
    }
    bool ok = wire_query(source->wire, buf_cstr(&sql), &rows, err);
    buf_deinit(&sql);
    if (!ok)
        return false;
    const char *text = rows.n_rows && rows.cells[0] ? rows.cells[0] : "";
    ok = gtid_set_parse(&more, slice_of_str(text), err);
    if (ok)
        gtid_set_subtract(&more, &stream->executed);
    ok = ok && gtid_set_union(source->shown, &more, err);
    gtid_set_deinit(&more);
    wire_result_deinit(&rows);
    return ok;
}

bool source_begin(struct snapshot_source *source, const struct server *server,
                  const struct position *stream, bool *is_there, struct err *err)
{
    struct buf position = {0};
    write_stream(&position, server, stream);
    bool ok = true;
    *is_there =
        source->proven.len > 0 && slice_eq(buf_bytes(&source->proven), buf_bytes(&position));
    bool was_proven = *is_there;
    if (!was_proven && !server->is_mariadb)
        ok = is_executed(source, &position, is_there, err);
    if (ok && (*is_there || server->is_mariadb))
        ok = wire_query(source->wire, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", NULL,
                        err);
    if (ok && !was_proven && server->is_mariadb)
        ok = prove_view(source, server, stream, is_there, err) &&
             (*is_there || source_end(source, err));
    if (ok && !*is_there)
        source->not_before_us = clock_steady_us() + NOT_THERE_US;
    if (ok && *is_there && !was_proven) {
        buf_clear(&source->proven);
        buf_slice(&source->proven, buf_bytes(&position));
    }
    buf_deinit(&position);
    return ok && (!*is_there || add_shown(source, server, stream, err));
}

bool source_end(struct snapshot_source *source, struct err *err)
{
    source->failures = 0;
    return wire_send(source->wire, "COMMIT", err);
}

bool source_position(struct snapshot_source *source, struct position *position, struct err *err)
{
    struct server now = {0};
    if (!server_read(source->wire, &now, err))
        return false;
    *position = (struct position){.pos = now.pos};
    gtid_set_copy(&position->executed, &now.executed);
    memcpy(position->file, now.file, sizeof position->file);
    memcpy(position->server_uuid, now.uuid, sizeof position->server_uuid);
    server_deinit(&now);
    return true;
}

bool source_is_passed(const struct server *server, const struct position *stream,
                      const struct position *position)
{
    if (strcmp(server->uuid, position->server_uuid) == 0 && stream->file[0])
        return is_at(stream->file, stream->pos, position);
    return gtid_set_is_subset(&position->executed, &stream->executed);
}

bool source_check(struct snapshot_source *source, const struct server *server, struct err *err)
{
    struct wire_result rows;
    if (!server->gtid_mode)
        return err_set(err, ERR_REFUSED,
                       "%s: gtid_mode is not ON, and without GTIDs this server does not tell which "
                       "transactions a view shows; turn it on, step by step: SET GLOBAL "
                       "enforce_gtid_consistency = ON; SET GLOBAL gtid_mode = OFF_PERMISSIVE, then "
                       "ON_PERMISSIVE, then ON",
                       wire_name(source->wire));
    if (!wire_query(source->wire, "SELECT @@GLOBAL.binlog_row_image", &rows, err))
        return false;
    const char *image = rows.n_rows && rows.cells[0] ? rows.cells[0] : "";
    bool ok = strcasecmp(image, "FULL") == 0 ||
              err_set(err, ERR_REFUSED,
                      "%s: binlog_row_image is %s, and a copy needs whole rows: SET GLOBAL "
                      "binlog_row_image = FULL; and reconnect the sessions that write",
                      wire_name(source->wire), image);
    wire_result_deinit(&rows);
    return ok;
}
