// SPDX-License-Identifier: Apache-2.0
// Offsets: see offsets.h and offsets_state.h. What resets them is in offsets_reset.c.
#define _POSIX_C_SOURCE 200809L
#include "appliers/core/offsets_state.h"

#include "appliers/core/applier.h"
#include "appliers/core/consumer_conf.h"
#include "appliers/core/message.h"
#include "appliers/core/topic_end.h"
#include "common/cli.h"
#include "common/clock.h"
#include "common/cursor.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/group.h"
#include "record/gtid.h"
#include "record/json_writer.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define POLL_MS 100
#define QUIET_MS 30000 // a scan that gets nothing for so long has failed

// --- open ---

struct place *offsets_find(struct offsets *offsets, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < offsets->n_places; i++)
        if (offsets->places[i].kafka.partition == partition &&
            strcmp(offsets->places[i].kafka.topic, topic) == 0)
            return &offsets->places[i];
    return NULL;
}

static bool open_kafka(struct offsets *offsets, struct err *err)
{
    rd_kafka_conf_t *conf = consumer_conf(offsets->config, offsets->driver, offsets->group, err);
    if (!conf || !kafka_open_take(RD_KAFKA_CONSUMER, conf, &offsets->rk, err))
        return false;
    rd_kafka_poll_set_consumer(offsets->rk);
    return true;
}

static bool read_kafka(struct offsets *offsets, struct err *err)
{
    struct topic_end *ends;
    if (!topic_ends_list(offsets->rk, offsets->config->source.name, &ends, &offsets->n_places, err))
        return false;
    offsets->places = mem_zalloc((offsets->n_places + 1) * sizeof *offsets->places);
    for (size_t i = 0; i < offsets->n_places; i++) {
        offsets->places[i].kafka = ends[i];
        offsets->places[i].checkpoint = (struct sink_checkpoint){
            .offset = SINK_OFFSET_NONE, .high = SINK_OFFSET_NONE, .truncated = SINK_OFFSET_NONE};
        offsets->places[i].found = -1;
    }
    free(ends);
    return true;
}

