// SPDX-License-Identifier: Apache-2.0
// Topics: see topics.h. Expected partitions of an existing topic: the accepted count, else the
// recorded one, else (made by somebody else) the configured one.
#include "publisher/topics.h"

#include "common/crash.h"
#include "common/log.h"
#include "common/mem.h"
#include "kafka/client.h"
#include "kafka/topic.h"
#include "record/topic.h"

#include <stdlib.h>
#include <string.h>

struct topics {
    struct topics_options options;
    struct topic *tables;
    struct topic *specials;
    struct topic *counted; // linked by next_counted
    struct topic *last_counted;
};

static bool is_accepted(const struct topics_options *options, const char *name)
{
    for (size_t i = 0; i < options->n_accepted; i++)
        if (strcmp(options->accepted[i], name) == 0)
            return true;
    return false;
}

static bool check_partitions(const struct topics_options *options, const char *name, int32_t found,
                             struct err *err)
{
    const struct checkpoint_topic *recorded = checkpoint_log_topic(options->log, name);
    int32_t expected =
        recorded ? recorded->n_partitions : (int32_t)options->config->kafka.partitions;
    if (found == expected || is_accepted(options, name))
        return true;
    return err_set(err, ERR_REFUSED,
                   "topic %s has %d partitions, %s %d: keys would move to other partitions. Accept "
                   "it with `tailrace publish --accept-partitions %s`%s, or delete the topic",
                   name, (int)found, recorded ? "it was created with" : "[kafka] partitions is",
                   (int)expected, name, recorded ? "" : ", or set [kafka] partitions");
}

bool topics_check(const struct topics_options *options, struct err *err)
{
    int32_t found;
    for (size_t i = 0; i < options->log->n_topics; i++) {
        const char *name = options->log->topics[i].topic;
        if (!kafka_partition_count(options->plain, name, &found, err) ||
            (found > 0 && !check_partitions(options, name, found, err)))
            return false;
    }
    for (size_t i = 0; i < options->n_accepted; i++) {
        if (!kafka_partition_count(options->plain, options->accepted[i], &found, err))
            return false;
        if (found == 0)
            return err_set(err, ERR_USAGE, "--accept-partitions %s: there is no such topic",
                           options->accepted[i]);
    }
    return true;
}

struct topics *topics_new(const struct topics_options *options)
{
    struct topics *topics = mem_zalloc(sizeof *topics);
    topics->options = *options;
    return topics;
}

static void topic_free(struct topic *topic)
{
    producer_topic_close(topic->handle);
    free(topic->name);
    free(topic->db);
    free(topic->table);
    free(topic);
}

static void free_list(struct topic *topic)
{
    while (topic) {
        struct topic *next = topic->next;
        topic_free(topic);
        topic = next;
    }
}

void topics_free(struct topics *topics)
{
    if (!topics)
        return;
    free_list(topics->tables);
    free_list(topics->specials);
    free(topics);
}

struct topic *topics_first(struct topics *topics)
{
    return topics->tables;
}

void topics_count(struct topics *topics, struct topic *topic, uint64_t n_changes)
{
    if (topic->transaction_changes == 0 && n_changes > 0) {
        if (topics->counted)
            topics->last_counted->next_counted = topic;
        else
            topics->counted = topic;
        topics->last_counted = topic;
    }
    topic->transaction_changes += n_changes;
}

const struct topic *topics_counted(const struct topics *topics)
{
    return topics->counted;
}

void topics_forget_counts(struct topics *topics)
{
    while (topics->counted) {
        struct topic *topic = topics->counted;
        topics->counted = topic->next_counted;
        topic->next_counted = NULL;
        topic->transaction_changes = 0;
    }
}

static bool record(struct topics *topics, const struct checkpoint_topic *topic, struct err *err)
{
    struct buf name = {0};
    struct buf key = {0};
    struct buf value = {0};
    struct message message = {.partition = 0};
    checkpoint_topic_name(&name, topics->options.config->source.name);
    checkpoint_topic_write_key(&key, topic->topic);
    checkpoint_topic_write(&value, topic);
    message.key = buf_bytes(&key);
    message.value = buf_bytes(&value);
    bool ok = producer_topic_open(topics->options.producer, buf_cstr(&name), &message.topic, err) &&
              producer_send(topics->options.producer, &message, err);
    producer_topic_close(message.topic);
    buf_deinit(&name);
    buf_deinit(&key);
    buf_deinit(&value);
    return ok;
}

bool topics_record_accepted(struct topics *topics, struct err *err)
{
    const struct topics_options *options = &topics->options;
    struct buf db = {0};
    struct buf table = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < options->n_accepted; i++) {
        const char *name = options->accepted[i];
        struct checkpoint_topic accepted = {.topic = (char *)(uintptr_t)name};
        buf_clear(&db);
        buf_clear(&table);
        if (!topic_read_table(name, options->config->source.name, &db, &table)) {
            ok = err_set(err, ERR_USAGE, "--accept-partitions %s: not a table's topic of %s", name,
                         options->config->source.name);
            break;
        }
        accepted.db = (char *)(uintptr_t)buf_cstr(&db);
        accepted.table = (char *)(uintptr_t)buf_cstr(&table);
        ok = kafka_partition_count(options->plain, name, &accepted.n_partitions, err) &&
             record(topics, &accepted, err);
    }
    buf_deinit(&db);
    buf_deinit(&table);
    return ok;
}

