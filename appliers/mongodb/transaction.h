// SPDX-License-Identifier: Apache-2.0
// Transaction: writes that happen together, with majority concern.
//
// https://github.com/mongodb/specifications, transactions: a fault labelled
// TransientTransactionError means that nothing was written: the whole transaction is tried again.
// UnknownTransactionCommitResult: the commit is tried again, which is idempotent; if that does not
// settle it, the next claim() finds it out.
#ifndef TAILRACE_APPLIERS_MONGODB_TRANSACTION_H
#define TAILRACE_APPLIERS_MONGODB_TRANSACTION_H

#include "appliers/mongodb/sink.h"

MUST_CHECK bool transaction_open(mongoc_client_t *client, mongoc_client_session_t **session,
                                 struct err *err);

// Writes within the transaction of `opts` ({ ordered: false, sessionId }). *reply is set in any
// case: the server's last one.
typedef bool transaction_fn(void *into, const bson_t *opts, bson_t *reply, struct err *err);

// Runs it, a few times where the server asks for that.
MUST_CHECK bool transaction_run(mongoc_client_session_t *session, transaction_fn *write, void *into,
                                struct err *err);

#endif
