// SPDX-License-Identifier: Apache-2.0
// verify_limit HOST PORT mongodb URI | verify_limit HOST PORT redis HOST PORT: sbtest.sbtest1 read
// from end to end out of MySQL and out of a target at the same time, a thread each, by the client
// libraries alone, nothing compared: SELECT * row by row; find() in batches of 16 MiB, documents
// only counted; SCAN and pipelines of HGETALL, one page ahead.
#include "tests/bench/limit.h"

#include <hiredis/hiredis.h>
#include <mongoc/mongoc.h>
#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    char **arguments; // of the target
    bool is_mongodb;
    uint64_t rows;
};

static void *read_mysql(void *into)
{
    char **arguments = into;
    uint64_t rows = 0;
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql_real_connect(mysql, arguments[0], "root", "", "sbtest",
                            (unsigned)limit_number(arguments[1]), NULL, 0) ||
        mysql_query(mysql, "SELECT * FROM sbtest1 ORDER BY id"))
        limit_fail("MySQL: %s", mysql_error(mysql));
    MYSQL_RES *result = mysql_use_result(mysql);
    while (mysql_fetch_row(result))
        rows++;
    mysql_free_result(result);
    mysql_close(mysql);
    return (void *)(uintptr_t)rows;
}

static uint64_t read_mongodb(char **arguments)
{
    uint64_t rows = 0;
    const bson_t *doc;
    bson_error_t error;
    bson_t filter = BSON_INITIALIZER;
    mongoc_client_t *client = mongoc_client_new(arguments[0]);
    bson_t *opts = BCON_NEW("batchSize", BCON_INT32(20000));
    mongoc_collection_t *collection = mongoc_client_get_collection(client, "sbtest", "sbtest1");
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(collection, &filter, opts, NULL);
    while (mongoc_cursor_next(cursor, &doc))
        rows++;
    if (mongoc_cursor_error(cursor, &error))
        limit_fail("MongoDB: %s", error.message);
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(collection);
    bson_destroy(opts);
    mongoc_client_destroy(client);
    return rows;
}

static redisReply *next_reply(redisContext *context)
{
    void *reply;
    if (redisGetReply(context, &reply) != REDIS_OK)
        limit_fail("Redis: %s", context->errstr);
    return reply;
}

// Takes a page of keys; asks for the page after it and then for the rows of this one.
static redisReply *next_page(redisContext *context, bool *is_last)
{
    int done = 0;
    redisReply *page = next_reply(context);
    *is_last = strcmp(page->element[0]->str, "0") == 0;
    if (!*is_last)
        redisAppendCommand(context, "SCAN %s COUNT 1000 MATCH sbtest:sbtest1:*",
                           page->element[0]->str);
    for (size_t i = 0; i < page->element[1]->elements; i++)
        redisAppendCommandArgv(context, 2,
                               (const char *[]){"HGETALL", page->element[1]->element[i]->str},
                               (const size_t[]){7, page->element[1]->element[i]->len});
    while (!done)
        if (redisBufferWrite(context, &done) != REDIS_OK)
            limit_fail("Redis: %s", context->errstr);
    return page;
}

static uint64_t read_redis(char **arguments)
{
    uint64_t rows = 0;
    bool is_last = false;
    redisContext *context = redisConnect(arguments[0], (int)limit_number(arguments[1]));
    if (!context || context->err)
        limit_fail("Redis: %s", context ? context->errstr : "out of memory");
    redisAppendCommand(context, "SCAN 0 COUNT 1000 MATCH sbtest:sbtest1:*");
    redisReply *page = next_page(context, &is_last);
    while (page) {
        bool was_last = is_last;
        redisReply *next = was_last ? NULL : next_page(context, &is_last);
        for (size_t i = 0; i < page->element[1]->elements; i++, rows++)
            freeReplyObject(next_reply(context));
        freeReplyObject(page);
        page = next;
    }
    redisFree(context);
    return rows;
}

static void *read_target(void *into)
{
    struct reading *reading = into;
    reading->rows =
        reading->is_mongodb ? read_mongodb(reading->arguments) : read_redis(reading->arguments);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        limit_fail("usage: verify_limit HOST PORT mongodb URI | HOST PORT redis HOST PORT");
    struct reading reading = {argv + 4, strcmp(argv[3], "mongodb") == 0, 0};
    pthread_t thread, target;
    void *rows;
    mongoc_init();
    limit_begin();
    if (pthread_create(&thread, NULL, read_mysql, argv + 1) != 0 ||
        pthread_create(&target, NULL, read_target, &reading) != 0)
        limit_fail("no thread");
    pthread_join(thread, &rows);
    pthread_join(target, NULL);
    if ((uint64_t)(uintptr_t)rows != reading.rows)
        limit_fail("%llu rows in MySQL, %llu in the target", (unsigned long long)(uintptr_t)rows,
                   (unsigned long long)reading.rows);
    limit_end(reading.rows, 0);
    return 0;
}
