// SPDX-License-Identifier: Apache-2.0
// Cached: finds the keys that may differ in a target that need not have every row (a cache, or rows
// whose time is up). What is there is read once, and the source's rows of these keys beside it; a
// row of the source that is not there is counted, and no difference. As compare.h for targets that
// have all.
#ifndef TAILRACE_VERIFY_CACHED_H
#define TAILRACE_VERIFY_CACHED_H

#include "verify/compare.h"

MUST_CHECK bool cached_run(struct run *run, suspects_fn *fn, struct err *err);

#endif
