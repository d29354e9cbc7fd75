// SPDX-License-Identifier: Apache-2.0
// Rival: see rival.h. Of the topic only what is behind the newest record at the start is read.
#include "publisher/rival.h"

#include "common/log.h"
#include "common/mem.h"
#include "kafka/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct rival {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    const struct checkpoint *ours; // epoch and instance
    const char *name;
};

bool rival_is_newer(const struct checkpoint *theirs, uint64_t epoch, const char *instance)
{
    int order = strcmp(theirs->instance, instance);
    if (order == 0 || theirs->epoch < epoch)
        return false;
    return theirs->epoch > epoch || order > 0;
}

// A fetch may wait for what comes: nobody waits for the fetch.
static bool open_reader(struct rival *rival, const struct config *config, struct err *err)
{
    rd_kafka_conf_t *conf = kafka_conf_new(config, "rival", err);
    return conf && kafka_open_take(RD_KAFKA_CONSUMER, conf, &rival->rk, err);
}

struct rival *rival_open(const struct config *config, const struct checkpoint *ours,
                         struct err *err)
{
    struct rival *rival = mem_zalloc(sizeof *rival);
    struct buf name = {0};
    rival->ours = ours;
    rival->name = config->source.name;
    checkpoint_topic_name(&name, config->source.name);
    bool done = open_reader(rival, config, err);
    if (done) {
        rival->topic = rd_kafka_topic_new(rival->rk, buf_cstr(&name), NULL);
        done =
            rival->topic && rd_kafka_consume_start(rival->topic, 0, RD_KAFKA_OFFSET_TAIL(1)) == 0;
        if (!done)
            kafka_err(err, rd_kafka_last_error(), buf_cstr(&name));
    }
    buf_deinit(&name);
    if (done)
        return rival;
    rival_close(rival);
    return NULL;
}

void rival_close(struct rival *rival)
{
    if (!rival)
        return;
    if (rival->topic) {
        rd_kafka_consume_stop(rival->topic, 0);
        rd_kafka_topic_destroy(rival->topic);
    }
    if (rival->rk)
        rd_kafka_destroy(rival->rk);
    free(rival);
}

static bool look_at(const struct rival *rival, const rd_kafka_message_t *message, struct err *err)
{
    struct checkpoint_log log = {0};
    bool done = checkpoint_log_take(&log, slice_of(message->key, message->key_len),
                                    slice_of(message->payload, message->len), err);
    if (done && log.found && rival_is_newer(&log.last, rival->ours->epoch, rival->ours->instance))
        done = err_set(err, ERR_REFUSED,
                       "another publisher named %s took over (%s, epoch %" PRIu64
                       "; this is %" PRIu64 "): only one may run",
                       rival->name, log.last.instance, log.last.epoch, rival->ours->epoch);
    checkpoint_log_deinit(&log);
    return done;
}

bool rival_look(struct rival *rival, unsigned ms, struct err *err)
{
    bool done = true;
    while (done) {
        rd_kafka_message_t *message = rd_kafka_consume(rival->topic, 0, (int)ms);
        if (!message)
            break;
        if (!message->err)
            done = look_at(rival, message, err);
        rd_kafka_message_destroy(message);
    }
    return done;
}
