// SPDX-License-Identifier: Apache-2.0
// Digits: a decimal number taken apart, whatever it looks like.
#ifndef TAILRACE_VERIFY_DIGITS_H
#define TAILRACE_VERIFY_DIGITS_H

#include <stddef.h>

#define DIGITS_MOST 96

// A decimal number's significant digits and the power of ten of the first.
struct digits {
    char text[DIGITS_MOST + 1];
    size_t n; // without zeros at either end; more than fit: not all are in text
    long exponent;
};

// `text` is a number as JSON has them, NUL-terminated; its sign is passed over.
struct digits digits_read(const char *text);

#endif
