// SPDX-License-Identifier: Apache-2.0
// MongoDB sink: a batch is one transaction of unordered bulks: the checkpoints first, so that
// whoever lost a partition does no work, then for each collection its inserts, replaces, patches
// and deletes.
#define _POSIX_C_SOURCE 200809L
#include "appliers/mongodb/sink.h"

#include "appliers/mongodb/beside.h"
#include "appliers/mongodb/checkpoint.h"
#include "appliers/mongodb/fresh.h"
#include "appliers/mongodb/leftover.h"
#include "appliers/mongodb/mapping.h"
#include "appliers/mongodb/shown.h"
#include "appliers/mongodb/transaction.h"
#include "appliers/mongodb/truncate.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 5000
#define SOCKET_TIMEOUT_MS 60000
#define DOCUMENT_BYTES_MAX (16 * 1024 * 1024)
#define NAMESPACE_EXISTS 48
#define PREPARE_EVERY_MS 3600000
#define WIRE_VERSION_LEAST 8 // MongoDB 4.2: transactions, on sharded clusters too

struct collection {
    struct slice db;
    struct slice name;
    mongoc_collection_t *handle;
};

struct sink {
    mongoc_client_t *client;
    mongoc_client_session_t *session;
    struct collection *collections; // that are known to exist
    size_t n_collections;
    const char *suffix;          // of the collections that are written
    const struct effect **order; // what is written of the batch: by collection, then kind
    size_t n_order, cap_order;
    struct fresh rows, tombstones;
    uint64_t guard_ms;
    uint64_t prepare_ms; // when the tombstones are to be looked after next
    bson_t *id;          // { _id }, of the effect at hand
    bson_t *row;         // what is written for it
};

// --- open ---

static void default_ms(mongoc_uri_t *uri, const char *option, int32_t ms)
{
    if (!mongoc_uri_has_option(uri, option))
        mongoc_uri_set_option_as_int32(uri, option, ms);
}

static bool parse_uri(const struct config *config, mongoc_uri_t **uri, struct err *err)
{
    char name[LEFTOVER_NAME_BYTES];
    bson_error_t error;
    *uri = mongoc_uri_new_with_error(config->mongodb.uri, &error);
    if (!*uri)
        return err_set(err, ERR_CONFIG, "[mongodb] uri: %s", error.message);
    if (config->mongodb.password[0] && !mongoc_uri_set_password(*uri, config->mongodb.password))
        return err_set(err, ERR_CONFIG, "[mongodb] password: not valid UTF-8");
    leftover_name_self(name);
    mongoc_uri_set_appname(*uri, name);
    default_ms(*uri, MONGOC_URI_CONNECTTIMEOUTMS, CONNECT_TIMEOUT_MS);
    default_ms(*uri, MONGOC_URI_SOCKETTIMEOUTMS, SOCKET_TIMEOUT_MS);
    default_ms(*uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, CONNECT_TIMEOUT_MS);
    return true;
}

static bool run_hello(mongoc_client_t *client, bson_t *reply, bson_error_t *error)
{
    bson_t *command = BCON_NEW("hello", BCON_INT32(1));
    bool done = mongoc_client_command_simple(client, "admin", command, NULL, reply, error);
    bson_destroy(command);
    return done;
}

// `hello` has no setName: a standalone server, or a member that has not (yet) read its
// configuration.
static bool refuse_no_set(const bson_t *hello, struct err *err)
{
    if (bson_has_field(hello, "isreplicaset"))
        return err_set(err, ERR_RETRY,
                       "MongoDB: the server belongs to no replica set yet; if it has just been "
                       "started, wait; else in mongosh: rs.initiate()");
    return err_set(err, ERR_CONFIG,
                   "MongoDB: found a standalone server; a replica set is needed (one member will "
                   "do), as only it has transactions: start mongod with --replSet rs0, then in "
                   "mongosh: rs.initiate()");
}

