// SPDX-License-Identifier: Apache-2.0
// Offsets: the publisher's position for people: `tailrace-publish offsets show` and `offsets
// reset`.
#ifndef TAILRACE_PUBLISHER_OFFSETS_H
#define TAILRACE_PUBLISHER_OFFSETS_H

#include "common/config.h"
#include "common/err.h"

struct offsets_options {
    const char *to; // reset: earliest, latest, gtid:SET, FILE:POS, time:ISO8601
    bool dry_run;   // reset: prints what would change
    bool yes;       // reset: does not ask
    bool json;      // show: one JSON object
};

// Prints the checkpoint, the end of the source and what lies between to standard output.
MUST_CHECK bool offsets_show(const struct config *config, const struct offsets_options *options,
                             struct err *err);

// Sets the checkpoint. ERR_REFUSED while a publisher of that name runs, or when the question is
// answered with no.
MUST_CHECK bool offsets_reset(const struct config *config, const struct offsets_options *options,
                              struct err *err);

#endif
