// SPDX-License-Identifier: Apache-2.0
// Fresh: see fresh.h.
#include "appliers/mongodb/fresh.h"

#define PAUSE_FIRST 16
#define PAUSE_MOST 4096

void fresh_begin(struct fresh *fresh)
{
    fresh->may_insert = fresh->left == 0;
    fresh->has_inserted = fresh->was_there = false;
}

bool fresh_gives_way(struct fresh *fresh)
{
    if (!fresh->was_there)
        return false;
    fresh->pause = fresh->pause ? 2 * fresh->pause : PAUSE_FIRST;
    if (fresh->pause > PAUSE_MOST)
        fresh->pause = PAUSE_MOST;
    fresh->left = fresh->pause;
    fresh->may_insert = fresh->has_inserted = fresh->was_there = false;
    return true;
}

void fresh_end(struct fresh *fresh)
{
    if (fresh->has_inserted)
        fresh->pause = 0;
    else if (fresh->left > 0)
        fresh->left--;
}
