// SPDX-License-Identifier: Apache-2.0
// Batch: what one atomic step writes. Of several changes of a key only the net effect is kept: the last full row, an
// update of some columns merged into what came before it, or the deletion. Order among different keys does not matter
// within a batch; order of batches does. One batch a worker, filled again and again.
#ifndef TAILRACE_APPLIERS_CORE_BATCH_H
#define TAILRACE_APPLIERS_CORE_BATCH_H

#include "common/arena.h"
#include "record/change.h"
#include "record/json_reader.h"
#include "record/position.h"

enum effect_kind {
    EFFECT_REPLACE, // the whole row: write it, whatever was there
    EFFECT_PATCH,   // columns that are not VALUE_ABSENT; the others stay as they are
    EFFECT_DELETE,
};

struct effect {
    enum effect_kind kind;
    const struct table *table; // table->key names the key columns
    const struct value *row;   // n_columns values; for EFFECT_DELETE the key columns are there
    struct slice key;          // the Kafka key's bytes
};

// How far the batch takes one partition.
struct batch_partition {
    const char *topic; // borrowed from the caller for the life of the batch
    int32_t partition;
    int64_t from; // offset at which the checkpoint must stand (SINK_OFFSET_NONE: none yet)
    int64_t next; // offset after the batch
    char gtid[GTID_TEXT_MAX];
    char file[POSITION_FILE_MAX];
    uint64_t pos;
    uint64_t ts_us;
};

struct batch {
    struct effect *effects;
    size_t n_effects;
    struct batch_partition *partitions;
    size_t n_partitions;
    size_t n_records; // that went in
    size_t bytes;     // of their keys and values
    struct batch_index *index;
    struct arena arena;
    size_t cap_effects;
    size_t cap_partitions;
};

// {0} is an empty batch. clear keeps the memory.
void batch_clear(struct batch *batch);
void batch_deinit(struct batch *batch);

#endif
