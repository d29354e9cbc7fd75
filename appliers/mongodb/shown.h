// SPDX-License-Identifier: Apache-2.0
// Shown: what the target shows of each key already (appliers/core/guard.h): the guards of
// documents, in their field GUARD_FIELD: { p: int32, o: int64 }, and tombstones of deleted ones:
//   tailrace.tombstones: { _id: { db, table, key }, p, o, expires }     key: the document's _id
// There is no index on `expires`, so that no delete has one to keep up: a scan now and then removes
// the expired ones.
#ifndef TAILRACE_APPLIERS_MONGODB_SHOWN_H
#define TAILRACE_APPLIERS_MONGODB_SHOWN_H

#include "appliers/mongodb/fresh.h"
#include "appliers/mongodb/sink.h"

#define TOMBSTONE_COLLECTION "tombstones"

struct shown {
    mongoc_client_t *client;
    const bson_t *opts; // of the transaction
    const struct batch *batch;
    const char *suffix; // of the collections, the tombstones' too
    bson_t *reply;      // the server's last one
};

// Makes the tombstones' collection, and removes those that are expired; before a transaction that
// needs them.
MUST_CHECK bool shown_prepare(mongoc_client_t *client, const char *suffix, uint64_t now_ms,
                              struct err *err);

// The tombstones of what is written with this suffix. To be destroyed.
mongoc_collection_t *shown_tombstones(mongoc_client_t *client, const char *suffix);

// Appends the guard's field.
void shown_append(bson_t *doc, const struct guard *guard);

// Reads it; false when the document has none.
bool shown_read(const bson_t *doc, struct guard *guard);

// Leaves out of the effects, sorted by table, those that the target shows.
MUST_CHECK bool shown_leave_out(const struct shown *shown, const struct effect **effects, size_t *n,
                                struct err *err);

struct burial {
    const struct effect **effects;
    size_t n;
    uint64_t expires_ms;
    struct fresh *fresh;
};

// Writes the tombstones of the deletes among the effects.
MUST_CHECK bool shown_bury(const struct shown *shown, const struct burial *burial, struct err *err);

#endif
