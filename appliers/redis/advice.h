// SPDX-License-Identifier: Apache-2.0
// Advice: what of a Redis server is not refused and yet worth a line of `check`.
#ifndef TAILRACE_APPLIERS_REDIS_ADVICE_H
#define TAILRACE_APPLIERS_REDIS_ADVICE_H

#include "appliers/redis/rules.h"
#include "appliers/redis/sink.h"
#include "common/check.h"

// Persistence and eviction, as INFO tells them.
MUST_CHECK bool advice_print(struct pipeline *pipeline, const struct rules *rules,
                             struct check *check, struct err *err);

#endif
