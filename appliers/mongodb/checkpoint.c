// SPDX-License-Identifier: Apache-2.0
// MongoDB checkpoints: see checkpoint.h.
#include "appliers/mongodb/checkpoint.h"

#include "appliers/core/beside.h"
#include "appliers/mongodb/leftover.h"
#include "common/clock.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define CLAIM_TRIES 5
#define CLAIM_FIRST_MS 1000 // longer than a living owner's transaction takes, as a rule
#define CLAIM_TIME_MS 20000
#define DUPLICATE_KEY 11000
#define TIME_IS_UP 50
#define SWAPPING "is_swapping"

static mongoc_collection_t *open_collection(mongoc_client_t *client)
{
    return mongoc_client_get_collection(client, CHECKPOINT_DB, CHECKPOINT_COLLECTION);
}

static void append_id(bson_t *doc, const char *group, const char *topic, int32_t partition)
{
    bson_t id;
    BSON_APPEND_DOCUMENT_BEGIN(doc, "_id", &id);
    BSON_APPEND_UTF8(&id, "group", group);
    BSON_APPEND_UTF8(&id, "topic", topic);
    BSON_APPEND_INT32(&id, "partition", partition);
    bson_append_document_end(doc, &id);
}

// All checkpoints of the group.
static bson_t *filter_of(const char *group)
{
    return BCON_NEW("_id.group", BCON_UTF8(group));
}

static void copy_text(const bson_t *doc, const char *field, char *to, size_t size)
{
    bson_iter_t iter;
    bool found = bson_iter_init_find(&iter, doc, field) && BSON_ITER_HOLDS_UTF8(&iter);
    snprintf(to, size, "%s", found ? bson_iter_utf8(&iter, NULL) : "");
}

static int64_t read_number(const bson_t *doc, const char *field, int64_t fallback)
{
    bson_iter_t iter;
    return bson_iter_init_find(&iter, doc, field) ? bson_iter_as_int64(&iter) : fallback;
}

static void read_document(const bson_t *doc, struct sink_checkpoint *checkpoint)
{
    bson_iter_t iter, child;
    *checkpoint = (struct sink_checkpoint){0};
    if (bson_iter_init(&iter, doc) && bson_iter_find_descendant(&iter, "_id.topic", &child))
        snprintf(checkpoint->topic, sizeof checkpoint->topic, "%s", bson_iter_utf8(&child, NULL));
    if (bson_iter_init(&iter, doc) && bson_iter_find_descendant(&iter, "_id.partition", &child))
        checkpoint->partition = (int32_t)bson_iter_as_int64(&child);
    checkpoint->offset = read_number(doc, "offset", SINK_OFFSET_NONE);
    checkpoint->high = read_number(doc, "high", SINK_OFFSET_NONE);
    if (checkpoint->high < checkpoint->offset)
        checkpoint->high = checkpoint->offset; // written before there was a guard
    checkpoint->truncated = read_number(doc, "truncated", SINK_OFFSET_NONE);
    copy_text(doc, "truncated_at", checkpoint->truncated_at, sizeof checkpoint->truncated_at);
    copy_text(doc, "owner", checkpoint->owner, sizeof checkpoint->owner);
    copy_text(doc, "gtid", checkpoint->gtid, sizeof checkpoint->gtid);
    copy_text(doc, "file", checkpoint->file, sizeof checkpoint->file);
    checkpoint->pos = (uint64_t)read_number(doc, "pos", 0);
    checkpoint->ts_us = (uint64_t)read_number(doc, "ts_us", 0);
    checkpoint->applied_at_us = (uint64_t)read_number(doc, "applied_at_us", 0);
}

bool checkpoint_probe(mongoc_client_t *client, struct err *err)
{
    mongoc_collection_t *collection = open_collection(client);
    bson_t filter = BSON_INITIALIZER;
    bson_t *opts = BCON_NEW("limit", BCON_INT64(1));
    const bson_t *doc;
    bson_error_t error;
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(collection, &filter, opts, NULL);
    mongoc_cursor_next(cursor, &doc);
    bool failed = mongoc_cursor_error(cursor, &error);
    if (failed)
        sink_fail(err, NULL, &error, "reading " CHECKPOINT_DB "." CHECKPOINT_COLLECTION);
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(&filter);
    mongoc_collection_destroy(collection);
    return !failed;
}

