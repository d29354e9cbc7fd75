// SPDX-License-Identifier: Apache-2.0
// Check: `check` of an applier: whether it could run, and what is not as it should be.
#ifndef TAILRACE_APPLIERS_CORE_CHECK_H
#define TAILRACE_APPLIERS_CORE_CHECK_H

#include "appliers/core/sink.h"

// Prints a line for each thing; nothing is written. The exit code: 0, or 1 when something failed.
int applier_check(const struct config *config, const struct sink_driver *driver);

#endif
