// SPDX-License-Identifier: Apache-2.0
// Truncate: a truncation in Redis (appliers/core/truncation.h): SCAN over all keys, and the table's
// that go are deleted page by page, each in a MULTI under the WATCH of the checkpoint.
#ifndef TAILRACE_APPLIERS_REDIS_TRUNCATE_H
#define TAILRACE_APPLIERS_REDIS_TRUNCATE_H

#include "appliers/redis/sink.h"

struct truncate {
    struct pipeline *pipeline;
    const char *group;
    const char *owner;
    const struct batch *batch;
    const char *prefix; // before each key
    bool is_json;
};

MUST_CHECK bool truncate_apply(const struct truncate *truncate, struct err *err);

#endif
