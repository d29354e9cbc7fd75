// SPDX-License-Identifier: Apache-2.0
// Number text: numbers as JSON has them, without the C library's formatting where that is slow.
#ifndef TAILRACE_RECORD_NUMBER_TEXT_H
#define TAILRACE_RECORD_NUMBER_TEXT_H

#include "common/buf.h"

#define NUMBER_U64_MAX 24 // 20 digits, and room to write eight at a time

// Puts the digits at `to`, where there is room for NUMBER_U64_MAX; returns the place behind them.
uint8_t *number_put_u64(uint8_t *to, uint64_t v);

void number_write_u64(struct buf *out, uint64_t v);
void number_write_i64(struct buf *out, int64_t v);

// The fewest significant digits that read back as the same double (or float); of several such texts
// the closest. A negative zero is -0.0. What is no number (the server cannot store one) is the
// string "NaN", "inf" or "-inf".
void number_write_double(struct buf *out, double v);
void number_write_float(struct buf *out, float v);

#endif
