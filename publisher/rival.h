// SPDX-License-Identifier: Apache-2.0
// Rival: another publisher of the same name where Kafka does not fence ([publish] delivery =
// at-least-once). Each one that starts takes a number above those before it, the epoch, and writes
// it with every checkpoint. Whoever reads a checkpoint of a higher epoch behind its own ends; of
// two with the same, the one whose name is the greater stays. The newer gives the older a moment to
// see it, and publishes from the checkpoint on that stood before it: what the older sent meanwhile
// comes twice, and in its order.
//
// What cannot be prevented: a publisher that was suspended sends what its queue holds when it wakes
// up, before it can look.
#ifndef TAILRACE_PUBLISHER_RIVAL_H
#define TAILRACE_PUBLISHER_RIVAL_H

#include "publisher/checkpoint.h"

struct rival;

// Looks from here on, for a newer one than `ours`, which is borrowed. NULL and *err.
struct rival *rival_open(const struct config *config, const struct checkpoint *ours,
                         struct err *err);
void rival_close(struct rival *rival); // takes NULL

// Takes in what has come, or comes within `ms` of what was before. ERR_REFUSED: another one took
// over. What Kafka does not give for now is seen later.
MUST_CHECK bool rival_look(struct rival *rival, unsigned ms, struct err *err);

// Whether the checkpoint is one of a publisher that takes over from this one.
bool rival_is_newer(const struct checkpoint *theirs, uint64_t epoch, const char *instance);

#endif
