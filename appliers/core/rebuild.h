// SPDX-License-Identifier: Apache-2.0
// Rebuild: `offsets reset apply NAME --rebuild`. The tables are applied anew beside (beside.h),
// from Kafka, by the same session that an applier runs, until all is there; then they are put in
// the place of what the target has, and the applier's checkpoints are set to where the rebuild
// stands. Readers see the old content until then, and nothing half-built.
//
// It is right whatever is in the target, and that needs all that a first run would read: history.h.
#ifndef TAILRACE_APPLIERS_CORE_REBUILD_H
#define TAILRACE_APPLIERS_CORE_REBUILD_H

#include "appliers/core/offsets.h"

// Runs it, or goes on with one that was interrupted. ERR_REFUSED while the applier runs, where
// Kafka has not all of a table any more, or the question was not answered with yes. Until the swap
// begins every fault leaves the target as it was; then the same command finishes it.
MUST_CHECK bool offsets_rebuild(const struct config *config, const struct sink_driver *driver,
                                const struct offsets_options *options, struct err *err);

// Removes what an unfinished one has beside.
MUST_CHECK bool offsets_discard(const struct config *config, const struct sink_driver *driver,
                                const struct offsets_options *options, struct err *err);

// ERR_REFUSED while one is being swapped: the checkpoints are its own.
MUST_CHECK bool rebuild_refuse_swapping(const struct sink_driver *driver, struct sink *sink,
                                        const char *group, struct err *err);

#endif
