// SPDX-License-Identifier: Apache-2.0
// Watch: see watch.h. Both threads have connections, tables and a report of their own; a report is
// thrown away after each round. A server that is away is waited for, longer each time.
#define _POSIX_C_SOURCE 200809L
#include "verify/watch.h"

#include "common/backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "kafka/topic.h"
#include "verify/contents.h"
#include "verify/fence.h"
#include "verify/open.h"
#include "verify/report.h"
#include "verify/text.h"

#include <pthread.h>
#include <stdlib.h>

#define ROUND_KEYS 2000 // of one round of changes; more are left to the walk, and counted
#define ROUND_MS 500
#define POLL_MS 50
#define LOOK_MS 10000  // between two looks for new topics
#define WALK_RATE 5000 // rows a second, unless [verify] rate says another
#define PAUSE_FIRST_MS 500
#define PAUSE_MOST_MS 30000

struct followed {
    rd_kafka_topic_t *topic; // NULL: there is none yet
    int32_t n_partitions;
    size_t table;
};

struct watch {
    const struct config *config;
    const struct run_options *options;
    char **operands;
    struct run run;
    rd_kafka_t *rk; // that follows; not the fence's, which starts and stops the same partitions
    rd_kafka_queue_t *queue;
    struct followed *followed; // one for each table
    uint64_t looked_ms;
    struct suspects changed; // keys of this round, their cells in the source's terms
    struct hash *known;      // their hashes
    uint64_t n_left;         // changes that were left to the walk
    uint64_t n_found;
};

// --- following the topics ---

// The partitions of a topic that is not followed yet, if there is one by now.
static bool find_topic(struct watch *watch, struct followed *followed,
                       rd_kafka_topic_partition_list_t *places, struct err *err)
{
    struct run *run = &watch->run;
    char name[FENCE_TOPIC_BYTES];
    const struct shape *shape = &run->tables.shapes[followed->table];
    if (shape->unsupported || followed->topic)
        return true;
    if (!fence_topic(run->fence, shape, name, err) ||
        !kafka_partition_count(watch->rk, name, &followed->n_partitions, err))
        return false;
    if (followed->n_partitions == 0)
        return true;
    followed->topic = rd_kafka_topic_new(watch->rk, name, NULL);
    if (!followed->topic)
        return kafka_err(err, rd_kafka_last_error(), name);
    for (int32_t i = 0; i < followed->n_partitions; i++) {
        rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_add(places, name, i);
        place->offset = RD_KAFKA_OFFSET_BEGINNING;
        place->opaque = followed->topic;
    }
    return true;
}

static bool follow(struct watch *watch, const rd_kafka_topic_partition_list_t *places,
                   struct err *err)
{
    for (int i = 0; i < places->cnt; i++) {
        const rd_kafka_topic_partition_t *place = &places->elems[i];
        if (rd_kafka_consume_start_queue(place->opaque, place->partition, place->offset,
                                         watch->queue))
            return kafka_err(err, rd_kafka_last_error(), place->topic);
    }
    return true;
}

// What is there at first is followed from the ends of now: librdkafka would ask for them some time
// later, behind changes that were made meanwhile. What comes into being is read from its beginning.
static bool look_for_topics(struct watch *watch, struct err *err)
{
    uint64_t now_ms = clock_steady_ms();
    if (watch->looked_ms && now_ms - watch->looked_ms < LOOK_MS)
        return true;
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(16);
    bool done = true;
    for (size_t i = 0; done && i < watch->run.tables.n; i++)
        done = find_topic(watch, &watch->followed[i], places, err);
    if (done && !watch->looked_ms && places->cnt > 0)
        done = kafka_ends(watch->rk, places, err);
    done = done && follow(watch, places, err);
    rd_kafka_topic_partition_list_destroy(places);
    watch->looked_ms = now_ms;
    return done;
}

