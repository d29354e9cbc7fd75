// SPDX-License-Identifier: Apache-2.0
// Batch: what one atomic step writes. Of several changes of a key only the net effect is kept: the
// last full row, an update of some columns merged into what came before it, or the deletion. Order
// among different keys does not matter within a batch; order of batches does. One batch a worker,
// filled again and again.
#ifndef TAILRACE_APPLIERS_CORE_BATCH_H
#define TAILRACE_APPLIERS_CORE_BATCH_H

#include "common/arena.h"
#include "record/change.h"
#include "record/position.h"

enum effect_kind {
    EFFECT_REPLACE, // the whole row: write it, whatever was there
    EFFECT_PATCH,   // columns that are not VALUE_ABSENT; the others stay as they are
    EFFECT_DELETE,
};

struct effect {
    enum effect_kind kind;
    uint32_t hash;             // of table and key
    uint32_t partition;        // of the last change in it: index in batch->partitions
    const struct table *table; // table->key names the key columns
    const struct value *row;   // n_columns values; the key columns are always there
    struct slice key;          // the Kafka key's bytes
    struct slice gtid;         // of the last change in it; empty: none
    int64_t offset;            // of its record
    bool is_new;               // its first change in the batch makes the row, or copies it
    bool is_refused;           // by the target, see batch_refuse
};

// How far the batch takes one partition.
struct batch_partition {
    const char *topic; // borrowed from the caller for the life of the batch
    int32_t partition;
    int64_t from;      // offset at which the checkpoint must stand (SINK_OFFSET_NONE: none yet)
    int64_t next;      // offset after the batch
    int64_t high;      // all changes before this offset were applied once: a batch that begins
                       // before it is a replay
    int64_t truncated; // offset of the last truncation that was applied; -1: none
    char gtid[GTID_TEXT_MAX];
    char
        file[POSITION_FILE_MAX]; // "": the batch has no change of it, and the position is not known
    uint64_t pos;
    uint64_t ts_us;
};

// One change with the record that it came in.
struct batch_record {
    struct change change;
    struct slice key;
    uint32_t partition;   // what batch_partition returned
    int32_t n_partitions; // header `partitions` of a truncation; 0: none
    int64_t offset;
};

// A truncation is a batch of its own: of the table's objects, those of the partition go.
struct truncation {
    const struct table *table; // NULL: the batch is none
    uint32_t partition;        // index in batch->partitions
    int32_t n_partitions;      // that the truncation was sent to; 0: not said
    int64_t offset;            // of its record
};

struct batch {
    bool guarded; // objects carry the offset of their last change, see guard.h; set by the owner
    struct truncation truncation; // then there are no effects
    struct effect *effects;
    size_t n_effects;
    struct batch_partition *partitions;
    size_t n_partitions;
    struct arena arena;          // for the decoded values of this batch's records
    const struct table **tables; // the shapes in it
    uint32_t *slots;             // by hash: number of the effect + 1, 0 is free
    size_t n_tables, n_slots;    // n_slots is a power of two
    size_t cap_effects, cap_partitions, cap_tables;
};

// {0} is an empty batch. clear keeps the memory, and `guarded`.
void batch_clear(struct batch *batch);
void batch_deinit(struct batch *batch);

// The number of the partition in batch->partitions; put in with from = next = `from` when it is
// new.
uint32_t batch_partition(struct batch *batch, const char *topic, int32_t partition, int64_t from);

// Merges the change in and notes where it stands in the source. Slices and values are borrowed
// until batch_clear. *taken = false: the change does not fit what is in the batch (another shape of
// its table, or a truncation): apply the batch, then put it into the next. An empty batch takes any
// change. What lies before a truncation that was applied is passed over in a guarded batch.
// ERR_UNSUPPORTED: an image with columns missing where all are needed; ERR_CORRUPT: no key;
// ERR_REFUSED: a column has the guard's name.
MUST_CHECK bool batch_add(struct batch *batch, const struct batch_record *record, bool *taken,
                          struct err *err);

// Puts "topic T partition P offset O, GTID G, db.table {key}: " before the text. Always false.
bool batch_blame(struct err *err, const struct batch *batch, const struct effect *effect);

// For a sink: *err is the target's refusal of this effect for what the effect itself is, so that it
// would pass without it; not of a server or an account as a whole. Marks the effect if the class is
// ERR_REFUSED, else blames it. Always false.
bool batch_refuse(struct err *err, const struct batch *batch, const struct effect *effect);

// The effect that is marked; NULL: none is.
const struct effect *batch_refused(const struct batch *batch);

#endif
