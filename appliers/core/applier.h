// SPDX-License-Identifier: Apache-2.0
// Applier: sessions, one after the other. A session opens the target, joins the group, applies, and
// ends with the first fault. What passes by itself (the target or Kafka is away, a partition was
// lost) is followed by a pause and the next session, which begins with what the target's
// checkpoints say; all else ends the process.
#ifndef TAILRACE_APPLIERS_CORE_APPLIER_H
#define TAILRACE_APPLIERS_CORE_APPLIER_H

#include "appliers/core/sink.h"

struct applier {
    const struct config *config;
    const struct sink_driver *driver;
    bool until_caught_up;
    // Of a rebuild (rebuild.h), else 0: what is applied goes beside, with the checkpoints of
    // `group`, from these topics only. All borrowed.
    bool is_beside;
    const char *group; // NULL: the applier's own
    const char *const *topics;
    size_t n_topics;
};

// Runs until the stop flag is raised, or caught up. The first session's faults end it in any case:
// what cannot be reached or is refused shows at once.
MUST_CHECK bool applier_run(const struct applier *applier, struct err *err);

// "<source>.apply.<driver>"
void applier_group(const struct config *config, const struct sink_driver *driver,
                   char group[SINK_GROUP_BYTES]);

// host:pid:random: another one each time, so that a claim made before never counts as this one's.
void applier_make_owner(char owner[SINK_OWNER_BYTES]);

#endif
