// SPDX-License-Identifier: Apache-2.0
// Contents: see contents.h.
#include "verify/contents.h"

#include "common/log.h"
#include "verify/cached.h"
#include "verify/compare.h"
#include "verify/recheck.h"
#include "verify/report.h"
#include "verify/text.h"

static void describe_entry(struct buf *out, const struct run *run, const struct canon_entry *entry,
                           struct slice content)
{
    switch (entry->tag) {
    case CANON_NULL:
        buf_str(out, "null");
        break;
    case CANON_ABSENT:
        buf_str(out, "(absent)");
        break;
    case CANON_VALUE:
    case CANON_BAD_TEXT:
    case CANON_WRONG:
    case CANON_EXTRA:
        run->driver->describe(out, content);
        break;
    }
}

static bool same_entry(const struct canon_entry *a, const struct canon_entry *b)
{
    return a->tag == b->tag && slice_eq(a->content, b->content);
}

static void report_columns(struct run *run, const struct shape *shape, struct slice source,
                           struct slice target)
{
    struct canon_entry left, right;
    struct buf left_text = {0}, right_text = {0};
    for (size_t i = 0; canon_next(&target, &right); i++) {
        buf_clear(&left_text);
        buf_clear(&right_text);
        if (i < shape->n_columns && canon_next(&source, &left)) {
            if (same_entry(&left, &right))
                continue;
            describe_entry(&left_text, run, &left, left.content);
            describe_entry(&right_text, run, &right, right.content);
            report_column(run->report, slice_of_str(shape->columns[i].name), buf_bytes(&left_text),
                          buf_bytes(&right_text));
            continue;
        }
        const uint8_t *nul = memchr(right.content.ptr, 0, right.content.len);
        size_t n = nul ? (size_t)(nul - right.content.ptr) : right.content.len;
        if (nul)
            describe_entry(&right_text, run, &right, slice_of(nul + 1, right.content.len - n - 1));
        report_column(run->report, slice_of(right.content.ptr, n), slice_of_str("(absent)"),
                      buf_bytes(&right_text));
    }
    buf_deinit(&left_text);
    buf_deinit(&right_text);
}

static void log_difference(const struct run *run, const struct suspect *suspect)
{
    const struct shape *shape = &run->tables.shapes[suspect->table];
    struct buf key = {0};
    if (suspect->cells)
        text_put_record_key(&key, shape, suspect->cells);
    else
        run->driver->describe_key(&key, suspect->key);
    log_warn("difference",
             LOG_FIELDS(log_str("table", shape->full), log_str("target", run->driver->name),
                        log_slice("key", buf_bytes(&key)),
                        log_str("is", report_verdict(suspect->verdict))));
    buf_deinit(&key);
}

static bool report_one(struct run *run, const struct suspect *suspect, struct err *err)
{
    const struct shape *shape = &run->tables.shapes[suspect->table];
    struct buf key = {0}, removal = {0}, source = {0}, target = {0};
    bool done = true;
    report_count(run->report, suspect->table, suspect->verdict);
    if (run->logs_differences && suspect->verdict != VERDICT_UNDECIDED)
        log_difference(run, suspect);
    if (!report_wants(run->report, suspect->table))
        return true;
    if (suspect->cells) {
        text_put_record_key(&key, shape, suspect->cells);
    } else {
        run->driver->describe_key(&key, suspect->key);
        run->driver->put_removal(run->target, &removal, shape, suspect->key);
    }
    report_difference(run->report, suspect->table, suspect->verdict, buf_bytes(&key),
                      buf_bytes(&removal));
    if (suspect->verdict == VERDICT_DIFFERENT) {
        done = recheck_read(run, suspect, &source, &target, err);
        if (done)
            report_columns(run, shape, buf_bytes(&source), buf_bytes(&target));
    }
    buf_deinit(&key);
    buf_deinit(&removal);
    buf_deinit(&source);
    buf_deinit(&target);
    return done;
}

// A table that was altered meanwhile was read in two shapes: what differs may be that.
static bool drop_altered(struct run *run, struct suspects *suspects, struct err *err)
{
    for (size_t table = 0; table < run->tables.n; table++) {
        const struct shape *shape = &run->tables.shapes[table];
        bool is_current = true, is_concerned = false;
        for (size_t i = 0; i < suspects->n; i++)
            is_concerned |=
                suspects->items[i].table == table && suspects->items[i].verdict != VERDICT_EQUAL;
        if (is_concerned &&
            !shape_is_current(run->mysql, shape, run->config->publish.keyless, &is_current, err))
            return false;
        if (is_current)
            continue;
        report_unknown(run->report, table, "it was altered meanwhile");
        for (size_t i = 0; i < suspects->n; i++)
            if (suspects->items[i].table == table)
                suspects->items[i].verdict = VERDICT_EQUAL; // the table as a whole is unknown
    }
    return true;
}

bool contents_judge(struct run *run, struct suspects *suspects, struct err *err)
{
    if (!recheck_run(run, suspects, err) || !drop_altered(run, suspects, err))
        return false;
    for (size_t i = 0; i < suspects->n; i++)
        if (suspects->items[i].verdict != VERDICT_EQUAL &&
            !report_one(run, &suspects->items[i], err))
            return false;
    return true;
}

static bool judge_group(struct run *run, struct suspects *suspects, struct err *err)
{
    if (!contents_judge(run, suspects, err))
        return false;
    for (size_t i = 0; run->wrong && i < suspects->n; i++) {
        const struct suspect *suspect = &suspects->items[i];
        if (suspect->verdict != VERDICT_EQUAL && suspect->verdict != VERDICT_UNDECIDED)
            suspects_add(run->wrong, &run->tables.shapes[suspect->table], suspect->table,
                         suspect->key, suspect->cells);
    }
    return true;
}

bool contents_verify(struct run *run, struct suspects *wrong, struct err *err)
{
    report_begin(run->report, &run->tables, run->driver->name);
    for (size_t i = 0; i < run->tables.n; i++)
        if (run->tables.shapes[i].unsupported)
            report_unknown(run->report, i, run->tables.shapes[i].unsupported);
    run->wrong = wrong;
    bool done =
        run_lacks(run) ? cached_run(run, judge_group, err) : compare_run(run, judge_group, err);
    run->wrong = NULL;
    if (done)
        report_end(run->report);
    return done;
}
