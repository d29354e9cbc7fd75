// SPDX-License-Identifier: Apache-2.0
// Consumer configuration: how a handle for the applier's group reads, for the consumer and for the
// commands that look at its offsets.
#ifndef TAILRACE_APPLIERS_CORE_CONSUMER_CONF_H
#define TAILRACE_APPLIERS_CORE_CONSUMER_CONF_H

#include "appliers/core/sink.h"

#include <librdkafka/rdkafka.h>

// Reads committed records and commits nothing by itself; [kafka] wins where it says something. The
// caller's. NULL: ERR_CONFIG.
rd_kafka_conf_t *consumer_conf(const struct config *config, const struct sink_driver *driver,
                               const char *group, struct err *err);

#endif
