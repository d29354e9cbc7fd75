// SPDX-License-Identifier: Apache-2.0
// MongoDB beside: see beside.h. Every command is short, or goes on at the server when the client's
// patience ends: then the next run finds it done.
#define _POSIX_C_SOURCE 200809L
#include "appliers/mongodb/beside.h"

#include "appliers/mongodb/buried.h"
#include "appliers/mongodb/checkpoint.h"
#include "appliers/mongodb/transaction.h"
#include "common/buf.h"
#include "common/crash.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define NAMESPACE_NOT_FOUND 26
#define NAMESPACE_EXISTS 48

static const char *const phases[] = {[BESIDE_NONE] = "",
                                     [BESIDE_FILLING] = "filling",
                                     [BESIDE_DISCARDING] = "discarding",
                                     [BESIDE_SWAPPING] = "swapping"};

static void name_beside(struct buf *name, const struct beside_table *table)
{
    buf_clear(name);
    buf_printf(name, "%s" BESIDE_SUFFIX, table->name);
}

// Runs the command with majority concern and frees it. `ignored`: a code that is no fault; 0: none.
// *reply is to be destroyed in any case.
static bool command_take(struct sink *sink, const char *db, bson_t *command, uint32_t ignored,
                         bson_t *reply, struct err *err)
{
    bson_error_t error;
    bson_iter_t iter;
    const char *what =
        bson_iter_init(&iter, command) && bson_iter_next(&iter) ? bson_iter_key(&iter) : "";
    BCON_APPEND(command, "writeConcern", "{", "w", BCON_UTF8("majority"), "}");
    bool done = mongoc_client_write_command_with_opts(sink_client(sink), db, command, NULL, reply,
                                                      &error) ||
                (ignored && error.code == ignored) || sink_fail(err, reply, &error, what);
    bson_destroy(command);
    return done;
}

static bool run_take(struct sink *sink, const char *db, bson_t *command, uint32_t ignored,
                     struct err *err)
{
    bson_t reply;
    bool done = command_take(sink, db, command, ignored, &reply, err);
    bson_destroy(&reply);
    return done;
}

// --- the state ---

static mongoc_collection_t *open_states(struct sink *sink)
{
    return mongoc_client_get_collection(sink_client(sink), CHECKPOINT_DB, BESIDE_COLLECTION);
}

static const char *text_of(const bson_t *doc, const char *field)
{
    bson_iter_t iter;
    bool found = bson_iter_init_find(&iter, doc, field) && BSON_ITER_HOLDS_UTF8(&iter);
    return found ? bson_iter_utf8(&iter, NULL) : "";
}

static bool read_document(const bson_t *doc, const char *group, struct beside_state *state,
                          struct err *err)
{
    const char *phase = text_of(doc, "phase");
    for (unsigned i = BESIDE_FILLING; i <= BESIDE_SWAPPING; i++)
        if (strcmp(phase, phases[i]) == 0) {
            *state = (struct beside_state){(enum beside_phase)i, mem_strdup(text_of(doc, "plan"))};
            return true;
        }
    return err_set(err, ERR_CORRUPT,
                   "MongoDB: " CHECKPOINT_DB "." BESIDE_COLLECTION " %s has the phase \"%s\"",
                   group, phase);
}

static bool mongodb_read(struct sink *sink, const char *group, struct beside_state *state,
                         struct err *err)
{
    mongoc_collection_t *states = open_states(sink);
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(group));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(states, filter, NULL, NULL);
    const bson_t *doc;
    bson_error_t error;
    bool done = true;
    *state = (struct beside_state){BESIDE_NONE, NULL};
    if (mongoc_cursor_next(cursor, &doc))
        done = read_document(doc, group, state, err);
    else if (mongoc_cursor_error(cursor, &error))
        done = sink_fail(err, NULL, &error, "reading " CHECKPOINT_DB "." BESIDE_COLLECTION);
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    mongoc_collection_destroy(states);
    return done;
}

