// SPDX-License-Identifier: Apache-2.0
// MongoDB as a target: documents as the server sends them, by read concern majority from the
// primary, so that nothing is compared that could be rolled back.
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "verify/bson.h"
#include "verify/json.h"
#include "verify/target.h"

#include <mongoc/mongoc.h>
#include <stdio.h>

#define BATCH_DOCUMENTS 20000 // the server ends a batch at 16 MiB
#define LOOKUP_KEYS 1000
#define STEP_DOCUMENTS 256 // between two looks at the clock
#define TIMEOUT_MS 5000
#define SOCKET_TIMEOUT_MS 600000
#define CHECKPOINT_DB "tailrace"
#define CHECKPOINT_COLLECTION "checkpoints"
#define GROUP_BYTES 300

struct target {
    mongoc_client_t *client;
    mongoc_read_concern_t *majority;
    struct bson_found found;
    char group[GROUP_BYTES];
};

// Where the client library looks for the server again, it calls the fault of a stream one of the
// client.
static bool fail(struct err *err, const bson_error_t *error)
{
    bool is_passing = error->domain == MONGOC_ERROR_STREAM ||
                      error->domain == MONGOC_ERROR_SERVER_SELECTION ||
                      error->domain == MONGOC_ERROR_CURSOR ||
                      (error->domain == MONGOC_ERROR_CLIENT &&
                       error->code <= MONGOC_ERROR_STREAM_NOT_ESTABLISHED);
    return err_set(err, is_passing ? ERR_RETRY : ERR_REFUSED, "MongoDB: %s (error %u)",
                   error->message, error->code);
}

// --- open ---

static void on_log(mongoc_log_level_t level, const char *domain, const char *message, void *into)
{
    (void)into;
    if (level <= MONGOC_LOG_LEVEL_WARNING)
        log_warn("mongodb client", LOG_FIELDS(log_str("part", domain), log_str("text", message)));
}

static void default_ms(mongoc_uri_t *uri, const char *option, int32_t ms)
{
    if (!mongoc_uri_has_option(uri, option))
        mongoc_uri_set_option_as_int32(uri, option, ms);
}

static void close_target(struct target *target)
{
    if (!target)
        return;
    if (target->client)
        mongoc_client_destroy(target->client);
    mongoc_read_concern_destroy(target->majority);
    buf_deinit(&target->found.row);
    buf_deinit(&target->found.key);
    buf_deinit(&target->found.guard);
    free(target);
}

static bool ping(struct target *target, struct err *err)
{
    bson_error_t error;
    bson_t *command = BCON_NEW("ping", BCON_INT32(1));
    bool done =
        mongoc_client_command_simple(target->client, "admin", command, NULL, NULL, &error) ||
        fail(err, &error);
    bson_destroy(command);
    return done;
}