// { findAndModify: "checkpoints", query: { _id }, update: { $set: { owner }, $setOnInsert: {
// offset: -1 } }, … }
static bool claim_once(mongoc_client_t *client, const struct sink_partition *partition,
                       const char *owner, int32_t time_ms, bson_t *reply, bson_error_t *error)
{
    bson_t command = BSON_INITIALIZER;
    bson_t query;
    BSON_APPEND_UTF8(&command, "findAndModify", CHECKPOINT_COLLECTION);
    BSON_APPEND_DOCUMENT_BEGIN(&command, "query", &query);
    append_id(&query, partition->group, partition->topic, partition->partition);
    BCON_APPEND(&query, SWAPPING, "{", "$exists", BCON_BOOL(false), "}");
    bson_append_document_end(&command, &query);
    BCON_APPEND(&command, "update", "{", "$set", "{", "owner", BCON_UTF8(owner), "}",
                "$setOnInsert", "{", "offset", BCON_INT64(SINK_OFFSET_NONE), "}", "}", "upsert",
                BCON_BOOL(true), "new", BCON_BOOL(true), "maxTimeMS", BCON_INT32(time_ms),
                "writeConcern", "{", "w", BCON_UTF8("majority"), "}");
    bool done =
        mongoc_client_write_command_with_opts(client, CHECKPOINT_DB, &command, NULL, reply, error);
    bson_destroy(&command);
    return done;
}

// As it is now, without the claim. *is_swapping: of a rebuild.
static bool look(mongoc_client_t *client, const struct sink_partition *partition,
                 struct sink_checkpoint *checkpoint, bool *is_swapping)
{
    mongoc_collection_t *collection = open_collection(client);
    bson_t filter = BSON_INITIALIZER;
    const bson_t *doc;
    append_id(&filter, partition->group, partition->topic, partition->partition);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(collection, &filter, NULL, NULL);
    bool found = mongoc_cursor_next(cursor, &doc);
    if (found) {
        read_document(doc, checkpoint);
        *is_swapping = bson_has_field(doc, SWAPPING);
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(&filter);
    mongoc_collection_destroy(collection);
    return found;
}

// Somebody's transaction has the checkpoint; if its owner was killed, for a minute.
static void end_leftover(mongoc_client_t *client, const struct sink_partition *partition)
{
    struct sink_checkpoint checkpoint;
    bool is_swapping;
    if (look(client, partition, &checkpoint, &is_swapping))
        leftover_end(client, checkpoint.owner);
}

bool checkpoint_claim(mongoc_client_t *client, const struct sink_partition *partition,
                      const char *owner, struct sink_checkpoint *checkpoint, struct err *err)
{
    bson_error_t error = {0};
    bson_t reply;
    for (int tries = 0; tries < CLAIM_TRIES; tries++) {
        bson_iter_t iter;
        const uint8_t *data;
        uint32_t len;
        bson_t doc;
        if (claim_once(client, partition, owner, tries ? CLAIM_TIME_MS : CLAIM_FIRST_MS, &reply,
                       &error) &&
            bson_iter_init_find(&iter, &reply, "value") && BSON_ITER_HOLDS_DOCUMENT(&iter)) {
            bson_iter_document(&iter, &len, &data);
            bson_init_static(&doc, data, len);
            read_document(&doc, checkpoint);
            bson_destroy(&reply);
            return true;
        }
        bool is_swapping = false;
        bool again = error.code == DUPLICATE_KEY; // two claims made the document at the same time
        if (again && look(client, partition, checkpoint, &is_swapping) && is_swapping) {
            bson_destroy(&reply);
            return beside_refuse_claim(err, partition->group);
        }
        if (error.code == TIME_IS_UP && tries == 0) {
            end_leftover(client, partition);
            again = true;
        }
        if (!again)
            sink_fail(err, &reply, &error, "claiming the checkpoint");
        bson_destroy(&reply);
        if (!again)
            return false;
    }
    return err_set(err, ERR_RETRY, "claiming the checkpoint: %s", error.message);
}

// { $max: { high }, $set: { offset, applied_at_us, gtid, … } }; without a change of the partition
// (there were only tombstones) the position in the source stays.
static void append_move(bson_t *update, const struct batch_partition *partition, bool is_truncated)
{
    bson_t set;
    BCON_APPEND(update, "$max", "{", "high", BCON_INT64(partition->next), "}");
    BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &set);
    BSON_APPEND_INT64(&set, "offset", partition->next);
    BSON_APPEND_INT64(&set, "applied_at_us", (int64_t)clock_now_us());
    if (partition->file[0]) {
        BSON_APPEND_UTF8(&set, "gtid", partition->gtid);
        BSON_APPEND_UTF8(&set, "file", partition->file);
        BSON_APPEND_INT64(&set, "pos", (int64_t)partition->pos);
        BSON_APPEND_INT64(&set, "ts_us", (int64_t)partition->ts_us);
    }
    if (is_truncated) {
        char place[GUARD_PLACE_BYTES];
        guard_place(place, partition);
        BSON_APPEND_INT64(&set, "truncated", partition->truncated);
        BSON_APPEND_UTF8(&set, "truncated_at", place);
    }
    bson_append_document_end(update, &set);
}

