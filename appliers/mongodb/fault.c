// SPDX-License-Identifier: Apache-2.0
// Faults: the server's and the client library's, in our classes.
#include "appliers/mongodb/sink.h"

// Codes of the server that pass by themselves: no primary, stepping down, shutting down, time is
// up, …
static bool is_passing(uint32_t code)
{
    static const uint32_t codes[] = {6,   7,   24,  46,  50,    89,    91,    112,   133,  134,
                                     189, 202, 251, 262, 10107, 11600, 11602, 13435, 13436};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i] == code)
            return true;
    return false;
}

bool sink_lost_server(const bson_error_t *error)
{
    return error->domain == MONGOC_ERROR_STREAM || error->domain == MONGOC_ERROR_SERVER_SELECTION ||
           (error->domain == MONGOC_ERROR_CLIENT &&
            error->code <= MONGOC_ERROR_STREAM_NOT_ESTABLISHED);
}

bool sink_refuses_document(uint32_t code)
{
    static const uint32_t codes[] = {
        2,   9,     14,    28,    52,    53,    54,    56,    57,    66,    121,
        171, 10334, 11000, 13026, 13027, 16755, 16766, 16804, 17261, 17262, 17419,
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i] == code)
            return true;
    return false;
}

bool sink_fail(struct err *err, const bson_t *reply, const bson_error_t *error, const char *what)
{
    enum err_class class = ERR_REFUSED;
    const char *advice = "";
    if (sink_lost_server(error))
        class = ERR_RETRY;
    else if (error->domain == MONGOC_ERROR_CLIENT &&
             error->code == MONGOC_ERROR_CLIENT_AUTHENTICATE)
        advice = "; check the user in [mongodb] uri and its password_file";
    else if (error->domain == MONGOC_ERROR_SERVER && error->code == 13)
        advice = "; the account needs the role readWrite on tailrace and on each database that is "
                 "written: db.grantRolesToUser(\"USER\", [\"readWriteAnyDatabase\"])";
    else if (is_passing(error->code) ||
             (reply && (mongoc_error_has_label(reply, "TransientTransactionError") ||
                        mongoc_error_has_label(reply, "RetryableWriteError"))))
        class = ERR_RETRY;
    return err_set(err, class, "MongoDB: %s: %s (code %u)%s", what, error->message, error->code,
                   advice);
}
