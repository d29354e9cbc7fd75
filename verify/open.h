// SPDX-License-Identifier: Apache-2.0
// Open: the connections and tables of a run.
#ifndef TAILRACE_VERIFY_OPEN_H
#define TAILRACE_VERIFY_OPEN_H

#include "verify/run.h"

// Source, Kafka, and the tables that fit [tables] and the operands (globs, ended by NULL). config
// and options are set already. close_run also takes what could not be opened.
MUST_CHECK bool open_run(struct run *run, char **operands, struct err *err);
void close_run(struct run *run);

// ERR_USAGE: --target names something else than mongodb and redis.
MUST_CHECK bool open_check_targets(const struct run_options *options, struct err *err);

// The i-th of the targets that --target names; NULL behind the last.
const struct target_driver *open_driver(const struct run_options *options, size_t i);

#endif
