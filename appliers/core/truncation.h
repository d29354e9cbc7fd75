// SPDX-License-Identifier: Apache-2.0
// Truncation: a record with op t stands in every partition of its table's topic. Whoever applies
// one partition deletes the objects that this partition wrote before it, found by their guards, so
// that partitions need not wait for each other. It is done in steps, each in a transaction that
// proves that the partition is still ours; the last one moves the checkpoint behind the record. A
// step that is done again does no harm, as nothing behind the record is applied before.
//
// Objects without a guard were written by any partition, while [apply] guard was off. They all go
// with the first partition that comes to the truncation: those of the others would be deleted
// there, and what they write until then carries a guard. Once another partition is behind the same
// truncation, an object without a guard may have been written behind it: then it is refused, and so
// is any truncation while the guard is off, unless the topic has a single partition.
#ifndef TAILRACE_APPLIERS_CORE_TRUNCATION_H
#define TAILRACE_APPLIERS_CORE_TRUNCATION_H

#include "appliers/core/sink.h"

enum truncation_fate { TRUNCATION_KEEPS, TRUNCATION_DELETES, TRUNCATION_REFUSES };

struct truncation_rule {
    struct guard guard;     // of the truncation
    bool deletes_all;       // every object, whatever it carries
    bool deletes_unguarded; // objects without a guard
};

// Settles the rule, from all checkpoints of the group. ERR_REFUSED while the guard is off.
MUST_CHECK bool truncation_rule_of(const struct batch *batch,
                                   const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                                   struct truncation_rule *rule, struct err *err);

// What becomes of an object with this guard; NULL: it has none.
enum truncation_fate truncation_fate(const struct truncation_rule *rule, const struct guard *guard);

// ERR_REFUSED for an object without a guard; `where` names what has it, for the way out. False.
bool truncation_refuse(const struct batch *batch, const char *where, struct err *err);

// A batch for one step: its one partition stays where it is. Borrows the rest.
struct truncation_step {
    struct batch_partition partition;
    struct batch batch;
};
void truncation_step_init(struct truncation_step *step, const struct batch *batch);

#endif
