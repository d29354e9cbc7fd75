// SPDX-License-Identifier: Apache-2.0
// Topic ends: see topic_end.h.
#include "appliers/core/topic_end.h"

#include "common/buf.h"
#include "common/mem.h"
#include "kafka/client.h"
#include "kafka/partition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int compare_ends(const void *a, const void *b)
{
    const struct topic_end *left = a;
    const struct topic_end *right = b;
    int order = strcmp(left->topic, right->topic);
    return order ? order
                 : (left->partition > right->partition) - (left->partition < right->partition);
}

static bool add_ends(rd_kafka_t *rk, const struct rd_kafka_metadata_topic *topic,
                     struct topic_end **ends, size_t *n, struct err *err)
{
    *ends = mem_realloc(*ends, (*n + (size_t)topic->partition_cnt + 1) * sizeof **ends);
    for (int i = 0; i < topic->partition_cnt; i++) {
        struct topic_end *end = &(*ends)[(*n)++];
        *end = (struct topic_end){.partition = topic->partitions[i].id};
        snprintf(end->topic, sizeof end->topic, "%s", topic->topic);
        if (!kafka_watermarks(rk, end->topic, end->partition, &end->first, &end->end, err))
            return false;
    }
    return true;
}

bool topic_ends_list(rd_kafka_t *rk, const char *source_name, struct topic_end **ends,
                     size_t *n_ends, struct err *err)
{
    const struct rd_kafka_metadata *metadata;
    struct buf db = {0}, table = {0};
    bool done = true;
    *ends = NULL;
    *n_ends = 0;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 1, NULL, &metadata, KAFKA_TIMEOUT_MS);
    if (code)
        return kafka_question_failed(rk, code, "asking the Kafka brokers for their topics", err);
    for (int i = 0; done && i < metadata->topic_cnt; i++) {
        buf_clear(&db);
        buf_clear(&table);
        if (topic_read_table(metadata->topics[i].topic, source_name, &db, &table))
            done = add_ends(rk, &metadata->topics[i], ends, n_ends, err);
    }
    rd_kafka_metadata_destroy(metadata);
    buf_deinit(&db);
    buf_deinit(&table);
    if (done && *n_ends)
        qsort(*ends, *n_ends, sizeof **ends, compare_ends);
    if (!done) {
        free(*ends);
        *ends = NULL;
    }
    return done;
}

const struct topic_end *topic_ends_find(const struct topic_end *ends, size_t n_ends,
                                        const char *topic, int32_t partition)
{
    struct topic_end key = {.partition = partition};
    snprintf(key.topic, sizeof key.topic, "%s", topic);
    return n_ends ? bsearch(&key, ends, n_ends, sizeof key, compare_ends) : NULL;
}

bool topic_end_follows(rd_kafka_t *rk, const struct sink_checkpoint *checkpoint,
                       const char *driver_name, struct err *err)
{
    const char *topic = checkpoint->topic;
    int64_t first, end;
    int32_t partition = checkpoint->partition;
    int64_t next = checkpoint->offset;
    if (!partition_end_past(rk, topic, partition, next, &first, &end, err))
        return false;
    return (next >= first && next <= end) ||
           err_set(err, ERR_REFUSED,
                   "topic %s partition %d: the checkpoint says offset %" PRId64
                   ", but Kafka has %" PRId64 " to %" PRId64
                   ": records were removed before they were applied, or the topic was made anew. "
                   "Copy the table again, or go on without them: tailrace offsets reset apply %s "
                   "--to earliest --topic %s",
                   topic, (int)partition, next, first, end, driver_name, topic);
}