static void add_move(mongoc_bulk_operation_t *bulk, const char *group, const char *owner,
                     const struct batch *batch, uint32_t i)
{
    const struct batch_partition *partition = &batch->partitions[i];
    bson_t filter = BSON_INITIALIZER;
    bson_t update = BSON_INITIALIZER;
    append_id(&filter, group, partition->topic, partition->partition);
    BSON_APPEND_UTF8(&filter, "owner", owner);
    BSON_APPEND_INT64(&filter, "offset", partition->from);
    append_move(&update, partition, batch->truncation.table && batch->truncation.partition == i);
    mongoc_bulk_operation_update_one_with_opts(bulk, &filter, &update, NULL, NULL);
    bson_destroy(&update);
    bson_destroy(&filter);
}

bool checkpoint_move(mongoc_client_t *client, const bson_t *session_opts, const char *group,
                     const char *owner, const struct batch *batch, bson_t *reply, struct err *err)
{
    mongoc_collection_t *collection = open_collection(client);
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(collection, session_opts);
    bson_error_t error;
    for (uint32_t i = 0; i < batch->n_partitions; i++)
        add_move(bulk, group, owner, batch, i);
    bool done = mongoc_bulk_operation_execute(bulk, reply, &error) != 0;
    if (!done)
        sink_fail(err, reply, &error, "moving the checkpoint");
    else if (read_number(reply, "nMatched", 0) != (int64_t)batch->n_partitions)
        done = err_set(err, ERR_RETRY,
                       "a partition of this batch has another owner by now, or its checkpoint was "
                       "moved; nothing of the batch was written");
    mongoc_bulk_operation_destroy(bulk);
    mongoc_collection_destroy(collection);
    return done;
}

