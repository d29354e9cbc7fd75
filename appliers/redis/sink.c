// SPDX-License-Identifier: Apache-2.0
// Redis sink: a batch is
//   WATCH and HMGET of each checkpoint, WATCH and TYPE of each key that is patched   read, checked
//   in a replay the guards of the objects and tombstones                             read
//   MULTI; the commands of each effect (write.h); HSET for each checkpoint; EXEC
// EXEC answers nil when a watched key was written meanwhile: then nothing of it happened, and the
// step is tried again, which finds out whether the partition was lost. Redis does not roll back: a
// command that failed inside EXEC would leave the others written. So each is made such that it
// cannot: DEL goes before each HSET, and the type of a key that is patched is checked under the
// WATCH.
#define _POSIX_C_SOURCE 200809L
#include "appliers/redis/sink.h"

#include "appliers/redis/advice.h"
#include "appliers/redis/beside.h"
#include "appliers/redis/checkpoint.h"
#include "appliers/redis/mapping.h"
#include "appliers/redis/shown.h"
#include "appliers/redis/truncate.h"
#include "appliers/redis/write.h"
#include "common/crash.h"
#include "common/mem.h"
#include "record/number_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#define TRIES 5
#define FLUSH_BYTES 65536
#define TYPE_BYTES 32
#define VALUE_BYTES_MAX ((size_t)512 << 20) // proto-max-bulk-len, unless it is set otherwise
#define LENGTH_BYTES 24                     // of the protocol: a letter, up to 20 digits, CR LF

struct sink {
    struct pipeline pipeline;
    struct rules rules;
    struct writer writer;
    struct write *writes; // of the batch
    size_t n_writes, cap_writes;
};

// --- faults ---

