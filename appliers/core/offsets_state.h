// SPDX-License-Identifier: Apache-2.0
// Offsets, opened: what `offsets show` and `offsets reset` share. A place is one partition: what
// Kafka holds of it, and the target's checkpoint.
#ifndef TAILRACE_APPLIERS_CORE_OFFSETS_STATE_H
#define TAILRACE_APPLIERS_CORE_OFFSETS_STATE_H

#include "appliers/core/offsets.h"
#include "appliers/core/topic_end.h"
#include "record/json_reader.h"

#define OFFSET_TEXT_BYTES 24

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

// False: *offsets has to be closed all the same.
MUST_CHECK bool offsets_open(struct offsets *offsets, const struct config *config,
                             const struct sink_driver *driver, struct err *err);
void offsets_close(struct offsets *offsets);

// NULL: there is none.
struct place *offsets_find(struct offsets *offsets, const char *topic, int32_t partition);

// How many processes are in the group.
int offsets_count_members(const struct offsets *offsets);

// Looks at one record. *found: it is the one that is looked for in its partition.
typedef bool visit_fn(const struct change *change, const void *with, bool *found, struct err *err);

// Reads the places that are not done, each from `found` on, until `visit` has found its record, or
// the end is reached; `found` is then its offset, or -1. What is left behind an offset is found so,
// as offsets alone do not tell: marks of transactions and aborted records have offsets too.
MUST_CHECK bool offsets_scan(struct offsets *offsets, visit_fn *visit, const void *with,
                             struct err *err);

// "none" for SINK_OFFSET_NONE.
void offsets_write_text(char text[OFFSET_TEXT_BYTES], int64_t offset);

// --- reset ---

// Chooses the places whose topic fits the glob; NULL: all. ERR_USAGE: none does.
MUST_CHECK bool offsets_choose(struct offsets *offsets, const char *glob, struct err *err);

// Sets `to` of the chosen places, as --to says. ERR_USAGE.
MUST_CHECK bool offsets_find_targets(struct offsets *offsets, const char *to, struct err *err);

// ERR_REFUSED while the group has members: "`what` runs: …".
MUST_CHECK bool offsets_refuse_running(const struct offsets *offsets, const char *group,
                                       const char *what, struct err *err);

// Sets the group's offsets to those of the chosen places, for the tools that show lag.
void offsets_set_group(struct offsets *offsets);

#endif