bool checkpoint_list(mongoc_client_t *client, const char *group,
                     struct sink_checkpoint **checkpoints, size_t *n_checkpoints, struct err *err)
{
    mongoc_collection_t *collection = open_collection(client);
    bson_t *filter = filter_of(group);
    const bson_t *doc;
    bson_error_t error;
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(collection, filter, NULL, NULL);
    *checkpoints = NULL;
    *n_checkpoints = 0;
    while (mongoc_cursor_next(cursor, &doc)) {
        *checkpoints = mem_realloc(*checkpoints, (*n_checkpoints + 1) * sizeof **checkpoints);
        read_document(doc, &(*checkpoints)[(*n_checkpoints)++]);
    }
    bool failed = mongoc_cursor_error(cursor, &error);
    if (failed) {
        sink_fail(err, NULL, &error, "reading the checkpoints");
        free(*checkpoints);
        *checkpoints = NULL;
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    mongoc_collection_destroy(collection);
    return !failed;
}

static void end_leftovers(mongoc_client_t *client, const char *group)
{
    struct sink_checkpoint *checkpoints;
    struct err ignored; // then the transaction fails as before
    size_t n;
    if (!checkpoint_list(client, group, &checkpoints, &n, &ignored))
        return;
    for (size_t i = 0; i < n; i++)
        if (checkpoints[i].owner[0] &&
            (i == 0 || strcmp(checkpoints[i].owner, checkpoints[i - 1].owner) != 0))
            leftover_end(client, checkpoints[i].owner);
    free(checkpoints);
}

bool checkpoint_run(mongoc_client_t *client, mongoc_client_session_t *session, const char *group,
                    const char *other_group, transaction_fn *write, void *into, struct err *err)
{
    if (transaction_run(session, write, into, err))
        return true;
    if (err->class != ERR_RETRY)
        return false;
    end_leftovers(client, group);
    if (other_group)
        end_leftovers(client, other_group);
    return transaction_run(session, write, into, err);
}

static void add_reset(mongoc_bulk_operation_t *bulk, const char *group,
                      const struct sink_checkpoint *checkpoint)
{
    bson_t filter = BSON_INITIALIZER;
    append_id(&filter, group, checkpoint->topic, checkpoint->partition);
    if (checkpoint->high == SINK_OFFSET_NONE) {
        mongoc_bulk_operation_remove_one_with_opts(bulk, &filter, NULL, NULL);
    } else {
        bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
        bson_t *update = BCON_NEW(
            "$set", "{", "owner", BCON_UTF8(""), "offset", BCON_INT64(checkpoint->offset), "high",
            BCON_INT64(checkpoint->high), "truncated", BCON_INT64(checkpoint->truncated),
            "truncated_at", BCON_UTF8(checkpoint->truncated_at), "gtid", BCON_UTF8(""), "file",
            BCON_UTF8(""), "pos", BCON_INT64(0), "ts_us", BCON_INT64(0), "applied_at_us",
            BCON_INT64((int64_t)clock_now_us()), "}");
        mongoc_bulk_operation_update_one_with_opts(bulk, &filter, update, upsert, NULL);
        bson_destroy(update);
        bson_destroy(upsert);
    }
    bson_destroy(&filter);
}

static bool execute_take(mongoc_bulk_operation_t *bulk, bson_t *reply, struct err *err)
{
    bson_error_t error;
    bool done = mongoc_bulk_operation_execute(bulk, reply, &error) != 0;
    if (!done)
        sink_fail(err, reply, &error, "setting the checkpoints");
    mongoc_bulk_operation_destroy(bulk);
    return done;
}

bool checkpoint_reset(mongoc_client_t *client, const bson_t *session_opts, const char *group,
                      const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                      bson_t *reply, struct err *err)
{
    mongoc_collection_t *collection = open_collection(client);
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(collection, session_opts);
    for (size_t i = 0; i < n_checkpoints; i++)
        add_reset(bulk, group, &checkpoints[i]);
    bool done = execute_take(bulk, reply, err);
    mongoc_collection_destroy(collection);
    return done;
}

// --- of a rebuild ---

bool checkpoint_fence(mongoc_client_t *client, const bson_t *session_opts,
                      const struct checkpoint_set *set, bson_t *reply, struct err *err)
{
    mongoc_collection_t *collection = open_collection(client);
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(collection, session_opts);
    bson_t *update = BCON_NEW("$set", "{", "owner", BCON_UTF8(""), SWAPPING, BCON_BOOL(true), "}",
                              "$setOnInsert", "{", "offset", BCON_INT64(SINK_OFFSET_NONE), "}");
    bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
    bson_t *others = filter_of(set->beside_group);
    for (size_t i = 0; i < set->n_checkpoints; i++) {
        bson_t filter = BSON_INITIALIZER;
        append_id(&filter, set->group, set->checkpoints[i].topic, set->checkpoints[i].partition);
        mongoc_bulk_operation_update_one_with_opts(bulk, &filter, update, upsert, NULL);
        bson_destroy(&filter);
    }
    mongoc_bulk_operation_update_many_with_opts(bulk, others, update, NULL, NULL);
    bool done = execute_take(bulk, reply, err);
    bson_destroy(others);
    bson_destroy(upsert);
    bson_destroy(update);
    mongoc_collection_destroy(collection);
    return done;
}

// The whole document anew, so that nothing of what was there before is left.
static void add_settled(mongoc_bulk_operation_t *bulk, const char *group,
                        const struct sink_checkpoint *checkpoint)
{
    bson_t filter = BSON_INITIALIZER;
    append_id(&filter, group, checkpoint->topic, checkpoint->partition);
    if (checkpoint->offset == SINK_OFFSET_NONE) {
        mongoc_bulk_operation_remove_one_with_opts(bulk, &filter, NULL, NULL);
    } else {
        bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
        bson_t *doc = BCON_NEW(
            "owner", BCON_UTF8(""), "offset", BCON_INT64(checkpoint->offset), "high",
            BCON_INT64(checkpoint->high), "gtid", BCON_UTF8(checkpoint->gtid), "file",
            BCON_UTF8(checkpoint->file), "pos", BCON_INT64((int64_t)checkpoint->pos), "ts_us",
            BCON_INT64((int64_t)checkpoint->ts_us), "applied_at_us",
            BCON_INT64((int64_t)checkpoint->applied_at_us), "truncated",
            BCON_INT64(checkpoint->truncated), "truncated_at", BCON_UTF8(checkpoint->truncated_at));
        mongoc_bulk_operation_replace_one_with_opts(bulk, &filter, doc, upsert, NULL);
        bson_destroy(doc);
        bson_destroy(upsert);
    }
    bson_destroy(&filter);
}

bool checkpoint_settle(mongoc_client_t *client, const bson_t *session_opts,
                       const struct checkpoint_set *set, bson_t *reply, struct err *err)
{
    mongoc_collection_t *collection = open_collection(client);
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(collection, session_opts);
    bson_t *others = filter_of(set->beside_group);
    for (size_t i = 0; i < set->n_checkpoints; i++)
        add_settled(bulk, set->group, &set->checkpoints[i]);
    mongoc_bulk_operation_remove_many_with_opts(bulk, others, NULL, NULL);
    bool done = execute_take(bulk, reply, err);
    bson_destroy(others);
    mongoc_collection_destroy(collection);
    return done;
}
