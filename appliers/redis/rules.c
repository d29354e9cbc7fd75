// SPDX-License-Identifier: Apache-2.0
// Rules: see rules.h.
#include "appliers/redis/rules.h"

#include <string.h>

static enum policy read_policy(const char *text)
{
    static const char *const names[] = {[POLICY_MIRROR] = "mirror",
                                        [POLICY_REFRESH] = "refresh",
                                        [POLICY_INVALIDATE] = "invalidate"};
    enum policy policy = POLICY_MIRROR;
    while (strcmp(names[policy], text) != 0) // the configuration knows no others
        policy++;
    return policy;
}

bool rules_read(struct rules *rules, const struct config *config, struct err *err)
{
    *rules = (struct rules){.policy = read_policy(config->redis.policy),
                            .is_json = strcmp(config->redis.format, "json") == 0,
                            .ttl_ms = config->redis.ttl_ms,
                            .before = ""};
    return key_template_parse(&rules->key, config, err);
}

bool rules_are_of_cache(const struct rules *rules)
{
    return rules->policy != POLICY_MIRROR || rules->ttl_ms > 0;
}
