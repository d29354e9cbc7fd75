// SPDX-License-Identifier: Apache-2.0
// Shown: see shown.h. The server says which of the keys asked for each answer is about, as only it
// knows when two are the same: a key that was an int32 and is an int64 by now is one.
#include "appliers/mongodb/shown.h"

#include "appliers/mongodb/checkpoint.h"
#include "appliers/mongodb/mapping.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define DUPLICATE_KEY 11000
#define ASK_MOST 1000       // keys in a question
#define ASK_BYTES (1 << 20) // and their bytes, about

enum found { FOUND_NOTHING, FOUND_OBJECT, FOUND_GUARD };

// One effect that may be a replay.
struct asked {
    const struct effect *effect;
    enum found found;
    struct guard guard;
};

mongoc_collection_t *shown_tombstones(mongoc_client_t *client, const char *suffix)
{
    return mongoc_client_get_collection(
        client, CHECKPOINT_DB, *suffix ? TOMBSTONE_COLLECTION BESIDE_SUFFIX : TOMBSTONE_COLLECTION);
}

bool shown_prepare(mongoc_client_t *client, const char *suffix, uint64_t now_ms, struct err *err)
{
    bson_error_t error;
    mongoc_collection_t *collection = shown_tombstones(client, suffix);
    bson_t *expired = BCON_NEW("expires", "{", "$lt", BCON_DATE_TIME((int64_t)now_ms), "}");
    bool done =
        sink_create_collection(client, CHECKPOINT_DB, mongoc_collection_get_name(collection), err);
    if (done && !mongoc_collection_delete_many(collection, expired, NULL, NULL, &error))
        done = sink_fail(err, NULL, &error, "removing expired tombstones");
    bson_destroy(expired);
    mongoc_collection_destroy(collection);
    return done;
}

void shown_append(bson_t *doc, const struct guard *guard)
{
    bson_t field;
    BSON_APPEND_DOCUMENT_BEGIN(doc, GUARD_FIELD, &field);
    BSON_APPEND_INT32(&field, "p", guard->partition);
    BSON_APPEND_INT64(&field, "o", guard->offset);
    bson_append_document_end(doc, &field);
}

bool shown_read(const bson_t *doc, struct guard *guard)
{
    bson_iter_t iter, p, o;
    if (!bson_iter_init(&iter, doc) || !bson_iter_find_descendant(&iter, GUARD_FIELD ".p", &p) ||
        !BSON_ITER_HOLDS_INT32(&p) || !bson_iter_init(&iter, doc) ||
        !bson_iter_find_descendant(&iter, GUARD_FIELD ".o", &o) || !BSON_ITER_HOLDS_INT64(&o))
        return false;
    *guard = (struct guard){bson_iter_int32(&p), bson_iter_int64(&o)};
    return true;
}

// --- keys ---

// Appends `name`: the document's _id.
static bool append_key(bson_t *doc, const char *name, const struct effect *effect, struct err *err)
{
    bson_t id = BSON_INITIALIZER;
    bson_iter_t iter;
    bool done = mapping_append_id(&id, effect->table, effect->row, err);
    if (done && bson_iter_init_find(&iter, &id, "_id"))
        bson_append_iter(doc, name, -1, &iter);
    bson_destroy(&id);
    return done;
}

// Appends `name`: { db, table, key }.
static bool append_tombstone_id(bson_t *doc, const char *name, const struct effect *effect,
                                struct err *err)
{
    const struct table *table = effect->table;
    bson_t id;
    BSON_APPEND_DOCUMENT_BEGIN(doc, name, &id);
    bson_append_utf8(&id, "db", -1, (const char *)table->db.ptr, (int)table->db.len);
    bson_append_utf8(&id, "table", -1, (const char *)table->name.ptr, (int)table->name.len);
    bool done = append_key(&id, "key", effect, err);
    bson_append_document_end(doc, &id);
    return done;
}

typedef bool append_fn(bson_t *doc, const char *name, const struct effect *effect, struct err *err);

// One question: of which collection, with which keys, where the guard stands.
struct question {
    mongoc_collection_t *collection;
    append_fn *append;
    const char *p, *o; // fields
};

static const char *array_name(uint32_t i, char number[16])
{
    const char *name;
    bson_uint32_to_string(i, &name, number, 16);
    return name;
}

// Appends the keys of asked[0 .. *n) to the array, *n less where they are too large together.
static bool append_keys(bson_t *keys, const struct question *question, struct asked *const *asked,
                        size_t *n, struct err *err)
{
    char number[16];
    for (uint32_t i = 0; i < *n; i++) {
        if (i == ASK_MOST || keys->len > ASK_BYTES) {
            *n = i;
            break;
        }
        if (!question->append(keys, array_name(i, number), asked[i]->effect, err))
            return false;
    }
    return true;
}

