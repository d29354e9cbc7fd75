// SPDX-License-Identifier: Apache-2.0
// tailrace-apply-mongodb: Kafka to MongoDB.
#include "appliers/mongodb/sink.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    mongoc_init();
    int status = applier_main(&mongodb_driver, argc, argv);
    mongoc_cleanup();
    return status;
}
