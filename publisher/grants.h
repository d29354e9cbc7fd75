// SPDX-License-Identifier: Apache-2.0
// Grants: which tables an account can see. A table that it may not read is not in
// information_schema, so whoever lists tables has to know first that none is left out without a
// word. Read are the lines of SHOW GRANTS:
//   GRANT SELECT, … ON *.* TO …        all
//   GRANT SELECT, … ON `sh\_op%`.* TO … the databases that fit the pattern (LIKE's), …
//   GRANT SELECT, … ON `shop`.`t` TO … this table
//   REVOKE SELECT ON `shop`.* FROM …   not this database, though all (MySQL's partial_revokes)
// What is not understood counts as not granted.
#ifndef TAILRACE_PUBLISHER_GRANTS_H
#define TAILRACE_PUBLISHER_GRANTS_H

#include "common/slice.h"

// Whether the account can read every table, now or later, that the glob over db.table may stand
// for.
bool grants_cover(const char *const *lines, size_t n_lines, struct slice glob);

#endif
