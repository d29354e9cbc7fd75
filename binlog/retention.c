// SPDX-License-Identifier: Apache-2.0
// Retention: see retention.h.
#include "binlog/retention.h"

#include "binlog/position_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define DAY_S 86400
#define MICROSECONDS 1000000u
#define HEAD_EVENTS 3 // of a file, among which is its GTID set
#define EVENT_TYPE_COLUMN 2
#define INFO_COLUMN 5

static uint64_t number_of(const struct wire_result *rows, const char *name)
{
    const char *value = server_variable(rows, name);
    return value ? strtoull(value, NULL, 10) : 0;
}

// The server's clock, as the times in its files are.
static bool read_now(struct wire *wire, uint64_t *now_s, struct err *err)
{
    struct wire_result rows;
    if (!wire_query(wire, "SELECT UNIX_TIMESTAMP()", &rows, err))
        return false;
    *now_s = rows.n_rows && rows.cells[0] ? strtoull(rows.cells[0], NULL, 10) : 0;
    wire_result_deinit(&rows);
    return true;
}

static bool read_limits(struct wire *wire, struct retention_facts *facts, struct err *err)
{
    struct wire_result rows;
    if (!wire_query(wire,
                    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('binlog_expire_logs_seconds', "
                    "'expire_logs_days', 'binlog_expire_logs_auto_purge', "
                    "'max_binlog_total_size', 'binlog_space_limit')",
                    &rows, err))
        return false;
    const char *automatic = server_variable(&rows, "binlog_expire_logs_auto_purge");
    const char *days = server_variable(&rows, "expire_logs_days");
    facts->expire_s = number_of(&rows, "binlog_expire_logs_seconds");
    if (facts->expire_s == 0 && days)
        facts->expire_s = (uint64_t)(strtod(days, NULL) * DAY_S);
    if (automatic && strcasecmp(automatic, "OFF") == 0)
        facts->expire_s = 0;
    facts->total_bytes = number_of(&rows, "max_binlog_total_size");
    if (facts->total_bytes == 0)
        facts->total_bytes = number_of(&rows, "binlog_space_limit");
    wire_result_deinit(&rows);
    return true;
}

// The GTID set at the head of a file.
static bool read_head(struct wire *wire, bool is_mariadb, const char *file, struct gtid_set *set,
                      struct err *err)
{
    char sql[POSITION_FILE_MAX + 64];
    struct wire_result rows;
    const char *text = "";
    if (is_mariadb)
        snprintf(sql, sizeof sql, "SELECT BINLOG_GTID_POS('%s', 4)", file);
    else
        snprintf(sql, sizeof sql, "SHOW BINLOG EVENTS IN '%s' LIMIT %d", file, HEAD_EVENTS);
    if (!wire_query(wire, sql, &rows, err))
        return false;
    for (size_t i = 0; i < rows.n_rows; i++) {
        const char *const *row = rows.cells + i * rows.n_columns;
        if (is_mariadb)
            text = row[0] ? row[0] : "";
        else if (rows.n_columns > INFO_COLUMN &&
                 strcmp(row[EVENT_TYPE_COLUMN], "Previous_gtids") == 0)
            text = row[INFO_COLUMN];
    }
    bool ok = gtid_set_parse(set, slice_of_str(text), err) || err_wrap(err, "%s", sql);
    wire_result_deinit(&rows);
    return ok;
}

// The newest file that begins within the executed set: a dump starts there.
static bool find_by_gtid(struct wire *wire, const struct server *server,
                         const struct gtid_set *executed, struct retention_facts *facts,
                         struct err *err)
{
    size_t low = 0;
    size_t high = facts->n_logs;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        struct gtid_set head = {0};
        if (!read_head(wire, server->is_mariadb, facts->logs[middle].file, &head, err))
            return false;
        if (gtid_set_is_subset(&head, executed))
            low = middle;
        else
            high = middle;
        gtid_set_deinit(&head);
    }
    facts->needed = low;
    return true;
}

// Behind the last event of a file the next one is needed.
static bool find_by_file(const struct position *position, struct retention_facts *facts)
{
    for (size_t i = 0; i < facts->n_logs; i++) {
        if (strcmp(facts->logs[i].file, position->file) != 0)
            continue;
        bool is_read = position->pos >= facts->logs[i].size_bytes && i + 1 < facts->n_logs;
        facts->needed = is_read ? i + 1 : i;
        return true;
    }
    return false;
}

static bool find_needed(struct wire *wire, const struct server *server,
                        const struct position *position, struct retention_facts *facts,
                        struct err *err)
{
    bool is_here = strcmp(position->server_uuid, server->uuid) == 0;
    if ((is_here || !server->gtid_mode) && find_by_file(position, facts))
        return true;
    return find_by_gtid(wire, server, &position->executed, facts, err);
}

void retention_compute(struct retention *retention, const struct retention_facts *facts)
{
    uint64_t bytes = 0;
    uint64_t begun_s = facts->next_s ? facts->next_s : facts->now_s;
    for (size_t i = facts->needed; i < facts->n_logs; i++)
        bytes += facts->logs[i].size_bytes;
    *retention = (struct retention){
        .has_seconds = facts->expire_s > 0,
        .has_bytes = facts->total_bytes > 0,
        .of_seconds = facts->expire_s,
        .of_bytes = facts->total_bytes,
        .seconds = (int64_t)(begun_s + facts->expire_s) - (int64_t)facts->now_s,
        .bytes = (int64_t)facts->total_bytes - (int64_t)bytes,
    };
    snprintf(retention->file, sizeof retention->file, "%s", facts->logs[facts->needed].file);
}

static unsigned percent(int64_t left, uint64_t of)
{
    if (left <= 0 || of == 0)
        return 0;
    return (uint64_t)left >= of ? 100 : (unsigned)((double)left * 100 / (double)of);
}

unsigned retention_percent(const struct retention *retention)
{
    unsigned of_time = 100;
    unsigned of_size = 100;
    if (retention->has_seconds)
        of_time = percent(retention->seconds, retention->of_seconds);
    if (retention->has_bytes)
        of_size = percent(retention->bytes, retention->of_bytes);
    return of_time < of_size ? of_time : of_size;
}

bool retention_read(struct wire *wire, const struct wire_options *options,
                    const struct server *server, const struct position *position,
                    struct retention *retention, struct err *err)
{
    struct retention_facts facts = {.expire_s = 0};
    struct server_log *logs = NULL;
    uint64_t next_us = 0;
    *retention = (struct retention){0};
    if (!read_now(wire, &facts.now_s, err) || !read_limits(wire, &facts, err) ||
        !server_logs(wire, &logs, &facts.n_logs, err))
        return false;
    facts.logs = logs;
    bool ok = facts.n_logs == 0 || find_needed(wire, server, position, &facts, err);
    if (ok && facts.expire_s > 0 && facts.needed + 1 < facts.n_logs)
        ok = position_file_time(options, server, logs[facts.needed + 1].file, &next_us, err);
    facts.next_s = next_us / MICROSECONDS;
    if (ok && facts.n_logs > 0)
        retention_compute(retention, &facts);
    free(logs);
    return ok;
}
