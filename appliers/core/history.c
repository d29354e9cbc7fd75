// SPDX-License-Identifier: Apache-2.0
// History: see history.h. Copies are read from NAME.checkpoint, where the publisher keeps them:
//   {"kind":"snapshot","id":I}                    {…,"where":"","keys":false,…}
//   {"kind":"snapshot","id":I,"db":D,"table":T}   {…,"phase":"done","started_ms":…,…}
// A copy's rows lie behind the first record that was published at or after `started_ms`, by the
// publisher's clock, which is also that of the records. Where that is the first record of all, some
// of the copy may have been before it.
#define _POSIX_C_SOURCE 200809L
#include "appliers/core/history.h"

#include "common/buf.h"
#include "common/mem.h"
#include "kafka/client.h"
#include "kafka/partition.h"
#include "kafka/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_tree.h>

#define CHECKPOINT_TOPIC ".checkpoint"

// One record of the topic, the newest of its key.
struct copy {
    char *id, *db, *table; // db NULL: of the copy as a whole
    bool is_whole;         // all rows of the tables
    bool is_done;
    int64_t started_ms;
};

struct copies {
    struct copy *list;
    size_t n;
};

static void free_copies(struct copies *copies)
{
    for (size_t i = 0; i < copies->n; i++) {
        free(copies->list[i].id);
        free(copies->list[i].db);
        free(copies->list[i].table);
    }
    free(copies->list);
}

static const char *text_of(yajl_val tree, const char *name)
{
    const char *path[] = {name, NULL};
    return YAJL_GET_STRING(yajl_tree_get(tree, path, yajl_t_string));
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static struct copy *find(struct copies *copies, const char *id, const char *db, const char *table)
{
    for (size_t i = 0; i < copies->n; i++)
        if (is_same(copies->list[i].id, id) && is_same(copies->list[i].db, db) &&
            is_same(copies->list[i].table, table))
            return &copies->list[i];
    copies->list = mem_realloc(copies->list, (copies->n + 1) * sizeof *copies->list);
    struct copy *made = &copies->list[copies->n++];
    *made = (struct copy){mem_strdup(id),
                          db ? mem_strdup(db) : NULL,
                          table ? mem_strdup(table) : NULL,
                          false,
                          false,
                          0};
    return made;
}

static void take(struct copies *copies, yajl_val key, yajl_val value)
{
    static const char *const keys_path[] = {"keys", NULL};
    static const char *const started_path[] = {"started_ms", NULL};
    const char *id = text_of(key, "id");
    const char *phase = text_of(value, "phase");
    const char *where = text_of(value, "where");
    yajl_val started = yajl_tree_get(value, (const char **)started_path, yajl_t_number);
    if (!id || !is_same(text_of(key, "kind"), "snapshot"))
        return;
    struct copy *copy = find(copies, id, text_of(key, "db"), text_of(key, "table"));
    copy->is_done = is_same(phase, "done");
    copy->is_whole = is_same(where, "") &&
                     YAJL_IS_FALSE(yajl_tree_get(value, (const char **)keys_path, yajl_t_any));
    copy->started_ms = YAJL_IS_INTEGER(started) ? YAJL_GET_INTEGER(started) : INT64_MAX;
}

static yajl_val parse(const void *ptr, size_t len)
{
    char *text = mem_strndup(ptr, len);
    char reason[128];
    yajl_val tree = yajl_tree_parse(text, reason, sizeof reason);
    free(text);
    return tree;
}

// A record that cannot be read proves nothing, and a removed one keeps what it has told.
static bool visit(void *into, const rd_kafka_message_t *message, struct err *err)
{
    (void)err;
    if (!message->payload)
        return true;
    yajl_val key = parse(message->key, message->key_len);
    yajl_val value = parse(message->payload, message->len);
    if (key && value)
        take(into, key, value);
    yajl_tree_free(key);
    yajl_tree_free(value);
    return true;
}

static bool read_copies(const struct offsets *offsets, struct copies *copies, struct err *err)
{
    struct buf topic = {0};
    struct partition_range range = {.from = RD_KAFKA_OFFSET_BEGINNING};
    int32_t n_partitions;
    int64_t first;
    buf_printf(&topic, "%s" CHECKPOINT_TOPIC, offsets->config->source.name);
    range.topic = buf_cstr(&topic);
    bool done = kafka_open_plain(offsets->config, &range.rk, err) &&
                kafka_partition_count(range.rk, range.topic, &n_partitions, err);
    if (done && n_partitions > 0)
        done = partition_end(range.rk, range.topic, 0, &first, &range.to, err) &&
               partition_read(&range, visit, copies, err);
    if (range.rk)
        rd_kafka_destroy(range.rk);
    buf_deinit(&topic);
    return done;
}

// When the newest complete copy of the topic's table began; 0: there is none.
static int64_t find_begin_ms(struct copies *copies, const char *source, const char *topic)
{
    struct buf db = {0}, table = {0};
    int64_t begin_ms = 0;
    bool is_table = topic_read_table(topic, source, &db, &table);
    for (size_t i = 0; is_table && i < copies->n; i++) {
        const struct copy copy = copies->list[i];
        if (copy.is_done && copy.started_ms > begin_ms && is_same(copy.db, buf_cstr(&db)) &&
            is_same(copy.table, buf_cstr(&table)) && find(copies, copy.id, NULL, NULL)->is_whole)
            begin_ms = copy.started_ms;
    }
    buf_deinit(&db);
    buf_deinit(&table);
    return begin_ms;
}

// Where the partition's first record at or after the time lies; where there is none, its end.
static bool find_offset(const struct offsets *offsets, const struct topic_end *at, int64_t ms,
                        int64_t *offset, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, at->topic, at->partition)->offset = ms;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(offsets->rk, list, KAFKA_TIMEOUT_MS);
    code = code ? code : list->elems[0].err;
    *offset = list->elems[0].offset >= 0 ? list->elems[0].offset : at->end;
    rd_kafka_topic_partition_list_destroy(list);
    return !code || kafka_err(err, code, at->topic);
}

