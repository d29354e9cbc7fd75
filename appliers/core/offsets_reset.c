// SPDX-License-Identifier: Apache-2.0
// Offsets, reset: see offsets.h.
#define _POSIX_C_SOURCE 200809L
#include "appliers/core/offsets_state.h"
#include "appliers/core/rebuild.h"
#include "common/buf.h"
#include "common/cli.h"
#include "common/clock.h"
#include "common/mem.h"
#include "kafka/group.h"
#include "record/gtid.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMBERS_SHOWN 5

// --- reset: where to ---

bool offsets_choose(struct offsets *offsets, const char *glob, struct err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < offsets->n_places; i++) {
        struct place *place = &offsets->places[i];
        place->is_chosen = !glob || fnmatch(glob, place->kafka.topic, 0) == 0;
        n += place->is_chosen;
    }
    if (n > 0)
        return true;
    return err_set(err, ERR_USAGE, "no topic of source %s%s%s", offsets->config->source.name,
                   glob ? " fits " : " is in Kafka yet", glob ? glob : "");
}

static bool to_earliest(struct offsets *offsets, const char *rest, struct err *err)
{
    (void)rest;
    (void)err;
    for (size_t i = 0; i < offsets->n_places; i++)
        offsets->places[i].to = SINK_OFFSET_NONE;
    return true;
}

static bool to_latest(struct offsets *offsets, const char *rest, struct err *err)
{
    (void)rest;
    (void)err;
    for (size_t i = 0; i < offsets->n_places; i++)
        offsets->places[i].to = offsets->places[i].kafka.end;
    return true;
}

// "N" or "TOPIC:PARTITION:N": *place is the one partition, NULL for all.
static bool parse_offset(struct offsets *offsets, const char *text, struct place **place,
                         int64_t *offset, struct err *err)
{
    char topic[TOPIC_NAME_MAX + 1];
    char *end;
    const char *colon = strchr(text, ':');
    *place = NULL;
    if (colon) {
        long partition = strtol(colon + 1, &end, 10);
        snprintf(topic, sizeof topic, "%.*s", (int)(colon - text), text);
        *place = *end == ':' ? offsets_find(offsets, topic, (int32_t)partition) : NULL;
        if (!*place)
            return err_set(err, ERR_USAGE, "--to offset:%s: there is no such topic and partition",
                           text);
        text = end + 1;
    }
    errno = 0;
    *offset = strtoll(text, &end, 10);
    if (errno || end == text || *end || *offset < 0)
        return err_set(err, ERR_USAGE, "--to offset:%s: not an offset", text);
    return true;
}

static bool to_offset(struct offsets *offsets, const char *rest, struct err *err)
{
    struct place *only;
    int64_t offset;
    if (!parse_offset(offsets, rest, &only, &offset, err))
        return false;
    for (size_t i = 0; i < offsets->n_places; i++) {
        struct place *place = &offsets->places[i];
        place->is_chosen = place->is_chosen && (!only || place == only);
        place->to = offset;
        if (place->is_chosen && (offset < place->kafka.first || offset > place->kafka.end))
            return err_set(err, ERR_USAGE,
                           "topic %s partition %d has the offsets %" PRId64 " to %" PRId64
                           ", not %" PRId64,
                           place->kafka.topic, (int)place->kafka.partition, place->kafka.first,
                           place->kafka.end, offset);
    }
    return true;
}

// Kafka's own index by time: of the records, when they were published.
static bool to_time(struct offsets *offsets, const char *rest, struct err *err)
{
    uint64_t us;
    if (!clock_parse(rest, &us, err))
        return err_wrap(err, "--to time");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < offsets->n_places; i++)
        rd_kafka_topic_partition_list_add(list, offsets->places[i].kafka.topic,
                                          offsets->places[i].kafka.partition)
            ->offset = (int64_t)(us / 1000);
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(offsets->rk, list, KAFKA_TIMEOUT_MS);
    bool done = code ? kafka_err(err, code, "asking for offsets by time") : true;
    for (int i = 0; done && i < list->cnt; i++) {
        struct place *place = &offsets->places[i];
        if (list->elems[i].err)
            done = kafka_err(err, list->elems[i].err, place->kafka.topic);
        place->to = list->elems[i].offset >= 0 ? list->elems[i].offset : place->kafka.end;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return done;
}