// Makes the state, or takes it in hand as it is.
static bool take_state(struct sink *sink, const struct beside *beside, struct err *err)
{
    bson_t *command = BCON_NEW("findAndModify", BCON_UTF8(BESIDE_COLLECTION), "query", "{", "_id",
                               BCON_UTF8(beside->group), "}", "update", "{", "$set", "{", "owner",
                               BCON_UTF8(beside->owner), "}", "$setOnInsert", "{", "phase",
                               BCON_UTF8(phases[BESIDE_FILLING]), "plan", BCON_UTF8(beside->plan),
                               "}", "}", "upsert", BCON_BOOL(true));
    return run_take(sink, CHECKPOINT_DB, command, 0, err);
}

// Within a transaction: to the phase, or away where it is BESIDE_NONE, if it is still in our hand.
static bool move_state(struct sink *sink, const struct beside *beside, enum beside_phase phase,
                       const bson_t *opts, bson_t *reply, struct err *err)
{
    mongoc_collection_t *states = open_states(sink);
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(beside->group), "owner", BCON_UTF8(beside->owner));
    bson_t *update = BCON_NEW("$set", "{", "phase", BCON_UTF8(phases[phase]), "}");
    mongoc_bulk_operation_t *bulk = mongoc_collection_create_bulk_operation_with_opts(states, opts);
    bson_error_t error;
    bson_iter_t iter;
    if (phase == BESIDE_NONE)
        mongoc_bulk_operation_remove_one_with_opts(bulk, filter, NULL, NULL);
    else
        mongoc_bulk_operation_update_one_with_opts(bulk, filter, update, NULL, NULL);
    bool done = mongoc_bulk_operation_execute(bulk, reply, &error) != 0;
    const char *count = phase == BESIDE_NONE ? "nRemoved" : "nMatched";
    if (!done)
        sink_fail(err, reply, &error, "writing the rebuild's state");
    else if (!bson_iter_init_find(&iter, reply, count) || bson_iter_as_int64(&iter) != 1)
        done = beside_refuse_owner(err);
    mongoc_bulk_operation_destroy(bulk);
    bson_destroy(update);
    bson_destroy(filter);
    mongoc_collection_destroy(states);
    return done;
}

typedef bool checkpoint_fn(mongoc_client_t *client, const bson_t *session_opts,
                           const struct checkpoint_set *set, bson_t *reply, struct err *err);

// What happens together with a step of the state.
struct step {
    struct sink *sink;
    const struct beside *beside;
    enum beside_phase phase;
    checkpoint_fn *write;
    struct checkpoint_set set;
};

static bool write_step(void *into, const bson_t *opts, bson_t *reply, struct err *err)
{
    const struct step *step = into;
    if (!move_state(step->sink, step->beside, step->phase, opts, reply, err))
        return false;
    bson_destroy(reply);
    return step->write(sink_client(step->sink), opts, &step->set, reply, err);
}

static bool run_step(struct step *step, const struct sink_checkpoint *checkpoints, size_t n,
                     struct err *err)
{
    step->set =
        (struct checkpoint_set){step->beside->group, step->beside->beside_group, checkpoints, n};
    return checkpoint_run(sink_client(step->sink), sink_session(step->sink), step->set.group,
                          step->set.beside_group, write_step, step, err);
}

// --- collections ---

// *options: of the collection, as `create` takes them; to be destroyed. *exists: there is one.
static bool find_options(struct sink *sink, const char *db, const char *name, bson_t *options,
                         bool *exists, struct err *err)
{
    mongoc_database_t *database = mongoc_client_get_database(sink_client(sink), db);
    bson_t *opts = BCON_NEW("filter", "{", "name", BCON_UTF8(name), "}");
    mongoc_cursor_t *cursor = mongoc_database_find_collections_with_opts(database, opts);
    const bson_t *info;
    bson_error_t error;
    bson_iter_t iter;
    bson_init(options);
    *exists = mongoc_cursor_next(cursor, &info);
    if (*exists && bson_iter_init_find(&iter, info, "options") && BSON_ITER_HOLDS_DOCUMENT(&iter)) {
        const uint8_t *data;
        uint32_t len;
        bson_t found;
        bson_iter_document(&iter, &len, &data);
        bson_init_static(&found, data, len);
        bson_concat(options, &found);
    }
    bool done =
        !mongoc_cursor_error(cursor, &error) || sink_fail(err, NULL, &error, "listing collections");
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    mongoc_database_destroy(database);
    return done;
}

