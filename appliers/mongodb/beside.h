// SPDX-License-Identifier: Apache-2.0
// MongoDB beside (appliers/core/beside.h): a rebuild fills the collection NAME__rebuild in the same
// database, made with the options of NAME, and then renames it over NAME in one step. A document in
// tailrace.rebuilds says how far it is:
//   { _id: group, phase: "filling" | "discarding" | "swapping", plan, owner }
// While it is swapped: a table whose NAME__rebuild is gone is in place. Tombstones are filled into
// tailrace.tombstones__rebuild and merged over.
#ifndef TAILRACE_APPLIERS_MONGODB_BESIDE_H
#define TAILRACE_APPLIERS_MONGODB_BESIDE_H

#include "appliers/core/beside.h"
#include "appliers/mongodb/sink.h"

#define BESIDE_COLLECTION "rebuilds"

extern const struct beside_driver mongodb_beside;

#endif
