// SPDX-License-Identifier: Apache-2.0
// Number text: see number_text.h.
//
// Shortest digits, three ways, the first that fits:
//   1. v times 10^k is a whole number w of few digits for a small k, and w / 10^k is v again: w
//      with a point put in. Division by a power of ten up to 10^22 is exact to the last bit, so
//      this is the same as reading the text back.
//   2. A decimal of up to 15 (float: 6) digits survives the way through a normal double (float),
//      so if any text that short reads back as v, "%.15g" ("%.6g") is it, its zeros cut off.
//   3. One digit more at a time, up to 17 (9). At a power of two the gap below v is half the gap
//      above: the nearest decimal can lie below and outside while the next one above still reads
//      back as v, so that one is tried too.
// Denormals have fewer digits than the second way supposes: for them the third starts at one.
#include "record/number_text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EIGHT_DIGITS 100000000u // 10^8
#define NUMBER_TEXT_MAX 40
#define SCALE_MAX 6 // the largest k of the first way

static const double powers_of_ten[SCALE_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

// What differs between float and double.
struct format {
    double whole_max;  // below it every whole number has its own text, the digits as they are
    double scaled_max; // below it w of the first way is short enough
    double normal_min; // the smallest normal number
    int safe_digits;   // of the second way
    int most_digits;   // of the third
    bool is_float;
};

static const struct format double_format = {1e15, 1e15, DBL_MIN, DBL_DIG, 17, false};
static const struct format float_format = {16777216, 1e6, FLT_MIN, FLT_DIG, 9, true};

// Puts v's digits before `end`; returns where they start.
static char *digits_before(char *end, uint64_t v)
{
    while (v >= 100) {
        end -= 2;
        memcpy(end, digit_pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10) {
        end -= 2;
        memcpy(end, digit_pairs + 2 * v, 2);
        return end;
    }
    *--end = (char)('0' + v);
    return end;
}

// The eight digits of v < 10^8 as bytes 0 to 9, the first one lowest: split in halves three times,
// all parts at once. 10486 / 2^20 and 103 / 2^10 divide by 100 and 10 exactly in their ranges.
static uint64_t eight_digits(uint32_t v)
{
    uint64_t fours = v / 10000 | (uint64_t)(v % 10000) << 32;
    uint64_t upper = fours * 10486 >> 20 & 0x0000007f0000007f;
    uint64_t twos = upper | (fours - 100 * upper) << 16;
    uint64_t tens = twos * 103 >> 10 & 0x000f000f000f000f;
    return tens | (twos - 10 * tens) << 8;
}

static void put_eight(uint8_t *to, uint64_t digits)
{
    digits |= 0x3030303030303030; // '0'
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(digits >> (8 * i));
}

// From 1 to 10^8 - 1: the digits without zeros in front. Eight bytes are written, whatever it
// needs.
static uint8_t *put_few(uint8_t *to, uint32_t v)
{
    uint64_t digits = eight_digits(v);
    int skip = __builtin_ctzll(digits) / 8;
    put_eight(to, digits >> (8 * skip));
    return to + 8 - skip;
}

uint8_t *number_put_u64(uint8_t *to, uint64_t v)
{
    if (v < 10) { // most are: rows, servers, flags
        *to = (uint8_t)('0' + v);
        return to + 1;
    }
    if (v < EIGHT_DIGITS)
        return put_few(to, (uint32_t)v);
    uint64_t high = v / EIGHT_DIGITS;
    to = number_put_u64(to, high);
    put_eight(to, eight_digits((uint32_t)(v % EIGHT_DIGITS)));
    return to + 8;
}

void number_write_u64(struct buf *out, uint64_t v)
{
    uint8_t *end = number_put_u64(buf_reserve(out, NUMBER_U64_MAX), v);
    out->len = (size_t)(end - out->ptr); // read after the reserve, which may move it
}

void number_write_i64(struct buf *out, int64_t v)
{
    if (v < 0)
        buf_char(out, '-');
    number_write_u64(out, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

// whole / 10^scale, scale at least 1, whole not divisible by ten.
static void write_scaled(struct buf *out, uint64_t whole, unsigned scale)
{
    char text[NUMBER_U64_MAX + SCALE_MAX];
    char *end = text + sizeof text;
    char *start = digits_before(end, whole);
    while ((size_t)(end - start) < scale + 1)
        *--start = '0';
    size_t before = (size_t)(end - start) - scale;
    buf_append(out, start, before);
    buf_char(out, '.');
    buf_append(out, start + before, scale);
}

static bool reads_back(const char *text, double v, const struct format *format)
{
    return format->is_float ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v;
}

// The first way; v is positive.
static bool write_plain(struct buf *out, double v, const struct format *format)
{
    if (v < format->whole_max && v == (double)(uint64_t)v) {
        number_write_u64(out, (uint64_t)v);
        return true;
    }
    for (unsigned k = 1; k <= SCALE_MAX; k++) {
        double whole = floor(v * powers_of_ten[k] + 0.5);
        if (whole >= format->scaled_max)
            return false;
        double back = whole / powers_of_ten[k];
        if (whole > 0 && (format->is_float ? (float)back == (float)v : back == v)) {
            write_scaled(out, (uint64_t)whole, k);
            return true;
        }
    }
    return false;
}

// The decimal of as many digits that comes next above "d.ddde±xx"; false where that is one digit
// longer.
static bool next_above(char *text)
{
    char *e = strchr(text, 'e');
    for (char *c = e - 1; c >= text; c--) {
        if (*c == '.')
            continue;
        if (*c != '9') {
            ++*c;
            return true;
        }
        *c = '0';
    }
    return false;
}

// Third way: the decimal above the nearest one, for a power of two; `text` gets it where it reads
// back.
static bool above_reads_back(char *text, double v, int digits, const struct format *format)
{
    int exponent;
    char above[NUMBER_TEXT_MAX];
    if (frexp(v, &exponent) != 0.5)
        return false;
    snprintf(above, sizeof above, "%.*e", digits - 1, v);
    if (!next_above(above) || !reads_back(above, v, format))
        return false;
    memcpy(text, above, sizeof above);
    return true;
}

// v is positive and finite.
static void write_shortest(struct buf *out, double v, const struct format *format)
{
    char text[NUMBER_TEXT_MAX];
    int digits = v < format->normal_min ? 1 : format->safe_digits;
    for (; digits <= format->most_digits; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (reads_back(text, v, format) || above_reads_back(text, v, digits, format))
            break;
    }
    buf_str(out, text);
}

static void write_number(struct buf *out, double v, const struct format *format)
{
    if (isnan(v)) {
        buf_str(out, "\"NaN\"");
    } else if (isinf(v)) {
        buf_str(out, v < 0 ? "\"-inf\"" : "\"inf\"");
    } else if (v == 0) {
        buf_str(out, signbit(v) ? "-0.0" : "0");
    } else {
        if (v < 0)
            buf_char(out, '-');
        if (!write_plain(out, fabs(v), format))
            write_shortest(out, fabs(v), format);
    }
}

void number_write_double(struct buf *out, double v)
{
    write_number(out, v, &double_format);
}

void number_write_float(struct buf *out, float v)
{
    write_number(out, (double)v, &float_format);
}
