// SPDX-License-Identifier: Apache-2.0
// Truncate: a truncation in Redis (appliers/core/truncation.h): SCAN over all keys, and the table's
// that go are deleted page by page, each in a MULTI under the WATCH of the checkpoint. Of a cache
// that others fill all go, whatever they carry.
#ifndef TAILRACE_APPLIERS_REDIS_TRUNCATE_H
#define TAILRACE_APPLIERS_REDIS_TRUNCATE_H

#include "appliers/redis/rules.h"
#include "appliers/redis/sink.h"

struct truncate {
    struct pipeline *pipeline;
    const char *group;
    const char *owner;
    const struct batch *batch;
    const struct rules *rules;
};

MUST_CHECK bool truncate_apply(const struct truncate *truncate, struct err *err);

#endif
