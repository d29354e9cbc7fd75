// SPDX-License-Identifier: Apache-2.0
// Offsets: `offsets show` and `offsets reset` of an applier.
#ifndef TAILRACE_APPLIERS_CORE_OFFSETS_H
#define TAILRACE_APPLIERS_CORE_OFFSETS_H

#include "appliers/core/sink.h"

struct offsets_options {
    const char *to; // reset: "earliest", "latest", "offset:…", "time:…", "gtid:…"; NULL: not given
    const char *topic; // reset: glob; NULL: all topics
    bool rebuild;      // reset: see rebuild.h
    bool discard;      // reset: likewise
    bool dry_run;
    bool yes;
    bool json; // show
};

// Prints a line for each partition: checkpoint, end, lag, owner.
MUST_CHECK bool offsets_show(const struct config *config, const struct sink_driver *driver,
                             const struct offsets_options *options, struct err *err);

// Sets the checkpoints in the target, and the group's offsets with them. ERR_REFUSED while the
// group has members, or the question was not answered with yes. Nothing is changed where any of it
// fails.
MUST_CHECK bool offsets_reset(const struct config *config, const struct sink_driver *driver,
                              const struct offsets_options *options, struct err *err);

#endif
