// SPDX-License-Identifier: Apache-2.0
// Rebuild: see rebuild.h. What it is about is a text, the plan, which the target keeps: a later
// run with the same one goes on with what is filled, with another one it begins anew.
#define _POSIX_C_SOURCE 200809L
#include "appliers/core/rebuild.h"

#include "appliers/core/applier.h"
#include "appliers/core/beside.h"
#include "appliers/core/dead_letters.h"
#include "appliers/core/history.h"
#include "appliers/core/offsets_state.h"
#include "common/buf.h"
#include "common/cli.h"
#include "common/crash.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "record/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FILL_TRIES 3
#define MIB ((uint64_t)1 << 20)

struct rebuild {
    struct offsets offsets; // of the applier
    const struct offsets_options *options;
    const struct beside_driver *driver;
    char beside_group[SINK_GROUP_BYTES];
    char owner[SINK_OWNER_BYTES];
    struct beside_state found; // in the target, when it was opened
    struct buf plan;
    struct beside beside;
    const char **topics; // in the plan's own copy below
    char *topic_texts;
    struct beside_table *tables; // of each topic
    size_t n_topics;
};

// --- the plan: "to=… guard=… format=… key=… ttl=…: TOPIC TOPIC …" ---

static void write_plan(struct rebuild *rebuild)
{
    const struct config *config = rebuild->offsets.config;
    const char *to = rebuild->options->to ? rebuild->options->to : "earliest";
    const char *last = "";
    buf_clear(&rebuild->plan);
    buf_printf(&rebuild->plan, "to=%s guard=%s format=%s key=%s ttl=%" PRIu64 "ms:", to,
               config->apply.guard, config->redis.format, config->redis.key, config->redis.ttl_ms);
    for (size_t i = 0; i < rebuild->offsets.n_places; i++) {
        const struct place *place = &rebuild->offsets.places[i];
        if (place->is_chosen && strcmp(place->kafka.topic, last) != 0)
            buf_printf(&rebuild->plan, " %s", last = place->kafka.topic);
    }
}

static void forget_plan(struct rebuild *rebuild)
{
    for (size_t i = 0; i < rebuild->n_topics; i++) {
        free(rebuild->tables[i].db);
        free(rebuild->tables[i].name);
    }
    free(rebuild->tables);
    free((void *)rebuild->topics);
    free(rebuild->topic_texts);
    rebuild->tables = NULL;
    rebuild->topics = NULL;
    rebuild->topic_texts = NULL;
    rebuild->n_topics = 0;
}

static bool add_topic(struct rebuild *rebuild, const char *topic, struct err *err)
{
    struct buf db = {0}, table = {0};
    bool done = topic_read_table(topic, rebuild->offsets.config->source.name, &db, &table) ||
                err_set(err, ERR_CORRUPT,
                        "the rebuild in the target names %s, which is no table's topic", topic);
    if (done) {
        rebuild->topics[rebuild->n_topics] = topic;
        rebuild->tables[rebuild->n_topics++] =
            (struct beside_table){mem_strdup(buf_cstr(&db)), mem_strdup(buf_cstr(&table))};
    }
    buf_deinit(&db);
    buf_deinit(&table);
    return done;
}

// Reads the topics out of the plan; no topic has a ':' or a space in its name.
static bool take_plan(struct rebuild *rebuild, const char *plan, struct err *err)
{
    const char *list = strrchr(plan, ':');
    size_t n = 1;
    char *rest = NULL;
    forget_plan(rebuild);
    rebuild->topic_texts = mem_strdup(list ? list + 1 : "");
    for (const char *at = rebuild->topic_texts; *at; at++)
        n += *at == ' ';
    rebuild->topics = mem_zalloc(n * sizeof(const char *));
    rebuild->tables = mem_zalloc(n * sizeof *rebuild->tables);
    for (char *topic = strtok_r(rebuild->topic_texts, " ", &rest); topic;
         topic = strtok_r(NULL, " ", &rest))
        if (!add_topic(rebuild, topic, err))
            return false;
    rebuild->beside = (struct beside){.group = rebuild->offsets.group,
                                      .beside_group = rebuild->beside_group,
                                      .owner = rebuild->owner,
                                      .plan = plan,
                                      .tables = rebuild->tables,
                                      .n_tables = rebuild->n_topics};
    return true;
}

