// SPDX-License-Identifier: Apache-2.0
// JSON scan: fills a tape; see json_tape.h, which is what others call.
#ifndef TAILRACE_RECORD_JSON_SCAN_H
#define TAILRACE_RECORD_JSON_SCAN_H

#include "record/json_tape.h"

static inline bool json_is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The tokens of tape->text, which is valid UTF-8 and begins, behind spaces, with { or [.
// ERR_CORRUPT with the offset (tape->base is added) of the first byte that is wrong.
MUST_CHECK bool json_scan(struct json_tape *tape, unsigned levels, struct err *err);

#endif
