// SPDX-License-Identifier: Apache-2.0
// Guard: each object in a target carries partition and offset of its last change in the field
// GUARD_FIELD, and a deleted one leaves a tombstone with both for [apply] guard_time. A change at
// or below what its object shows does nothing, so a replay from any earlier offset leaves the
// target as it is, at every moment.
//
// The steady state pays no reads for it: each checkpoint keeps `high`, the offset before which all
// was applied once, through resets and changes of the owner. What lies at or above it is new. Only
// effects below it are replayed: their objects' guards are read within the same atomic step. What
// lies before a truncation that was applied is known without any reading (batch_add).
//
// Of a batch's net effect the offset of the last change counts. That is right for an effect of
// several changes of which the object shows some (it stands within the batch): a whole row or a
// deletion is what the last change leaves; and a patch has, of each column that it names, the last
// value of all the key's changes in the batch, which is also the object's where that change is one
// of those it shows.
#ifndef TAILRACE_APPLIERS_CORE_GUARD_H
#define TAILRACE_APPLIERS_CORE_GUARD_H

#include "appliers/core/batch.h"
#include "common/config.h"

#define GUARD_FIELD "_tailrace"
#define GUARD_TEXT_BYTES 40
#define GUARD_PLACE_BYTES (POSITION_FILE_MAX + 24)

struct guard {
    int32_t partition;
    int64_t offset;
};

bool guard_is_on(const struct config *config);

struct guard guard_of(const struct batch *batch, const struct effect *effect);

// True when the effect may be one that the target shows already: look at its object.
bool guard_is_replay(const struct batch *batch, const struct effect *effect);

// True when an object, or its tombstone, with the guard `found` shows the effect.
bool guard_shows(const struct guard *found, const struct guard *effect);

// "P:O"; returns its length.
size_t guard_write(char text[GUARD_TEXT_BYTES], const struct guard *guard);

// False when the text is not exactly one that guard_write writes.
bool guard_read(struct slice text, struct guard *guard);

// "FILE:POS" of the partition's last change in the source.
void guard_place(char place[GUARD_PLACE_BYTES], const struct batch_partition *partition);

#endif
