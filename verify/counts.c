// SPDX-License-Identifier: Apache-2.0
// Counts: see counts.h. The source adds up by itself, in DECIMAL; the target's values are added
// here, exactly.
#define _POSIX_C_SOURCE 200809L
#include "verify/counts.h"

#include "common/backoff.h"
#include "common/mem.h"
#include "common/stop.h"
#include "verify/fence.h"
#include "verify/report.h"
#include "verify/throttle.h"
#include "verify/total.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SUM_DIGITS 43 // a SUM has 22 digits more, and 65 at most
#define SAME 3        // readings in a row that find the same difference
#define PAUSE_FIRST_MS 50
#define PAUSE_MOST_MS 2000

// The counts of one side. `totals` has a text for each column, "" where it is not added up.
struct side {
    uint64_t rows;
    uint64_t strange; // values that are no numbers where there should be one
    struct total *sums;
    char **totals;
};

struct counting {
    struct run *run;
    size_t table;
    const struct shape *shape;
    struct side *side; // that is being read
    struct buf scratch;
};

static bool has_total(const struct shape_column *column)
{
    return column->kind == KIND_INTEGER ||
           (column->kind == KIND_DECIMAL && column->precision <= SUM_DIGITS);
}

static void side_clear(struct side *side, size_t n_columns)
{
    for (size_t i = 0; side->totals && i < n_columns; i++)
        free(side->totals[i]);
    free(side->totals);
    free(side->sums);
    *side = (struct side){0};
}

static void side_init(struct side *side, size_t n_columns)
{
    side_clear(side, n_columns);
    side->sums = mem_zalloc((n_columns + 1) * sizeof *side->sums);
    side->totals = mem_zalloc((n_columns + 1) * sizeof *side->totals);
}

static void side_finish(struct side *side, const struct shape *shape)
{
    struct buf text = {0};
    for (size_t i = 0; i < shape->n_columns; i++) {
        buf_clear(&text);
        if (has_total(&shape->columns[i]))
            total_write(&text, &side->sums[i]);
        side->totals[i] = mem_strdup(buf_cstr(&text));
    }
    buf_deinit(&text);
}

static bool same_sides(const struct side *a, const struct side *b, size_t n_columns)
{
    bool same = a->rows == b->rows && a->strange == b->strange;
    for (size_t i = 0; same && i < n_columns; i++)
        same = strcmp(a->totals[i], b->totals[i]) == 0;
    return same;
}

// --- source ---

// Cells: COUNT(*), then the SUM of each column that has a total.
static bool take_sums(void *into, const struct cell *cells, struct err *err)
{
    struct counting *counting = into;
    size_t n = 1;
    buf_clear(&counting->scratch);
    buf_slice(&counting->scratch, cells[0].text);
    counting->side->rows = strtoull(buf_cstr(&counting->scratch), NULL, 10);
    for (size_t i = 0; i < counting->shape->n_columns; i++) {
        if (!has_total(&counting->shape->columns[i]))
            continue;
        const struct cell *cell = &cells[n++];
        if (!cell->is_null && !total_add(&counting->side->sums[i], cell->text))
            return err_set(err, ERR_UNSUPPORTED, "table %s: the sum of %s is \"" SLICE_FMT "\"",
                           counting->shape->full, counting->shape->columns[i].name,
                           SLICE_ARG(cell->text));
    }
    return true;
}

static bool count_source(struct counting *counting, struct side *side, struct err *err)
{
    const struct shape *shape = counting->shape;
    struct buf sql = {0};
    side_init(side, shape->n_columns);
    counting->side = side;
    buf_str(&sql, "SELECT COUNT(*)");
    for (size_t i = 0; i < shape->n_columns; i++) {
        if (!has_total(&shape->columns[i]))
            continue;
        buf_str(&sql, ", SUM(");
        mysql_quote_name(&sql, slice_of_str(shape->columns[i].name));
        buf_str(&sql, " + 0)"); // of a BIT or YEAR the number
    }
    buf_str(&sql, " FROM ");
    mysql_quote_name(&sql, slice_of_str(shape->db));
    buf_char(&sql, '.');
    mysql_quote_name(&sql, slice_of_str(shape->name));
    bool done = mysql_each(counting->run->mysql, buf_cstr(&sql), take_sums, counting, err);
    side_finish(side, shape);
    buf_deinit(&sql);
    return done;
}

