// SPDX-License-Identifier: Apache-2.0
// murmur2 as Kafka's Java client computes it, and the partition that its default partitioner gives
// a key.
#ifndef TAILRACE_RECORD_MURMUR2_H
#define TAILRACE_RECORD_MURMUR2_H

#include "common/slice.h"

uint32_t murmur2(struct slice key);
int32_t murmur2_partition(struct slice key, int32_t n_partitions);

#endif
