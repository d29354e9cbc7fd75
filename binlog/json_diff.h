// SPDX-License-Identifier: Apache-2.0
// JSON diff: what a partial update (binlog_row_value_options=PARTIAL_JSON) changes in a document,
// applied to the document before it.
#ifndef TAILRACE_BINLOG_JSON_DIFF_H
#define TAILRACE_BINLOG_JSON_DIFF_H

#include "common/arena.h"
#include "common/cursor.h"
#include "common/err.h"

// Reads all diffs under the cursor and applies them in their order. `before` is a document as
// jsonb_to_text writes it; *after, of the same form, lives in the arena or is `before` itself.
// ERR_CORRUPT for bytes that are no diffs and for a diff that does not fit the document,
// ERR_UNSUPPORTED for what this version does not know.
MUST_CHECK bool json_diff_apply(struct cursor *diffs, struct slice before, struct arena *arena,
                                struct slice *after, struct err *err);

#endif