// --- target ---

static bool take_found(void *into, const struct found *found, struct err *err)
{
    struct counting *counting = into;
    const struct run *run = counting->run;
    struct slice row = found->row;
    struct canon_entry entry;
    (void)err;
    counting->side->rows++;
    throttle_row(run->throttle, THROTTLE_TARGET);
    for (size_t i = 0; i < counting->shape->n_columns && canon_next(&row, &entry); i++) {
        if (!has_total(&counting->shape->columns[i]) || entry.tag == CANON_NULL)
            continue;
        bool is_null = false;
        buf_clear(&counting->scratch);
        bool is_number = entry.tag == CANON_VALUE &&
                         run->driver->put_number(&counting->scratch, entry.content, &is_null) &&
                         total_add(&counting->side->sums[i], buf_bytes(&counting->scratch));
        counting->side->strange += !is_number && !is_null;
    }
    return true;
}

static bool count_target(struct counting *counting, struct side *side, struct err *err)
{
    struct run *run = counting->run;
    const struct shape_list list = {&run->tables.shapes[counting->table], 1};
    side_init(side, counting->shape->n_columns);
    counting->side = side;
    throttle_begin(run->throttle, counting->shape->full, counting->shape->rows_about);
    bool done = run->driver->scan(run->target, &list, NULL, take_found, counting, err);
    throttle_end(run->throttle);
    side_finish(side, counting->shape);
    return done;
}

// --- report ---

static void report_number(struct run *run, const char *full, const char *what, const char *source,
                          const char *target)
{
    char name[512];
    snprintf(name, sizeof name, "%s in %s: %s", full, run->driver->name, what);
    report_fact(run->report, name, slice_of_str(source), slice_of_str(target),
                strcmp(source, target) != 0);
}

// Of a target that need not have every row: how many it has not. Totals say nothing there.
static void report_lacking(struct counting *counting, const struct side *source,
                           const struct side *target)
{
    struct run *run = counting->run;
    uint64_t n = source->rows > target->rows ? source->rows - target->rows : 0;
    report_absent(run->report, counting->table, n, run_lacks(run));
    if (target->rows > source->rows)
        report_differs(run->report, counting->table);
}

static void report_sides(struct counting *counting, const struct side *source,
                         const struct side *target)
{
    struct run *run = counting->run;
    char a[32], b[32];
    snprintf(a, sizeof a, "%" PRIu64, source->rows);
    snprintf(b, sizeof b, "%" PRIu64, target->rows);
    report_rows(run->report, counting->table, source->rows, target->rows);
    if (run_lacks(run)) {
        report_lacking(counting, source, target);
        return;
    }
    report_number(run, counting->shape->full, "rows", a, b);
    for (size_t i = 0; i < counting->shape->n_columns; i++) {
        char what[300];
        if (!has_total(&counting->shape->columns[i]))
            continue;
        snprintf(what, sizeof what, "total of %s", counting->shape->columns[i].name);
        report_number(run, counting->shape->full, what, source->totals[i], target->totals[i]);
    }
    if (target->strange) {
        snprintf(b, sizeof b, "%" PRIu64, target->strange);
        report_number(run, counting->shape->full, "values that are no numbers", "0", b);
    }
}