static bool collection_exists(struct sink *sink, const char *db, const char *name, bool *exists,
                              struct err *err)
{
    bson_t options;
    bool done = find_options(sink, db, name, &options, exists, err);
    bson_destroy(&options);
    return done;
}

// An index as createIndexes takes it.
static void append_index(bson_t *indexes, const bson_t *index, uint32_t n)
{
    char number[16];
    const char *name;
    bson_t child;
    size_t len = bson_uint32_to_string(n, &name, number, sizeof number);
    bson_append_document_begin(indexes, name, (int)len, &child);
    bson_copy_to_excluding_noinit(index, &child, "ns", NULL);
    bson_append_document_end(indexes, &child);
}

static bool is_unique(const bson_t *index)
{
    bson_iter_t iter;
    return bson_iter_init_find(&iter, index, "unique") && bson_iter_as_bool(&iter);
}

// *n of them, but for that of _id; with or without those that are unique.
static bool list_indexes(struct sink *sink, const struct beside_table *table, bool with_unique,
                         bson_t *indexes, uint32_t *n, struct err *err)
{
    mongoc_collection_t *collection =
        mongoc_client_get_collection(sink_client(sink), table->db, table->name);
    mongoc_cursor_t *cursor = mongoc_collection_find_indexes_with_opts(collection, NULL);
    const bson_t *index;
    bson_error_t error;
    *n = 0;
    while (mongoc_cursor_next(cursor, &index))
        if (strcmp(text_of(index, "name"), "_id_") != 0 && (with_unique || !is_unique(index)))
            append_index(indexes, index, (*n)++);
    bool done = !mongoc_cursor_error(cursor, &error) || error.code == NAMESPACE_NOT_FOUND ||
                sink_fail(err, NULL, &error, "listing indexes");
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(collection);
    return done;
}

// Those that are there already are no fault.
static bool copy_indexes(struct sink *sink, const struct beside_table *table, bool with_unique,
                         struct err *err)
{
    struct buf name = {0};
    bson_t indexes = BSON_INITIALIZER;
    uint32_t n;
    name_beside(&name, table);
    bool done = list_indexes(sink, table, with_unique, &indexes, &n, err);
    if (done && n > 0)
        done = run_take(sink, table->db,
                        BCON_NEW("createIndexes", BCON_UTF8(buf_cstr(&name)), "indexes",
                                 BCON_ARRAY(&indexes)),
                        0, err) ||
               err_wrap(err, "the indexes of %s.%s", table->db, table->name);
    bson_destroy(&indexes);
    buf_deinit(&name);
    return done;
}

// The validator may be another one since the collection was made.
static bool adapt_validator(struct sink *sink, const struct beside_table *table, const char *name,
                            const bson_t *options, struct err *err)
{
    static const char *const fields[] = {"validator", "validationLevel", "validationAction"};
    bson_t made;
    bson_t empty = BSON_INITIALIZER;
    bson_iter_t iter;
    bool exists;
    bool done = find_options(sink, table->db, name, &made, &exists, err);
    if (done && !bson_equal(&made, options)) {
        bson_t *change = BCON_NEW("collMod", BCON_UTF8(name));
        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
            if (bson_iter_init_find(&iter, options, fields[i]))
                bson_append_iter(change, NULL, 0, &iter);
        if (!bson_has_field(options, "validator"))
            BSON_APPEND_DOCUMENT(change, "validator", &empty);
        done = run_take(sink, table->db, change, 0, err) ||
               err_wrap(err,
                        "%s.%s was altered since the rebuild began; to begin anew: tailrace "
                        "offsets reset apply mongodb --discard",
                        table->db, table->name);
    }
    bson_destroy(&empty);
    bson_destroy(&made);
    return done;
}