// [ { $match: { _id: { $in: keys } } },
//   { $project: { _id: 0, p, o, i: { $indexOfArray: [ { $literal: keys }, "$_id" ] } } } ]
static bson_t *pipeline_of(const struct question *question, const bson_t *keys)
{
    return BCON_NEW("pipeline", "[", "{", "$match", "{", "_id", "{", "$in", BCON_ARRAY(keys), "}",
                    "}", "}", "{", "$project", "{", "_id", BCON_INT32(0), "p",
                    BCON_UTF8(question->p), "o", BCON_UTF8(question->o), "i", "{", "$indexOfArray",
                    "[", "{", "$literal", BCON_ARRAY(keys), "}", BCON_UTF8("$_id"), "]", "}", "}",
                    "}", "]");
}

static void take_answer(const bson_t *doc, struct asked *const *asked, size_t n)
{
    bson_iter_t i, p, o;
    if (!bson_iter_init_find(&i, doc, "i") || bson_iter_as_int64(&i) < 0 ||
        (uint64_t)bson_iter_as_int64(&i) >= n)
        return;
    struct asked *one = asked[bson_iter_as_int64(&i)];
    one->found = FOUND_OBJECT;
    if (!bson_iter_init_find(&p, doc, "p") || !BSON_ITER_HOLDS_INT32(&p) ||
        !bson_iter_init_find(&o, doc, "o") || !BSON_ITER_HOLDS_INT64(&o))
        return; // not a guard
    one->found = FOUND_GUARD;
    one->guard = (struct guard){bson_iter_int32(&p), bson_iter_int64(&o)};
}

// The transaction's options as a read takes them.
static void read_opts(const bson_t *opts, bson_t *out)
{
    bson_init(out);
    bson_copy_to_excluding_noinit(opts, out, "ordered", NULL);
    BSON_APPEND_INT32(out, "batchSize", ASK_MOST);
}

// Asks for asked[0 .. *n), *n less where these are too many for one question.
static bool ask(const struct shown *shown, const struct question *question,
                struct asked *const *asked, size_t *n, struct err *err)
{
    bson_t keys = BSON_INITIALIZER;
    bson_t opts;
    const bson_t *doc;
    bson_error_t error;
    bool done = append_keys(&keys, question, asked, n, err);
    if (done) {
        bson_t *pipeline = pipeline_of(question, &keys);
        read_opts(shown->opts, &opts);
        mongoc_cursor_t *cursor = mongoc_collection_aggregate(
            question->collection, MONGOC_QUERY_NONE, pipeline, &opts, NULL);
        while (mongoc_cursor_next(cursor, &doc))
            take_answer(doc, asked, *n);
        if (mongoc_cursor_error_document(cursor, &error, &doc)) {
            bson_destroy(shown->reply);
            bson_copy_to(doc, shown->reply);
            done = sink_fail(err, shown->reply, &error, "reading the guards");
        }
        mongoc_cursor_destroy(cursor);
        bson_destroy(&opts);
        bson_destroy(pipeline);
    }
    bson_destroy(&keys);
    return done;
}

static bool ask_all(const struct shown *shown, const struct question *question,
                    struct asked *const *asked, size_t n, struct err *err)
{
    for (size_t i = 0, part; i < n; i += part) {
        part = n - i;
        if (!ask(shown, question, asked + i, &part, err))
            return false;
    }
    return true;
}

// --- effects ---

static bool same_collection(const struct effect *a, const struct effect *b)
{
    return slice_eq(a->table->name, b->table->name) && slice_eq(a->table->db, b->table->db);
}

// The documents' own guards; all asked are of one collection.
static bool ask_objects(const struct shown *shown, struct asked *const *asked, size_t n,
                        struct err *err)
{
    struct question question = {
        sink_collection(shown->client, asked[0]->effect->table, shown->suffix), append_key,
        "$" GUARD_FIELD ".p", "$" GUARD_FIELD ".o"};
    bool done = ask_all(shown, &question, asked, n, err);
    mongoc_collection_destroy(question.collection);
    return done;
}

// Of those for which no document is there. The array is used up.
static bool ask_tombstones(const struct shown *shown, struct asked **asked, size_t n,
                           struct err *err)
{
    struct question question = {shown_tombstones(shown->client, shown->suffix), append_tombstone_id,
                                "$p", "$o"};
    size_t absent = 0;
    for (size_t i = 0; i < n; i++)
        if (asked[i]->found == FOUND_NOTHING)
            asked[absent++] = asked[i];
    bool done = ask_all(shown, &question, asked, absent, err);
    mongoc_collection_destroy(question.collection);
    return done;
}