// With replicaSet in the URI a server that is none looks unreachable: asks the first host what it
// is.
static bool explain_unreachable(const mongoc_uri_t *uri, const bson_error_t *error, struct err *err)
{
    const mongoc_host_list_t *host = mongoc_uri_get_hosts(uri);
    const char *wanted = mongoc_uri_get_replica_set(uri);
    char text[512];
    bson_error_t probe_error;
    bson_iter_t iter;
    bson_t reply;
    // What refuses or is silent may be starting; a name that nobody knows will not come by waiting.
    bool is_unknown =
        strstr(error->message, "Failed to resolve") && !strstr(error->message, "calling hello");
    err_set(err, is_unknown ? ERR_UNAVAILABLE : ERR_RETRY, "MongoDB: %s", error->message);
    if (!host || !wanted)
        return false;
    snprintf(text, sizeof text, "mongodb://%s/?directConnection=true&serverSelectionTimeoutMS=2000",
             host->host_and_port);
    mongoc_client_t *client = mongoc_client_new(text);
    if (client && run_hello(client, &reply, &probe_error)) {
        if (!bson_iter_init_find(&iter, &reply, "setName"))
            refuse_no_set(&reply, err);
        else if (strcmp(bson_iter_utf8(&iter, NULL), wanted) != 0)
            err_set(err, ERR_CONFIG,
                    "MongoDB: %s belongs to the replica set \"%s\", but [mongodb] uri says "
                    "replicaSet=%s",
                    host->host_and_port, bson_iter_utf8(&iter, NULL), wanted);
        bson_destroy(&reply);
    }
    mongoc_client_destroy(client);
    return false;
}

// A member that is being elected names itself before it takes writes.
static bool names_other_primary(const bson_t *hello)
{
    bson_iter_t primary, me;
    return bson_iter_init_find(&primary, hello, "primary") &&
           !(bson_iter_init_find(&me, hello, "me") &&
             strcmp(bson_iter_utf8(&primary, NULL), bson_iter_utf8(&me, NULL)) == 0);
}

static bool check_hello(const bson_t *reply, struct err *err)
{
    bson_iter_t iter;
    bool is_set = bson_has_field(reply, "setName");
    bool is_router = bson_iter_init_find(&iter, reply, "msg") && BSON_ITER_HOLDS_UTF8(&iter) &&
                     strcmp(bson_iter_utf8(&iter, NULL), "isdbgrid") == 0;
    if (!is_set && !is_router)
        return refuse_no_set(reply, err);
    bool is_secondary =
        is_set && bson_iter_init_find(&iter, reply, "isWritablePrimary") && !bson_iter_bool(&iter);
    if (is_secondary && !names_other_primary(reply)) // as after its start
        return err_set(err, ERR_RETRY, "MongoDB: the replica set has no primary yet");
    if (is_secondary)
        return err_set(err, ERR_REFUSED,
                       "MongoDB: the server is not the primary of its replica set; name the set in "
                       "[mongodb] uri: mongodb://HOST/?replicaSet=NAME");
    if (bson_iter_init_find(&iter, reply, "maxWireVersion") &&
        bson_iter_as_int64(&iter) < WIRE_VERSION_LEAST)
        return err_set(err, ERR_CONFIG,
                       "MongoDB: the server is older than 4.2, which transactions need");
    return true;
}

static bool check_server(struct sink *sink, const mongoc_uri_t *uri, struct err *err)
{
    bson_t reply;
    bson_error_t error;
    if (!run_hello(sink->client, &reply, &error)) {
        bson_destroy(&reply);
        return sink_lost_server(&error) ? explain_unreachable(uri, &error, err)
                                        : sink_fail(err, NULL, &error, "hello");
    }
    bool good = check_hello(&reply, err) && checkpoint_probe(sink->client, err);
    bson_destroy(&reply);
    return good;
}

static void mongodb_close(struct sink *sink)
{
    if (!sink)
        return;
    for (size_t i = 0; i < sink->n_collections; i++) {
        mongoc_collection_destroy(sink->collections[i].handle);
        free((void *)sink->collections[i].db.ptr);
        free((void *)sink->collections[i].name.ptr);
    }
    free(sink->collections);
    free((void *)sink->order);
    bson_destroy(sink->id);
    bson_destroy(sink->row);
    if (sink->session)
        mongoc_client_session_destroy(sink->session);
    mongoc_client_destroy(sink->client);
    free(sink);
}