// An empty collection like the table's. Unique indexes come when it is filled: partitions are
// filled in no order, so that two rows may have the same value for a while.
static bool make_like(struct sink *sink, const struct beside_table *table, struct err *err)
{
    struct buf name = {0};
    bson_t options;
    bool exists;
    name_beside(&name, table);
    bool done = find_options(sink, table->db, table->name, &options, &exists, err);
    if (done && exists) {
        bson_t *command = BCON_NEW("create", BCON_UTF8(buf_cstr(&name)));
        bson_concat(command, &options);
        done = run_take(sink, table->db, command, NAMESPACE_EXISTS, err) &&
               adapt_validator(sink, table, buf_cstr(&name), &options, err) &&
               copy_indexes(sink, table, false, err);
    }
    bson_destroy(&options);
    buf_deinit(&name);
    return done;
}

static bool refuse_taken(struct sink *sink, const struct beside_table *table, struct err *err)
{
    struct buf name = {0};
    bool exists = false;
    name_beside(&name, table);
    bool done = collection_exists(sink, table->db, buf_cstr(&name), &exists, err);
    if (done && exists) {
        struct buf full = {0};
        buf_printf(&full, "%s.%s", table->db, buf_cstr(&name));
        done = beside_refuse_name(err, buf_cstr(&full));
        buf_deinit(&full);
    }
    buf_deinit(&name);
    return done;
}

// --- measure ---

static uint64_t number_of(const bson_t *doc, const char *field)
{
    bson_iter_t iter;
    int64_t n = bson_iter_init_find(&iter, doc, field) ? bson_iter_as_int64(&iter) : 0;
    return n > 0 ? (uint64_t)n : 0;
}

static bool measure_one(struct sink *sink, const char *db, const char *name,
                        struct beside_size *size, struct err *err)
{
    bson_error_t error;
    bson_t reply;
    bson_t *command = BCON_NEW("collStats", BCON_UTF8(name));
    bool done = mongoc_client_read_command_with_opts(sink_client(sink), db, command, NULL, NULL,
                                                     &reply, &error) ||
                error.code == NAMESPACE_NOT_FOUND || sink_fail(err, &reply, &error, "collStats");
    *size =
        (struct beside_size){number_of(&reply, "count"), number_of(&reply, "storageSize") +
                                                             number_of(&reply, "totalIndexSize")};
    bson_destroy(command);
    bson_destroy(&reply);
    return done;
}

static bool mongodb_measure(struct sink *sink, const struct beside *beside, bool is_filled,
                            struct beside_size *sizes, struct err *err)
{
    struct buf name = {0};
    bool done = true;
    for (size_t i = 0; done && i < beside->n_tables; i++) {
        const struct beside_table *table = &beside->tables[i];
        name_beside(&name, table);
        done =
            measure_one(sink, table->db, is_filled ? buf_cstr(&name) : table->name, &sizes[i], err);
    }
    buf_deinit(&name);
    return done;
}

// --- the steps ---

static bool clear_tombstones(struct sink *sink, const struct beside *beside, struct err *err)
{
    for (size_t i = 0; i < beside->n_tables; i++)
        if (!buried_clear(sink_client(sink), &beside->tables[i], err))
            return false;
    return true;
}

static bool mongodb_begin(struct sink *sink, const struct beside *beside, struct err *err)
{
    struct beside_state state;
    bool done = mongodb_read(sink, beside->group, &state, err);
    free(state.plan);
    for (size_t i = 0; done && state.phase == BESIDE_NONE && i < beside->n_tables; i++)
        done = refuse_taken(sink, &beside->tables[i], err);
    done = done && (state.phase != BESIDE_NONE || clear_tombstones(sink, beside, err)) &&
           take_state(sink, beside, err);
    bool is_filling = state.phase == BESIDE_NONE || state.phase == BESIDE_FILLING;
    for (size_t i = 0; done && is_filling && i < beside->n_tables; i++)
        done = make_like(sink, &beside->tables[i], err);
    return done;
}

