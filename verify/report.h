// SPDX-License-Identifier: Apache-2.0
// Report: what was found, for people and as JSON, and what it comes to: equal only when everything
// was compared and nothing differs or is undecided.
#ifndef TAILRACE_VERIFY_REPORT_H
#define TAILRACE_VERIFY_REPORT_H

#include "verify/suspect.h"

#include <stdio.h>

enum outcome { OUTCOME_EQUAL = 0, OUTCOME_DIFFERENT = 1, OUTCOME_UNKNOWN = 2 };

struct report;

// `shown`: of how many differences of a table the columns are kept.
struct report *report_new(uint64_t shown);
void report_free(struct report *report); // takes NULL

// What follows is about these tables in this target.
void report_begin(struct report *report, const struct shape_list *tables, const char *target);
// All of them were compared to the end: until then none is equal.
void report_end(struct report *report);
// What was found of them was published again and is looked at anew.
void report_repaired(struct report *report);

void report_rows(struct report *report, size_t table, uint64_t source, uint64_t target);
// So many of the source's rows are not in the target, which is right; `why` is borrowed.
void report_absent(struct report *report, size_t table, uint64_t n, const char *why);
// The rest of the table's differences was not looked at.
void report_cut(struct report *report, size_t table);
bool report_is_full(const struct report *report, size_t table);
// The table could not be compared.
void report_unknown(struct report *report, size_t table, const char *why);
// The whole could not be told.
void report_failed(struct report *report, const struct err *err);

// One difference: `key` as {"id":7}, or the target's own name for it. Only the first few of a table
// are kept with their columns; false: this one will not be, save the trouble.
bool report_wants(const struct report *report, size_t table);
void report_count(struct report *report, size_t table, enum verdict verdict);
void report_difference(struct report *report, size_t table, enum verdict verdict, struct slice key,
                       struct slice removal);
const char *report_verdict(enum verdict verdict); // "missing", …
// A column of the difference just added. Texts are JSON already.
void report_column(struct report *report, struct slice column, struct slice source,
                   struct slice target);
// Any other line of a table, a count or a total; `differs` makes the outcome different.
void report_fact(struct report *report, const char *what, struct slice source, struct slice target,
                 bool differs);
void report_differs(struct report *report, size_t table);

// Of all tables together.
uint64_t report_differences(const struct report *report);
bool report_is_equal(const struct report *report, size_t table, uint64_t *rows);
// A table that an earlier run found equal.
void report_earlier(struct report *report, const char *table, const char *target, uint64_t rows,
                    uint64_t at_s);

enum outcome report_outcome(const struct report *report);
void report_print(const struct report *report, FILE *out);
MUST_CHECK bool report_write_json(const struct report *report, const char *path, struct err *err);

#endif