static bool visit_gtid(const struct change *change, const void *with, bool *found, struct err *err)
{
    struct gtid gtid;
    if (change->source.gtid.len == 0)
        return err_set(
            err, ERR_USAGE,
            "the record has no GTID: GTIDs were off on the source; use time: or offset:");
    if (!gtid_parse(&gtid, change->source.gtid, err))
        return false;
    *found = !gtid_set_contains(with, &gtid);
    return true;
}

// The first record of each partition whose transaction is not in the set.
static bool to_gtid(struct offsets *offsets, const char *rest, struct err *err)
{
    struct gtid_set set = {0};
    for (size_t i = 0; i < offsets->n_places; i++) {
        struct place *place = &offsets->places[i];
        place->found = place->kafka.first;
        place->is_done = !place->is_chosen || place->kafka.first >= place->kafka.end;
        if (place->is_done)
            place->found = -1;
    }
    bool done = gtid_set_parse(&set, slice_of_str(rest), err) &&
                offsets_scan(offsets, visit_gtid, &set, err);
    for (size_t i = 0; done && i < offsets->n_places; i++) {
        struct place *place = &offsets->places[i];
        place->to = place->found >= 0 ? place->found : place->kafka.end;
    }
    gtid_set_deinit(&set);
    return done;
}

bool offsets_find_targets(struct offsets *offsets, const char *to, struct err *err)
{
    static const struct {
        const char *word;
        bool has_rest;
        bool (*find)(struct offsets *offsets, const char *rest, struct err *err);
    } ways[] = {
        {"earliest", false, to_earliest}, {"latest", false, to_latest},
        {"offset:", true, to_offset},     {"time:", true, to_time},
        {"gtid:", true, to_gtid},
    };
    for (size_t i = 0; to && i < sizeof ways / sizeof ways[0]; i++) {
        size_t n = strlen(ways[i].word);
        if (strncmp(to, ways[i].word, n) == 0 && (ways[i].has_rest || !to[n]))
            return ways[i].find(offsets, to + n, err);
    }
    return err_set(err, ERR_USAGE,
                   "--to is %s; it has to be earliest, latest, offset:[TOPIC:PARTITION:]N, "
                   "time:ISO8601 or gtid:SET",
                   to ? to : "missing");
}

// --- reset ---

static int write_members(struct buf *who, const struct rd_kafka_group_list *groups)
{
    int n = 0;
    for (int i = 0; i < groups->group_cnt; i++)
        for (int k = 0; k < groups->groups[i].member_cnt; k++, n++)
            if (n < MEMBERS_SHOWN)
                buf_printf(who, "%s%s%s", n ? ", " : "", groups->groups[i].members[k].client_id,
                           groups->groups[i].members[k].client_host);
    return n;
}

bool offsets_refuse_running(const struct offsets *offsets, const char *group, const char *what,
                            struct err *err)
{
    const struct rd_kafka_group_list *groups;
    struct buf who = {0};
    if (!kafka_group_list(offsets->rk, group, &groups, err))
        return false;
    int n = write_members(&who, groups);
    if (n > 0)
        err_set(err, ERR_REFUSED,
                "%s runs: group %s has %d members (%s). Stop them first; one that was killed "
                "counts until its session timeout (6 s by default)",
                what, group, n, buf_cstr(&who));
    buf_deinit(&who);
    rd_kafka_group_list_destroy(groups);
    return n == 0;
}