static bool drop_all(struct sink *sink, const struct beside *beside, struct err *err)
{
    struct buf name = {0};
    bool done = true;
    for (size_t i = 0; done && i < beside->n_tables; i++) {
        name_beside(&name, &beside->tables[i]);
        done = run_take(sink, beside->tables[i].db, BCON_NEW("drop", BCON_UTF8(buf_cstr(&name))),
                        NAMESPACE_NOT_FOUND, err);
    }
    buf_deinit(&name);
    return done;
}

// The checkpoints go first: without them nothing of what is left is taken for filled.
static bool mongodb_discard(struct sink *sink, const struct beside *beside, struct err *err)
{
    struct step leave = {
        .sink = sink, .beside = beside, .phase = BESIDE_DISCARDING, .write = checkpoint_settle};
    struct step end = leave;
    end.phase = BESIDE_NONE;
    if (!take_state(sink, beside, err) || !run_step(&leave, NULL, 0, err))
        return false;
    CRASH_POINT(rebuild_discarding);
    return drop_all(sink, beside, err) && clear_tombstones(sink, beside, err) &&
           run_step(&end, NULL, 0, err);
}

static bool mongodb_ready(struct sink *sink, const struct beside *beside, struct err *err)
{
    for (size_t i = 0; i < beside->n_tables; i++)
        if (!copy_indexes(sink, &beside->tables[i], true, err))
            return false;
    return true;
}

static bool mongodb_fence(struct sink *sink, const struct beside *beside,
                          const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                          struct err *err)
{
    struct step step = {
        .sink = sink, .beside = beside, .phase = BESIDE_SWAPPING, .write = checkpoint_fence};
    return run_step(&step, checkpoints, n_checkpoints, err);
}

// Where there is nothing beside, the table is in place already; or it never had a document.
static bool swap_one(struct sink *sink, const struct beside_table *table, struct err *err)
{
    struct buf name = {0}, from = {0}, to = {0};
    bool exists = false;
    name_beside(&name, table);
    bool done = collection_exists(sink, table->db, buf_cstr(&name), &exists, err);
    if (done && exists) {
        buf_printf(&from, "%s.%s", table->db, buf_cstr(&name));
        buf_printf(&to, "%s.%s", table->db, table->name);
        done = copy_indexes(sink, table, true, err) &&
               run_take(sink, "admin",
                        BCON_NEW("renameCollection", BCON_UTF8(buf_cstr(&from)), "to",
                                 BCON_UTF8(buf_cstr(&to)), "dropTarget", BCON_BOOL(true)),
                        0, err);
        if (done)
            log_info("in place", LOG_FIELDS(log_slice("collection", buf_bytes(&to))));
    }
    buf_deinit(&name);
    buf_deinit(&from);
    buf_deinit(&to);
    return done;
}

static bool mongodb_swap(struct sink *sink, const struct beside *beside, struct err *err)
{
    for (size_t i = 0; i < beside->n_tables; i++) {
        if (!swap_one(sink, &beside->tables[i], err))
            return false;
        CRASH_POINT(rebuild_mongodb_renamed);
    }
    for (size_t i = 0; i < beside->n_tables; i++) {
        if (!buried_swap(sink_client(sink), &beside->tables[i], err))
            return false;
        CRASH_POINT(rebuild_mongodb_buried);
    }
    return true;
}

static bool mongodb_end(struct sink *sink, const struct beside *beside,
                        const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                        struct err *err)
{
    struct step step = {
        .sink = sink, .beside = beside, .phase = BESIDE_NONE, .write = checkpoint_settle};
    struct err ignored; // the next rebuild removes them
    if (!run_step(&step, checkpoints, n_checkpoints, err))
        return false;
    if (!clear_tombstones(sink, beside, &ignored))
        log_warn("tombstones beside were not removed", LOG_FIELDS(log_str("reason", ignored.text)));
    return true;
}

const struct beside_driver mongodb_beside = {
    .enter = sink_enter_beside,
    .read = mongodb_read,
    .measure = mongodb_measure,
    .begin = mongodb_begin,
    .discard = mongodb_discard,
    .ready = mongodb_ready,
    .fence = mongodb_fence,
    .swap = mongodb_swap,
    .end = mongodb_end,
};