// The client library's own log lines, in ours.
static void on_log(mongoc_log_level_t level, const char *domain, const char *message, void *into)
{
    (void)into;
    if (level <= MONGOC_LOG_LEVEL_WARNING)
        log_warn("mongodb client", LOG_FIELDS(log_str("part", domain), log_str("text", message)));
}

static bool mongodb_open(const struct config *config, struct sink **sink, struct err *err)
{
    mongoc_uri_t *uri = NULL;
    struct sink *made = mem_zalloc(sizeof *made);
    made->id = bson_new();
    made->row = bson_new();
    made->guard_ms = config->apply.guard_ms;
    made->suffix = "";
    mongoc_log_set_handler(on_log, NULL);
    bool done = parse_uri(config, &uri, err);
    if (done) {
        made->client = mongoc_client_new_from_uri(uri);
        done = made->client ? true : err_set(err, ERR_CONFIG, "[mongodb] uri: not usable");
    }
    if (done) {
        mongoc_client_set_error_api(made->client, MONGOC_ERROR_API_VERSION_2);
        done = check_server(made, uri, err) && transaction_open(made->client, &made->session, err);
    }
    if (uri)
        mongoc_uri_destroy(uri);
    if (!done) {
        mongodb_close(made);
        made = NULL;
    }
    *sink = made;
    return done;
}

// --- collections ---

mongoc_collection_t *sink_collection(mongoc_client_t *client, const struct table *table,
                                     const char *suffix)
{
    struct buf name = {0};
    char *db = mem_strndup(table->db.ptr, table->db.len);
    buf_slice(&name, table->name);
    buf_str(&name, suffix);
    mongoc_collection_t *collection = mongoc_client_get_collection(client, db, buf_cstr(&name));
    buf_deinit(&name);
    free(db);
    return collection;
}

bool sink_create_collection(mongoc_client_t *client, const char *db, const char *name,
                            struct err *err)
{
    bson_error_t error;
    mongoc_database_t *database = mongoc_client_get_database(client, db);
    mongoc_collection_t *created = mongoc_database_create_collection(database, name, NULL, &error);
    bool done = created || error.code == NAMESPACE_EXISTS ||
                sink_fail(err, NULL, &error, "creating a collection");
    if (created)
        mongoc_collection_destroy(created);
    mongoc_database_destroy(database);
    return done || err_wrap(err, "collection %s.%s", db, name);
}

// Made here rather than by the transaction's first write: that would lock the whole database for
// it.
static bool create_collection(struct sink *sink, const struct table *table,
                              mongoc_collection_t *collection, struct err *err)
{
    static const char *const ours[] = {CHECKPOINT_COLLECTION, TOMBSTONE_COLLECTION,
                                       TOMBSTONE_COLLECTION BESIDE_SUFFIX, BESIDE_COLLECTION};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (slice_eq_str(table->db, CHECKPOINT_DB) && slice_eq_str(table->name, ours[i]))
            return err_set(err, ERR_REFUSED,
                           "table " CHECKPOINT_DB
                           ".%s would overwrite what tailrace keeps in the target: exclude it",
                           ours[i]);
    char *db = mem_strndup(table->db.ptr, table->db.len);
    bool done =
        sink_create_collection(sink->client, db, mongoc_collection_get_name(collection), err);
    free(db);
    return done;
}

static bool find_collection(struct sink *sink, const struct table *table,
                            mongoc_collection_t **handle, struct err *err)
{
    for (size_t i = 0; i < sink->n_collections; i++)
        if (slice_eq(sink->collections[i].name, table->name) &&
            slice_eq(sink->collections[i].db, table->db)) {
            *handle = sink->collections[i].handle;
            return true;
        }
    *handle = sink_collection(sink->client, table, sink->suffix);
    if (!create_collection(sink, table, *handle, err)) {
        mongoc_collection_destroy(*handle);
        return false;
    }
    sink->collections =
        mem_realloc(sink->collections, (sink->n_collections + 1) * sizeof *sink->collections);
    sink->collections[sink->n_collections++] = (struct collection){
        .db = slice_of(mem_strndup(table->db.ptr, table->db.len), table->db.len),
        .name = slice_of(mem_strndup(table->name.ptr, table->name.len), table->name.len),
        .handle = *handle};
    return true;
}