static void print_plan(const struct offsets *offsets)
{
    printf("applier %s: group %s\n", offsets->driver->name, offsets->group);
    for (size_t i = 0; i < offsets->n_places; i++) {
        const struct place *place = &offsets->places[i];
        char from[OFFSET_TEXT_BYTES], to[OFFSET_TEXT_BYTES];
        if (!place->is_chosen)
            continue;
        offsets_write_text(from, place->checkpoint.offset);
        offsets_write_text(to, place->to);
        printf("  %s partition %d: %s -> %s (Kafka has %" PRId64 " to %" PRId64 ")\n",
               place->kafka.topic, (int)place->kafka.partition, from,
               place->to == SINK_OFFSET_NONE ? "earliest" : to, place->kafka.first,
               place->kafka.end);
    }
}

// What the guard knows outlives a reset, unless the offsets before it are of another topic of that
// name, which was made anew.
static void keep_guard(struct sink_checkpoint *checkpoint, const struct place *place)
{
    bool is_same = place->checkpoint.high <= place->kafka.end;
    checkpoint->high = is_same ? place->checkpoint.high : place->to;
    checkpoint->truncated = is_same ? place->checkpoint.truncated : SINK_OFFSET_NONE;
    if (is_same)
        snprintf(checkpoint->truncated_at, sizeof checkpoint->truncated_at, "%s",
                 place->checkpoint.truncated_at);
    if (checkpoint->high < place->to)
        checkpoint->high = place->to;
}

static bool set_target(struct offsets *offsets, struct err *err)
{
    struct sink_checkpoint *checkpoints = mem_zalloc((offsets->n_places + 1) * sizeof *checkpoints);
    size_t n = 0;
    for (size_t i = 0; i < offsets->n_places; i++) {
        const struct place *place = &offsets->places[i];
        if (!place->is_chosen)
            continue;
        snprintf(checkpoints[n].topic, sizeof checkpoints[n].topic, "%s", place->kafka.topic);
        checkpoints[n].partition = place->kafka.partition;
        checkpoints[n].offset = place->to;
        keep_guard(&checkpoints[n++], place);
    }
    bool done =
        n == 0 || offsets->driver->reset(offsets->sink, offsets->group, checkpoints, n, err);
    free(checkpoints);
    return done;
}

// For the tools that show lag; the target's checkpoints are what counts.
void offsets_set_group(struct offsets *offsets)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < offsets->n_places; i++) {
        const struct place *place = &offsets->places[i];
        if (place->is_chosen)
            rd_kafka_topic_partition_list_add(list, place->kafka.topic, place->kafka.partition)
                ->offset = place->to == SINK_OFFSET_NONE ? place->kafka.first : place->to;
    }
    rd_kafka_resp_err_t code = list->cnt ? rd_kafka_commit(offsets->rk, list, 0) : 0;
    if (code)
        fprintf(stderr, "the offsets of the consumer group were not set: %s\n",
                rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
}

static bool do_reset(struct offsets *offsets, const struct offsets_options *options,
                     struct err *err)
{
    if (!rebuild_refuse_swapping(offsets->driver, offsets->sink, offsets->group, err))
        return false;
    if (!options->dry_run && !offsets_refuse_running(offsets, offsets->group, "the applier", err))
        return false;
    if (!offsets_choose(offsets, options->topic, err) ||
        !offsets_find_targets(offsets, options->to, err))
        return false;
    print_plan(offsets);
    if (options->dry_run) {
        printf("nothing was changed (--dry-run)\n");
        return true;
    }
    if (!cli_confirm("Set them?", options->yes, err) || !set_target(offsets, err))
        return false;
    offsets_set_group(offsets);
    printf("set\n");
    return true;
}

bool offsets_reset(const struct config *config, const struct sink_driver *driver,
                   const struct offsets_options *options, struct err *err)
{
    struct offsets offsets;
    bool done = offsets_open(&offsets, config, driver, err) && do_reset(&offsets, options, err);
    offsets_close(&offsets);
    return done;
}