static bool read_target(struct offsets *offsets, struct err *err)
{
    struct sink_checkpoint *checkpoints;
    size_t n;
    if (!offsets->driver->list(offsets->sink, offsets->group, &checkpoints, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct place *place = offsets_find(offsets, checkpoints[i].topic, checkpoints[i].partition);
        if (place)
            place->checkpoint = checkpoints[i];
        else
            fprintf(stderr,
                    "topic %s partition %d has a checkpoint, but is not in Kafka any more\n",
                    checkpoints[i].topic, (int)checkpoints[i].partition);
    }
    free(checkpoints);
    return true;
}

// A member's assignment, as the consumer protocol has it: version, then topics with their
// partitions.
static void read_assignment(struct offsets *offsets,
                            const struct rd_kafka_group_member_info *member)
{
    struct cursor cur =
        cursor_of(slice_of(member->member_assignment, (size_t)member->member_assignment_size));
    cursor_skip(&cur, 2);
    uint64_t n_topics = cursor_be(&cur, 4);
    for (uint64_t i = 0; i < n_topics && !cur.failed; i++) {
        char topic[TOPIC_NAME_MAX + 1] = "";
        struct slice name = cursor_bytes(&cur, (size_t)cursor_be(&cur, 2));
        if (name.len <= TOPIC_NAME_MAX && name.ptr)
            memcpy(topic, name.ptr, name.len);
        uint64_t n_partitions = cursor_be(&cur, 4);
        for (uint64_t k = 0; k < n_partitions && !cur.failed; k++) {
            struct place *place = offsets_find(offsets, topic, (int32_t)cursor_be(&cur, 4));
            if (place && !cur.failed)
                snprintf(place->member, sizeof place->member, "%s%s", member->client_id,
                         member->client_host);
        }
    }
}

static bool read_members(struct offsets *offsets, struct err *err)
{
    if (!kafka_group_list(offsets->rk, offsets->group, &offsets->members, err))
        return false;
    for (int i = 0; i < offsets->members->group_cnt; i++)
        for (int k = 0; k < offsets->members->groups[i].member_cnt; k++)
            read_assignment(offsets, &offsets->members->groups[i].members[k]);
    return true;
}

int offsets_count_members(const struct offsets *offsets)
{
    int n = 0;
    for (int i = 0; i < offsets->members->group_cnt; i++)
        n += offsets->members->groups[i].member_cnt;
    return n;
}

bool offsets_open(struct offsets *offsets, const struct config *config,
                  const struct sink_driver *driver, struct err *err)
{
    *offsets = (struct offsets){.config = config, .driver = driver};
    applier_group(config, driver, offsets->group);
    offsets->reader = json_reader_new();
    return driver->open(config, &offsets->sink, err) && open_kafka(offsets, err) &&
           read_kafka(offsets, err) && read_target(offsets, err) && read_members(offsets, err);
}

void offsets_close(struct offsets *offsets)
{
    if (offsets->members)
        rd_kafka_group_list_destroy(offsets->members);
    if (offsets->rk) {
        rd_kafka_consumer_close(offsets->rk);
        rd_kafka_destroy(offsets->rk);
    }
    offsets->driver->close(offsets->sink);
    json_reader_free(offsets->reader);
    arena_deinit(&offsets->arena);
    free(offsets->places);
}

// --- scan ---

static bool read_record(struct offsets *offsets, const rd_kafka_message_t *message,
                        struct change *change, struct err *err)
{
    struct message one = message_of(message);
    arena_reset(&offsets->arena);
    return json_read_change(offsets->reader, &one.bytes, &offsets->arena, change, err);
}

static bool visit_message(struct offsets *offsets, struct place *place,
                          const rd_kafka_message_t *message, visit_fn *visit, const void *with,
                          struct err *err)
{
    struct change change;
    bool found = false;
    if (!message->payload || message->len == 0)
        return true;
    if (!read_record(offsets, message, &change, err) || !visit(&change, with, &found, err))
        return err_wrap(err, "topic %s partition %d offset %" PRId64, place->kafka.topic,
                        (int)place->kafka.partition, message->offset);
    if (found) {
        place->found = message->offset;
        place->found_ts_us = change.source.ts_us;
        place->is_done = true;
    }
    return true;
}

static bool scan_message(struct offsets *offsets, const rd_kafka_message_t *message,
                         visit_fn *visit, const void *with, struct err *err)
{
    struct place *place = offsets_find(
        offsets, message->rkt ? rd_kafka_topic_name(message->rkt) : "", message->partition);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (place)
            place->is_done = true;
        return true;
    }
    if (message->err && (place || kafka_err_class(message->err) != ERR_RETRY))
        return kafka_err(err, message->err, "reading records");
    if (!place || place->is_done || message->err)
        return true;
    return visit_message(offsets, place, message, visit, with, err);
}

static bool all_done(const struct offsets *offsets)
{
    for (size_t i = 0; i < offsets->n_places; i++)
        if (!offsets->places[i].is_done)
            return false;
    return true;
}

// Starts to read each place that is not done at `found`, which is then what the scan finds.
static bool start_scan(struct offsets *offsets, struct err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < offsets->n_places; i++) {
        struct place *place = &offsets->places[i];
        if (place->is_done)
            continue;
        rd_kafka_topic_partition_list_add(list, place->kafka.topic, place->kafka.partition)
            ->offset = place->found;
        place->found = -1;
    }
    rd_kafka_resp_err_t code = list->cnt > 0 ? rd_kafka_assign(offsets->rk, list) : 0;
    rd_kafka_topic_partition_list_destroy(list);
    return code ? kafka_err(err, code, "reading records") : true;
}

// Reads the places that are not done until `visit` has found its record in each, or its end is
// reached.
bool offsets_scan(struct offsets *offsets, visit_fn *visit, const void *with, struct err *err)
{
    uint64_t heard_ms = clock_steady_ms();
    bool good = start_scan(offsets, err);
    while (good && !all_done(offsets)) {
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped");
        rd_kafka_message_t *message = rd_kafka_consumer_poll(offsets->rk, POLL_MS);
        if (message) {
            heard_ms = clock_steady_ms();
            good = scan_message(offsets, message, visit, with, err);
            rd_kafka_message_destroy(message);
        } else if (clock_steady_ms() - heard_ms > QUIET_MS) {
            good = err_set(err, ERR_RETRY, "Kafka gave no records for %d s", QUIET_MS / 1000);
        }
    }
    rd_kafka_assign(offsets->rk, NULL);
    return good;
}

// --- show ---

static bool visit_first(const struct change *change, const void *with, bool *found, struct err *err)
{
    (void)change;
    (void)with;
    (void)err;
    *found = true;
    return true;
}

