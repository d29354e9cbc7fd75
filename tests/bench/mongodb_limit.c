// SPDX-License-Identifier: Apache-2.0
// mongodb_limit RECORDS URI DB BATCH CONNECTIONS: libmongoc writing the net effect of batches of
// sysbench's rows: in one transaction a document with the offset, an unordered bulk of replaces
// with upsert and one of deletes; one thread a connection, each with its own part of the keys.
// Nothing else.
#include "common/mem.h"
#include "tests/bench/limit.h"
#include "tests/bench/records.h"

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdlib.h>

struct writer {
    pthread_t thread;
    const char *uri;
    const char *db;
    size_t batch_records;
    struct net net;
};

static void append_row(bson_t *row, const struct record *record)
{
    bson_init(row);
    BSON_APPEND_INT32(row, "_id", record->id);
    BSON_APPEND_INT32(row, "id", record->id);
    BSON_APPEND_INT32(row, "k", record->k);
    bson_append_utf8(row, "c", 1, (const char *)record->c.ptr, (int)record->c.len);
    bson_append_utf8(row, "pad", 3, (const char *)record->pad.ptr, (int)record->pad.len);
}

static void add(mongoc_bulk_operation_t *bulk, const struct record *record, const bson_t *opts)
{
    bson_t id, row;
    bson_error_t error;
    bson_init(&id);
    BSON_APPEND_INT32(&id, "_id", record->id);
    bool done;
    if (record->deleted) {
        done = mongoc_bulk_operation_remove_one_with_opts(bulk, &id, NULL, &error);
    } else {
        append_row(&row, record);
        done = mongoc_bulk_operation_replace_one_with_opts(bulk, &id, &row, opts, &error);
        bson_destroy(&row);
    }
    if (!done)
        limit_fail("MongoDB: %s", error.message);
    bson_destroy(&id);
}

static void write_bulk(struct writer *writer, mongoc_collection_t *collection,
                       const bson_t *session, size_t n_effects, bool deletes)
{
    bson_t opts, row_opts, reply;
    bson_error_t error;
    bson_copy_to(session, &opts);
    BSON_APPEND_BOOL(&opts, "ordered", false);
    bson_init(&row_opts);
    BSON_APPEND_BOOL(&row_opts, "upsert", true);
    BSON_APPEND_BOOL(&row_opts, "validate", false);
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(collection, &opts);
    size_t n = 0;
    for (size_t i = 0; i < n_effects; i++) {
        if (writer->net.effects[i]->deleted != deletes)
            continue;
        add(bulk, writer->net.effects[i], &row_opts);
        n++;
    }
    if (n && !mongoc_bulk_operation_execute(bulk, &reply, &error))
        limit_fail("MongoDB: %s", error.message);
    if (n)
        bson_destroy(&reply);
    mongoc_bulk_operation_destroy(bulk);
    bson_destroy(&row_opts);
    bson_destroy(&opts);
}

static void write_offset(struct writer *writer, mongoc_collection_t *offsets, const bson_t *session)
{
    bson_t id, document, opts;
    bson_error_t error;
    bson_init(&id);
    BSON_APPEND_INT32(&id, "_id", writer->net.part);
    bson_copy_to(&id, &document);
    BSON_APPEND_INT64(&document, "offset", (int64_t)writer->net.next);
    bson_copy_to(session, &opts);
    BSON_APPEND_BOOL(&opts, "upsert", true);
    if (!mongoc_collection_replace_one(offsets, &id, &document, &opts, NULL, &error))
        limit_fail("MongoDB: %s", error.message);
    bson_destroy(&id);
    bson_destroy(&document);
    bson_destroy(&opts);
}

static void write_all(struct writer *writer, mongoc_client_t *client)
{
    bson_error_t error;
    mongoc_collection_t *rows = mongoc_client_get_collection(client, writer->db, "sbtest1");
    mongoc_collection_t *offsets = mongoc_client_get_collection(client, writer->db, "offsets");
    mongoc_client_session_t *session = mongoc_client_start_session(client, NULL, &error);
    if (!session)
        limit_fail("MongoDB: %s", error.message);
    size_t n;
    while ((n = net_next(&writer->net, writer->batch_records)) > 0) {
        bson_t opts;
        bson_init(&opts);
        if (!mongoc_client_session_start_transaction(session, NULL, &error) ||
            !mongoc_client_session_append(session, &opts, &error))
            limit_fail("MongoDB: %s", error.message);
        write_offset(writer, offsets, &opts);
        write_bulk(writer, rows, &opts, n, false);
        write_bulk(writer, rows, &opts, n, true);
        if (!mongoc_client_session_commit_transaction(session, NULL, &error))
            limit_fail("MongoDB: %s", error.message);
        bson_destroy(&opts);
    }
    mongoc_client_session_destroy(session);
    mongoc_collection_destroy(rows);
    mongoc_collection_destroy(offsets);
}

static void *run(void *argument)
{
    struct writer *writer = argument;
    mongoc_client_t *client = mongoc_client_new(writer->uri);
    if (!client)
        limit_fail("%s is not a URI of MongoDB", writer->uri);
    write_all(writer, client);
    mongoc_client_destroy(client);
    return NULL;
}

// A transaction of an old server cannot create a collection, and two that would wait for each
// other.
static void create_collections(const char *uri, const char *db)
{
    mongoc_client_t *client = mongoc_client_new(uri);
    if (!client)
        limit_fail("%s is not a URI of MongoDB", uri);
    mongoc_database_t *database = mongoc_client_get_database(client, db);
    static const char *const names[] = {"sbtest1", "offsets"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bson_error_t error; // it exists: good
        mongoc_collection_t *made =
            mongoc_database_create_collection(database, names[i], NULL, &error);
        if (made)
            mongoc_collection_destroy(made);
    }
    mongoc_database_destroy(database);
    mongoc_client_destroy(client);
}

int main(int argc, char **argv)
{
    if (argc != 6)
        limit_fail("usage: mongodb_limit RECORDS URI DB BATCH CONNECTIONS");
    struct records records;
    records_open(&records, argv[1]);
    mongoc_init();
    create_collections(argv[2], argv[3]);
    size_t batch_records = limit_number(argv[4]), n_writers = limit_number(argv[5]);
    struct writer *writers = mem_zalloc(n_writers * sizeof *writers);
    for (size_t i = 0; i < n_writers; i++) {
        writers[i] = (struct writer){.uri = argv[2], .db = argv[3], .batch_records = batch_records};
        net_init(&writers[i].net, &records, (int32_t)i, (int32_t)n_writers, batch_records);
    }
    limit_begin();
    for (size_t i = 0; i < n_writers; i++)
        if (pthread_create(&writers[i].thread, NULL, run, &writers[i]) != 0)
            limit_fail("no thread");
    for (size_t i = 0; i < n_writers; i++)
        pthread_join(writers[i].thread, NULL);
    limit_end(records.n, 0);
    for (size_t i = 0; i < n_writers; i++)
        net_deinit(&writers[i].net);
    free(writers);
    mongoc_cleanup();
    return 0;
}
