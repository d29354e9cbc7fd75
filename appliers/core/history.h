// SPDX-License-Identifier: Apache-2.0
// History: whether Kafka has all that a table's content needs, in each partition. It has when
// nothing was ever removed from its beginning (offset 0 is there; compaction keeps the last change
// of each key), or when a copy of the whole table (tailrace snapshot) began behind the first record
// that is there and was completed.
#ifndef TAILRACE_APPLIERS_CORE_HISTORY_H
#define TAILRACE_APPLIERS_CORE_HISTORY_H

#include "appliers/core/offsets_state.h"

// Of the chosen places, from `to` on. ERR_REFUSED names the first partition that lacks some, and
// the way out.
MUST_CHECK bool history_check(struct offsets *offsets, struct err *err);

#endif
