// SPDX-License-Identifier: Apache-2.0
// Sink: the seam between the applier core and a target. A driver is a table of functions; a sink is
// one connection of it, used by one thread at a time. All drivers have the same files: main.c,
// sink.c (connection and apply), mapping.c (values → what is written), checkpoint.c.
//
// The invariant: a batch's effect and the checkpoint of each partition in it happen in one atomic
// step, and only while the partition still belongs to the owner that claimed it and still stands at
// the offset where the batch begins. So a process that lost a partition cannot write any more, and
// a batch of unknown outcome (connection lost while it was committed) is found out by the next
// claim(): either the checkpoint moved, or nothing happened.
#ifndef TAILRACE_APPLIERS_CORE_SINK_H
#define TAILRACE_APPLIERS_CORE_SINK_H

#include "appliers/core/batch.h"
#include "appliers/core/guard.h"
#include "common/check.h"
#include "common/config.h"
#include "common/err.h"
#include "record/topic.h"

struct sink;
struct beside_driver;

#define SINK_OWNER_BYTES 128
#define SINK_GROUP_BYTES 256
#define SINK_OFFSET_NONE (-1) // no checkpoint yet

// Names one partition's checkpoint in the target. Borrowed.
struct sink_partition {
    const char *group; // "<source>.apply.<driver>"
    const char *topic;
    int32_t partition;
};

struct sink_checkpoint {
    char topic[TOPIC_NAME_MAX + 1];
    int32_t partition;
    int64_t offset;    // of the next record to read, SINK_OFFSET_NONE: none yet
    int64_t high;      // the highest that `offset` ever was, SINK_OFFSET_NONE: never (see guard.h)
    int64_t truncated; // offset of the last truncation, SINK_OFFSET_NONE: none
    char truncated_at[GUARD_PLACE_BYTES]; // "FILE:POS" of it in the source; "": none
    char owner[SINK_OWNER_BYTES];         // "": none
    char gtid[GTID_TEXT_MAX];             // of the last applied change; "" without GTIDs
    char file[POSITION_FILE_MAX];
    uint64_t pos;
    uint64_t ts_us;         // commit time of the last applied change
    uint64_t applied_at_us; // when it was applied
};

struct sink_driver {
    const char *name; // "mongodb"

    // Of malloc. Records are made by the client library's threads and freed by ours: with one arena
    // threads wait for each other, with more what is free in one is of no use to the others.
    int n_arenas;

    // Connects and proves that the target can keep the guarantee (replica set, writable, rights);
    // nothing is written. ERR_CONFIG, ERR_REFUSED, ERR_UNAVAILABLE (not there), with what mends it.
    bool (*open)(const struct config *config, struct sink **sink, struct err *err);
    void (*close)(struct sink *sink); // takes NULL

    // For `check`: lines about what is not refused and yet worth knowing. NULL: there is nothing.
    bool (*advise)(struct sink *sink, struct check *check, struct err *err);

    // Takes the partition over, whoever had it; *checkpoint says where to go on. ERR_RETRY,
    // ERR_REFUSED, also while a rebuild is being swapped (beside.h).
    bool (*claim)(struct sink *sink, const struct sink_partition *partition, const char *owner,
                  struct sink_checkpoint *checkpoint, struct err *err);

    // One atomic step; a truncation is many, and the last moves the checkpoint: what the others did
    // is done again without harm, as nothing behind it is applied before. ERR_RETRY: begin again
    // with claim() — a partition is not `owner`'s any more or stands elsewhere, the outcome is
    // unknown, or the target is not there. ERR_REFUSED with an effect marked (batch_refuse): the
    // target does not take that change, nothing was written, and the sink can be used on. Other
    // faults end the process.
    bool (*apply)(struct sink *sink, const char *group, const char *owner,
                  const struct batch *batch, struct err *err);

    // All checkpoints of the group, sorted by topic and partition; free(3) *checkpoints.
    bool (*list)(struct sink *sink, const char *group, struct sink_checkpoint **checkpoints,
                 size_t *n_checkpoints, struct err *err);

    // Sets offset, high and truncated of these checkpoints and clears their owner and position, all
    // or none. With high SINK_OFFSET_NONE it removes a checkpoint.
    bool (*reset)(struct sink *sink, const char *group, const struct sink_checkpoint *checkpoints,
                  size_t n_checkpoints, struct err *err);

    const struct beside_driver *beside; // rebuilds: see beside.h
};

// The common main of all sinks: apply, or `offsets …` with operands. In main.c.
int applier_main(const struct sink_driver *driver, int argc, char **argv);

#endif
