// SPDX-License-Identifier: Apache-2.0
// Base64 of RFC 4648 section 4: the alphabet with + and /, padded with =, no line ends.
#ifndef TAILRACE_RECORD_BASE64_H
#define TAILRACE_RECORD_BASE64_H

#include "common/arena.h"
#include "common/buf.h"

// Appends the text of the bytes.
void base64_encode(struct buf *out, struct slice bytes);

// The bytes of the text, in the arena. Strict: whole groups of four, padding only at the end,
// unused bits zero, so that equal bytes have one text. False, with the offset of the first
// character that is wrong, where it is not such a text.
MUST_CHECK bool base64_decode(struct slice text, struct arena *arena, struct slice *bytes,
                              size_t *offset);

#endif