static void unfollow(struct watch *watch)
{
    for (size_t i = 0; watch->followed && i < watch->run.tables.n; i++) {
        struct followed *followed = &watch->followed[i];
        for (int32_t k = 0; followed->topic && k < followed->n_partitions; k++)
            rd_kafka_consume_stop(followed->topic, k);
        if (followed->topic)
            rd_kafka_topic_destroy(followed->topic);
    }
    if (watch->queue)
        rd_kafka_queue_destroy(watch->queue);
    if (watch->rk)
        rd_kafka_destroy(watch->rk);
    free(watch->followed);
    watch->followed = NULL;
    watch->queue = NULL;
    watch->rk = NULL;
    watch->looked_ms = 0;
}

static bool is_known(struct watch *watch, size_t table, struct slice key)
{
    struct buf text = {0};
    buf_append(&text, &table, sizeof table);
    buf_slice(&text, key);
    struct hash hash = hash_of(&watch->run.key, buf_bytes(&text));
    buf_deinit(&text);
    for (size_t i = 0; i < watch->changed.n; i++)
        if (hash_equal(watch->known[i], hash))
            return true;
    watch->known[watch->changed.n] = hash;
    return false;
}

// The text of a JSON document in a record's key is not the only one that it could have there.
static bool shape_is_followed(const struct shape *shape)
{
    bool is = true;
    for (size_t i = 0; i < shape->n_key; i++)
        is = is && shape->columns[shape->key[i]].kind != KIND_JSON;
    return is;
}

static void take_key(struct watch *watch, size_t table, struct slice key)
{
    const struct shape *shape = &watch->run.tables.shapes[table];
    struct arena arena = {0};
    struct cell *cells = arena_alloc(&arena, (shape->n_key + 1) * sizeof *cells);
    if (watch->changed.n == ROUND_KEYS || !shape_is_followed(shape))
        watch->n_left++;
    else if (!is_known(watch, table, key) && text_read_record_key(shape, key, &arena, cells))
        suspects_add(&watch->changed, shape, table, key, cells);
    arena_deinit(&arena);
}

static bool take_message(struct watch *watch, const rd_kafka_message_t *message, struct err *err)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return true;
    if (message->err)
        return kafka_reader_goes_on(message->err) ||
               kafka_err(err, message->err, "following the topics");
    const char *name = rd_kafka_topic_name(message->rkt);
    for (size_t i = 0; i < watch->run.tables.n; i++)
        if (watch->followed[i].topic &&
            strcmp(rd_kafka_topic_name(watch->followed[i].topic), name) == 0)
            take_key(watch, i, slice_of(message->key, message->key_len));
    return true;
}

// The keys that change within ROUND_MS.
static bool collect(struct watch *watch, struct err *err)
{
    uint64_t until_ms = clock_steady_ms() + ROUND_MS;
    bool done = true;
    suspects_deinit(&watch->changed);
    while (done && clock_steady_ms() < until_ms) {
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped");
        rd_kafka_message_t *message = rd_kafka_consume_queue(watch->queue, POLL_MS);
        if (!message)
            continue;
        done = take_message(watch, message, err);
        rd_kafka_message_destroy(message);
    }
    return done;
}

static bool judge_changed(struct watch *watch, struct err *err)
{
    struct run *run = &watch->run;
    struct suspects suspects = {0};
    struct buf key = {0};
    for (size_t i = 0; i < watch->changed.n; i++) {
        const struct suspect *changed = &watch->changed.items[i];
        const struct shape *shape = &run->tables.shapes[changed->table];
        buf_clear(&key);
        run->driver->put_key(run->target, &key, shape, changed->cells);
        suspects_add(&suspects, shape, changed->table, buf_bytes(&key), changed->cells);
    }
    run->report = report_new(0);
    report_begin(run->report, &run->tables, run->driver->name);
    bool done = contents_judge(run, &suspects, err);
    watch->n_found += report_differences(run->report);
    report_free(run->report);
    run->report = NULL;
    suspects_deinit(&suspects);
    buf_deinit(&key);
    return done;
}

// --- rounds ---

typedef bool target_fn(struct watch *watch, struct err *err);

