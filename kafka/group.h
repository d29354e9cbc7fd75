// SPDX-License-Identifier: Apache-2.0
// Consumer groups: who is in one now.
#ifndef TAILRACE_KAFKA_GROUP_H
#define TAILRACE_KAFKA_GROUP_H

#include "kafka/client.h"

// The group with its members, freed by rd_kafka_group_list_destroy. Asked again, up to
// KAFKA_TIMEOUT_MS, while the broker that coordinates it cannot tell, as after its start.
// ERR_STOPPED: the stop flag was raised meanwhile.
MUST_CHECK bool kafka_group_list(rd_kafka_t *rk, const char *group,
                                 const struct rd_kafka_group_list **list, struct err *err);

#endif