// --- open ---

static bool read_state(struct rebuild *rebuild, struct err *err)
{
    free(rebuild->found.plan);
    rebuild->found = (struct beside_state){BESIDE_NONE, NULL};
    return rebuild->driver->read(rebuild->offsets.sink, rebuild->offsets.group, &rebuild->found,
                                 err);
}

static bool rebuild_open(struct rebuild *rebuild, const struct config *config,
                         const struct sink_driver *driver, const struct offsets_options *options,
                         struct err *err)
{
    *rebuild = (struct rebuild){.options = options, .driver = driver->beside};
    applier_make_owner(rebuild->owner);
    if (!offsets_open(&rebuild->offsets, config, driver, err))
        return false;
    int n = snprintf(rebuild->beside_group, sizeof rebuild->beside_group, "%s.rebuild",
                     rebuild->offsets.group);
    if (n < 0 || (size_t)n >= sizeof rebuild->beside_group)
        return err_set(err, ERR_CONFIG, "[source] name is too long for a rebuild");
    return read_state(rebuild, err);
}

static void rebuild_close(struct rebuild *rebuild)
{
    forget_plan(rebuild);
    free(rebuild->found.plan);
    buf_deinit(&rebuild->plan);
    offsets_close(&rebuild->offsets);
}

static bool refuse_running(const struct rebuild *rebuild, struct err *err)
{
    if (rebuild->options->dry_run)
        return true;
    return offsets_refuse_running(&rebuild->offsets, rebuild->offsets.group, "the applier", err) &&
           offsets_refuse_running(&rebuild->offsets, rebuild->beside_group, "a rebuild", err);
}

bool rebuild_refuse_swapping(const struct sink_driver *driver, struct sink *sink, const char *group,
                             struct err *err)
{
    struct beside_state state = {BESIDE_NONE, NULL};
    if (!driver->beside->read(sink, group, &state, err))
        return false;
    free(state.plan);
    return state.phase != BESIDE_SWAPPING || beside_refuse_claim(err, group);
}

// --- what will be done ---

static bool choose(struct rebuild *rebuild, struct err *err)
{
    struct offsets *offsets = &rebuild->offsets;
    const char *to = rebuild->options->to ? rebuild->options->to : "earliest";
    size_t n_before = 0, n = 0;
    if (!offsets_choose(offsets, rebuild->options->topic, err))
        return false;
    for (size_t i = 0; i < offsets->n_places; i++)
        n_before += offsets->places[i].is_chosen;
    if (!offsets_find_targets(offsets, to, err))
        return false;
    for (size_t i = 0; i < offsets->n_places; i++)
        n += offsets->places[i].is_chosen;
    if (n < n_before)
        return err_set(err, ERR_USAGE, "--rebuild takes whole topics, not single partitions");
    return history_check(offsets, err);
}

static uint64_t count_records(const struct rebuild *rebuild, const char *topic)
{
    uint64_t n = 0;
    for (size_t i = 0; i < rebuild->offsets.n_places; i++) {
        const struct place *place = &rebuild->offsets.places[i];
        int64_t from = place->to > place->kafka.first ? place->to : place->kafka.first;
        if (place->is_chosen && strcmp(place->kafka.topic, topic) == 0)
            n += (uint64_t)(place->kafka.end - from);
    }
    return n;
}

static bool print_sizes(const struct rebuild *rebuild, bool is_filled, struct err *err)
{
    struct sink *sink = rebuild->offsets.sink;
    size_t n = rebuild->n_topics;
    struct beside_size *now = mem_zalloc((n + 1) * sizeof *now);
    struct beside_size *filled = mem_zalloc((n + 1) * sizeof *filled);
    uint64_t bytes = 0;
    bool done = rebuild->driver->measure(sink, &rebuild->beside, false, now, err) &&
                (!is_filled || rebuild->driver->measure(sink, &rebuild->beside, true, filled, err));
    for (size_t i = 0; done && i < n; i++) {
        printf("  %s.%s: %" PRIu64 " objects now, about %" PRIu64 " MiB; ", rebuild->tables[i].db,
               rebuild->tables[i].name, now[i].objects, (now[i].bytes + MIB - 1) / MIB);
        if (is_filled)
            printf("%" PRIu64 " objects rebuilt\n", filled[i].objects);
        else
            printf("%" PRIu64 " offsets in Kafka to apply\n",
                   count_records(rebuild, rebuild->topics[i]));
        bytes += now[i].bytes;
    }
    if (done && !is_filled)
        printf("beside them room is needed for about %" PRIu64 " MiB more\n",
               (bytes + MIB - 1) / MIB);
    free(now);
    free(filled);
    return done;
}

