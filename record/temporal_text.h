// SPDX-License-Identifier: Apache-2.0
// Temporal text: dates and times as the record has them. Fields are written as they are, so zero
// and partly zero dates stay what they were.
//   DATE       2026-11-21
//   DATETIME   2026-11-21T08:15:00.250       `digits` digits behind the point; none: no point
//   TIMESTAMP  2026-11-21T08:15:00.250Z
//   TIME       -838:59:59.000000             two or three digits of hours
#ifndef TAILRACE_RECORD_TEMPORAL_TEXT_H
#define TAILRACE_RECORD_TEMPORAL_TEXT_H

#include "common/err.h"
#include "record/value.h"

#define TEMPORAL_TEXT_MAX 32

// `kind` is VALUE_DATE, VALUE_DATETIME, VALUE_TIMESTAMP or VALUE_TIME. Returns the length; no NUL.
size_t temporal_text_write(char text[TEMPORAL_TEXT_MAX], enum value_kind kind,
                           const struct temporal *time);

// Reads exactly such a text with `digits` fraction digits. Months up to 12, days up to 31, as the
// server stores them. False, with the offset of the first byte that is wrong, where it is none.
MUST_CHECK bool temporal_text_read(struct slice text, enum value_kind kind, uint8_t digits,
                                   struct temporal *time, size_t *offset);

#endif
