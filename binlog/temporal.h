// SPDX-License-Identifier: Apache-2.0
// Temporal: the server's date and time formats to struct temporal. Zero dates and partly zero dates
// stay as they are; what no server can store (month 13, second 60) is ERR_CORRUPT with the offset.
// `digits` is 0 to 6. Pure.
#ifndef TAILRACE_BINLOG_TEMPORAL_H
#define TAILRACE_BINLOG_TEMPORAL_H

#include "common/cursor.h"
#include "common/err.h"
#include "record/value.h"

#define TEMPORAL_DIGITS_MAX 6

// DATE, 3 bytes.
MUST_CHECK bool temporal_date(struct cursor *cur, struct temporal *time, struct err *err);

// The formats before MySQL 5.6, without fractions: TIME 3 bytes, DATETIME 8, TIMESTAMP 4.
MUST_CHECK bool temporal_old_time(struct cursor *cur, struct temporal *time, struct err *err);
MUST_CHECK bool temporal_old_datetime(struct cursor *cur, struct temporal *time, struct err *err);
MUST_CHECK bool temporal_old_timestamp(struct cursor *cur, struct temporal *time, struct err *err);

// The formats since, with `digits` of a fraction behind: TIME 3 bytes, DATETIME 5, TIMESTAMP 4, and
// 0 to 3 more.
MUST_CHECK bool temporal_time(struct cursor *cur, unsigned digits, struct temporal *time,
                              struct err *err);
MUST_CHECK bool temporal_datetime(struct cursor *cur, unsigned digits, struct temporal *time,
                                  struct err *err);
MUST_CHECK bool temporal_timestamp(struct cursor *cur, unsigned digits, struct temporal *time,
                                   struct err *err);

// The 8 bytes that binary JSON has for them: the integer of the newer formats, little-endian,
// always with 6 digits.
MUST_CHECK bool temporal_json_time(struct cursor *cur, struct temporal *time, struct err *err);
MUST_CHECK bool temporal_json_datetime(struct cursor *cur, struct temporal *time, struct err *err);

#endif