static bool goes_on(const struct rebuild *rebuild)
{
    return rebuild->found.phase == BESIDE_FILLING && rebuild->found.plan &&
           strcmp(rebuild->found.plan, rebuild->beside.plan) == 0;
}

static bool print_plan(struct rebuild *rebuild, struct err *err)
{
    const char *plan = rebuild->beside.plan;
    printf("applier %s: group %s, rebuilds %zu tables (%.*s)\n", rebuild->offsets.driver->name,
           rebuild->offsets.group, rebuild->n_topics, (int)(strstr(plan, " format=") - plan), plan);
    if (goes_on(rebuild))
        printf("goes on with what is filled already\n");
    else if (rebuild->found.phase != BESIDE_NONE)
        printf("another rebuild was not finished (%s): what it has beside is removed\n",
               rebuild->found.plan);
    return print_sizes(rebuild, false, err);
}

// --- fill ---

static bool discard_found(struct rebuild *rebuild, struct err *err)
{
    return take_plan(rebuild, rebuild->found.plan, err) &&
           rebuild->driver->discard(rebuild->offsets.sink, &rebuild->beside, err);
}

// Where a rebuild begins that does not begin with the first record.
static bool set_start(struct rebuild *rebuild, struct err *err)
{
    const struct offsets *offsets = &rebuild->offsets;
    struct sink_checkpoint *checkpoints = NULL;
    size_t n = 0;
    if (!offsets->driver->list(offsets->sink, rebuild->beside_group, &checkpoints, &n, err))
        return false;
    free(checkpoints);
    if (n > 0)
        return true;
    checkpoints = mem_zalloc((offsets->n_places + 1) * sizeof *checkpoints);
    for (size_t i = 0; i < offsets->n_places; i++) {
        const struct place *place = &offsets->places[i];
        if (!place->is_chosen || place->to == SINK_OFFSET_NONE)
            continue;
        struct sink_checkpoint *one = &checkpoints[n++];
        snprintf(one->topic, sizeof one->topic, "%s", place->kafka.topic);
        one->partition = place->kafka.partition;
        one->offset = one->high = place->to;
        one->truncated = SINK_OFFSET_NONE;
    }
    bool done =
        n == 0 || offsets->driver->reset(offsets->sink, rebuild->beside_group, checkpoints, n, err);
    free(checkpoints);
    return done;
}

static bool begin(struct rebuild *rebuild, struct err *err)
{
    const char *plan = buf_cstr(&rebuild->plan);
    if (rebuild->found.phase != BESIDE_NONE && !goes_on(rebuild) && !discard_found(rebuild, err))
        return false;
    if (!take_plan(rebuild, plan, err) ||
        !rebuild->driver->begin(rebuild->offsets.sink, &rebuild->beside, err))
        return false;
    CRASH_POINT(rebuild_begun);
    return set_start(rebuild, err);
}

// A change that the target refuses ends it: what it leaves out would be missing for ever.
static bool apply_all(const struct rebuild *rebuild, struct err *err)
{
    struct config config = *rebuild->offsets.config;
    config.apply.on_refused = "stop";
    struct applier applier = {.config = &config,
                              .driver = rebuild->offsets.driver,
                              .until_caught_up = true,
                              .is_beside = true,
                              .group = rebuild->beside_group,
                              .topics = rebuild->topics,
                              .n_topics = rebuild->n_topics};
    return applier_run(&applier, err) &&
           (!stop_requested() || err_set(err, ERR_STOPPED, "stopped"));
}

