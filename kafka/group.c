// SPDX-License-Identifier: Apache-2.0
// Consumer groups: see group.h.
#include "kafka/group.h"

#include "common/clock.h"
#include "common/stop.h"

#define LOADING_PAUSE_MS 100

bool kafka_group_list(rd_kafka_t *rk, const char *group, const struct rd_kafka_group_list **list,
                      struct err *err)
{
    uint64_t until_ms = clock_steady_ms() + KAFKA_TIMEOUT_MS;
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_list_groups(rk, group, list, KAFKA_TIMEOUT_MS);
        if (!code)
            return true;
        if (kafka_err_class(code) != ERR_RETRY || clock_steady_ms() >= until_ms)
            return kafka_err(err, code, "asking for the consumer group");
        if (!stop_sleep_ms(LOADING_PAUSE_MS))
            return err_set(err, ERR_STOPPED, "stopped while group %s was asked for", group);
    }
}
