// SPDX-License-Identifier: Apache-2.0
// Snapshot key: rows by their canonical keys ({"id":7}, as Kafka has them): what the source holds
// under a key now is published as `r`, and where it holds nothing a `d` is. That mends a copy that
// differs, whatever made it differ.
#ifndef TAILRACE_PUBLISHER_SNAPSHOT_KEY_H
#define TAILRACE_PUBLISHER_SNAPSHOT_KEY_H

#include "publisher/snapshot_reader.h"
#include "record/json_tape.h"

// Reads the key into the key's columns of `row` (n_columns values); the others are absent.
// ERR_USAGE, with the key, where it is not one of this table in canonical form.
MUST_CHECK bool key_read(const struct schema *schema, struct slice key, struct arena *arena,
                         struct value *row, struct err *err);

// Publishes what stands under the keys, in one view. False: *err is about the session. *outcome
// OUTCOME_MORE: the source was not ready, nothing was sent; OUTCOME_FAILED: *err says why.
MUST_CHECK bool key_publish(struct snapshot_reader *reader, struct snapshot *snapshot,
                            yajl_val keys, enum snapshot_outcome *outcome, struct err *err);

#endif