static bool open_target(const struct config *config, struct target **target, struct err *err)
{
    bson_error_t error;
    struct target *made = mem_zalloc(sizeof *made);
    mongoc_log_set_handler(on_log, NULL);
    snprintf(made->group, sizeof made->group, "%s.apply.mongodb", config->source.name);
    made->majority = mongoc_read_concern_new();
    mongoc_read_concern_set_level(made->majority, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
    mongoc_uri_t *uri = mongoc_uri_new_with_error(config->mongodb.uri, &error);
    bool done = uri || err_set(err, ERR_CONFIG, "[mongodb] uri: %s", error.message);
    if (done && config->mongodb.password[0] &&
        !mongoc_uri_set_password(uri, config->mongodb.password))
        done = err_set(err, ERR_CONFIG, "[mongodb] password: not valid UTF-8");
    if (done) {
        mongoc_uri_set_appname(uri, "tailrace-verify");
        default_ms(uri, MONGOC_URI_CONNECTTIMEOUTMS, TIMEOUT_MS);
        default_ms(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, TIMEOUT_MS);
        default_ms(uri, MONGOC_URI_SOCKETTIMEOUTMS, SOCKET_TIMEOUT_MS);
        made->client = mongoc_client_new_from_uri(uri);
        done = made->client || err_set(err, ERR_CONFIG, "[mongodb] uri: not usable");
    }
    if (done) {
        mongoc_client_set_error_api(made->client, MONGOC_ERROR_API_VERSION_2);
        done = ping(made, err);
    }
    if (uri)
        mongoc_uri_destroy(uri);
    if (!done) {
        close_target(made);
        made = NULL;
    }
    *target = made;
    return done;
}

// --- documents ---

struct reading {
    struct target *target;
    const struct shape *shape;
    size_t table;
    struct scan_part *part; // NULL: all in one go
    found_fn *fn;
    void *into;
};

static bool take_document(const struct reading *reading, const bson_t *doc, struct err *err)
{
    struct bson_found *found = &reading->target->found;
    buf_clear(&found->row);
    buf_clear(&found->key);
    buf_clear(&found->guard);
    if (!bson_put_document(found, reading->shape, doc, err))
        return false;
    if (reading->part && slice_eq(buf_bytes(&found->key), buf_bytes(&reading->part->at)))
        return true; // the last one of the part before
    const struct found one = {reading->table, buf_bytes(&found->key), buf_bytes(&found->row),
                              buf_bytes(&found->guard)};
    return reading->fn(reading->into, &one, err);
}

// In the order of _id from the place on. A bound of the index, as a condition on _id would only
// find values of the same type.
static bool put_place(bson_t *opts, const struct scan_part *part, struct err *err)
{
    struct buf bytes = {0};
    bson_t min, hint;
    bool done = true;
    BSON_APPEND_DOCUMENT_BEGIN(opts, "hint", &hint);
    BSON_APPEND_INT32(&hint, "_id", 1);
    bson_append_document_end(opts, &hint);
    if (part->at.len > 0) {
        bson_put_id_document(&bytes, buf_bytes(&part->at));
        done = bson_init_static(&min, bytes.ptr, bytes.len)
                   ? BSON_APPEND_DOCUMENT(opts, "min", &min)
                   : err_set(err, ERR_CORRUPT, "the place to go on from is no BSON");
    }
    buf_deinit(&bytes);
    return done;
}

// Hands the documents over, up to the end of the part; *at_end: there are no more.
static bool take_documents(const struct reading *reading, mongoc_cursor_t *cursor, bool *at_end,
                           struct err *err)
{
    const bson_t *doc;
    bson_error_t error;
    struct scan_part *part = reading->part;
    for (size_t n = 1; mongoc_cursor_next(cursor, &doc); n++) {
        if (!take_document(reading, doc, err))
            return false;
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped");
        if (!part)
            continue;
        buf_clear(&part->at);
        buf_slice(&part->at, buf_bytes(&reading->target->found.key));
        if (n % STEP_DOCUMENTS == 0 && clock_steady_ms() >= part->until_ms)
            return true;
    }
    *at_end = true;
    // What was read says nothing when the cursor ended with an error.
    return !mongoc_cursor_error(cursor, &error) || fail(err, &error);
}

static bool read_collection(const struct reading *reading, const bson_t *filter, int32_t batch,
                            bool *at_end, struct err *err)
{
    struct target *target = reading->target;
    bson_t opts = BSON_INITIALIZER;
    *at_end = false;
    BSON_APPEND_INT32(&opts, "batchSize", batch);
    mongoc_read_concern_append(target->majority, &opts);
    bool done = !reading->part || put_place(&opts, reading->part, err);
    if (done) {
        mongoc_collection_t *collection =
            mongoc_client_get_collection(target->client, reading->shape->db, reading->shape->name);
        mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(collection, filter, &opts, NULL);
        done = take_documents(reading, cursor, at_end, err);
        mongoc_cursor_destroy(cursor);
        mongoc_collection_destroy(collection);
    }
    bson_destroy(&opts);
    return done || err_wrap(err, "collection %s", reading->shape->full);
}

static bool scan(struct target *target, const struct shape_list *list, struct scan_part *part,
                 found_fn *fn, void *into, struct err *err)
{
    bson_t filter = BSON_INITIALIZER;
    bool done = true, at_end = true;
    for (size_t i = part ? part->table : 0; done && at_end && i < list->n; i++) {
        struct reading reading = {target, &list->shapes[i], i, part, fn, into};
        if (list->shapes[i].unsupported)
            continue;
        done = read_collection(&reading, &filter, BATCH_DOCUMENTS, &at_end, err);
        if (part && at_end) {
            buf_clear(&part->at);
            part->table = i + 1;
        }
    }
    if (part)
        part->is_done = done && at_end;
    bson_destroy(&filter);
    return done;
}

// A key is a place whatever happens to the collection.
static bool can_go_on(struct target *target, const struct scan_part *part, struct err *err)
{
    (void)target;
    (void)part;
    (void)err;
    return true;
}

// {_id: {$in: [key, …]}}: MongoDB finds numbers of another type as well, and the caller tells them
// apart.
static bool find_keys(const struct reading *reading, const struct slice *keys, size_t n,
                      struct err *err)
{
    bson_t filter = BSON_INITIALIZER;
    bson_t in, list, id;
    bson_iter_t iter;
    struct buf bytes = {0};
    bool done = true, at_end;
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &in);
    BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
    for (size_t i = 0; done && i < n; i++) {
        char digits[16];
        const char *name;
        size_t len = bson_uint32_to_string((uint32_t)i, &name, digits, sizeof digits);
        buf_clear(&bytes);
        bson_put_id_document(&bytes, keys[i]);
        done =
            bson_init_static(&id, bytes.ptr, bytes.len) && bson_iter_init_find(&iter, &id, "_id");
        done = done ? bson_append_iter(&list, name, (int)len, &iter)
                    : err_set(err, ERR_INTERNAL, "a key is no BSON");
    }
    bson_append_array_end(&in, &list);
    bson_append_document_end(&filter, &in);
    done = done && read_collection(reading, &filter, LOOKUP_KEYS, &at_end, err);
    bson_destroy(&filter);
    buf_deinit(&bytes);
    return done;
}

