// SPDX-License-Identifier: Apache-2.0
// Snapshot command: `tailrace-publish snapshot`, the other end of the control topic: gives commands
// to the running publisher, and reads from the checkpoint's topic what came of them.
#ifndef TAILRACE_PUBLISHER_SNAPSHOT_COMMAND_H
#define TAILRACE_PUBLISHER_SNAPSHOT_COMMAND_H

#include "common/config.h"
#include "common/err.h"

#include <stddef.h>

struct snapshot_options {
    const char *where;
    const char *keys; // file, "-": standard input
    bool wait;
    bool status;
    bool pause;
    bool resume;
    bool cancel;
    bool json;
};

// `operands`: tables, or the number of a snapshot. ERR_REFUSED with --wait when it failed.
MUST_CHECK bool snapshot_command(const struct config *config,
                                 const struct snapshot_options *options,
                                 const char *const *operands, size_t n_operands, struct err *err);

#endif
