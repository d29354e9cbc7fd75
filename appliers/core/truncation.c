// SPDX-License-Identifier: Apache-2.0
// Truncation: see truncation.h.
#include "appliers/core/truncation.h"

#include <string.h>

static const struct batch_partition *partition_of(const struct batch *batch)
{
    return &batch->partitions[batch->truncation.partition];
}

static bool fail(const struct batch *batch, struct err *err)
{
    const struct truncation *truncation = &batch->truncation;
    const struct batch_partition *partition = partition_of(batch);
    return err_wrap(err,
                    "topic %s partition %d offset %lld, truncation of " SLICE_FMT "." SLICE_FMT,
                    partition->topic, (int)partition->partition, (long long)truncation->offset,
                    SLICE_ARG(truncation->table->db), SLICE_ARG(truncation->table->name));
}

// Another partition of the topic is behind the same truncation.
static bool is_overtaken(const struct batch *batch, const struct sink_checkpoint *checkpoints,
                         size_t n_checkpoints)
{
    const struct batch_partition *partition = partition_of(batch);
    char place[GUARD_PLACE_BYTES];
    guard_place(place, partition);
    for (size_t i = 0; i < n_checkpoints; i++)
        if (strcmp(checkpoints[i].topic, partition->topic) == 0 &&
            checkpoints[i].partition != partition->partition &&
            strcmp(checkpoints[i].truncated_at, place) == 0)
            return true;
    return false;
}

bool truncation_rule_of(const struct batch *batch, const struct sink_checkpoint *checkpoints,
                        size_t n_checkpoints, struct truncation_rule *rule, struct err *err)
{
    const struct truncation *truncation = &batch->truncation;
    *rule = (struct truncation_rule){.guard = {partition_of(batch)->partition, truncation->offset}};
    if (batch->guarded) {
        rule->deletes_unguarded = !is_overtaken(batch, checkpoints, n_checkpoints);
        return true;
    }
    rule->deletes_all = truncation->n_partitions == 1;
    if (rule->deletes_all)
        return true;
    err_set(err, ERR_REFUSED,
            "without the guard it is not known which partition wrote an object. Set [apply] guard "
            "= on, for this truncation at least: then what was written without it goes");
    return fail(batch, err);
}

enum truncation_fate truncation_fate(const struct truncation_rule *rule, const struct guard *guard)
{
    if (rule->deletes_all)
        return TRUNCATION_DELETES;
    if (!guard)
        return rule->deletes_unguarded ? TRUNCATION_DELETES : TRUNCATION_REFUSES;
    return guard->partition == rule->guard.partition && guard->offset < rule->guard.offset
               ? TRUNCATION_DELETES
               : TRUNCATION_KEEPS;
}

bool truncation_refuse(const struct batch *batch, const char *where, struct err *err)
{
    const struct table *table = batch->truncation.table;
    err_set(err, ERR_REFUSED,
            "%s carries no guard ([apply] guard was off), and another partition is behind this "
            "truncation already: whether it was written before is not known. Remove the objects "
            "without the field " GUARD_FIELD ", start again, and fill them in with `tailrace "
            "snapshot " SLICE_FMT "." SLICE_FMT "`",
            where, SLICE_ARG(table->db), SLICE_ARG(table->name));
    return fail(batch, err);
}

void truncation_step_init(struct truncation_step *step, const struct batch *batch)
{
    step->partition = *partition_of(batch);
    step->partition.next = step->partition.from;
    step->partition.file[0] = '\0';
    step->batch = (struct batch){.partitions = &step->partition, .n_partitions = 1};
}
