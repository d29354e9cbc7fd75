// SPDX-License-Identifier: Apache-2.0
// Decimal: the packed format of the server (decimal2bin).
//
//   integer part: digits in groups of nine from the point to the left, the leftmost group with what
//   remains fraction:     digits in groups of nine from the point to the right, the rightmost group
//   with what remains
// Each group is a big-endian integer: 4 bytes for nine digits, less for fewer. The first bit is
// inverted, so it is 1 for positive numbers; a negative number has all bits inverted besides.
#include "binlog/decimal.h"

#define GROUP_DIGITS 9

static const uint8_t group_bytes[GROUP_DIGITS + 1] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
static const uint32_t powers[GROUP_DIGITS + 1] = {1,      10,      100,      1000,      10000,
                                                  100000, 1000000, 10000000, 100000000, 1000000000};

struct groups {
    struct cursor *cur;
    uint32_t flip; // what inverts the bits of a negative number
    uint32_t sign; // what inverts the sign bit: of the first group only
    bool bad;      // a group holds more than its digits can
};

static uint32_t next_group(struct groups *groups, unsigned digits)
{
    unsigned n = group_bytes[digits];
    uint32_t group = (uint32_t)cursor_be(groups->cur, n);
    uint32_t mask = n == 4 ? UINT32_MAX : (1u << (8 * n)) - 1;
    group ^= groups->flip & mask;
    group ^= groups->sign << (8 * n - 1);
    groups->sign = 0;
    if (group < powers[digits])
        return group;
    groups->bad = true;
    return 0; // the text has no room for more digits
}

static uint8_t *put_digits(uint8_t *to, uint32_t group, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--) {
        to[i - 1] = (uint8_t)('0' + group % 10);
        group /= 10;
    }
    return to + digits;
}

// Without leading zeros; nothing for 0.
static uint8_t *put_first(uint8_t *to, uint32_t group)
{
    unsigned digits = 0;
    while (digits < GROUP_DIGITS && group >= powers[digits])
        digits++;
    return put_digits(to, group, digits);
}

static uint8_t *put_integer(struct groups *groups, unsigned digits, uint8_t *to)
{
    const uint8_t *start = to;
    unsigned size = digits % GROUP_DIGITS;
    for (unsigned left = digits; left > 0; left -= size, size = GROUP_DIGITS) {
        if (size == 0)
            size = GROUP_DIGITS;
        uint32_t group = next_group(groups, size);
        to = to == start ? put_first(to, group) : put_digits(to, group, size);
    }
    if (to == start)
        *to++ = '0';
    return to;
}

static uint8_t *put_fraction(struct groups *groups, unsigned digits, uint8_t *to)
{
    if (digits > 0)
        *to++ = '.';
    for (unsigned left = digits; left > 0;) {
        unsigned size = left < GROUP_DIGITS ? left : GROUP_DIGITS;
        to = put_digits(to, next_group(groups, size), size);
        left -= size;
    }
    return to;
}

bool decimal_is_valid(unsigned precision, unsigned scale)
{
    return precision >= 1 && precision <= DECIMAL_PRECISION_MAX && scale <= DECIMAL_SCALE_MAX &&
           scale <= precision;
}

bool decimal_decode(struct cursor *cur, unsigned precision, unsigned scale, uint8_t *text,
                    size_t *len, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    struct cursor peek = *cur;
    bool is_negative = !(cursor_u8(&peek) & 0x80);
    struct groups groups = {cur, is_negative ? UINT32_MAX : 0, 1, false};
    uint8_t *to = text;
    if (is_negative)
        *to++ = '-';
    to = put_integer(&groups, precision - scale, to);
    to = put_fraction(&groups, scale, to);
    *len = (size_t)(to - text);
    if (cur->failed)
        return err_at(err, ERR_CORRUPT, offset, "DECIMAL(%u,%u): its bytes are cut off", precision,
                      scale);
    if (groups.bad)
        return err_at(err, ERR_CORRUPT, offset, "DECIMAL(%u,%u): a group of digits is too large",
                      precision, scale);
    return true;
}
