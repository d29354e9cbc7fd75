// SPDX-License-Identifier: Apache-2.0
// tailrace-apply-redis: Kafka to Redis.
#include "appliers/redis/sink.h"

int main(int argc, char **argv)
{
    return applier_main(&redis_driver, argc, argv);
}
