// SPDX-License-Identifier: Apache-2.0
// redis_limit RECORDS HOST PORT PREFIX BATCH CONNECTIONS: hiredis writing the net effect of
// batches of sysbench's rows as the applier does, each in one pipeline of MULTI, DEL and HSET a
// row, DEL and SET of the tombstone a deletion, HSET of the offset, EXEC; one thread a connection,
// each with its own part of the keys. Nothing else.
#include "common/mem.h"
#include "tests/bench/limit.h"
#include "tests/bench/records.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_BYTES 128
#define NUMBER_BYTES 16
#define GUARD "_tailrace"
#define TOMBSTONE "tailrace:tombstone:"
#define TOMBSTONE_S "604800"

struct writer {
    pthread_t thread;
    const char *host;
    int port;
    const char *prefix;
    size_t batch_records;
    struct net net;
};

static void append(redisContext *context, int n, const char **texts, const size_t *lengths)
{
    if (redisAppendCommandArgv(context, n, texts, lengths) != REDIS_OK)
        limit_fail("Redis: %s", context->errstr);
}

static void append_row(redisContext *context, const char *key, const char *guard,
                       const struct record *record)
{
    char id[NUMBER_BYTES], k[NUMBER_BYTES];
    size_t id_len = (size_t)snprintf(id, sizeof id, "%d", record->id);
    size_t k_len = (size_t)snprintf(k, sizeof k, "%d", record->k);
    const char *texts[] = {"HSET", key,
                           "id",   id,
                           "k",    k,
                           "c",    (const char *)record->c.ptr,
                           "pad",  (const char *)record->pad.ptr,
                           GUARD,  guard};
    const size_t lengths[] = {4,
                              strlen(key),
                              2,
                              id_len,
                              1,
                              k_len,
                              1,
                              record->c.len,
                              3,
                              record->pad.len,
                              strlen(GUARD),
                              strlen(guard)};
    append(context, sizeof texts / sizeof *texts, texts, lengths);
}

static void append_tombstone(redisContext *context, const char *key, const char *guard)
{
    char tombstone[KEY_BYTES + sizeof TOMBSTONE];
    size_t length = (size_t)snprintf(tombstone, sizeof tombstone, TOMBSTONE "%s", key);
    append(context, 5, (const char *[]){"SET", tombstone, guard, "EX", TOMBSTONE_S},
           (const size_t[]){3, length, strlen(guard), 2, strlen(TOMBSTONE_S)});
}

// Two commands.
static void append_effect(redisContext *context, const struct writer *writer,
                          const struct record *record)
{
    char key[KEY_BYTES], guard[KEY_BYTES];
    size_t key_len = (size_t)snprintf(key, sizeof key, "%s:%d", writer->prefix, record->id);
    snprintf(guard, sizeof guard, "%d:%td", writer->net.part, record - writer->net.records->all);
    append(context, 2, (const char *[]){"DEL", key}, (const size_t[]){3, key_len});
    if (record->deleted)
        append_tombstone(context, key, guard);
    else
        append_row(context, key, guard, record);
}

static void take_replies(redisContext *context, size_t n)
{
    while (n--) {
        void *reply;
        if (redisGetReply(context, &reply) != REDIS_OK)
            limit_fail("Redis: %s", context->errstr);
        if (((redisReply *)reply)->type == REDIS_REPLY_ERROR)
            limit_fail("Redis: %s", ((redisReply *)reply)->str);
        freeReplyObject(reply);
    }
}

static void *run(void *argument)
{
    struct writer *writer = argument;
    struct net *net = &writer->net;
    redisContext *context = redisConnect(writer->host, writer->port);
    if (!context || context->err)
        limit_fail("Redis: %s", context ? context->errstr : "out of memory");
    size_t n;
    while ((n = net_next(net, writer->batch_records)) > 0) {
        redisAppendCommand(context, "MULTI");
        for (size_t i = 0; i < n; i++)
            append_effect(context, writer, net->effects[i]);
        redisAppendCommand(context, "HSET %s:offset:%d offset %llu", writer->prefix, net->part,
                           (unsigned long long)net->next);
        redisAppendCommand(context, "EXEC");
        take_replies(context, 2 * n + 3);
    }
    redisFree(context);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 7)
        limit_fail("usage: redis_limit RECORDS HOST PORT PREFIX BATCH CONNECTIONS");
    struct records records;
    records_open(&records, argv[1]);
    size_t batch_records = limit_number(argv[5]), n_writers = limit_number(argv[6]);
    struct writer *writers = mem_zalloc(n_writers * sizeof *writers);
    for (size_t i = 0; i < n_writers; i++) {
        writers[i] = (struct writer){.host = argv[2],
                                     .port = (int)limit_number(argv[3]),
                                     .prefix = argv[4],
                                     .batch_records = batch_records};
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
    return 0;
}