// The connections that were idle meanwhile are made anew, and so is what they have told.
static bool open_again(struct rebuild *rebuild, struct err *err)
{
    const struct config *config = rebuild->offsets.config;
    const struct sink_driver *driver = rebuild->offsets.driver;
    offsets_close(&rebuild->offsets);
    return offsets_open(&rebuild->offsets, config, driver, err);
}

static const struct sink_checkpoint *find_checkpoint(const struct sink_checkpoint *checkpoints,
                                                     size_t n, const struct topic_end *at)
{
    for (size_t i = 0; i < n; i++)
        if (checkpoints[i].partition == at->partition &&
            strcmp(checkpoints[i].topic, at->topic) == 0)
            return &checkpoints[i];
    return NULL;
}

static bool is_rebuilt(const struct rebuild *rebuild, const char *topic)
{
    for (size_t i = 0; i < rebuild->n_topics; i++)
        if (strcmp(rebuild->topics[i], topic) == 0)
            return true;
    return false;
}

// *has_all: each partition that the topics have by now is there with its checkpoint.
static bool look_at_filled(struct rebuild *rebuild, bool *has_all, struct err *err)
{
    struct offsets *offsets = &rebuild->offsets;
    struct sink_checkpoint *checkpoints;
    size_t n;
    if (!offsets->driver->list(offsets->sink, rebuild->beside_group, &checkpoints, &n, err))
        return false;
    *has_all = true;
    for (size_t i = 0; i < offsets->n_places; i++) {
        const struct topic_end *at = &offsets->places[i].kafka;
        if (is_rebuilt(rebuild, at->topic) && !find_checkpoint(checkpoints, n, at))
            *has_all = false;
    }
    free(checkpoints);
    return true;
}

static bool fill(struct rebuild *rebuild, struct err *err)
{
    bool has_all = false;
    for (int tries = 0; tries < FILL_TRIES && !has_all; tries++)
        if (!apply_all(rebuild, err) || !open_again(rebuild, err) ||
            !look_at_filled(rebuild, &has_all, err))
            return false;
    return has_all || err_set(err, ERR_RETRY, "partitions were added meanwhile");
}

// --- swap ---

// What was refused once is in the rebuild, or was changed since.
static bool close_letters(const struct rebuild *rebuild, struct err *err)
{
    struct dead_letters letters;
    bool done = dead_letters_open(&letters, rebuild->offsets.config, rebuild->offsets.driver, err);
    struct dead_letter_entry **entries = done ? dead_letter_book_list(letters.book) : NULL;
    size_t n = done ? letters.book->n_entries : 0;
    for (size_t i = 0; done && i < n; i++)
        if (entries[i]->is_open && is_rebuilt(rebuild, entries[i]->place.topic))
            done = dead_letter_log_close(letters.log, &entries[i]->place, DEAD_LETTER_REPLAYED,
                                         "rebuild", err);
    free((void *)entries);
    dead_letters_close(&letters);
    return done;
}

static void set_group(struct rebuild *rebuild, const struct sink_checkpoint *checkpoints, size_t n)
{
    struct offsets *offsets = &rebuild->offsets;
    for (size_t i = 0; i < offsets->n_places; i++) {
        struct place *place = &offsets->places[i];
        const struct sink_checkpoint *found = find_checkpoint(checkpoints, n, &place->kafka);
        place->is_chosen = found != NULL;
        place->to = found ? found->offset : SINK_OFFSET_NONE;
    }
    offsets_set_group(offsets);
    kafka_group_forget(offsets->rk, rebuild->beside_group);
}

static bool put_in_place(struct rebuild *rebuild, const struct sink_checkpoint *checkpoints,
                         size_t n, struct err *err)
{
    struct sink *sink = rebuild->offsets.sink;
    CRASH_POINT(rebuild_fenced);
    if (!rebuild->driver->swap(sink, &rebuild->beside, err) || !close_letters(rebuild, err))
        return false;
    CRASH_POINT(rebuild_swapped);
    if (!rebuild->driver->end(sink, &rebuild->beside, checkpoints, n, err))
        return false;
    CRASH_POINT(rebuild_ended);
    set_group(rebuild, checkpoints, n);
    printf("rebuilt\n");
    return true;
}