static bool report_partitions(struct counting *counting, struct err *err)
{
    struct run *run = counting->run;
    struct fence_end *ends;
    size_t n_ends;
    bool done = fence_ends(run->fence, run, counting->shape, &ends, &n_ends, err);
    for (size_t i = 0; done && i < n_ends; i++) {
        char what[512], produced[96], applied[64];
        snprintf(what, sizeof what, "%s in %s: partition %d", counting->shape->full,
                 run->driver->name, (int)ends[i].partition);
        snprintf(produced, sizeof produced, "produced to %" PRId64 ", committed to %" PRId64,
                 ends[i].end, ends[i].committed);
        snprintf(applied, sizeof applied, "applied to %" PRId64 "%s", ends[i].applied,
                 ends[i].is_applied ? ", nothing left" : ", more is on its way");
        report_fact(run->report, what, slice_of_str(produced), slice_of_str(applied), false);
    }
    free(ends);
    return done;
}

// --- one table ---

static bool pass_fence(struct counting *counting, struct err *err)
{
    struct run *run = counting->run;
    struct position position = {.file = ""};
    bool *tables = mem_zalloc(run->tables.n + 1);
    tables[counting->table] = true;
    bool done = source_position(run->mysql, &position, err) &&
                fence_wait(run->fence, run, &position, tables, err);
    position_deinit(&position);
    free(tables);
    return done;
}

static bool agrees(const struct counting *counting, const struct side *source,
                   const struct side *target)
{
    if (run_lacks(counting->run))
        return target->rows <= source->rows;
    return same_sides(target, source, counting->shape->n_columns);
}

// Reads source, fence, target, source; *decided: what they say stands.
static bool try_table(struct counting *counting, struct side sides[4], unsigned *same,
                      bool *decided, struct err *err)
{
    size_t n = counting->shape->n_columns;
    struct side *before = &sides[0], *target = &sides[1], *after = &sides[2], *was = &sides[3];
    if (!count_source(counting, before, err) || !pass_fence(counting, err) ||
        !count_target(counting, target, err) || !count_source(counting, after, err))
        return false;
    bool is_equal = agrees(counting, before, target) || agrees(counting, after, target);
    bool rested = same_sides(before, after, n);
    bool is_same = *same > 0 && same_sides(target, was, n);
    *same = !rested ? 0 : is_same ? *same + 1 : 1;
    *decided = is_equal || *same >= SAME;
    if (*decided) {
        report_sides(counting, agrees(counting, before, target) ? before : after, target);
        if (!is_equal)
            report_differs(counting->run->report, counting->table);
        return true;
    }
    side_clear(was, n);
    *was = *target;
    *target = (struct side){0};
    return true;
}

static bool count_table(struct run *run, size_t table, struct err *err)
{
    struct counting counting = {.run = run, .table = table, .shape = &run->tables.shapes[table]};
    struct backoff backoff = {.first_ms = PAUSE_FIRST_MS, .most_ms = PAUSE_MOST_MS};
    struct side sides[4] = {{0}};
    unsigned same = 0;
    bool decided = false, done = true;
    for (uint64_t i = 0; done && !decided && i < run->config->verify.tries; i++) {
        done = i == 0 || backoff_wait(&backoff) || err_set(err, ERR_STOPPED, "stopped");
        done = done && try_table(&counting, sides, &same, &decided, err);
    }
    if (done && !decided)
        report_unknown(run->report, table, "its rows did not rest for a count");
    for (size_t i = 0; i < 4; i++)
        side_clear(&sides[i], counting.shape->n_columns);
    done = done && report_partitions(&counting, err);
    buf_deinit(&counting.scratch);
    return done;
}

bool counts_verify(struct run *run, struct err *err)
{
    report_begin(run->report, &run->tables, run->driver->name);
    for (size_t i = 0; i < run->tables.n; i++) {
        if (run->tables.shapes[i].unsupported)
            report_unknown(run->report, i, run->tables.shapes[i].unsupported);
        else if (!count_table(run, i, err))
            return false;
    }
    report_end(run->report);
    return true;
}
