// SPDX-License-Identifier: Apache-2.0
// Total: an exact sum of decimal numbers, whatever their size: nothing is rounded, as a double
// would.
#ifndef TAILRACE_VERIFY_TOTAL_H
#define TAILRACE_VERIFY_TOTAL_H

#include "common/buf.h"

#define TOTAL_LIMBS 16      // of nine digits
#define TOTAL_LIMBS_BELOW 4 // behind the point: 36 digits, DECIMAL has 30 at most

// {0} is zero. Limbs may be negative or larger than nine digits until the text is written.
struct total {
    int64_t limbs[TOTAL_LIMBS]; // the smallest first
    uint32_t pending;           // numbers since the limbs were last carried
};

// Adds a number "-12.50", without an exponent; false: it is none.
bool total_add(struct total *total, struct slice number);

// Appends it without zeros at the end: "12.5".
void total_write(struct buf *out, struct total *total);

#endif
