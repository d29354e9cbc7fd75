// SPDX-License-Identifier: Apache-2.0
// MongoDB checkpoints: a document a partition in tailrace.checkpoints, written with majority
// concern.
//   { _id: { group, topic, partition }, owner, offset, high, gtid, file, pos, ts_us, applied_at_us,
//     after a truncation also: truncated, truncated_at; while a rebuild is swapped: is_swapping }
#ifndef TAILRACE_APPLIERS_MONGODB_CHECKPOINT_H
#define TAILRACE_APPLIERS_MONGODB_CHECKPOINT_H

#include "appliers/mongodb/sink.h"
#include "appliers/mongodb/transaction.h"

#define CHECKPOINT_DB "tailrace"
#define CHECKPOINT_COLLECTION "checkpoints"

// Checkpoints of a group, and the group of a rebuild of it. All borrowed.
struct checkpoint_set {
    const char *group;
    const char *beside_group;
    const struct sink_checkpoint *checkpoints;
    size_t n_checkpoints;
};

// Proves that the account may read the checkpoints. ERR_REFUSED.
MUST_CHECK bool checkpoint_probe(mongoc_client_t *client, struct err *err);

MUST_CHECK bool checkpoint_claim(mongoc_client_t *client, const struct sink_partition *partition,
                                 const char *owner, struct sink_checkpoint *checkpoint,
                                 struct err *err);

// Moves the checkpoints of the batch's partitions, within the transaction whose session is in
// `session_opts`. ERR_RETRY when one is not the owner's any more or stands elsewhere; *reply is set
// in any case.
MUST_CHECK bool checkpoint_move(mongoc_client_t *client, const bson_t *session_opts,
                                const char *group, const char *owner, const struct batch *batch,
                                bson_t *reply, struct err *err);

MUST_CHECK bool checkpoint_list(mongoc_client_t *client, const char *group,
                                struct sink_checkpoint **checkpoints, size_t *n_checkpoints,
                                struct err *err);

// A transaction on checkpoints that were not claimed: what stands in its way because a killed owner
// of the groups left it open is ended. `other_group` may be NULL.
MUST_CHECK bool checkpoint_run(mongoc_client_t *client, mongoc_client_session_t *session,
                               const char *group, const char *other_group, transaction_fn *write,
                               void *into, struct err *err);

// Within a transaction, as above.
MUST_CHECK bool checkpoint_reset(mongoc_client_t *client, const bson_t *session_opts,
                                 const char *group, const struct sink_checkpoint *checkpoints,
                                 size_t n_checkpoints, bson_t *reply, struct err *err);

// Nobody's, and nobody can claim them: those named of the group, and all of the other group. Within
// a transaction.
MUST_CHECK bool checkpoint_fence(mongoc_client_t *client, const bson_t *session_opts,
                                 const struct checkpoint_set *set, bson_t *reply, struct err *err);

// Sets those of the group as they stand in `checkpoints` and removes all of the other group. Within
// a transaction.
MUST_CHECK bool checkpoint_settle(mongoc_client_t *client, const bson_t *session_opts,
                                  const struct checkpoint_set *set, bson_t *reply, struct err *err);

#endif
