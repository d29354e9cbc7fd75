// SPDX-License-Identifier: Apache-2.0
// Leftover: a transaction that a process left open when it was killed. MongoDB keeps it, with the
// documents it has written, until transactionLifetimeLimitSeconds (60) are over; whoever takes the
// partition over would wait so long. Each process therefore tells the server its name, "tailrace
// HOST:PID", and is found by it. To end a transaction is always safe: a process that lives after
// all sees it fail, and does the batch again.
#ifndef TAILRACE_APPLIERS_MONGODB_LEFTOVER_H
#define TAILRACE_APPLIERS_MONGODB_LEFTOVER_H

#include "appliers/mongodb/sink.h"

#define LEFTOVER_NAME_BYTES 128 // what MongoDB takes as the name of an application

// The name of this process, for the URI's appName.
void leftover_name_self(char name[LEFTOVER_NAME_BYTES]);

// Ends the transactions of the process that `owner` ("HOST:PID:…") names. What cannot be asked or
// ended is logged: then it takes its time.
void leftover_end(mongoc_client_t *client, const char *owner);

#endif
