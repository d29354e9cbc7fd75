// SPDX-License-Identifier: Apache-2.0
// Leftover: see leftover.h. An account may see and end its own sessions without any further right.
#define _DEFAULT_SOURCE // gethostname
#include "appliers/mongodb/leftover.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOST_BYTES 64 // as in an owner

void leftover_name_self(char name[LEFTOVER_NAME_BYTES])
{
    char host[HOST_BYTES] = "";
    gethostname(host, sizeof host - 1);
    snprintf(name, LEFTOVER_NAME_BYTES, "tailrace %s:%d", host, (int)getpid());
}

// { aggregate: 1, pipeline: [ { $currentOp }, { $match: its transactions } ], cursor: {} }
static bool find_sessions(mongoc_client_t *client, const char *name, bson_t *reply,
                          bson_error_t *error)
{
    bson_t *command =
        BCON_NEW("aggregate", BCON_INT32(1), "pipeline", "[", "{", "$currentOp", "{",
                 "idleSessions", BCON_BOOL(true), "}", "}", "{", "$match", "{", "appName",
                 BCON_UTF8(name), "transaction", "{", "$exists", BCON_BOOL(true), "}", "}", "}",
                 "{", "$project", "{", "lsid", BCON_INT32(1), "}", "}", "]", "cursor", "{", "}");
    bool done = mongoc_client_command_simple(client, "admin", command, NULL, reply, error);
    bson_destroy(command);
    return done;
}

// The reply's sessions as [ { id }, … ]; returns how many.
static unsigned list_sessions(const bson_t *reply, bson_t *sessions)
{
    bson_iter_t iter, found, id;
    unsigned n = 0;
    if (!bson_iter_init(&iter, reply) ||
        !bson_iter_find_descendant(&iter, "cursor.firstBatch", &found) ||
        !bson_iter_recurse(&found, &iter))
        return 0;
    while (bson_iter_next(&iter)) {
        char number[16];
        const char *key;
        bson_t session;
        if (!bson_iter_recurse(&iter, &found) || !bson_iter_find_descendant(&found, "lsid.id", &id))
            continue;
        size_t len = bson_uint32_to_string(n++, &key, number, sizeof number);
        bson_append_document_begin(sessions, key, (int)len, &session);
        bson_append_iter(&session, "id", 2, &id);
        bson_append_document_end(sessions, &session);
    }
    return n;
}

static bool end_sessions(mongoc_client_t *client, const bson_t *sessions, bson_error_t *error)
{
    bson_t *command = BCON_NEW("killSessions", BCON_ARRAY(sessions));
    bool done = mongoc_client_command_simple(client, "admin", command, NULL, NULL, error);
    bson_destroy(command);
    return done;
}

void leftover_end(mongoc_client_t *client, const char *owner)
{
    char name[LEFTOVER_NAME_BYTES];
    bson_t sessions = BSON_INITIALIZER;
    bson_error_t error = {0};
    bson_t reply;
    const char *end = strrchr(owner, ':');
    unsigned n = 0;
    snprintf(name, sizeof name, "tailrace %.*s", end ? (int)(end - owner) : 0, owner);
    bool done = find_sessions(client, name, &reply, &error);
    if (done)
        n = list_sessions(&reply, &sessions);
    done = done && (n == 0 || end_sessions(client, &sessions, &error));
    if (!done)
        log_warn("open transactions of the owner before could not be ended",
                 LOG_FIELDS(log_str("owner", owner), log_str("reason", error.message)));
    else if (n > 0)
        log_info("open transactions of the owner before were ended",
                 LOG_FIELDS(log_str("owner", owner), log_u64("sessions", n)));
    bson_destroy(&reply);
    bson_destroy(&sessions);
}
