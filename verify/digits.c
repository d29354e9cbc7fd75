// SPDX-License-Identifier: Apache-2.0
// Digits: see digits.h.
#include "verify/digits.h"

#include <stdbool.h>
#include <stdlib.h>

struct digits digits_read(const char *text)
{
    struct digits digits = {.n = 0};
    size_t n = 0, n_last = 0; // to the last one that is no zero
    long point = 0, zeros = 0;
    bool behind_point = false;
    const char *c = text + (*text == '-');
    for (; *c && *c != 'e' && *c != 'E'; c++) {
        if (*c == '.') {
            behind_point = true;
            continue;
        }
        if (n == 0 && *c == '0') {
            zeros += behind_point;
            continue;
        }
        if (n < DIGITS_MOST)
            digits.text[n] = *c;
        n++;
        point += !behind_point;
        if (*c != '0')
            n_last = n;
    }
    digits.n = n_last;
    digits.text[n_last < DIGITS_MOST ? n_last : DIGITS_MOST] = '\0';
    digits.exponent = (point > 0 ? point : -zeros) - 1 + (*c ? strtol(c + 1, NULL, 10) : 0);
    return digits;
}
