// SPDX-License-Identifier: Apache-2.0
// Redis checkpoints: a hash a partition, and a set that names them, in the database that is
// written.
//   tailrace:checkpoint:<group>:<topic>:<partition>  owner offset high gtid file pos …
//                                                    and after a truncation: truncated truncated_at
//                                                    while a rebuild is swapped: is_swapping
//   tailrace:checkpoints:<group>                      "<topic>:<partition>", …
#ifndef TAILRACE_APPLIERS_REDIS_CHECKPOINT_H
#define TAILRACE_APPLIERS_REDIS_CHECKPOINT_H

#include "appliers/redis/sink.h"

// Checkpoints of a group, and the group of a rebuild of it. All borrowed.
struct checkpoint_set {
    const char *group;
    const char *beside_group;
    const struct sink_checkpoint *checkpoints;
    size_t n_checkpoints;
};

MUST_CHECK bool checkpoint_claim(struct pipeline *pipeline, const struct sink_partition *partition,
                                 const char *owner, struct sink_checkpoint *checkpoint,
                                 struct err *err);

// WATCHes the checkpoints of the batch and proves that each is the owner's and stands where the
// batch begins. ERR_RETRY where not. What follows is MULTI, the effects, checkpoint_move, EXEC.
MUST_CHECK bool checkpoint_watch(struct pipeline *pipeline, const char *group, const char *owner,
                                 const struct batch *batch, struct err *err);

// Appends one command for each partition of the batch.
MUST_CHECK bool checkpoint_move(struct pipeline *pipeline, const char *group,
                                const struct batch *batch, struct err *err);

MUST_CHECK bool checkpoint_list(struct pipeline *pipeline, const char *group,
                                struct sink_checkpoint **checkpoints, size_t *n_checkpoints,
                                struct err *err);

MUST_CHECK bool checkpoint_reset(struct pipeline *pipeline, const char *group,
                                 const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                                 struct err *err);

// --- of a rebuild: these append commands, between MULTI and EXEC ---

// Nobody's, and nobody who claims one may go on.
MUST_CHECK bool checkpoint_fence(struct pipeline *pipeline, const struct checkpoint_set *set,
                                 struct err *err);

// Sets those of the group as they stand in `checkpoints` and removes those of the other group.
MUST_CHECK bool checkpoint_settle(struct pipeline *pipeline, const struct checkpoint_set *set,
                                  struct err *err);

// Removes these of the group.
MUST_CHECK bool checkpoint_forget(struct pipeline *pipeline, const char *group,
                                  const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                                  struct err *err);

#endif
