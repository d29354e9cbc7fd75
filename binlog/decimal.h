// SPDX-License-Identifier: Apache-2.0
// Decimal: the server's packed DECIMAL to text. Pure; no allocation.
#ifndef TAILRACE_BINLOG_DECIMAL_H
#define TAILRACE_BINLOG_DECIMAL_H

#include "common/cursor.h"
#include "common/err.h"

#define DECIMAL_PRECISION_MAX 65
#define DECIMAL_SCALE_MAX 38 // MariaDB; MySQL stops at 30
#define DECIMAL_TEXT_MAX (DECIMAL_PRECISION_MAX + 3)

// True for what a server can declare: precision 1 to 65, scale 0 to 38 and not above the precision.
bool decimal_is_valid(unsigned precision, unsigned scale);

// Reads one DECIMAL(precision, scale), which decimal_is_valid, and writes its text ("-1.500") to
// `text`, which has room for DECIMAL_TEXT_MAX bytes; *len is the number written. ERR_CORRUPT with
// the offset.
MUST_CHECK bool decimal_decode(struct cursor *cur, unsigned precision, unsigned scale,
                               uint8_t *text, size_t *len, struct err *err);

#endif