// Finds the first record behind each checkpoint.
static bool find_left(struct offsets *offsets, struct err *err)
{
    for (size_t i = 0; i < offsets->n_places; i++) {
        struct place *place = &offsets->places[i];
        int64_t from = place->checkpoint.offset;
        place->found = from > place->kafka.first ? from : place->kafka.first;
        place->is_done = place->found >= place->kafka.end;
        if (place->is_done)
            place->found = -1;
    }
    return offsets_scan(offsets, visit_first, NULL, err);
}

static int64_t lag_records(const struct place *place)
{
    return place->found < 0 ? 0 : place->kafka.end - place->found;
}

static double lag_seconds(const struct place *place)
{
    uint64_t now_us = clock_now_us();
    if (place->found < 0 || now_us < place->found_ts_us)
        return 0;
    return (double)(now_us - place->found_ts_us) / 1e6;
}

static void print_json(const struct offsets *offsets, const struct place *place)
{
    const struct sink_checkpoint *checkpoint = &place->checkpoint;
    struct buf out = {0};
    buf_printf(&out, "{\"applier\":\"%s\",\"group\":\"%s\",\"topic\":\"%s\",\"partition\":%d",
               offsets->driver->name, offsets->group, place->kafka.topic,
               (int)place->kafka.partition);
    if (checkpoint->offset == SINK_OFFSET_NONE)
        buf_str(&out, ",\"offset\":null");
    else
        buf_printf(&out, ",\"offset\":%" PRId64, checkpoint->offset);
    buf_printf(&out,
               ",\"first\":%" PRId64 ",\"end\":%" PRId64 ",\"lag_records\":%" PRId64
               ",\"lag_seconds\":%.3f,\"gtid\":",
               place->kafka.first, place->kafka.end, lag_records(place), lag_seconds(place));
    json_write_string(&out, slice_of_str(checkpoint->gtid));
    buf_str(&out, ",\"file\":");
    json_write_string(&out, slice_of_str(checkpoint->file));
    buf_printf(
        &out, ",\"pos\":%" PRIu64 ",\"ts_us\":%" PRIu64 ",\"applied_at_us\":%" PRIu64 ",\"owner\":",
        checkpoint->pos, checkpoint->ts_us, checkpoint->applied_at_us);
    json_write_string(&out, slice_of_str(checkpoint->owner));
    buf_str(&out, ",\"member\":");
    json_write_string(&out, slice_of_str(place->member));
    printf("%s}\n", buf_cstr(&out));
    buf_deinit(&out);
}

void offsets_write_text(char text[OFFSET_TEXT_BYTES], int64_t offset)
{
    if (offset == SINK_OFFSET_NONE)
        snprintf(text, OFFSET_TEXT_BYTES, "none");
    else
        snprintf(text, OFFSET_TEXT_BYTES, "%" PRId64, offset);
}

static void print_table(const struct offsets *offsets)
{
    int width = 5;
    int64_t lag = 0;
    for (size_t i = 0; i < offsets->n_places; i++) {
        int n = (int)strlen(offsets->places[i].kafka.topic);
        width = n > width ? n : width;
        lag += lag_records(&offsets->places[i]);
    }
    printf("applier %s: group %s, %d running, %" PRId64 " records behind\n", offsets->driver->name,
           offsets->group, offsets_count_members(offsets), lag);
    if (offsets->n_places == 0) {
        printf("  no topics yet\n");
        return;
    }
    printf("  %-*s %9s %12s %12s %10s %9s  %s\n", width, "topic", "partition", "checkpoint", "end",
           "lag", "seconds", "held by");
    for (size_t i = 0; i < offsets->n_places; i++) {
        const struct place *place = &offsets->places[i];
        char at[OFFSET_TEXT_BYTES];
        offsets_write_text(at, place->checkpoint.offset);
        printf("  %-*s %9d %12s %12" PRId64 " %10" PRId64 " %9.1f  %s\n", width, place->kafka.topic,
               (int)place->kafka.partition, at, place->kafka.end, lag_records(place),
               lag_seconds(place), place->member[0] ? place->member : "-");
    }
}

bool offsets_show(const struct config *config, const struct sink_driver *driver,
                  const struct offsets_options *options, struct err *err)
{
    struct offsets offsets;
    bool done = offsets_open(&offsets, config, driver, err) && find_left(&offsets, err);
    if (done && options->json)
        for (size_t i = 0; i < offsets.n_places; i++)
            print_json(&offsets, &offsets.places[i]);
    else if (done)
        print_table(&offsets);
    offsets_close(&offsets);
    return done;
}
