// SPDX-License-Identifier: Apache-2.0
// Publisher: row changes of one source into Kafka, until stopped. It runs sessions (session.h), one
// after the other: what may pass (a lost connection, a broker that restarts) ends a session, and
// the next one starts at the last committed checkpoint. A failure of the very first one before it
// runs, and every other class of error, ends the program.
#ifndef TAILRACE_PUBLISHER_PUBLISHER_H
#define TAILRACE_PUBLISHER_PUBLISHER_H

#include "common/config.h"
#include "common/err.h"

#define PUBLISHER_ACCEPTED_MAX 64

struct publisher_options {
    bool standby;         // waits first while another publisher of the name is alive
    bool until_caught_up; // ends when everything is out that the binlog held at the start
    const char *accepted[PUBLISHER_ACCEPTED_MAX]; // topics whose number of partitions is accepted
    size_t n_accepted;
};

// True when stopped by a signal, or caught up.
MUST_CHECK bool publisher_run(const struct config *config, const struct publisher_options *options,
                              struct err *err);

#endif
