// SPDX-License-Identifier: Apache-2.0
// Table filter: which tables are read. Globs over "db.table" (* any bytes, ? one byte, [abc] and
// [a-z] one of), any of `include` and none of `exclude`; an empty include means all but the
// server's own (mysql, information_schema, performance_schema, sys), which only an include that
// names them without a wildcard in the database brings in.
#ifndef TAILRACE_RECORD_TABLE_FILTER_H
#define TAILRACE_RECORD_TABLE_FILTER_H

#include "common/slice.h"

// Borrowed, comma-separated lists; NULL or "" = empty.
struct table_filter {
    const char *include;
    const char *exclude;
};

bool table_filter_wants(const struct table_filter *filter, struct slice db, struct slice table);

// Equal filters have equal digests; never 0.
uint64_t table_filter_digest(const struct table_filter *filter);

#endif
