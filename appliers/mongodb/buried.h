// SPDX-License-Identifier: Apache-2.0
// Buried: the tombstones of a table (shown.h) in a rebuild: what it has buried beside takes the
// place of what was buried before.
#ifndef TAILRACE_APPLIERS_MONGODB_BURIED_H
#define TAILRACE_APPLIERS_MONGODB_BURIED_H

#include "appliers/core/beside.h"
#include "appliers/mongodb/sink.h"

// Afterwards the table's tombstones are those that are beside, which stay there. May be
// interrupted, and done again.
MUST_CHECK bool buried_swap(mongoc_client_t *client, const struct beside_table *table,
                            struct err *err);

// Removes those beside.
MUST_CHECK bool buried_clear(mongoc_client_t *client, const struct beside_table *table,
                             struct err *err);

#endif