// The last moment to turn back. The group may have been joined while it was filled.
static bool fence(struct rebuild *rebuild, const struct sink_checkpoint *checkpoints, size_t n,
                  struct err *err)
{
    struct sink *sink = rebuild->offsets.sink;
    const struct beside_driver *driver = rebuild->driver;
    if (!print_sizes(rebuild, true, err) ||
        (driver->ready && !driver->ready(sink, &rebuild->beside, err)))
        return false;
    CRASH_POINT(rebuild_filled);
    return offsets_refuse_running(&rebuild->offsets, rebuild->offsets.group, "the applier", err) &&
           driver->fence(sink, &rebuild->beside, checkpoints, n, err);
}

static bool swap(struct rebuild *rebuild, bool is_fenced, struct err *err)
{
    const struct offsets *offsets = &rebuild->offsets;
    struct sink_checkpoint *checkpoints;
    size_t n;
    if (!offsets->driver->list(offsets->sink, rebuild->beside_group, &checkpoints, &n, err))
        return false;
    bool done = (is_fenced || fence(rebuild, checkpoints, n, err)) &&
                put_in_place(rebuild, checkpoints, n, err);
    free(checkpoints);
    return done;
}

// --- the command ---

static bool finish_found(struct rebuild *rebuild, struct err *err)
{
    printf("applier %s: group %s: a rebuild was interrupted while it was put in place\n",
           rebuild->offsets.driver->name, rebuild->offsets.group);
    if (rebuild->options->dry_run) {
        printf("nothing was changed (--dry-run)\n");
        return true;
    }
    return cli_confirm("Finish it?", rebuild->options->yes, err) &&
           take_plan(rebuild, rebuild->found.plan, err) &&
           rebuild->driver->begin(rebuild->offsets.sink, &rebuild->beside, err) &&
           swap(rebuild, true, err);
}

static bool do_rebuild(struct rebuild *rebuild, struct err *err)
{
    if (!refuse_running(rebuild, err))
        return false;
    if (rebuild->found.phase == BESIDE_SWAPPING)
        return finish_found(rebuild, err);
    if (!choose(rebuild, err))
        return false;
    write_plan(rebuild);
    if (!take_plan(rebuild, buf_cstr(&rebuild->plan), err) || !print_plan(rebuild, err))
        return false;
    if (rebuild->options->dry_run) {
        printf("nothing was changed (--dry-run)\n");
        return true;
    }
    if (!cli_confirm("Rebuild them beside, and put them in the place of these?",
                     rebuild->options->yes, err))
        return false;
    fflush(stdout);
    return begin(rebuild, err) && fill(rebuild, err) && swap(rebuild, false, err);
}

bool offsets_rebuild(const struct config *config, const struct sink_driver *driver,
                     const struct offsets_options *options, struct err *err)
{
    struct rebuild rebuild;
    bool done = rebuild_open(&rebuild, config, driver, options, err) && do_rebuild(&rebuild, err);
    rebuild_close(&rebuild);
    return done;
}

static bool do_discard(struct rebuild *rebuild, struct err *err)
{
    if (!refuse_running(rebuild, err))
        return false;
    if (rebuild->found.phase == BESIDE_NONE) {
        printf("applier %s: there is no unfinished rebuild\n", rebuild->offsets.driver->name);
        return true;
    }
    if (rebuild->found.phase == BESIDE_SWAPPING)
        return beside_refuse_claim(err, rebuild->offsets.group);
    printf("applier %s: removes what was filled (%s)\n", rebuild->offsets.driver->name,
           rebuild->found.plan);
    if (rebuild->options->dry_run) {
        printf("nothing was changed (--dry-run)\n");
        return true;
    }
    if (!cli_confirm("Remove it?", rebuild->options->yes, err) || !discard_found(rebuild, err))
        return false;
    kafka_group_forget(rebuild->offsets.rk, rebuild->beside_group);
    printf("removed\n");
    return true;
}

bool offsets_discard(const struct config *config, const struct sink_driver *driver,
                     const struct offsets_options *options, struct err *err)
{
    struct rebuild rebuild;
    bool done = rebuild_open(&rebuild, config, driver, options, err) && do_discard(&rebuild, err);
    rebuild_close(&rebuild);
    return done;
}