static int64_t begin_of(const struct place *place)
{
    return place->to > place->kafka.first ? place->to : place->kafka.first;
}

static bool check_place(const struct offsets *offsets, struct copies *copies,
                        const struct place *place, struct err *err)
{
    const char *topic = place->kafka.topic;
    int64_t begin = begin_of(place), offset = begin;
    int64_t ms = find_begin_ms(copies, offsets->config->source.name, topic);
    if (ms > 0 && !find_offset(offsets, &place->kafka, ms, &offset, err))
        return false;
    if (ms > 0 && (offset > begin || (offset == begin && begin > place->kafka.first)))
        return true;
    struct buf db = {0}, table = {0};
    if (topic_read_table(topic, offsets->config->source.name, &db, &table))
        err_set(err, ERR_REFUSED,
                "topic %s partition %d: from offset %" PRId64 " on it has not all changes of "
                "the table%s, and no complete copy of it begins behind that. Copy it: tailrace "
                "snapshot %s.%s --wait, then rebuild%s",
                topic, (int)place->kafka.partition, begin,
                place->kafka.first > 0 ? " (older records were removed)" : "", buf_cstr(&db),
                buf_cstr(&table),
                place->kafka.first == place->kafka.end
                    ? ". The partition is empty: it has to begin anew, so delete the topic before"
                    : "");
    buf_deinit(&db);
    buf_deinit(&table);
    return false;
}

bool history_check(struct offsets *offsets, struct err *err)
{
    struct copies copies = {0};
    bool is_read = false, done = true;
    for (size_t i = 0; done && i < offsets->n_places; i++) {
        const struct place *place = &offsets->places[i];
        if (!place->is_chosen || begin_of(place) == 0)
            continue;
        if (!is_read)
            done = read_copies(offsets, &copies, err);
        is_read = true;
        done = done && check_place(offsets, &copies, place, err);
    }
    free_copies(&copies);
    return done;
}