static bool each_target(struct watch *watch, target_fn *fn, struct err *err)
{
    struct run *run = &watch->run;
    bool done = true;
    for (size_t i = 0; done && open_driver(watch->options, i); i++) {
        run->driver = open_driver(watch->options, i);
        done = run->driver->open(watch->config, &run->target, err) && fn(watch, err);
        run->driver->close(run->target);
        run->target = NULL;
    }
    return done;
}

static bool follow_changes(struct watch *watch, struct err *err)
{
    struct run *run = &watch->run;
    if (!kafka_open_plain(watch->config, &watch->rk, err))
        return false;
    watch->queue = rd_kafka_queue_new(watch->rk);
    watch->followed = mem_zalloc((run->tables.n + 1) * sizeof *watch->followed);
    for (size_t i = 0; i < run->tables.n; i++)
        watch->followed[i].table = i;
    bool done = look_for_topics(watch, err);
    if (done)
        log_info("follows the topics", LOG_FIELDS(log_u64("tables", run->tables.n)));
    while (done) {
        done = look_for_topics(watch, err) && collect(watch, err) &&
               (watch->changed.n == 0 || each_target(watch, judge_changed, err));
        if (done && watch->n_left > 0)
            log_info("changes left to the walk", LOG_FIELDS(log_u64("changes", watch->n_left)));
        watch->n_left = 0;
    }
    unfollow(watch);
    return false;
}

static bool walk_target(struct watch *watch, struct err *err)
{
    struct run *run = &watch->run;
    run->report = report_new(0);
    bool done = contents_verify(run, NULL, err);
    uint64_t n = report_differences(run->report);
    watch->n_found += n;
    report_free(run->report);
    run->report = NULL;
    if (done)
        log_info("walked over all tables",
                 LOG_FIELDS(log_str("target", run->driver->name), log_u64("differences", n)));
    return done;
}

// As long as nothing goes wrong.
static bool walk(struct watch *watch, struct err *err)
{
    while (each_target(watch, walk_target, err))
        if (!stop_sleep_ms(PAUSE_FIRST_MS))
            return err_set(err, ERR_STOPPED, "stopped");
    return false;
}

// Opens, works, and opens again after what passes; false only for what does not.
static bool work(struct watch *watch, target_fn *fn, struct err *err)
{
    struct backoff backoff = {.first_ms = PAUSE_FIRST_MS, .most_ms = PAUSE_MOST_MS};
    for (;;) {
        watch->run = (struct run){
            .config = watch->config, .options = watch->options, .logs_differences = true};
        bool is_open = open_run(&watch->run, watch->operands, err);
        if (is_open)
            fn(watch, err);
        suspects_deinit(&watch->changed);
        close_run(&watch->run);
        if (stop_requested() || err->class == ERR_STOPPED)
            return true;
        if (err->class == ERR_CONFIG || err->class == ERR_USAGE)
            return false;
        log_err("could not tell; goes on", err);
        if (!backoff_wait(&backoff))
            return true;
        if (is_open)
            backoff_reset(&backoff);
    }
}

struct walker {
    struct watch watch;
    struct config config;
    struct err err;
    bool done;
};

static void *run_walker(void *into)
{
    struct walker *walker = into;
    walker->done = work(&walker->watch, walk, &walker->err);
    if (!walker->done)
        stop_request();
    return NULL;
}

bool watch_run(const struct config *config, const struct run_options *options, char **operands,
               uint64_t *n_found, struct err *err)
{
    struct watch watch = {.config = config, .options = options, .operands = operands};
    struct walker walker = {.watch = watch, .config = *config};
    pthread_t thread;
    walker.watch.config = &walker.config;
    if (walker.config.verify.rate == 0)
        walker.config.verify.rate = WALK_RATE;
    watch.known = mem_alloc((ROUND_KEYS + 1) * sizeof *watch.known);
    if (pthread_create(&thread, NULL, run_walker, &walker) != 0)
        return err_set(err, ERR_INTERNAL, "no thread can be started");
    bool done = work(&watch, follow_changes, err);
    if (!done)
        stop_request();
    pthread_join(thread, NULL);
    if (done && !walker.done)
        *err = walker.err;
    *n_found = watch.n_found + walker.watch.n_found;
    free(watch.known);
    return done && walker.done;
}
