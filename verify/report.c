// SPDX-License-Identifier: Apache-2.0
// Report: see report.h.
#include "verify/report.h"

#include "common/clock.h"
#include "common/mem.h"
#include "verify/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define FULL 100000     // differences of a table after which no more are looked for
#define VALUE_SHOWN 200 // bytes of a value, for people

struct column_difference {
    char *column;
    char *source;
    char *target;
};

struct difference {
    enum verdict verdict;
    char *key;
    char *removal; // "" = none is needed
    struct column_difference *columns;
    size_t n_columns;
};

struct line {
    char *table;
    char *target;
    char *unknown; // why it could not be compared; NULL: it was
    uint64_t source_rows;
    uint64_t target_rows;
    uint64_t absent;        // rows that the target need not have, and has not
    const char *absent_why; // NULL: it has to have all
    uint64_t counts[VERDICT_UNDECIDED + 1];
    uint64_t repaired; // differences that were published again, and then looked at again
    bool differs;      // in its counts
    uint64_t at_s;     // when an earlier run found it equal; 0: this run looked at it
    bool is_cut;
    bool is_complete; // all was compared that was to be
    struct difference *differences;
    size_t n_differences;
};

struct fact {
    char *what;
    char *source;
    char *target;
    bool differs;
};

struct report {
    uint64_t shown; // differences of a table with their columns
    struct line *lines;
    size_t n_lines;
    size_t first; // line of the tables that are reported now
    struct fact *facts;
    size_t n_facts;
    size_t last; // line of the difference that was added last
    char *failure;
};

static char *copy(struct slice text)
{
    return mem_strndup(text.len ? text.ptr : (const uint8_t *)"", text.len);
}

struct report *report_new(uint64_t shown)
{
    struct report *report = mem_zalloc(sizeof *report);
    report->shown = shown;
    return report;
}

static void difference_deinit(struct difference *difference)
{
    for (size_t i = 0; i < difference->n_columns; i++) {
        free(difference->columns[i].column);
        free(difference->columns[i].source);
        free(difference->columns[i].target);
    }
    free(difference->columns);
    free(difference->key);
    free(difference->removal);
}

void report_free(struct report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->n_lines; i++) {
        struct line *line = &report->lines[i];
        for (size_t k = 0; k < line->n_differences; k++)
            difference_deinit(&line->differences[k]);
        free(line->differences);
        free(line->table);
        free(line->target);
        free(line->unknown);
    }
    for (size_t i = 0; i < report->n_facts; i++) {
        free(report->facts[i].what);
        free(report->facts[i].source);
        free(report->facts[i].target);
    }
    free(report->lines);
    free(report->facts);
    free(report->failure);
    free(report);
}

static uint64_t count_differences(const struct line *line)
{
    return line->counts[VERDICT_MISSING] + line->counts[VERDICT_EXTRA] +
           line->counts[VERDICT_DIFFERENT];
}

void report_begin(struct report *report, const struct shape_list *tables, const char *target)
{
    report->first = report->n_lines;
    report->n_lines += tables->n;
    report->lines = mem_realloc(report->lines, (report->n_lines + 1) * sizeof *report->lines);
    for (size_t i = 0; i < tables->n; i++)
        report->lines[report->first + i] = (struct line){
            .table = mem_strdup(tables->shapes[i].full), .target = mem_strdup(target)};
}

void report_repaired(struct report *report)
{
    for (size_t i = report->first; i < report->n_lines; i++) {
        struct line *line = &report->lines[i];
        line->repaired += count_differences(line);
        for (size_t k = 0; k < line->n_differences; k++)
            difference_deinit(&line->differences[k]);
        line->n_differences = 0;
        line->counts[VERDICT_MISSING] = line->counts[VERDICT_EXTRA] = 0;
        line->counts[VERDICT_DIFFERENT] = line->counts[VERDICT_UNDECIDED] = 0;
    }
}

void report_end(struct report *report)
{
    for (size_t i = report->first; i < report->n_lines; i++)
        report->lines[i].is_complete = true;
}

static struct line *line_of(const struct report *report, size_t table)
{
    return &report->lines[report->first + table];
}