// The broker that said there is no such topic may not have heard of one that others made: then it
// has as many partitions as they gave it.
static bool create(const struct topics_options *options, struct topic *topic, int32_t n_partitions,
                   struct err *err)
{
    int32_t replication = (int32_t)options->config->kafka.replication;
    topic->n_partitions = n_partitions;
    if (!kafka_topic_create(options->plain, topic->name, &topic->n_partitions, replication, NULL,
                            err))
        return false;
    CRASH_POINT(publish_topic_created);
    log_info("topic created", LOG_FIELDS(log_str("topic", topic->name),
                                         log_u64("partitions", (uint64_t)topic->n_partitions)));
    return true;
}

// Finds out how many partitions the topic has, or makes it.
static bool find_or_create(struct topics *topics, struct topic *topic, int32_t n_partitions,
                           struct err *err)
{
    const struct topics_options *options = &topics->options;
    return kafka_partition_count(options->plain, topic->name, &topic->n_partitions, err) &&
           (topic->n_partitions > 0 || create(options, topic, n_partitions, err)) &&
           producer_topic_open(options->producer, topic->name, &topic->handle, err);
}

static bool open_table_topic(struct topics *topics, struct topic *topic, struct err *err)
{
    const struct topics_options *options = &topics->options;
    if (!find_or_create(topics, topic, (int32_t)options->config->kafka.partitions, err) ||
        !check_partitions(options, topic->name, topic->n_partitions, err))
        return false;
    const struct checkpoint_topic *recorded = checkpoint_log_topic(options->log, topic->name);
    if (recorded && recorded->n_partitions == topic->n_partitions)
        return true;
    const struct checkpoint_topic now = {topic->name, topic->db, topic->table, topic->n_partitions};
    return record(topics, &now, err);
}

static bool same_table(const struct topic *topic, const struct table *table)
{
    return slice_eq_str(table->db, topic->db) && slice_eq_str(table->name, topic->table);
}

static struct topic *find_known(const struct topics *topics, const char *name)
{
    struct topic *known = topics->tables;
    while (known && strcmp(known->name, name) != 0)
        known = known->next;
    return known;
}

static bool find_table_topic(struct topics *topics, const struct table *table, const char *name,
                             struct topic **topic, struct err *err)
{
    struct topic *known = find_known(topics, name);
    if (known) {
        *topic = known;
        return same_table(known, table) ||
               err_set(err, ERR_REFUSED,
                       "tables %s.%s and " SLICE_FMT "." SLICE_FMT " both map to topic %s: leave "
                       "one of them out with [tables] exclude",
                       known->db, known->table, SLICE_ARG(table->db), SLICE_ARG(table->name), name);
    }
    struct topic *made = mem_zalloc(sizeof *made);
    made->name = mem_strdup(name);
    made->db = mem_strndup(table->db.ptr, table->db.len);
    made->table = mem_strndup(table->name.ptr, table->name.len);
    if (!open_table_topic(topics, made, err)) {
        topic_free(made);
        return false;
    }
    made->next = topics->tables;
    topics->tables = made;
    *topic = made;
    return true;
}

bool topics_of_table(struct topics *topics, const struct table *table, struct topic **topic,
                     struct err *err)
{
    *topic = table->user;
    if (*topic)
        return true;
    struct buf name = {0};
    bool ok = topic_write_table(&name, topics->options.config->source.name, table->db, table->name,
                                err) &&
              find_table_topic(topics, table, buf_cstr(&name), topic, err);
    // The one member of a table that is the publisher's; the reader makes tables in writable
    // memory.
    if (ok)
        ((struct table *)(uintptr_t)table)->user = *topic;
    buf_deinit(&name);
    return ok;
}

// A broker may not have heard yet of a topic that was just made: it is asked only about those that
// we do not know to have records.
static bool is_there(const struct topics *topics, const char *name, bool *there, struct err *err)
{
    int32_t n_partitions = 0;
    *there = find_known(topics, name) || checkpoint_log_topic(topics->options.log, name);
    if (*there)
        return true;
    bool answered = kafka_partition_count(topics->options.plain, name, &n_partitions, err);
    *there = answered && n_partitions > 0;
    return answered;
}

bool topics_find_table(struct topics *topics, const struct table *table, struct topic **topic,
                       struct err *err)
{
    struct buf name = {0};
    bool there = false;
    *topic = NULL;
    bool ok = topic_write_table(&name, topics->options.config->source.name, table->db, table->name,
                                err) &&
              is_there(topics, buf_cstr(&name), &there, err);
    if (ok && there)
        ok = find_table_topic(topics, table, buf_cstr(&name), topic, err);
    buf_deinit(&name);
    return ok;
}

bool topics_special(struct topics *topics, const char *suffix, struct topic **topic,
                    struct err *err)
{
    struct buf name = {0};
    buf_printf(&name, "%s.%s", topics->options.config->source.name, suffix);
    struct topic *made = mem_zalloc(sizeof *made);
    made->name = mem_strdup(buf_cstr(&name));
    made->db = mem_strdup("");
    made->table = mem_strdup("");
    buf_deinit(&name);
    made->next = topics->specials;
    topics->specials = *topic = made;
    return find_or_create(topics, made, 1, err);
}
