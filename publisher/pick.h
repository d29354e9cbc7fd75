// SPDX-License-Identifier: Apache-2.0
// Pick: which server of [source] host is read from.
//
// The rule: of those that answer and are set up for it, the first in the order of the list that has
// all that the position holds (and all that rows of a snapshot show, which are published) and all
// that the others have which hold it as well. So a replica that
// is behind, or an old primary that came back without what its successor wrote, is never taken in
// place of a newer one, and what nobody has any more is not passed over. What a replica has by
// itself does not count against a primary. With one server in the list there is nothing to choose,
// and its own error stands.
#ifndef TAILRACE_PUBLISHER_PICK_H
#define TAILRACE_PUBLISHER_PICK_H

#include "binlog/server.h"
#include "binlog/wire.h"
#include "common/config.h"
#include "common/hosts.h"

struct pick_server {
    char name[HOST_NAME_BYTES + 8]; // HOST:PORT
    struct wire_options options;    // borrows from the configuration and the pick
    struct wire *wire;              // NULL: it did not answer, or cannot be read from
    struct server server;
    struct err err; // why it is not read from
};

struct pick {
    const struct gtid_set *shown; // what it has to have as well; borrowed, NULL: nothing
    struct hosts hosts;
    struct pick_server servers[HOSTS_MAX];
};

// Connects to all that answer and reads what they say of themselves. Fails when none can be read
// from; deinit takes it then, too.
MUST_CHECK bool pick_open(struct pick *pick, const struct config *config, struct err *err);

// Asks them again, then chooses; `position` NULL: where reading starts is not known yet. A server
// that does not answer any more is left out from then on. ERR_REFUSED where a server that takes
// writes lacks what the position holds, or has purged it, and no other server has it; or where each
// of two has what the other lacks. ERR_RETRY where that may pass.
MUST_CHECK bool pick_choose(struct pick *pick, const struct position *position,
                            struct pick_server **chosen, struct err *err);

// The first that answered.
struct pick_server *pick_first(struct pick *pick);

// Closes all connections but a taken one, whose `wire` is NULL.
void pick_deinit(struct pick *pick);

#endif
