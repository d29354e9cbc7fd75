// SPDX-License-Identifier: Apache-2.0
// MongoDB sink: what its files share. Every call of the client library that fails goes through
// sink_fail.
#ifndef TAILRACE_APPLIERS_MONGODB_SINK_H
#define TAILRACE_APPLIERS_MONGODB_SINK_H

#include "appliers/core/sink.h"

#include <mongoc/mongoc.h>

extern const struct sink_driver mongodb_driver;

// Behind the names of collections that a rebuild fills (appliers/core/beside.h), tombstones' too.
#define BESIDE_SUFFIX "__rebuild"

// The collection of the table; `suffix` is "" or BESIDE_SUFFIX. To be destroyed.
mongoc_collection_t *sink_collection(mongoc_client_t *client, const struct table *table,
                                     const char *suffix);

// One that is there already is no error.
MUST_CHECK bool sink_create_collection(mongoc_client_t *client, const char *db, const char *name,
                                       struct err *err);

// What beside.c needs of a sink.
mongoc_client_t *sink_client(struct sink *sink);
mongoc_client_session_t *sink_session(struct sink *sink);
void sink_enter_beside(struct sink *sink);

// err_set in the class of the fault: ERR_RETRY for what passes by itself (no primary, connection
// lost, write conflicts, timeouts), ERR_REFUSED for rights and for what the server does not take.
// `reply` may be NULL. Always false.
bool sink_fail(struct err *err, const bson_t *reply, const bson_error_t *error, const char *what);

// Whether the client library found no server, or lost the connection to it. Where it looks for the
// server again, it calls the fault of a stream one of the client.
bool sink_lost_server(const bson_error_t *error);

// Whether the server refuses a write with this code for what the document is: too large, not to the
// collection's validator, not to be indexed. All others may be of the server as a whole.
bool sink_refuses_document(uint32_t code);

#endif
