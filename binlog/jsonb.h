// SPDX-License-Identifier: Apache-2.0
// Jsonb: MySQL's binary JSON to JSON text, as the server prints it but without spaces: keys in the
// order stored, numbers digit by digit as the server writes them, opaque values (DECIMAL, dates,
// binary) in the server's form.
#ifndef TAILRACE_BINLOG_JSONB_H
#define TAILRACE_BINLOG_JSONB_H

#include "common/arena.h"
#include "common/cursor.h"
#include "common/err.h"

#define JSONB_DEPTH_MAX 100 // the server's own limit

// Reads the one document that is all of the cursor's bytes; *text lives in the arena. No bytes at
// all are the `null` that the server means by them. The time and the length of the text are bounded
// by the number of bytes. ERR_CORRUPT or ERR_UNSUPPORTED with the offset.
MUST_CHECK bool jsonb_to_text(struct cursor *document, struct arena *arena, struct slice *text,
                              struct err *err);

#endif
