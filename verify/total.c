// SPDX-License-Identifier: Apache-2.0
// Total: see total.h.
#include "verify/total.h"

#define LIMB 1000000000
#define LIMB_DIGITS 9
#define CARRY_AFTER (1u << 30) // limbs of nine digits fit int64 so often

// Brings every limb but the last into [0, LIMB) of the total's sign-free form, from below.
static void carry(struct total *total)
{
    for (size_t i = 0; i + 1 < TOTAL_LIMBS; i++) {
        int64_t over = total->limbs[i] / LIMB - (total->limbs[i] % LIMB < 0);
        total->limbs[i] -= over * LIMB;
        total->limbs[i + 1] += over;
    }
    total->pending = 0;
}

static bool take_digit(struct total *total, long place, uint8_t digit, int sign)
{
    static const int64_t powers[LIMB_DIGITS] = {1,      10,      100,      1000,     10000,
                                                100000, 1000000, 10000000, 100000000};
    long at = place + TOTAL_LIMBS_BELOW * LIMB_DIGITS;
    if (at < 0 || at >= (TOTAL_LIMBS - 1) * LIMB_DIGITS)
        return digit == '0';
    total->limbs[at / LIMB_DIGITS] += sign * (digit - '0') * powers[at % LIMB_DIGITS];
    return true;
}

bool total_add(struct total *total, struct slice number)
{
    struct total sum = *total;
    int sign = number.len > 0 && number.ptr[0] == '-' ? -1 : 1;
    size_t first = sign < 0 ? 1u : 0u;
    size_t point = first;
    while (point < number.len && number.ptr[point] != '.')
        point++;
    if (point == first)
        return false;
    for (size_t i = first; i < number.len; i++) {
        if (i == point)
            continue;
        if (number.ptr[i] < '0' || number.ptr[i] > '9')
            return false;
        long place = i < point ? (long)(point - i) - 1 : (long)point - (long)i;
        if (!take_digit(&sum, place, number.ptr[i], sign))
            return false;
    }
    *total = sum;
    if (++total->pending >= CARRY_AFTER)
        carry(total);
    return true;
}

void total_write(struct buf *out, struct total *total)
{
    char digits[TOTAL_LIMBS * LIMB_DIGITS];
    struct total sum = *total;
    carry(&sum);
    bool is_negative = sum.limbs[TOTAL_LIMBS - 1] < 0;
    for (size_t i = 0; is_negative && i < TOTAL_LIMBS; i++)
        sum.limbs[i] = -sum.limbs[i];
    carry(&sum);
    for (size_t i = 0; i < sizeof digits; i++) { // the largest first
        size_t at = sizeof digits - 1 - i;
        int64_t limb = sum.limbs[at / LIMB_DIGITS];
        for (size_t k = 0; k < at % LIMB_DIGITS; k++)
            limb /= 10;
        digits[i] = (char)('0' + limb % 10);
    }
    size_t point = sizeof digits - TOTAL_LIMBS_BELOW * LIMB_DIGITS;
    size_t first = 0, end = sizeof digits;
    while (first + 1 < point && digits[first] == '0')
        first++;
    while (end > point && digits[end - 1] == '0')
        end--;
    if (is_negative)
        buf_char(out, '-');
    buf_append(out, digits + first, point - first);
    if (end > point) {
        buf_char(out, '.');
        buf_append(out, digits + point, end - point);
    }
}
