// SPDX-License-Identifier: Apache-2.0
// Rules: how rows are kept in Redis, as [redis] policy, format, ttl and key say.
//   mirror      every row is there, until its time is up where there is a ttl
//   refresh     what somebody else put there is kept as the row is; what is not there stays away
//   invalidate  a change removes the key
// With refresh, invalidate or a ttl the target is a cache: a key that is not there is right.
#ifndef TAILRACE_APPLIERS_REDIS_RULES_H
#define TAILRACE_APPLIERS_REDIS_RULES_H

#include "common/key_template.h"

enum policy { POLICY_MIRROR, POLICY_REFRESH, POLICY_INVALIDATE };

struct rules {
    enum policy policy;
    bool is_json;
    uint64_t ttl_ms; // 0: for ever
    struct key_template key;
    const char *before; // each key: "", or of a rebuild
};

// Borrows from the configuration. ERR_CONFIG: the template of the keys is wrong.
MUST_CHECK bool rules_read(struct rules *rules, const struct config *config, struct err *err);

// Whether a key may be away although the source has its row.
bool rules_are_of_cache(const struct rules *rules);

#endif
