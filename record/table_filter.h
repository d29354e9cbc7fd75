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

// The next item of such a list, without the spaces around it; false at the end. Empty items are
// passed over.
bool table_filter_next(const char **list, struct slice *glob);

// The database and the table of a glob: what is before its first point and behind it.
void table_filter_split(struct slice glob, struct slice *db, struct slice *table);

// Does it stand for one name only?
bool table_filter_is_plain(struct slice part);

// Equal filters have equal digests; never 0.
uint64_t table_filter_digest(const struct table_filter *filter);

#endif