void report_rows(struct report *report, size_t table, uint64_t source, uint64_t target)
{
    line_of(report, table)->source_rows = source;
    line_of(report, table)->target_rows = target;
}

void report_absent(struct report *report, size_t table, uint64_t n, const char *why)
{
    line_of(report, table)->absent = n;
    line_of(report, table)->absent_why = why;
}

void report_cut(struct report *report, size_t table)
{
    line_of(report, table)->is_cut = true;
}

bool report_is_full(const struct report *report, size_t table)
{
    return count_differences(line_of(report, table)) >= FULL;
}

void report_unknown(struct report *report, size_t table, const char *why)
{
    struct line *line = line_of(report, table);
    free(line->unknown);
    line->unknown = mem_strdup(why);
}

void report_failed(struct report *report, const struct err *err)
{
    free(report->failure);
    report->failure = mem_strdup(err->text);
}

bool report_wants(const struct report *report, size_t table)
{
    return line_of(report, table)->n_differences < report->shown;
}

void report_count(struct report *report, size_t table, enum verdict verdict)
{
    line_of(report, table)->counts[verdict]++;
}

void report_difference(struct report *report, size_t table, enum verdict verdict, struct slice key,
                       struct slice removal)
{
    struct line *line = line_of(report, table);
    report->last = report->first + table;
    line->differences =
        mem_realloc(line->differences, (line->n_differences + 1) * sizeof *line->differences);
    line->differences[line->n_differences++] =
        (struct difference){.verdict = verdict, .key = copy(key), .removal = copy(removal)};
}

void report_column(struct report *report, struct slice column, struct slice source,
                   struct slice target)
{
    struct line *line = &report->lines[report->last];
    struct difference *difference = &line->differences[line->n_differences - 1];
    difference->columns =
        mem_realloc(difference->columns, (difference->n_columns + 1) * sizeof *difference->columns);
    difference->columns[difference->n_columns++] =
        (struct column_difference){copy(column), copy(source), copy(target)};
}

void report_fact(struct report *report, const char *what, struct slice source, struct slice target,
                 bool differs)
{
    report->facts = mem_realloc(report->facts, (report->n_facts + 1) * sizeof *report->facts);
    report->facts[report->n_facts++] =
        (struct fact){mem_strdup(what), copy(source), copy(target), differs};
}

void report_differs(struct report *report, size_t table)
{
    line_of(report, table)->differs = true;
}

static enum outcome outcome_of(const struct line *line)
{
    if (count_differences(line) > 0 || line->is_cut || line->differs)
        return OUTCOME_DIFFERENT;
    bool is_known = line->is_complete && !line->unknown && line->counts[VERDICT_UNDECIDED] == 0;
    return is_known ? OUTCOME_EQUAL : OUTCOME_UNKNOWN;
}

uint64_t report_differences(const struct report *report)
{
    uint64_t n = 0;
    for (size_t i = 0; i < report->n_lines; i++)
        n += count_differences(&report->lines[i]);
    return n;
}

bool report_is_equal(const struct report *report, size_t table, uint64_t *rows)
{
    const struct line *line = line_of(report, table);
    *rows = line->source_rows;
    return outcome_of(line) == OUTCOME_EQUAL;
}

void report_earlier(struct report *report, const char *table, const char *target, uint64_t rows,
                    uint64_t at_s)
{
    report->lines = mem_realloc(report->lines, (report->n_lines + 1) * sizeof *report->lines);
    report->lines[report->n_lines++] = (struct line){.table = mem_strdup(table),
                                                     .target = mem_strdup(target),
                                                     .source_rows = rows,
                                                     .target_rows = rows,
                                                     .is_complete = true,
                                                     .at_s = at_s};
    report->first = report->n_lines;
}

// A difference that was found stays one, whatever else could not be told.
enum outcome report_outcome(const struct report *report)
{
    enum outcome outcome = report->failure ? OUTCOME_UNKNOWN : OUTCOME_EQUAL;
    for (size_t i = 0; i < report->n_lines; i++) {
        enum outcome one = outcome_of(&report->lines[i]);
        if (one == OUTCOME_DIFFERENT)
            return OUTCOME_DIFFERENT;
        if (one == OUTCOME_UNKNOWN)
            outcome = OUTCOME_UNKNOWN;
    }
    for (size_t i = 0; i < report->n_facts; i++)
        if (report->facts[i].differs)
            return OUTCOME_DIFFERENT;
    return outcome;
}