bool reply_fail(struct err *err, const char *text)
{
    static const struct {
        const char *prefix;
        enum err_class class;
        const char *advice;
    } faults[] = {
        {"LOADING", ERR_RETRY, ""},
        {"BUSY", ERR_RETRY, ""},
        {"TRYAGAIN", ERR_RETRY, ""},
        {"MASTERDOWN", ERR_RETRY, ""},
        {"OOM", ERR_RETRY, "; raise maxmemory, or let it evict (maxmemory-policy)"},
        {"EXECABORT", ERR_RETRY, ""},
        {"NOREPLICAS", ERR_RETRY, ""},
        {"MISCONF", ERR_RETRY, "; Redis cannot save its data: look into its log and at its disk"},
        {"READONLY", ERR_REFUSED,
         "; this is a read-only replica: connect to its master, or make it one with REPLICAOF NO "
         "ONE"},
        {"NOAUTH", ERR_REFUSED, "; set [redis] password_file or TAILRACE_REDIS_PASSWORD"},
        {"WRONGPASS", ERR_REFUSED, "; check [redis] user and password_file"},
        {"NOPERM", ERR_REFUSED,
         "; the account needs: ACL SETUSER NAME ~* +@read +@write +@transaction +@connection "
         "+info, and +eval where [redis] policy is refresh"},
        {"MOVED", ERR_CONFIG, "; Redis Cluster is not supported: it has no transactions over keys"},
        {"CROSSSLOT", ERR_CONFIG,
         "; Redis Cluster is not supported: it has no transactions over keys"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (strncmp(text, faults[i].prefix, strlen(faults[i].prefix)) == 0)
            return err_set(err, faults[i].class, "Redis: %s%s", text, faults[i].advice);
    return err_set(err, ERR_REFUSED, "Redis: %s", text);
}

static bool connection_lost(struct err *err, const redisContext *context)
{
    return err_set(err, ERR_RETRY, "Redis: connection lost: %s",
                   context->errstr[0] ? context->errstr : "no reason given");
}

// --- pipeline ---

static bool flush(struct pipeline *pipeline, struct err *err)
{
    int done = 0;
    while (!done)
        if (redisBufferWrite(pipeline->context, &done) != REDIS_OK)
            return connection_lost(err, pipeline->context);
    return true;
}

// A length of the protocol: "$3\r\n", "*2\r\n".
static void put_length(struct buf *out, char kind, size_t n)
{
    uint8_t *to = buf_reserve(out, LENGTH_BYTES);
    uint8_t *start = to;
    *to++ = (uint8_t)kind;
    to = number_put_u64(to, n);
    *to++ = '\r';
    *to++ = '\n';
    out->len += (size_t)(to - start);
}

// The command is put together here, as the library's own way costs several allocations for each.
bool pipeline_add(struct pipeline *pipeline, size_t n, const struct slice *args, struct err *err)
{
    struct buf *command = &pipeline->command;
    buf_clear(command);
    put_length(command, '*', n);
    for (size_t i = 0; i < n; i++) {
        if (args[i].len > pipeline->value_bytes_max)
            return err_set(err, ERR_REFUSED,
                           "Redis: a value has %zu bytes, the server takes %zu; raise "
                           "proto-max-bulk-len",
                           args[i].len, pipeline->value_bytes_max);
        put_length(command, '$', args[i].len);
        buf_slice(command, args[i]);
        buf_append(command, "\r\n", 2);
    }
    if (redisAppendFormattedCommand(pipeline->context, (const char *)command->ptr, command->len) !=
        REDIS_OK)
        return connection_lost(err, pipeline->context);
    pipeline->n_pending++;
    return sdslen(pipeline->context->obuf) < FLUSH_BYTES || flush(pipeline, err);
}

bool pipeline_next_any(struct pipeline *pipeline, redisReply **reply, struct err *err)
{
    void *got = NULL;
    *reply = NULL;
    if (redisGetReply(pipeline->context, &got) != REDIS_OK)
        return connection_lost(err, pipeline->context);
    pipeline->n_pending--;
    *reply = got;
    return true;
}

bool pipeline_next(struct pipeline *pipeline, redisReply **reply, struct err *err)
{
    if (!pipeline_next_any(pipeline, reply, err))
        return false;
    if ((*reply)->type != REDIS_REPLY_ERROR)
        return true;
    reply_fail(err, (*reply)->str);
    freeReplyObject(*reply);
    *reply = NULL;
    return false;
}

bool pipeline_skip(struct pipeline *pipeline, size_t n, struct err *err)
{
    bool done = true;
    for (size_t i = 0; i < n; i++) {
        struct err next_err;
        redisReply *reply;
        if (pipeline_next(pipeline, &reply, &next_err)) {
            freeReplyObject(reply);
            continue;
        }
        if (done)
            *err = next_err;
        done = false;
        if (pipeline->context->err)
            return false;
    }
    return done;
}

// Redis goes on behind a command that failed in EXEC: what the others wrote stays.
static bool check_executed(const redisReply *reply, struct err *err)
{
    for (size_t i = 0; i < reply->elements; i++)
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            reply_fail(err, reply->element[i]->str);
            err->class = ERR_REFUSED;
            return err_wrap(err, "one command of a transaction failed, the others were written "
                                 "(Redis does not roll back)");
        }
    return true;
}

bool pipeline_read_exec(struct pipeline *pipeline, bool *raced, struct err *err)
{
    redisReply *reply;
    CRASH_POINT(redis_sent);
    if (!pipeline_skip(pipeline, pipeline->n_pending - 1, err)) {
        struct err ignored; // EXECABORT: that the transaction did not take place
        if (!pipeline->context->err && pipeline_next(pipeline, &reply, &ignored))
            freeReplyObject(reply);
        return false;
    }
    if (!pipeline_next(pipeline, &reply, err))
        return false;
    CRASH_POINT(redis_executed);
    *raced = reply->type == REDIS_REPLY_NIL;
    bool done = *raced || check_executed(reply, err);
    freeReplyObject(reply);
    return done;
}

// One command and its reply.
static bool ask(struct pipeline *pipeline, size_t n, const char *const *words, redisReply **reply,
                struct err *err)
{
    struct slice args[4];
    for (size_t i = 0; i < n; i++)
        args[i] = slice_of_str(words[i]);
    return pipeline_add(pipeline, n, args, err) && pipeline_next(pipeline, reply, err);
}

// --- open ---

static bool tell(struct pipeline *pipeline, size_t n, const char *const *words, struct err *err)
{
    redisReply *reply;
    if (!ask(pipeline, n, words, &reply, err))
        return false;
    freeReplyObject(reply);
    return true;
}

static bool sign_in(struct pipeline *pipeline, const struct config *config, struct err *err)
{
    char database[24];
    snprintf(database, sizeof database, "%llu", (unsigned long long)config->redis.database);
    const char *with_user[] = {"AUTH", config->redis.user, config->redis.password};
    const char *password_only[] = {"AUTH", config->redis.password};
    const char *ping[] = {"PING"};
    const char *select[] = {"SELECT", database};
    if (config->redis.user[0] && !tell(pipeline, 3, with_user, err))
        return false;
    if (!config->redis.user[0] && config->redis.password[0] &&
        !tell(pipeline, 2, password_only, err))
        return false;
    return tell(pipeline, 1, ping, err) && tell(pipeline, 2, select, err);
}

// Whether a line of INFO's text is there.
static bool info_has(struct pipeline *pipeline, const char *section, const char *line, bool *has,
                     struct err *err)
{
    const char *words[] = {"INFO", section};
    redisReply *reply;
    if (!ask(pipeline, 2, words, &reply, err))
        return false;
    *has = reply->str && strstr(reply->str, line) != NULL;
    freeReplyObject(reply);
    return true;
}

// An account that may not ask gets what is the server's default.
static bool find_value_limit(struct pipeline *pipeline, struct err *err)
{
    const char *words[] = {"CONFIG", "GET", "proto-max-bulk-len"};
    redisReply *reply;
    if (!ask(pipeline, 3, words, &reply, err)) {
        pipeline->value_bytes_max = VALUE_BYTES_MAX;
        return !pipeline->context->err;
    }
    bool is_told = reply->elements == 2 && reply->element[1]->str;
    pipeline->value_bytes_max =
        is_told ? (size_t)strtoull(reply->element[1]->str, NULL, 10) : VALUE_BYTES_MAX;
    freeReplyObject(reply);
    return true;
}

static bool check_role(struct pipeline *pipeline, struct err *err)
{
    bool is_cluster, is_replica, is_read_only;
    if (!info_has(pipeline, "cluster", "cluster_enabled:1", &is_cluster, err) ||
        !info_has(pipeline, "replication", "role:slave", &is_replica, err) ||
        !info_has(pipeline, "replication", "slave_read_only:1", &is_read_only, err))
        return false;
    if (is_cluster)
        return err_set(
            err, ERR_CONFIG,
            "Redis: found cluster mode (cluster-enabled yes); a plain server is needed, as a "
            "cluster has no transactions over keys");
    if (is_replica)
        return err_set(
            err, ERR_REFUSED,
            "Redis: found a %sreplica; a master is needed: connect to its master, or make "
            "this one with REPLICAOF NO ONE",
            is_read_only ? "read-only " : "");
    return true;
}

static struct timeval to_timeval(uint64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

static bool connect_to(const struct config *config, redisContext **context, struct err *err)
{
    struct timeval timeout = to_timeval(config->redis.timeout_ms);
    const char *where = config->redis.socket[0] ? config->redis.socket : config->redis.host;
    *context = config->redis.socket[0]
                   ? redisConnectUnixWithTimeout(config->redis.socket, timeout)
                   : redisConnectWithTimeout(config->redis.host, (int)config->redis.port, timeout);
    if (!*context)
        return err_set(err, ERR_INTERNAL, "Redis: out of memory");
    // REDIS_ERR_OTHER: there is no such host. What refuses or is silent may be starting.
    if ((*context)->err)
        return err_set(err, (*context)->err == REDIS_ERR_OTHER ? ERR_UNAVAILABLE : ERR_RETRY,
                       "Redis at %s:%llu: %s", where, (unsigned long long)config->redis.port,
                       (*context)->errstr);
    redisSetTimeout(*context, timeout);
    return true;
}

static void redis_close(struct sink *sink)
{
    if (!sink)
        return;
    if (sink->pipeline.context)
        redisFree(sink->pipeline.context);
    buf_deinit(&sink->pipeline.command);
    writer_deinit(&sink->writer);
    free(sink->writes);
    free(sink);
}

static bool redis_open(const struct config *config, struct sink **sink, struct err *err)
{
    struct sink *made = mem_zalloc(sizeof *made);
    made->pipeline.value_bytes_max = SIZE_MAX;
    made->writer = (struct writer){.pipeline = &made->pipeline, .rules = &made->rules};
    snprintf(made->writer.guard_s, sizeof made->writer.guard_s, "%llu",
             (unsigned long long)config->apply.guard_ms / 1000);
    bool done = rules_read(&made->rules, config, err) &&
                connect_to(config, &made->pipeline.context, err) &&
                sign_in(&made->pipeline, config, err) && check_role(&made->pipeline, err) &&
                find_value_limit(&made->pipeline, err);
    if (!done) {
        redis_close(made);
        made = NULL;
    }
    *sink = made;
    return done;
}

// --- apply ---

// What is to be written of the batch, found before anything is sent.
static bool settle_batch(struct sink *sink, const struct batch *batch, struct err *err)
{
    const struct table *checked = NULL;
    if (sink->cap_writes < batch->n_effects) {
        sink->cap_writes = batch->n_effects;
        sink->writes = mem_realloc(sink->writes, sink->cap_writes * sizeof *sink->writes);
    }
    sink->n_writes = batch->n_effects;
    for (size_t i = 0; i < batch->n_effects; i++) {
        const struct effect *effect = &batch->effects[i];
        bool good = effect->table == checked || write_check_table(&sink->rules, effect->table, err);
        if (!good || !write_of(&sink->writes[i], &sink->rules, batch, effect, err))
            return batch_refuse(err, batch, effect);
        checked = effect->table;
    }
    return true;
}

static bool ask_type(struct sink *sink, const struct effect *effect, struct err *err)
{
    struct slice key = writer_key(&sink->writer, effect);
    struct slice watch[] = {slice_of_str("WATCH"), key};
    struct slice type[] = {slice_of_str("TYPE"), key};
    return pipeline_add(&sink->pipeline, 2, watch, err) &&
           pipeline_add(&sink->pipeline, 2, type, err);
}

// The replies to ask_type.
static bool read_type(struct sink *sink, char type[TYPE_BYTES], struct err *err)
{
    redisReply *reply;
    if (!pipeline_skip(&sink->pipeline, 1, err) || !pipeline_next(&sink->pipeline, &reply, err))
        return false;
    slice_to_str(type, TYPE_BYTES, slice_of_str(reply->str));
    freeReplyObject(reply);
    return true;
}

// A patch writes into the hash that is there: it has to be one, and to stay so until EXEC. All
// replies are read, so that the connection can be used on; what stays watched makes the next EXEC
// be tried again at most.
static bool watch_patched(struct sink *sink, const struct batch *batch, struct err *err)
{
    const struct effect *refused = NULL;
    char type[TYPE_BYTES], wrong[TYPE_BYTES];
    for (size_t i = 0; i < sink->n_writes; i++)
        if (sink->writes[i].kind == WRITE_PATCH && !ask_type(sink, sink->writes[i].effect, err))
            return false;
    for (size_t i = 0; i < sink->n_writes; i++) {
        if (sink->writes[i].kind != WRITE_PATCH)
            continue;
        if (!read_type(sink, type, err))
            return batch_blame(err, batch, sink->writes[i].effect);
        if (refused || strcmp(type, "hash") == 0 || strcmp(type, "none") == 0)
            continue;
        refused = sink->writes[i].effect;
        memcpy(wrong, type, sizeof wrong);
    }
    if (!refused)
        return true;
    err_set(err, ERR_REFUSED, "Redis has a %s at the key of this row, not a hash", wrong);
    return batch_refuse(err, batch, refused);
}

// Within MULTI: nothing of it happens, and the connection can be used on.
static bool refuse_effect(struct sink *sink, const struct batch *batch, const struct effect *effect,
                          struct err *err)
{
    struct slice discard[] = {slice_of_str("DISCARD")};
    struct err other;
    if (err->class != ERR_REFUSED ||
        (pipeline_add(&sink->pipeline, 1, discard, &other) &&
         pipeline_skip(&sink->pipeline, sink->pipeline.n_pending, &other)))
        return batch_refuse(err, batch, effect);
    *err = other;
    return false;
}

static bool send_batch(struct sink *sink, const char *group, const struct batch *batch,
                       struct err *err)
{
    CRASH_POINT(redis_checked);
    struct slice multi[] = {slice_of_str("MULTI")};
    struct slice exec[] = {slice_of_str("EXEC")};
    if (!pipeline_add(&sink->pipeline, 1, multi, err))
        return false;
    for (size_t i = 0; i < sink->n_writes; i++) {
        if (!writer_add(&sink->writer, batch, &sink->writes[i], err))
            return refuse_effect(sink, batch, sink->writes[i].effect, err);
        CRASH_POINT(redis_effect_added);
    }
    return checkpoint_move(&sink->pipeline, group, batch, err) &&
           pipeline_add(&sink->pipeline, 1, exec, err);
}

static bool redis_apply(struct sink *sink, const char *group, const char *owner,
                        const struct batch *batch, struct err *err)
{
    const struct shown shown = {&sink->pipeline, batch, &sink->rules};
    if (batch->truncation.table)
        return truncate_apply(
            &(struct truncate){&sink->pipeline, group, owner, batch, &sink->rules}, err);
    for (int tries = 0; tries < TRIES; tries++) {
        bool raced = false;
        if (!settle_batch(sink, batch, err) ||
            !checkpoint_watch(&sink->pipeline, group, owner, batch, err) ||
            !shown_settle(&shown, sink->writes, &sink->n_writes, err) ||
            !watch_patched(sink, batch, err) || !send_batch(sink, group, batch, err) ||
            !pipeline_read_exec(&sink->pipeline, &raced, err))
            return false;
        if (!raced)
            return true;
    }
    return err_set(err, ERR_RETRY, "Redis: others write the same keys all the time");
}

// --- checkpoints ---

static bool redis_claim(struct sink *sink, const struct sink_partition *partition,
                        const char *owner, struct sink_checkpoint *checkpoint, struct err *err)
{
    return checkpoint_claim(&sink->pipeline, partition, owner, checkpoint, err);
}

static bool redis_list(struct sink *sink, const char *group, struct sink_checkpoint **checkpoints,
                       size_t *n_checkpoints, struct err *err)
{
    return checkpoint_list(&sink->pipeline, group, checkpoints, n_checkpoints, err);
}

static bool redis_reset(struct sink *sink, const char *group,
                        const struct sink_checkpoint *checkpoints, size_t n_checkpoints,
                        struct err *err)
{
    return checkpoint_reset(&sink->pipeline, group, checkpoints, n_checkpoints, err);
}

static bool redis_advise(struct sink *sink, struct check *check, struct err *err)
{
    return advice_print(&sink->pipeline, &sink->rules, check, err);
}

// --- for beside.c ---

struct pipeline *sink_pipeline(struct sink *sink)
{
    return &sink->pipeline;
}

void sink_write_prefix(const struct sink *sink, struct buf *out, struct slice db,
                       struct slice table)
{
    const struct table names = {.db = db, .name = table};
    mapping_write_prefix(out, &sink->rules.key, &names);
}

void sink_enter_beside(struct sink *sink)
{
    sink->rules.before = BESIDE_PREFIX;
}

bool sink_may_rebuild(const struct sink *sink, struct err *err)
{
    return sink->rules.policy == POLICY_MIRROR ||
           err_set(err, ERR_REFUSED,
                   "[redis] policy: a cache is not rebuilt, as it need not hold any row: remove "
                   "its keys, or `tailrace snapshot` writes those anew that are there");
}

const struct sink_driver redis_driver = {
    .name = "redis",
    .n_arenas = 2,
    .open = redis_open,
    .close = redis_close,
    .advise = redis_advise,
    .claim = redis_claim,
    .apply = redis_apply,
    .list = redis_list,
    .reset = redis_reset,
    .beside = &redis_beside,
};
