// SPDX-License-Identifier: Apache-2.0
// Throttle: how fast verify may read, and how it shows that it does. The rate is [verify] rate rows
// a second from each side; before each piece of the source it waits while the server has more
// threads running than [verify] source_threads. On a terminal a line shows rows, rate and time
// left.
#ifndef TAILRACE_VERIFY_THROTTLE_H
#define TAILRACE_VERIFY_THROTTLE_H

#include "verify/mysql.h"

struct throttle;

// Opens a connection of its own where the load has to be watched (`server`: see mysql_open).
MUST_CHECK bool throttle_open(const struct config *config, const char *server,
                              struct throttle **throttle, struct err *err);
void throttle_close(struct throttle *throttle);

// A reading of about so many rows begins.
void throttle_begin(struct throttle *throttle, const char *what, uint64_t rows_about);
void throttle_end(struct throttle *throttle);

enum throttle_side { THROTTLE_SOURCE, THROTTLE_TARGET };

// One row more of that side; waits where it is too fast. Each side is one thread.
void throttle_row(struct throttle *throttle, enum throttle_side side);

// Waits for the source to have time. From the source's thread.
MUST_CHECK bool throttle_pause(struct throttle *throttle, struct err *err);

#endif