// --- for people ---

static const char *const verdict_names[] = {
    [VERDICT_OPEN] = "open",   [VERDICT_EQUAL] = "equal",         [VERDICT_MISSING] = "missing",
    [VERDICT_EXTRA] = "extra", [VERDICT_DIFFERENT] = "different", [VERDICT_UNDECIDED] = "undecided",
};

const char *report_verdict(enum verdict verdict)
{
    return verdict_names[verdict];
}

static const char *const outcome_names[] = {"equal", "different", "could not tell"};

static void print_value(FILE *out, const char *text)
{
    if (strlen(text) <= VALUE_SHOWN)
        fputs(text, out);
    else
        fprintf(out, "%.*s… (%zu bytes)", VALUE_SHOWN, text, strlen(text));
}

static void print_difference(FILE *out, const struct line *line,
                             const struct difference *difference)
{
    fprintf(out, "%s in %s: ", line->table, line->target);
    print_value(out, difference->key);
    fprintf(out, " is %s\n", verdict_names[difference->verdict]);
    for (size_t i = 0; i < difference->n_columns; i++) {
        const struct column_difference *column = &difference->columns[i];
        fprintf(out, "    %s: source ", column->column);
        print_value(out, column->source);
        fputs(", target ", out);
        print_value(out, column->target);
        fputc('\n', out);
    }
    if (difference->removal[0])
        fprintf(out, "    no row of the source can have this key; to remove it: %s\n",
                difference->removal);
}

static void print_line(FILE *out, const struct line *line, int width)
{
    fprintf(out, "%-*s  %-8s %12" PRIu64 " %12" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "  ",
            width, line->table, line->target, line->source_rows, line->target_rows,
            line->counts[VERDICT_MISSING], line->counts[VERDICT_EXTRA],
            line->counts[VERDICT_DIFFERENT]);
    fputs(outcome_names[outcome_of(line)], out);
    if (line->unknown)
        fprintf(out, ": %s", line->unknown);
    if (line->absent > 0)
        fprintf(out, "; %" PRIu64 " rows are not there: %s", line->absent, line->absent_why);
    if (line->counts[VERDICT_UNDECIDED])
        fprintf(out, ": %" PRIu64 " keys never rested", line->counts[VERDICT_UNDECIDED]);
    if (line->at_s) {
        char at[CLOCK_TEXT_BYTES];
        clock_format(line->at_s * 1000000, at);
        fprintf(out, ", as an earlier run found at %s", at);
    }
    if (line->repaired)
        fprintf(out, "; %" PRIu64 " keys were published again", line->repaired);
    if (line->is_cut)
        fprintf(out, ", and more: the rest was not looked at key by key");
    fputc('\n', out);
}

void report_print(const struct report *report, FILE *out)
{
    int width = 5;
    for (size_t i = 0; i < report->n_lines; i++)
        if ((int)strlen(report->lines[i].table) > width)
            width = (int)strlen(report->lines[i].table);
    if (report->n_lines > 0)
        fprintf(out, "%-*s  %-8s %12s %12s %9s %9s %9s\n", width, "table", "target", "source",
                "target", "missing", "extra", "different");
    for (size_t i = 0; i < report->n_lines; i++)
        print_line(out, &report->lines[i], width);
    for (size_t i = 0; i < report->n_lines; i++) {
        const struct line *line = &report->lines[i];
        uint64_t all = count_differences(line) + line->counts[VERDICT_UNDECIDED];
        for (size_t k = 0; k < line->n_differences; k++)
            print_difference(out, line, &line->differences[k]);
        if (all > line->n_differences)
            fprintf(out, "%s in %s: %" PRIu64 " more\n", line->table, line->target,
                    all - line->n_differences);
    }
    for (size_t i = 0; i < report->n_facts; i++)
        fprintf(out, "%s: %s, %s%s\n", report->facts[i].what, report->facts[i].source,
                report->facts[i].target, report->facts[i].differs ? "  DIFFERENT" : "");
    enum outcome outcome = report_outcome(report);
    if (report->failure && outcome == OUTCOME_DIFFERENT)
        fprintf(out, "not all could be told: %s\n", report->failure);
    fprintf(out, "verify: %s%s%s\n", outcome_names[outcome],
            report->failure && outcome == OUTCOME_UNKNOWN ? ": " : "",
            report->failure && outcome == OUTCOME_UNKNOWN ? report->failure : "");
}

