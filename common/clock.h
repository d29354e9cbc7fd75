// SPDX-License-Identifier: Apache-2.0
// Clock: the time of day (UTC, microseconds since 1970) and a steady one for intervals.
#ifndef TAILRACE_COMMON_CLOCK_H
#define TAILRACE_COMMON_CLOCK_H

#include "common/err.h"

#include <stdint.h>

#define CLOCK_TEXT_BYTES 32

uint64_t clock_now_us(void);
uint64_t clock_now_ms(void);
uint64_t clock_steady_us(void);
uint64_t clock_steady_ms(void);

// "2026-11-21T08:15:00.250Z"
void clock_format(uint64_t us, char text[CLOCK_TEXT_BYTES]);

// Reads ISO 8601: "2026-11-21", "2026-11-21T08:15", "…:00", "….250", with "Z" or "+07:00" or
// nothing (UTC). ERR_USAGE where it is none.
MUST_CHECK bool clock_parse(const char *text, uint64_t *us, struct err *err);

#endif
