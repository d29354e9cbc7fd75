// SPDX-License-Identifier: Apache-2.0
// MongoDB sink: what its files share. Every call of the client library that fails goes through
// sink_fail.
#ifndef TAILRACE_APPLIERS_MONGODB_SINK_H
#define TAILRACE_APPLIERS_MONGODB_SINK_H

#include "appliers/core/sink.h"

#include <mongoc/mongoc.h>

extern const struct sink_driver mongodb_driver;

// err_set in the class of the fault: ERR_RETRY for what passes by itself (no primary, connection
// lost, write conflicts, timeouts), ERR_REFUSED for rights and for what the server does not take.
// `reply` may be NULL. Always false.
bool sink_fail(struct err *err, const bson_t *reply, const bson_error_t *error, const char *what);

#endif
