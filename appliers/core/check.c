// SPDX-License-Identifier: Apache-2.0
// Check: see check.h.
#include "appliers/core/check.h"

#include "appliers/core/applier.h"
#include "appliers/core/beside.h"
#include "appliers/core/consumer_conf.h"
#include "appliers/core/dead_letters.h"
#include "appliers/core/topic_end.h"
#include "kafka/client.h"

#include <stdio.h>
#include <stdlib.h>

struct looked {
    const struct config *config;
    const struct sink_driver *driver;
    char group[SINK_GROUP_BYTES];
    struct sink *sink;
    rd_kafka_t *rk;
    struct topic_end *ends;
    size_t n_ends;
};

static bool look_at_target(struct looked *looked, struct check *check)
{
    struct err err;
    if (!looked->driver->open(looked->config, &looked->sink, &err))
        return check_fail(check, looked->driver->name, &err);
    check_ok(check, looked->driver->name, "reached, and set up for this");
    if (looked->driver->advise && !looked->driver->advise(looked->sink, check, &err))
        return check_fail(check, looked->driver->name, &err);
    return true;
}

static bool look_at_topics(struct looked *looked, struct check *check)
{
    struct err err;
    rd_kafka_conf_t *conf = consumer_conf(looked->config, looked->driver, looked->group, &err);
    if (!conf || !kafka_open_take(RD_KAFKA_CONSUMER, conf, &looked->rk, &err) ||
        !topic_ends_list(looked->rk, looked->config->source.name, &looked->ends, &looked->n_ends,
                         &err))
        return check_fail(check, "kafka", &err);
    if (looked->n_ends > 0)
        check_ok(check, "kafka", "%zu partitions of tables to read", looked->n_ends);
    else
        check_ok(check, "kafka", "reached; nothing is published yet");
    return true;
}

// What a start would refuse: records that are gone, or a topic that was made anew.
static void look_at_checkpoint(const struct looked *looked,
                               const struct sink_checkpoint *checkpoint, struct check *check)
{
    const struct topic_end *end =
        topic_ends_find(looked->ends, looked->n_ends, checkpoint->topic, checkpoint->partition);
    struct err err;
    if (!end)
        check_warn(check, "checkpoints", "topic %s partition %d is not in Kafka any more",
                   checkpoint->topic, (int)checkpoint->partition);
    else if (checkpoint->offset != SINK_OFFSET_NONE &&
             (checkpoint->offset < end->first || checkpoint->offset > end->end) &&
             !topic_end_follows(looked->rk, checkpoint, looked->driver->name, &err))
        check_fail(check, "checkpoints", &err);
}

static void look_at_checkpoints(const struct looked *looked, struct check *check)
{
    struct sink_checkpoint *checkpoints;
    struct err err;
    size_t n;
    unsigned failed = check->n_failed;
    if (!looked->driver->list(looked->sink, looked->group, &checkpoints, &n, &err)) {
        check_fail(check, "checkpoints", &err);
        return;
    }
    for (size_t i = 0; i < n; i++)
        look_at_checkpoint(looked, &checkpoints[i], check);
    if (failed == check->n_failed)
        check_ok(check, "checkpoints", "%zu, and Kafka has what follows them", n);
    free(checkpoints);
}

static void look_at_rebuild(const struct looked *looked, struct check *check)
{
    struct beside_state state = {BESIDE_NONE, NULL};
    struct err err;
    if (!looked->driver->beside->read(looked->sink, looked->group, &state, &err))
        check_fail(check, "rebuild", &err);
    else if (state.phase == BESIDE_SWAPPING)
        check_fail(check, "rebuild", (beside_refuse_claim(&err, looked->group), &err));
    else if (state.phase != BESIDE_NONE)
        check_warn(check, "rebuild",
                   "one is not finished: tailrace offsets reset apply %s --rebuild goes on, "
                   "--discard gives it up",
                   looked->driver->name);
    free(state.plan);
}

static void look_at_letters(const struct looked *looked, struct check *check)
{
    struct dead_letters letters;
    struct err err;
    if (!dead_letters_open(&letters, looked->config, looked->driver, &err))
        check_fail(check, "dead letters", &err);
    else if (letters.book->n_open > 0)
        check_warn(check, "dead letters", "%zu are open: tailrace dead-letters list --target %s",
                   letters.book->n_open, looked->driver->name);
    else
        check_ok(check, "dead letters", "none is open");
    dead_letters_close(&letters);
}

int applier_check(const struct config *config, const struct sink_driver *driver)
{
    struct looked looked = {.config = config, .driver = driver};
    struct check check = {0};
    applier_group(config, driver, looked.group);
    bool has_target = look_at_target(&looked, &check);
    bool has_kafka = look_at_topics(&looked, &check);
    if (has_target && has_kafka)
        look_at_checkpoints(&looked, &check);
    if (has_target)
        look_at_rebuild(&looked, &check);
    if (has_kafka)
        look_at_letters(&looked, &check);
    if (looked.rk)
        rd_kafka_destroy(looked.rk);
    driver->close(looked.sink);
    free(looked.ends);
    return check_exit_code(&check);
}
