// SPDX-License-Identifier: Apache-2.0
// Snapshot status: see snapshot_status.h. The rate is that since the snapshot began; the time left
// goes by the server's estimate of rows.
#include "publisher/snapshot_status.h"

#include "common/clock.h"
#include "record/json_writer.h"

struct sums {
    uint64_t rows;
    uint64_t estimate;
    uint64_t bytes;
    uint64_t rows_per_s;
    uint64_t seconds_left;
};

// Where more came than was estimated, what came is the estimate.
static uint64_t estimate_of(const struct snapshot_table *table)
{
    bool is_known = !snapshot_table_has_ended(table) && table->phase != TABLE_SETTLING;
    return is_known && table->estimate > table->rows ? table->estimate : table->rows;
}

static struct sums sum(const struct snapshot *snapshot)
{
    struct sums sums = {.rows = snapshot->rows, .estimate = snapshot->rows};
    uint64_t began_ms = 0;
    for (size_t i = 0; i < snapshot->n_list; i++) {
        const struct snapshot_table *table = snapshot->list[i];
        sums.rows += table->rows;
        sums.estimate += estimate_of(table);
        sums.bytes += table->bytes;
        if (table->started_ms && (!began_ms || table->started_ms < began_ms))
            began_ms = table->started_ms;
    }
    uint64_t until_ms = snapshot->ended_ms ? snapshot->ended_ms : clock_now_ms();
    uint64_t took_ms = began_ms && until_ms > began_ms ? until_ms - began_ms : 1;
    sums.rows_per_s = began_ms ? sums.rows * 1000 / took_ms : 0;
    if (sums.rows_per_s)
        sums.seconds_left = (sums.estimate - sums.rows) / sums.rows_per_s;
    return sums;
}

static void put_number(struct buf *out, const char *name, uint64_t v)
{
    buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)v);
}

static void put_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "%s\"%s\":", out->ptr[out->len - 1] == '{' ? "" : ",", name);
    json_write_string(out, slice_of_str(text));
}

static void put_table(struct buf *out, const struct snapshot_table *table)
{
    buf_char(out, '{');
    put_text(out, "db", table->db);
    put_text(out, "table", table->name);
    put_text(out, "phase", snapshot_table_phase_name(table->phase));
    put_number(out, "rows", table->rows);
    put_number(out, "estimate", estimate_of(table));
    put_number(out, "bytes", table->bytes);
    put_number(out, "busy_ms", table->busy_ms);
    put_number(out, "restarts", table->restarts);
    put_text(out, "note", table->note);
    buf_char(out, '}');
}

void snapshot_status_json(struct buf *out, const struct snapshot *snapshot)
{
    struct sums sums = sum(snapshot);
    buf_char(out, '{');
    put_text(out, "id", snapshot->id);
    put_text(out, "phase", snapshot_phase_name(snapshot->phase));
    put_text(out, "tables", snapshot->tables);
    put_text(out, "where", snapshot->where);
    put_number(out, "rows", sums.rows);
    put_number(out, "deletes", snapshot->deletes);
    put_number(out, "estimate", sums.estimate);
    put_number(out, "rows_per_s", sums.rows_per_s);
    put_number(out, "seconds_left", sums.seconds_left);
    put_number(out, "created_ms", snapshot->created_ms);
    put_number(out, "ended_ms", snapshot->ended_ms);
    put_text(out, "note", snapshot->note);
    buf_str(out, ",\"list\":[");
    for (size_t i = 0; i < snapshot->n_list; i++) {
        buf_str(out, i ? "," : "");
        put_table(out, snapshot->list[i]);
    }
    buf_str(out, "]}\n");
}

void snapshot_status_text(struct buf *out, const struct snapshot *snapshot)
{
    struct sums sums = sum(snapshot);
    buf_printf(out, "snapshot %s: %s", snapshot->id, snapshot_phase_name(snapshot->phase));
    buf_printf(out, ", %s%s%s", *snapshot->tables ? snapshot->tables : "all tables",
               *snapshot->where ? " where " : "", snapshot->where);
    buf_printf(out, "\n  %llu of about %llu rows", (unsigned long long)sums.rows,
               (unsigned long long)sums.estimate);
    if (snapshot->is_keys)
        buf_printf(out, ", %llu keys that the source does not have",
                   (unsigned long long)snapshot->deletes);
    if (sums.rows_per_s)
        buf_printf(out, ", %llu rows/s", (unsigned long long)sums.rows_per_s);
    if (!snapshot_has_ended(snapshot) && sums.rows_per_s)
        buf_printf(out, ", %llu s left", (unsigned long long)sums.seconds_left);
    buf_str(out, "\n");
    if (*snapshot->note)
        buf_printf(out, "  %s\n", snapshot->note);
    for (size_t i = 0; i < snapshot->n_list; i++) {
        const struct snapshot_table *table = snapshot->list[i];
        buf_printf(out, "  %-10s %s.%s: %llu of about %llu rows",
                   snapshot_table_phase_name(table->phase), table->db, table->name,
                   (unsigned long long)table->rows, (unsigned long long)estimate_of(table));
        if (table->restarts)
            buf_printf(out, ", begun anew %llu times", (unsigned long long)table->restarts);
        buf_printf(out, "%s%s\n", *table->note ? ": " : "", table->note);
    }
}