// --- apply ---

struct apply {
    struct sink *sink;
    const char *group;
    const char *owner;
    const struct batch *batch;
};

static int compare_slices(struct slice a, struct slice b)
{
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_tables(const struct table *a, const struct table *b)
{
    if (a == b)
        return 0;
    int order = compare_slices(a->db, b->db);
    return order ? order : compare_slices(a->name, b->name);
}

static int compare_effects(const void *left, const void *right)
{
    const struct effect *a = *(const struct effect *const *)left;
    const struct effect *b = *(const struct effect *const *)right;
    int order = compare_tables(a->table, b->table);
    if (!order)
        order = (a->kind > b->kind) - (a->kind < b->kind);
    return order ? order : b->is_new - a->is_new;
}

static void sort_effects(struct sink *sink, const struct batch *batch)
{
    if (sink->cap_order < batch->n_effects) {
        sink->cap_order = batch->n_effects;
        sink->order = mem_realloc((void *)sink->order, sink->cap_order * sizeof *sink->order);
    }
    for (size_t i = 0; i < batch->n_effects; i++)
        sink->order[i] = &batch->effects[i];
    sink->n_order = batch->n_effects;
    qsort((void *)sink->order, batch->n_effects, sizeof *sink->order, compare_effects);
}

// How many of the effects from `first` on go into one bulk.
static size_t bulk_length(const struct sink *sink, size_t first)
{
    size_t end = first + 1;
    while (end < sink->n_order && compare_effects(&sink->order[first], &sink->order[end]) == 0)
        end++;
    return end - first;
}

static bool append_fields(bson_t *doc, const struct batch *batch, const struct effect *effect,
                          struct err *err)
{
    struct guard guard = guard_of(batch, effect);
    if (!mapping_append_row(doc, effect->table, effect->row, err))
        return false;
    if (batch->guarded)
        shown_append(doc, &guard);
    return true;
}

static bool write_row(struct sink *sink, const struct batch *batch, const struct effect *effect,
                      struct err *err)
{
    bson_t set;
    if (effect->kind == EFFECT_REPLACE) {
        bson_concat(sink->row, sink->id);
        return append_fields(sink->row, batch, effect, err);
    }
    BSON_APPEND_DOCUMENT_BEGIN(sink->row, "$set", &set);
    bool done = append_fields(&set, batch, effect, err);
    bson_append_document_end(sink->row, &set);
    return done;
}

// A bulk of effects of one collection and one kind.
struct bulk {
    mongoc_bulk_operation_t *operation;
    const bson_t *row_opts;
    const struct batch *batch;
    bool inserts;
};

static bool add_effect(struct sink *sink, const struct bulk *bulk, const struct effect *effect,
                       struct err *err)
{
    bson_error_t error;
    bool added = false;
    bson_reinit(sink->id);
    bson_reinit(sink->row);
    if (!mapping_append_id(sink->id, effect->table, effect->row, err))
        return false;
    if (effect->kind == EFFECT_DELETE)
        return mongoc_bulk_operation_remove_one_with_opts(bulk->operation, sink->id, NULL,
                                                          &error) ||
               sink_fail(err, NULL, &error, "a delete");
    if (!write_row(sink, bulk->batch, effect, err))
        return false;
    if (sink->row->len > DOCUMENT_BYTES_MAX)
        return err_set(err, ERR_REFUSED, "the document has %u bytes, MongoDB takes %d",
                       sink->row->len, DOCUMENT_BYTES_MAX);
    if (bulk->inserts)
        added = mongoc_bulk_operation_insert_with_opts(bulk->operation, sink->row, bulk->row_opts,
                                                       &error);
    else if (effect->kind == EFFECT_REPLACE)
        added = mongoc_bulk_operation_replace_one_with_opts(bulk->operation, sink->id, sink->row,
                                                            bulk->row_opts, &error);
    else
        added = mongoc_bulk_operation_update_one_with_opts(bulk->operation, sink->id, sink->row,
                                                           bulk->row_opts, &error);
    return added || sink_fail(err, NULL, &error, "a document");
}

// The effect that the server's first write error is about.
static const struct effect *find_culprit(const bson_t *reply, const struct effect **effects,
                                         size_t n)
{
    bson_iter_t iter, child;
    if (bson_iter_init(&iter, reply) &&
        bson_iter_find_descendant(&iter, "writeErrors.0.index", &child)) {
        int64_t index = bson_iter_as_int64(&child);
        if (index >= 0 && (size_t)index < n)
            return effects[index];
    }
    return NULL;
}

static bson_t *row_opts_of(bool inserts)
{
    bson_t *opts = BCON_NEW("validate", BCON_BOOL(false));
    if (!inserts)
        BSON_APPEND_BOOL(opts, "upsert", true);
    return opts;
}

// The server has refused to write one of the effects. Where it was to insert them, an update may
// do.
static bool fail_bulk(struct apply *apply, const struct bulk *bulk, const struct effect *culprit,
                      const bson_error_t *error, struct err *err)
{
    if (culprit && bulk->inserts)
        apply->sink->rows.was_there = true;
    else if (culprit && sink_refuses_document(error->code))
        batch_refuse(err, bulk->batch, culprit);
    else if (culprit)
        batch_blame(err, bulk->batch, culprit);
    return false;
}

// One bulk: n effects of one collection and one kind.
static bool write_bulk(struct apply *apply, const bson_t *session_opts,
                       const struct effect **effects, size_t n, bson_t *reply, struct err *err)
{
    mongoc_collection_t *collection = NULL;
    bson_error_t error;
    if (!find_collection(apply->sink, effects[0]->table, &collection, err)) {
        bson_init(reply);
        return false;
    }
    struct fresh *fresh = &apply->sink->rows;
    bool inserts = fresh->may_insert && effects[0]->is_new && effects[0]->kind == EFFECT_REPLACE;
    bson_t *row_opts = row_opts_of(inserts);
    struct bulk bulk = {mongoc_collection_create_bulk_operation_with_opts(collection, session_opts),
                        row_opts, apply->batch, inserts};
    bool done = true;
    for (size_t i = 0; done && i < n; i++)
        done = add_effect(apply->sink, &bulk, effects[i], err) ||
               batch_refuse(err, apply->batch, effects[i]);
    if (!done) {
        bson_init(reply);
    } else if (mongoc_bulk_operation_execute(bulk.operation, reply, &error) == 0) {
        sink_fail(err, reply, &error, "writing");
        done = fail_bulk(apply, &bulk, find_culprit(reply, effects, n), &error, err);
    }
    fresh->has_inserted = fresh->has_inserted || inserts;
    mongoc_bulk_operation_destroy(bulk.operation);
    bson_destroy(row_opts);
    return done;
}

// Tombstones of the deletes among the effects.
static bool write_tombstones(struct apply *apply, const bson_t *opts, bson_t *reply,
                             struct err *err)
{
    struct sink *sink = apply->sink;
    struct shown shown = {sink->client, opts, apply->batch, sink->suffix, reply};
    struct burial burial = {sink->order, sink->n_order, clock_now_ms() + sink->guard_ms,
                            &sink->tombstones};
    return !apply->batch->guarded || shown_bury(&shown, &burial, err);
}

// All writes of the batch; *reply is that of the last one.
static bool write_bulks(struct apply *apply, const bson_t *opts, bson_t *reply, struct err *err)
{
    struct sink *sink = apply->sink;
    for (size_t i = 0, n; i < sink->n_order; i += n) {
        n = bulk_length(sink, i);
        bson_destroy(reply);
        if (!write_bulk(apply, opts, sink->order + i, n, reply, err))
            return false;
    }
    return write_tombstones(apply, opts, reply, err);
}

// At the first delete, then every hour.
static bool prepare_tombstones(struct sink *sink, struct err *err)
{
    uint64_t now_ms = clock_now_ms();
    if (now_ms < sink->prepare_ms)
        return true;
    if (!shown_prepare(sink->client, sink->suffix, now_ms, err))
        return false;
    sink->prepare_ms = now_ms + PREPARE_EVERY_MS;
    return true;
}

// Before the transaction: what it would have to create.
static bool prepare_collections(struct sink *sink, const struct batch *batch, struct err *err)
{
    mongoc_collection_t *handle;
    for (size_t i = 0; i < batch->n_effects; i++) {
        const struct effect *effect = sink->order[i];
        bool is_first = i == 0 || compare_tables(sink->order[i - 1]->table, effect->table) != 0;
        if (is_first && !find_collection(sink, effect->table, &handle, err))
            return false;
        if (batch->guarded && effect->kind == EFFECT_DELETE && !prepare_tombstones(sink, err))
            return false;
    }
    return true;
}

static bool write_all(void *into, const bson_t *opts, bson_t *reply, struct err *err)
{
    struct apply *apply = into;
    struct shown shown = {apply->sink->client, opts, apply->batch, apply->sink->suffix, reply};
    sort_effects(apply->sink, apply->batch);
    if (!checkpoint_move(apply->sink->client, opts, apply->group, apply->owner, apply->batch, reply,
                         err))
        return false;
    CRASH_POINT(mongodb_checkpoint_moved);
    return shown_leave_out(&shown, apply->sink->order, &apply->sink->n_order, err) &&
           write_bulks(apply, opts, reply, err);
}

static bool gives_way(struct sink *sink)
{
    bool rows = fresh_gives_way(&sink->rows);
    return fresh_gives_way(&sink->tombstones) || rows;
}

static bool mongodb_apply(struct sink *sink, const char *group, const char *owner,
                          const struct batch *batch, struct err *err)
{
    struct apply apply = {sink, group, owner, batch};
    if (batch->truncation.table)
        return truncate_apply(
            &(struct truncate){sink->client, sink->session, group, owner, sink->suffix, batch},
            err);
    sort_effects(sink, batch);
    if (!prepare_collections(sink, batch, err))
        return false;
    fresh_begin(&sink->rows);
    fresh_begin(&sink->tombstones);
    while (!transaction_run(sink->session, write_all, &apply, err))
        if (!gives_way(sink))
            return false;
    fresh_end(&sink->rows);
    fresh_end(&sink->tombstones);
    return true;
}

// --- checkpoints ---

static bool mongodb_claim(struct sink *sink, const struct sink_partition *partition,
                          const char *owner, struct sink_checkpoint *checkpoint, struct err *err)
{
    return checkpoint_claim(sink->client, partition, owner, checkpoint, err);
}

static bool mongodb_list(struct sink *sink, const char *group, struct sink_checkpoint **checkpoints,
                         size_t *n_checkpoints, struct err *err)
{
    return checkpoint_list(sink->client, group, checkpoints, n_checkpoints, err);
}

struct reset {
    mongoc_client_t *client;
    const char *group;
    const struct sink_checkpoint *checkpoints;
    size_t n_checkpoints;
};

static bool write_reset(void *into, const bson_t *opts, bson_t *reply, struct err *err)
{
    const struct reset *reset = into;
    return checkpoint_reset(reset->client, opts, reset->group, reset->checkpoints,
                            reset->n_checkpoints, reply, err);
}

static bool mongodb_reset(struct sink *sink, const char *group,
                          const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                          struct err *err)
{
    struct reset reset = {sink->client, group, checkpoints, n_checkpoints};
    return checkpoint_run(sink->client, sink->session, group, NULL, write_reset, &reset, err);
}

// --- for beside.c ---

mongoc_client_t *sink_client(struct sink *sink)
{
    return sink->client;
}

mongoc_client_session_t *sink_session(struct sink *sink)
{
    return sink->session;
}

void sink_enter_beside(struct sink *sink)
{
    sink->suffix = BESIDE_SUFFIX;
}

const struct sink_driver mongodb_driver = {
    .name = "mongodb",
    .n_arenas = 1,
    .open = mongodb_open,
    .close = mongodb_close,
    .claim = mongodb_claim,
    .apply = mongodb_apply,
    .list = mongodb_list,
    .reset = mongodb_reset,
    .beside = &mongodb_beside,
};
