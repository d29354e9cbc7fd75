// SPDX-License-Identifier: Apache-2.0
// Transaction: see transaction.h.
#include "appliers/mongodb/transaction.h"

#include "common/crash.h"
#include "common/stop.h"

#define TRIES 5
#define TRY_AGAIN_MS 20

bool transaction_open(mongoc_client_t *client, mongoc_client_session_t **session, struct err *err)
{
    bson_error_t error;
    mongoc_write_concern_t *majority = mongoc_write_concern_new();
    mongoc_transaction_opt_t *transaction = mongoc_transaction_opts_new();
    mongoc_session_opt_t *opts = mongoc_session_opts_new();
    mongoc_write_concern_set_w(majority, MONGOC_WRITE_CONCERN_W_MAJORITY);
    mongoc_transaction_opts_set_write_concern(transaction, majority);
    mongoc_session_opts_set_default_transaction_opts(opts, transaction);
    *session = mongoc_client_start_session(client, opts, &error);
    mongoc_session_opts_destroy(opts);
    mongoc_transaction_opts_destroy(transaction);
    mongoc_write_concern_destroy(majority);
    return *session || sink_fail(err, NULL, &error, "starting a session");
}

static bool begin(mongoc_client_session_t *session, bson_t *opts, struct err *err)
{
    bson_error_t error;
    BSON_APPEND_BOOL(opts, "ordered", false);
    if (mongoc_client_session_start_transaction(session, NULL, &error) &&
        mongoc_client_session_append(session, opts, &error))
        return true;
    return sink_fail(err, NULL, &error, "starting a transaction");
}

static bool commit(mongoc_client_session_t *session, bson_t *reply, struct err *err)
{
    bson_error_t error;
    for (int tries = 1;; tries++) {
        bson_destroy(reply);
        if (mongoc_client_session_commit_transaction(session, reply, &error)) {
            CRASH_POINT(mongodb_committed);
            return true;
        }
        if (tries == TRIES || !mongoc_error_has_label(reply, "UnknownTransactionCommitResult"))
            break;
        stop_sleep_ms(TRY_AGAIN_MS);
    }
    if (mongoc_error_has_label(reply, "UnknownTransactionCommitResult"))
        return err_set(err, ERR_RETRY, "MongoDB: the outcome of a commit is unknown: %s",
                       error.message);
    return sink_fail(err, reply, &error, "commit");
}

struct step {
    transaction_fn *write;
    void *into;
};

// *again: nothing was written, and the same transaction may pass now.
static bool try_once(mongoc_client_session_t *session, const struct step *step, bool *again,
                     struct err *err)
{
    bson_t opts = BSON_INITIALIZER;
    bson_t reply;
    *again = false;
    bool done = begin(session, &opts, err);
    if (done) {
        CRASH_POINT(mongodb_transaction_begun);
        done = step->write(step->into, &opts, &reply, err);
        CRASH_POINT(mongodb_written);
        if (!done)
            *again = mongoc_error_has_label(&reply, "TransientTransactionError");
        if (!done)
            mongoc_client_session_abort_transaction(session, NULL);
        else if (!(done = commit(session, &reply, err)))
            *again = mongoc_error_has_label(&reply, "TransientTransactionError");
        bson_destroy(&reply);
    }
    bson_destroy(&opts);
    return done;
}

bool transaction_run(mongoc_client_session_t *session, transaction_fn *write, void *into,
                     struct err *err)
{
    const struct step step = {write, into};
    for (int tries = 1;; tries++) {
        bool again;
        if (try_once(session, &step, &again, err))
            return true;
        if (!again || tries == TRIES)
            return false;
        stop_sleep_ms((unsigned)(TRY_AGAIN_MS * tries));
    }
}
