// SPDX-License-Identifier: Apache-2.0
// Truncate: see truncate.h. The pass misses nothing: all that the partition wrote was committed
// before its checkpoint was claimed, and what is written meanwhile is of other partitions.
#include "appliers/mongodb/truncate.h"

#include "appliers/core/truncation.h"
#include "appliers/mongodb/checkpoint.h"
#include "appliers/mongodb/shown.h"
#include "appliers/mongodb/transaction.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"

#include <stdio.h>
#include <stdlib.h>

#define STEP_DOCUMENTS 1000

struct step {
    const struct truncate *truncate;
    struct truncation_rule rule;
    mongoc_collection_t *collection;
    const struct batch *batch;
    bson_t ids; // { "0": _id, … }
    uint32_t n;
    uint64_t deleted;
};

// What the partition wrote before, and what has no guard:
// { $or: [ { "_tailrace.p": p, "_tailrace.o": { $lt: o } },
//          { "_tailrace.p": { $not: { $type: "int" } } } ] }
static void append_rule(bson_t *filter, const struct truncation_rule *rule)
{
    if (!rule->deletes_all)
        BCON_APPEND(filter, "$or", "[", "{", GUARD_FIELD ".p", BCON_INT32(rule->guard.partition),
                    GUARD_FIELD ".o", "{", "$lt", BCON_INT64(rule->guard.offset), "}", "}", "{",
                    GUARD_FIELD ".p", "{", "$not", "{", "$type", BCON_UTF8("int"), "}", "}", "}",
                    "]");
}

// The rule once more: the owner of a document without a guard may have written it anew.
static bool write_step(void *into, const bson_t *opts, bson_t *reply, struct err *err)
{
    struct step *step = into;
    const struct truncate *truncate = step->truncate;
    bson_error_t error;
    bson_t delete_opts;
    if (!checkpoint_move(truncate->client, opts, truncate->group, truncate->owner, step->batch,
                         reply, err))
        return false;
    bson_t *filter = BCON_NEW("_id", "{", "$in", BCON_ARRAY(&step->ids), "}");
    append_rule(filter, &step->rule);
    bson_init(&delete_opts);
    bson_copy_to_excluding_noinit(opts, &delete_opts, "ordered", NULL);
    bson_destroy(reply);
    bool done =
        mongoc_collection_delete_many(step->collection, filter, &delete_opts, reply, &error);
    if (!done)
        sink_fail(err, reply, &error, "truncating");
    bson_destroy(&delete_opts);
    bson_destroy(filter);
    return done;
}

static bool end_step(struct step *step, struct err *err)
{
    if (step->n == 0)
        return true;
    if (stop_requested())
        return err_set(err, ERR_STOPPED, "stopped within a truncation");
    if (!transaction_run(step->truncate->session, write_step, step, err))
        return false;
    CRASH_POINT(truncate_stepped);
    step->deleted += step->n;
    step->n = 0;
    bson_reinit(&step->ids);
    return true;
}

static bool take_document(struct step *step, const bson_t *doc, struct err *err)
{
    struct guard guard;
    bson_iter_t id;
    char number[16];
    const char *name;
    const struct guard *found = shown_read(doc, &guard) ? &guard : NULL;
    if (!bson_iter_init_find(&id, doc, "_id"))
        return true;
    switch (truncation_fate(&step->rule, found)) {
    case TRUNCATION_KEEPS:
        return true;
    case TRUNCATION_REFUSES:
        return truncation_refuse(step->truncate->batch, "a document", err);
    case TRUNCATION_DELETES:
        break;
    }
    bson_uint32_to_string(step->n++, &name, number, sizeof number);
    bson_append_iter(&step->ids, name, -1, &id);
    return step->n < STEP_DOCUMENTS || end_step(step, err);
}

static bool delete_documents(struct step *step, struct err *err)
{
    bson_t *filter = bson_new();
    append_rule(filter, &step->rule);
    bson_t *opts =
        BCON_NEW("projection", "{", "_id", BCON_INT32(1), GUARD_FIELD, BCON_INT32(1), "}");
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(step->collection, filter, opts, NULL);
    const bson_t *doc;
    bson_error_t error;
    bool done = true;
    while (done && mongoc_cursor_next(cursor, &doc))
        done = take_document(step, doc, err);
    if (done && mongoc_cursor_error_document(cursor, &error, &doc))
        done = sink_fail(err, doc, &error, "reading what is to be truncated");
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(filter);
    return done && end_step(step, err);
}

static bool write_end(void *into, const bson_t *opts, bson_t *reply, struct err *err)
{
    const struct truncate *truncate = into;
    return checkpoint_move(truncate->client, opts, truncate->group, truncate->owner,
                           truncate->batch, reply, err);
}

static bool settle_rule(const struct truncate *truncate, struct truncation_rule *rule,
                        struct err *err)
{
    struct sink_checkpoint *checkpoints;
    size_t n;
    if (!checkpoint_list(truncate->client, truncate->group, &checkpoints, &n, err))
        return false;
    bool done = truncation_rule_of(truncate->batch, checkpoints, n, rule, err);
    free(checkpoints);
    return done;
}

bool truncate_apply(const struct truncate *truncate, struct err *err)
{
    const struct table *table = truncate->batch->truncation.table;
    struct truncation_rule rule;
    struct truncation_step held;
    if (!settle_rule(truncate, &rule, err))
        return false;
    truncation_step_init(&held, truncate->batch);
    struct step step = {.truncate = truncate,
                        .rule = rule,
                        .batch = &held.batch,
                        .collection = sink_collection(truncate->client, table, truncate->suffix)};
    bson_init(&step.ids);
    struct truncate end = *truncate;
    bool done = delete_documents(&step, err);
    CRASH_POINT(truncate_emptied);
    done = done && transaction_run(truncate->session, write_end, &end, err);
    if (done)
        log_info("truncated",
                 LOG_FIELDS(log_slice("db", table->db), log_slice("collection", table->name),
                            log_u64("partition", (uint64_t)rule.guard.partition),
                            log_u64("documents", step.deleted)));
    bson_destroy(&step.ids);
    mongoc_collection_destroy(step.collection);
    return done;
}
