// SPDX-License-Identifier: Apache-2.0
// Watch: verifies for ever. One thread follows the topics from now on and looks at each key that
// was changed, behind the fence; another walks over everything else, slowly, again and again. What
// differs is logged at once.
#ifndef TAILRACE_VERIFY_WATCH_H
#define TAILRACE_VERIFY_WATCH_H

#include "verify/run.h"

// Until the stop flag is raised; *n_found: how many differences there were.
MUST_CHECK bool watch_run(const struct config *config, const struct run_options *options,
                          char **operands, uint64_t *n_found, struct err *err);

#endif