static bool is_shown(const struct shown *shown, const struct asked *asked)
{
    struct guard guard = guard_of(shown->batch, asked->effect);
    return asked->found == FOUND_GUARD && guard_shows(&asked->guard, &guard);
}

static bool ask_targets(const struct shown *shown, struct asked **asked, size_t n, struct err *err)
{
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n; end++)
            if (!same_collection(asked[first]->effect, asked[end]->effect))
                break;
        if (!ask_objects(shown, asked + first, end - first, err))
            return false;
    }
    return ask_tombstones(shown, asked, n, err);
}

bool shown_leave_out(const struct shown *shown, const struct effect **effects, size_t *n,
                     struct err *err)
{
    struct asked *all = NULL, **asked = NULL;
    size_t n_asked = 0, kept = 0;
    for (size_t i = 0; i < *n; i++)
        n_asked += guard_is_replay(shown->batch, effects[i]);
    if (n_asked == 0)
        return true;
    all = mem_zalloc(n_asked * sizeof *all);
    asked = mem_alloc(n_asked * sizeof *asked);
    for (size_t i = 0, k = 0; i < *n; i++)
        if (guard_is_replay(shown->batch, effects[i])) {
            all[k].effect = effects[i];
            asked[k] = &all[k];
            k++;
        }
    bool done = ask_targets(shown, asked, n_asked, err);
    for (size_t i = 0, k = 0; done && i < *n; i++)
        if (!guard_is_replay(shown->batch, effects[i]) || !is_shown(shown, &all[k++]))
            effects[kept++] = effects[i];
    if (done)
        *n = kept;
    free((void *)asked);
    free(all);
    return done;
}

// --- tombstones ---

static bool add_tombstone(mongoc_bulk_operation_t *bulk, const struct shown *shown,
                          const struct burial *burial, const struct effect *effect, struct err *err)
{
    struct guard guard = guard_of(shown->batch, effect);
    bson_t filter = BSON_INITIALIZER;
    bson_t opts = BSON_INITIALIZER;
    bson_t doc = BSON_INITIALIZER;
    bson_error_t error;
    bool done = append_tombstone_id(&filter, "_id", effect, err);
    if (done) {
        bson_concat(&doc, &filter);
        BSON_APPEND_INT32(&doc, "p", guard.partition);
        BSON_APPEND_INT64(&doc, "o", guard.offset);
        BSON_APPEND_DATE_TIME(&doc, "expires", (int64_t)burial->expires_ms);
        if (!burial->fresh->may_insert)
            BSON_APPEND_BOOL(&opts, "upsert", true);
        done = (burial->fresh->may_insert
                    ? mongoc_bulk_operation_insert_with_opts(bulk, &doc, &opts, &error)
                    : mongoc_bulk_operation_replace_one_with_opts(bulk, &filter, &doc, &opts,
                                                                  &error)) ||
               sink_fail(err, NULL, &error, "a tombstone");
    }
    bson_destroy(&doc);
    bson_destroy(&opts);
    bson_destroy(&filter);
    return done;
}

static bool write_tombstones(mongoc_bulk_operation_t *bulk, const struct shown *shown,
                             struct fresh *fresh, struct err *err)
{
    bson_error_t error;
    bson_destroy(shown->reply);
    fresh->has_inserted = fresh->may_insert;
    if (mongoc_bulk_operation_execute(bulk, shown->reply, &error) != 0)
        return true;
    fresh->was_there = fresh->may_insert && error.code == DUPLICATE_KEY;
    return sink_fail(err, shown->reply, &error, "writing tombstones");
}

bool shown_bury(const struct shown *shown, const struct burial *burial, struct err *err)
{
    bool done = true, any = false;
    mongoc_collection_t *collection = shown_tombstones(shown->client, shown->suffix);
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(collection, shown->opts);
    for (size_t i = 0; done && i < burial->n; i++) {
        if (burial->effects[i]->kind != EFFECT_DELETE)
            continue;
        any = true;
        done = add_tombstone(bulk, shown, burial, burial->effects[i], err) ||
               batch_blame(err, shown->batch, burial->effects[i]);
    }
    if (done && any)
        done = write_tombstones(bulk, shown, burial->fresh, err);
    mongoc_bulk_operation_destroy(bulk);
    mongoc_collection_destroy(collection);
    return done;
}
