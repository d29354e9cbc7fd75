// SPDX-License-Identifier: Apache-2.0
// Truncate: a truncation in MongoDB (appliers/core/truncation.h): one pass over the collection,
// whose documents are deleted in transactions of a thousand.
#ifndef TAILRACE_APPLIERS_MONGODB_TRUNCATE_H
#define TAILRACE_APPLIERS_MONGODB_TRUNCATE_H

#include "appliers/mongodb/sink.h"

struct truncate {
    mongoc_client_t *client;
    mongoc_client_session_t *session;
    const char *group;
    const char *owner;
    const char *suffix; // of the collection
    const struct batch *batch;
};

MUST_CHECK bool truncate_apply(const struct truncate *truncate, struct err *err);

#endif
