// SPDX-License-Identifier: Apache-2.0
// Scan: walks all keys of the database page by page. A key that is there from the first page to the
// last is seen; one may be seen twice.
#ifndef TAILRACE_APPLIERS_REDIS_SCAN_H
#define TAILRACE_APPLIERS_REDIS_SCAN_H

#include "appliers/redis/sink.h"

// Looks at one page; its elements are strings.
typedef bool scan_fn(void *into, const redisReply *keys, struct err *err);

// `match`: a glob, NULL: all keys. ERR_STOPPED.
MUST_CHECK bool scan_keys(struct pipeline *pipeline, const char *match, scan_fn *visit, void *into,
                          struct err *err);

#endif