// --- JSON ---

static void put_member(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    json_put_string(out, slice_of_str(text));
}

static void put_difference(struct buf *out, const struct difference *difference)
{
    buf_char(out, '{');
    put_member(out, "is", verdict_names[difference->verdict]);
    buf_char(out, ',');
    put_member(out, "key", difference->key);
    if (difference->removal[0]) {
        buf_char(out, ',');
        put_member(out, "removal", difference->removal);
    }
    buf_str(out, ",\"columns\":[");
    for (size_t i = 0; i < difference->n_columns; i++) {
        const struct column_difference *column = &difference->columns[i];
        buf_str(out, i ? ",{" : "{");
        put_member(out, "column", column->column);
        buf_char(out, ',');
        put_member(out, "source", column->source);
        buf_char(out, ',');
        put_member(out, "target", column->target);
        buf_char(out, '}');
    }
    buf_str(out, "]}");
}

static void put_line(struct buf *out, const struct line *line)
{
    buf_char(out, '{');
    put_member(out, "table", line->table);
    buf_char(out, ',');
    put_member(out, "target", line->target);
    buf_char(out, ',');
    put_member(out, "result", outcome_names[outcome_of(line)]);
    if (line->unknown) {
        buf_char(out, ',');
        put_member(out, "reason", line->unknown);
    }
    buf_printf(out, ",\"source_rows\":%" PRIu64 ",\"target_rows\":%" PRIu64, line->source_rows,
               line->target_rows);
    for (size_t i = VERDICT_MISSING; i <= VERDICT_UNDECIDED; i++)
        buf_printf(out, ",\"%s\":%" PRIu64, verdict_names[i], line->counts[i]);
    if (line->absent_why) {
        buf_printf(out, ",\"absent\":%" PRIu64 ",", line->absent);
        put_member(out, "absent_because", line->absent_why);
    }
    buf_printf(out, ",\"repaired\":%" PRIu64, line->repaired);
    buf_printf(out, ",\"complete\":%s,\"differences\":[",
               line->is_cut || !line->is_complete ? "false" : "true");
    for (size_t i = 0; i < line->n_differences; i++) {
        if (i)
            buf_char(out, ',');
        put_difference(out, &line->differences[i]);
    }
    buf_str(out, "]}");
}

static void put_report(struct buf *out, const struct report *report)
{
    buf_char(out, '{');
    put_member(out, "result", outcome_names[report_outcome(report)]);
    if (report->failure) {
        buf_char(out, ',');
        put_member(out, "reason", report->failure);
    }
    buf_str(out, ",\"tables\":[");
    for (size_t i = 0; i < report->n_lines; i++) {
        if (i)
            buf_char(out, ',');
        put_line(out, &report->lines[i]);
    }
    buf_str(out, "],\"facts\":[");
    for (size_t i = 0; i < report->n_facts; i++) {
        const struct fact *fact = &report->facts[i];
        buf_str(out, i ? ",{" : "{");
        put_member(out, "what", fact->what);
        buf_char(out, ',');
        put_member(out, "source", fact->source);
        buf_char(out, ',');
        put_member(out, "target", fact->target);
        buf_printf(out, ",\"differs\":%s}", fact->differs ? "true" : "false");
    }
    buf_str(out, "]}\n");
}

bool report_write_json(const struct report *report, const char *path, struct err *err)
{
    struct buf out = {0};
    bool to_stdout = strcmp(path, "-") == 0;
    FILE *file = to_stdout ? stdout : fopen(path, "w");
    put_report(&out, report);
    bool done = file && fwrite(out.ptr, 1, out.len, file) == out.len;
    if (file && !to_stdout)
        done = fclose(file) == 0 && done;
    buf_deinit(&out);
    return done || err_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
}