static bool lookup(struct target *target, const struct shape *shape, const struct slice *keys,
                   size_t n_keys, found_fn *fn, void *into, struct err *err)
{
    struct reading reading = {target, shape, 0, NULL, fn, into};
    for (size_t i = 0; i < n_keys; i += LOOKUP_KEYS) {
        size_t n = n_keys - i < LOOKUP_KEYS ? n_keys - i : LOOKUP_KEYS;
        if (!find_keys(&reading, keys + i, n, err))
            return false;
    }
    return true;
}

// --- checkpoints ---

static bool applied(struct target *target, const char *topic, int32_t partition, int64_t *offset,
                    struct err *err)
{
    bson_error_t error;
    bson_iter_t iter;
    const bson_t *doc;
    bson_t opts = BSON_INITIALIZER;
    bson_t *filter = BCON_NEW("_id", "{", "group", BCON_UTF8(target->group), "topic",
                              BCON_UTF8(topic), "partition", BCON_INT32(partition), "}");
    mongoc_read_concern_append(target->majority, &opts);
    mongoc_collection_t *collection =
        mongoc_client_get_collection(target->client, CHECKPOINT_DB, CHECKPOINT_COLLECTION);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(collection, filter, &opts, NULL);
    *offset = -1;
    if (mongoc_cursor_next(cursor, &doc) && bson_iter_init_find(&iter, doc, "offset"))
        *offset = bson_iter_as_int64(&iter);
    bool done = !mongoc_cursor_error(cursor, &error) || fail(err, &error);
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(collection);
    bson_destroy(filter);
    bson_destroy(&opts);
    return done;
}

// --- rows of the source ---

static void put_row(const struct target *target, struct buf *out, const struct shape *shape,
                    const struct cell *cells)
{
    (void)target;
    for (size_t i = 0; i < shape->n_columns; i++)
        bson_put_cell(out, &shape->columns[i], &cells[i]);
}

static void put_key(const struct target *target, struct buf *out, const struct shape *shape,
                    const struct cell *key)
{
    (void)target;
    bson_put_key(out, shape, key);
}

static bool read_key(const struct target *target, const struct shape *shape, struct slice key,
                     struct arena *arena, struct cell *cells)
{
    (void)target;
    return bson_read_key(shape, key, arena, cells);
}

static void put_removal(const struct target *target, struct buf *out, const struct shape *shape,
                        struct slice key)
{
    (void)target;
    buf_str(out, "db.getSiblingDB(");
    json_put_string(out, slice_of_str(shape->db));
    buf_str(out, ").getCollection(");
    json_put_string(out, slice_of_str(shape->name));
    buf_str(out, ").deleteOne({_id: EJSON.parse('");
    struct buf text = {0};
    bson_describe(&text, key);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'' || text.ptr[i] == '\\')
            buf_char(out, '\\');
        buf_char(out, (char)text.ptr[i]);
    }
    buf_deinit(&text);
    buf_str(out, "')})");
}

const struct target_driver target_mongodb = {
    .name = "mongodb",
    .open = open_target,
    .close = close_target,
    .scan = scan,
    .can_go_on = can_go_on,
    .lookup = lookup,
    .applied = applied,
    .put_row = put_row,
    .put_key = put_key,
    .read_key = read_key,
    .put_number = bson_put_number,
    .describe_key = bson_describe,
    .describe = bson_describe,
    .put_removal = put_removal,
};
