// SPDX-License-Identifier: Apache-2.0
// Offsets: see offsets.h. A place is one partition: what Kafka holds of it, and the target's
// checkpoint. What is left behind a checkpoint is found by reading there, as offsets alone do not
// tell: marks of transactions and aborted records have offsets too.
#define _POSIX_C_SOURCE 200809L
#include "appliers/core/offsets.h"

#include "appliers/core/applier.h"
#include "appliers/core/consumer.h"
#include "appliers/core/message.h"
#include "common/cli.h"
#include "common/clock.h"
#include "common/cursor.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
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
#define MEMBERS_SHOWN 5

struct place {
    struct topic_end kafka;
    struct sink_checkpoint checkpoint; // offset SINK_OFFSET_NONE: there is none
    char member[256];                  // of the group that has it now; "" = none
    bool is_chosen;
    bool is_done;  // of the scan
    int64_t found; // of the scan: offset of the first record that it looks for; -1: none
    uint64_t found_ts_us;
    int64_t to;
};

struct offsets {
    const struct config *config;
    const struct sink_driver *driver;
    char group[SINK_GROUP_BYTES];
    struct sink *sink;
    rd_kafka_t *rk;
    const struct rd_kafka_group_list *members;
    struct place *places;
    size_t n_places;
    struct json_reader *reader;
    struct arena arena;
};

// --- open ---

static struct place *find_place(struct offsets *offsets, const char *topic, int32_t partition)
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
    if (!consumer_list_ends(offsets->rk, offsets->config->source.name, &ends, &offsets->n_places,
                            err))
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
        struct place *place = find_place(offsets, checkpoints[i].topic, checkpoints[i].partition);
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
            struct place *place = find_place(offsets, topic, (int32_t)cursor_be(&cur, 4));
            if (place && !cur.failed)
                snprintf(place->member, sizeof place->member, "%s%s", member->client_id,
                         member->client_host);
        }
    }
}

static bool read_members(struct offsets *offsets, struct err *err)
{
    rd_kafka_resp_err_t code =
        rd_kafka_list_groups(offsets->rk, offsets->group, &offsets->members, KAFKA_TIMEOUT_MS);
    if (code)
        return kafka_err(err, code, "asking for the consumer group");
    for (int i = 0; i < offsets->members->group_cnt; i++)
        for (int k = 0; k < offsets->members->groups[i].member_cnt; k++)
            read_assignment(offsets, &offsets->members->groups[i].members[k]);
    return true;
}

static int count_members(const struct offsets *offsets)
{
    int n = 0;
    for (int i = 0; i < offsets->members->group_cnt; i++)
        n += offsets->members->groups[i].member_cnt;
    return n;
}

static bool offsets_open(struct offsets *offsets, const struct config *config,
                         const struct sink_driver *driver, struct err *err)
{
    *offsets = (struct offsets){.config = config, .driver = driver};
    applier_group(config, driver, offsets->group);
    offsets->reader = json_reader_new();
    return driver->open(config, &offsets->sink, err) && open_kafka(offsets, err) &&
           read_kafka(offsets, err) && read_target(offsets, err) && read_members(offsets, err);
}

static void offsets_close(struct offsets *offsets)
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

// Looks at one record. *found: it is the one that is looked for in its partition.
typedef bool visit_fn(const struct change *change, const void *with, bool *found, struct err *err);

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
    struct place *place = find_place(offsets, message->rkt ? rd_kafka_topic_name(message->rkt) : "",
                                     message->partition);
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
static bool scan(struct offsets *offsets, visit_fn *visit, const void *with, struct err *err)
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
    return scan(offsets, visit_first, NULL, err);
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

static void offset_text(char text[24], int64_t offset)
{
    if (offset == SINK_OFFSET_NONE)
        snprintf(text, 24, "none");
    else
        snprintf(text, 24, "%" PRId64, offset);
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
           offsets->group, count_members(offsets), lag);
    if (offsets->n_places == 0) {
        printf("  no topics yet\n");
        return;
    }
    printf("  %-*s %9s %12s %12s %10s %9s  %s\n", width, "topic", "partition", "checkpoint", "end",
           "lag", "seconds", "held by");
    for (size_t i = 0; i < offsets->n_places; i++) {
        const struct place *place = &offsets->places[i];
        char at[24];
        offset_text(at, place->checkpoint.offset);
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

// --- reset: where to ---

static bool choose(struct offsets *offsets, const char *glob, struct err *err)
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
        *place = *end == ':' ? find_place(offsets, topic, (int32_t)partition) : NULL;
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
    bool done =
        gtid_set_parse(&set, slice_of_str(rest), err) && scan(offsets, visit_gtid, &set, err);
    for (size_t i = 0; done && i < offsets->n_places; i++) {
        struct place *place = &offsets->places[i];
        place->to = place->found >= 0 ? place->found : place->kafka.end;
    }
    gtid_set_deinit(&set);
    return done;
}

static bool find_targets(struct offsets *offsets, const char *to, struct err *err)
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

static bool refuse_running(const struct offsets *offsets, struct err *err)
{
    struct buf who = {0};
    int n = 0;
    for (int i = 0; i < offsets->members->group_cnt; i++)
        for (int k = 0; k < offsets->members->groups[i].member_cnt && n < MEMBERS_SHOWN; k++, n++)
            buf_printf(&who, "%s%s%s", n ? ", " : "",
                       offsets->members->groups[i].members[k].client_id,
                       offsets->members->groups[i].members[k].client_host);
    if (n > 0)
        err_set(
            err, ERR_REFUSED,
            "the applier runs: group %s has %d members (%s). Stop them first; one that was killed "
            "counts until its session timeout (6 s by default)",
            offsets->group, count_members(offsets), buf_cstr(&who));
    buf_deinit(&who);
    return n == 0;
}

static void print_plan(const struct offsets *offsets)
{
    printf("applier %s: group %s\n", offsets->driver->name, offsets->group);
    for (size_t i = 0; i < offsets->n_places; i++) {
        const struct place *place = &offsets->places[i];
        char from[24], to[24];
        if (!place->is_chosen)
            continue;
        offset_text(from, place->checkpoint.offset);
        offset_text(to, place->to);
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
static void set_group(struct offsets *offsets)
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
    if (!options->dry_run && !refuse_running(offsets, err))
        return false;
    if (!choose(offsets, options->topic, err) || !find_targets(offsets, options->to, err))
        return false;
    print_plan(offsets);
    if (options->dry_run) {
        printf("nothing was changed (--dry-run)\n");
        return true;
    }
    if (!cli_confirm("Set them?", options->yes, err) || !set_target(offsets, err))
        return false;
    set_group(offsets);
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
