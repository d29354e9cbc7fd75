// SPDX-License-Identifier: Apache-2.0
// Suspects: keys that may differ between source and target, until it is decided.
#ifndef TAILRACE_VERIFY_SUSPECT_H
#define TAILRACE_VERIFY_SUSPECT_H

#include "verify/hash.h"
#include "verify/run.h"

enum verdict {
    VERDICT_OPEN,
    VERDICT_EQUAL,
    VERDICT_MISSING,   // in the source only
    VERDICT_EXTRA,     // in the target only
    VERDICT_DIFFERENT, // in both
    VERDICT_UNDECIDED, // the source's row never rested
};

// What one side held of a key when it was last read.
struct sighting {
    bool is_there;
    struct hash row;
};

struct suspect {
    size_t table;
    struct slice key;   // in the target's terms
    struct cell *cells; // in the source's, one for each column of the key; NULL: no row can have it
    struct sighting before; // source, before the fence
    struct sighting after;  // source, after the target was read
    struct sighting target;
    struct hash guard;   // of what the applier noted beside it
    struct sighting was; // source and target at the last try, when they differed
    struct sighting was_target;
    struct hash was_guard;
    unsigned same; // tries in a row that found the same difference
    enum verdict verdict;
};

struct suspects {
    struct suspect *items;
    size_t n;
    size_t cap;
    struct arena arena; // keys and cells
};

// Adds one; key and cells are copied. `cells` may be NULL.
void suspects_add(struct suspects *suspects, const struct shape *shape, size_t table,
                  struct slice key, const struct cell *cells);
void suspects_deinit(struct suspects *suspects);

#endif
