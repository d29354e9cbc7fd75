// SPDX-License-Identifier: Apache-2.0
// Beside: the seam between a rebuild (rebuild.h) and a target. What is filled beside has names of
// its own, which nobody reads, and checkpoints of a group of its own; then it is put in the place
// of what is there. The state of all that is in the target, in one record of the applier's group:
//
//   none ─begin─▶ filling ─fence─▶ swapping ─end─▶ none
//                    └─discard─▶ discarding ─▶ none
//
// Each step may be interrupted and be done again, by another process too: whoever has begun() last
// has it in hand, and the others' steps are refused. From fence() to end() no applier can claim a
// partition of these tables, and none that had claimed one can write.
#ifndef TAILRACE_APPLIERS_CORE_BESIDE_H
#define TAILRACE_APPLIERS_CORE_BESIDE_H

#include "appliers/core/sink.h"

enum beside_phase { BESIDE_NONE, BESIDE_FILLING, BESIDE_DISCARDING, BESIDE_SWAPPING };

struct beside_state {
    enum beside_phase phase;
    char *plan; // as in struct beside; NULL: none. free(3)
};

struct beside_table {
    char *db;
    char *name;
};

// All borrowed.
struct beside {
    const char *group;        // of the applier
    const char *beside_group; // of the checkpoints of what is filled
    const char *owner;        // whoever has it in hand
    const char *plan;         // what is rebuilt and how, for people and for a later process
    const struct beside_table *tables;
    size_t n_tables;
};

struct beside_size {
    uint64_t objects;
    uint64_t bytes; // about
};

struct beside_driver {
    // From here on what the sink applies goes beside.
    void (*enter)(struct sink *sink);

    bool (*read)(struct sink *sink, const char *group, struct beside_state *state, struct err *err);

    // How much there is of each table, or of what is filled for it; sizes has n_tables.
    bool (*measure)(struct sink *sink, const struct beside *beside, bool is_filled,
                    struct beside_size *sizes, struct err *err);

    // Takes it in hand. In phase none: proves that the names are free (else ERR_REFUSED), and fills
    // from here on; in phase filling makes what is missing for it.
    bool (*begin)(struct sink *sink, const struct beside *beside, struct err *err);

    // Removes all of it, with the checkpoints; not while it is being swapped.
    bool (*discard)(struct sink *sink, const struct beside *beside, struct err *err);

    // All that may fail for another reason than a server that is away, while it can still be given
    // up: what people have added to the tables is added to what is filled. NULL: there is nothing.
    bool (*ready)(struct sink *sink, const struct beside *beside, struct err *err);

    // Atomically: swapping, and the applier's checkpoints of these partitions are nobody's.
    bool (*fence)(struct sink *sink, const struct beside *beside,
                  const struct sink_checkpoint *checkpoints, size_t n_checkpoints, struct err *err);

    // Puts what is filled in the place of what is there.
    bool (*swap)(struct sink *sink, const struct beside *beside, struct err *err);

    // Atomically: none, and these are the applier's checkpoints now.
    bool (*end)(struct sink *sink, const struct beside *beside,
                const struct sink_checkpoint *checkpoints, size_t n_checkpoints, struct err *err);
};

// What both targets say. Always false.
bool beside_refuse_claim(struct err *err, const char *group); // while it is being swapped
bool beside_refuse_name(struct err *err, const char *name);   // it is not free
bool beside_refuse_owner(struct err *err);                    // another process has it in hand

#endif
