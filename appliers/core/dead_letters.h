// SPDX-License-Identifier: Apache-2.0
// Dead letters: `dead-letters list`, `show` and `replay` of an applier.
#ifndef TAILRACE_APPLIERS_CORE_DEAD_LETTERS_H
#define TAILRACE_APPLIERS_CORE_DEAD_LETTERS_H

#include "appliers/core/dead_letter_log.h"
#include "appliers/core/sink.h"
#include "kafka/partition.h"

struct dead_letters_options {
    char *const *identities; // show, replay: TOPIC:PARTITION:OFFSET, ended by NULL
    bool all;                // replay: all that are open
    bool dry_run;
    bool yes;
    bool json; // list
};

// Prints a line for each letter: identity, table, key, when, whether it is open, the reason.
MUST_CHECK bool dead_letters_list(const struct config *config, const struct sink_driver *driver,
                                  const struct dead_letters_options *options, struct err *err);

// Prints all of each letter as JSON. ERR_USAGE for one that is not there.
MUST_CHECK bool dead_letters_show(const struct config *config, const struct sink_driver *driver,
                                  const struct dead_letters_options *options, struct err *err);

// Applies open letters to the target, while the applier runs or not. A letter whose key a later
// change has written since is void, and marked so; it walks nothing back. ERR_REFUSED when some of
// them stay: still refused, or not to be told.
MUST_CHECK bool dead_letters_replay(const struct config *config, const struct sink_driver *driver,
                                    const struct dead_letters_options *options, struct err *err);

// --- what its two files share ---

struct dead_letters {
    const struct config *config;
    const struct sink_driver *driver;
    char group[SINK_GROUP_BYTES];
    struct dead_letter_log *log;
    struct dead_letter_book *book;
};

MUST_CHECK bool dead_letters_open(struct dead_letters *letters, const struct config *config,
                                  const struct sink_driver *driver, struct err *err);
void dead_letters_close(struct dead_letters *letters);

// The named letters, or with `all` the open ones, by topic, partition and offset: *n of them, to be
// freed. ERR_USAGE for a name that is none, and for no name.
MUST_CHECK bool dead_letters_choose(const struct dead_letters *letters,
                                    const struct dead_letters_options *options,
                                    struct dead_letter_entry ***chosen, size_t *n, struct err *err);

// Looks at the letter's record in its topic.
MUST_CHECK bool dead_letters_fetch(const struct dead_letters *letters,
                                   const struct dead_letter_entry *entry, partition_visit_fn *visit,
                                   void *into, struct err *err);

#endif
