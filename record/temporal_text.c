// SPDX-License-Identifier: Apache-2.0
// Temporal text: see temporal_text.h.
#include "record/temporal_text.h"

#include <assert.h>

#define HOUR_MAX 838
#define FRACTION_DIGITS_MAX 6

static const uint32_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000};

// `n` digits of v with zeros in front; returns the place behind them.
static char *put_digits(char *to, uint32_t v, size_t n)
{
    for (size_t i = n; i > 0; i--, v /= 10)
        to[i - 1] = (char)('0' + v % 10);
    return to + n;
}

static char *put_date(char *to, const struct temporal *time)
{
    to = put_digits(to, time->year, 4);
    *to++ = '-';
    to = put_digits(to, time->month, 2);
    *to++ = '-';
    return put_digits(to, time->day, 2);
}

static char *put_clock(char *to, const struct temporal *time)
{
    to = put_digits(to, time->hour, time->hour > 99 ? 3 : 2);
    *to++ = ':';
    to = put_digits(to, time->minute, 2);
    *to++ = ':';
    to = put_digits(to, time->second, 2);
    if (time->digits == 0)
        return to;
    *to++ = '.';
    return put_digits(to, time->micros / tens[FRACTION_DIGITS_MAX - time->digits], time->digits);
}

size_t temporal_text_write(char text[TEMPORAL_TEXT_MAX], enum value_kind kind,
                           const struct temporal *time)
{
    assert(time->digits <= FRACTION_DIGITS_MAX);
    char *to = text;
    if (kind == VALUE_TIME && time->negative)
        *to++ = '-';
    if (kind != VALUE_TIME)
        to = put_date(to, time);
    if (kind == VALUE_DATETIME || kind == VALUE_TIMESTAMP)
        *to++ = 'T';
    if (kind != VALUE_DATE)
        to = put_clock(to, time);
    if (kind == VALUE_TIMESTAMP)
        *to++ = 'Z';
    return (size_t)(to - text);
}

struct scan {
    struct slice text;
    size_t at;   // the first byte not yet taken
    bool failed; // sticky; `at` is then the byte that is wrong
};

static bool is_digit_at(const struct scan *scan, size_t at)
{
    return at < scan->text.len && scan->text.ptr[at] >= '0' && scan->text.ptr[at] <= '9';
}

static void take_char(struct scan *scan, char c)
{
    if (scan->failed || scan->at == scan->text.len || scan->text.ptr[scan->at] != c)
        scan->failed = true;
    else
        scan->at++;
}

// A number of exactly n digits, at most `most`.
static uint32_t take_number(struct scan *scan, size_t n, uint32_t most)
{
    uint32_t v = 0;
    size_t start = scan->at;
    for (size_t i = 0; i < n && !scan->failed; i++) {
        if (!is_digit_at(scan, scan->at)) {
            scan->failed = true;
            return 0;
        }
        v = v * 10 + (uint32_t)(scan->text.ptr[scan->at++] - '0');
    }
    if (!scan->failed && v > most) {
        scan->failed = true;
        scan->at = start;
    }
    return scan->failed ? 0 : v;
}

static void take_date(struct scan *scan, struct temporal *time)
{
    time->year = (uint16_t)take_number(scan, 4, 9999);
    take_char(scan, '-');
    time->month = (uint8_t)take_number(scan, 2, 12);
    take_char(scan, '-');
    time->day = (uint8_t)take_number(scan, 2, 31);
}

static void take_hours(struct scan *scan, enum value_kind kind, struct temporal *time)
{
    bool long_hours = kind == VALUE_TIME && is_digit_at(scan, scan->at + 2);
    if (long_hours && scan->text.ptr[scan->at] == '0')
        scan->failed = true;
    time->hour =
        (uint16_t)take_number(scan, long_hours ? 3 : 2, kind == VALUE_TIME ? HOUR_MAX : 23);
}

static void take_clock(struct scan *scan, enum value_kind kind, struct temporal *time)
{
    take_hours(scan, kind, time);
    take_char(scan, ':');
    time->minute = (uint8_t)take_number(scan, 2, 59);
    take_char(scan, ':');
    time->second = (uint8_t)take_number(scan, 2, 59);
    if (time->digits == 0)
        return;
    take_char(scan, '.');
    uint32_t unit = tens[FRACTION_DIGITS_MAX - time->digits];
    time->micros = take_number(scan, time->digits, 999999) * unit;
}

bool temporal_text_read(struct slice text, enum value_kind kind, uint8_t digits,
                        struct temporal *time, size_t *offset)
{
    assert(digits <= FRACTION_DIGITS_MAX);
    struct scan scan = {.text = text};
    *time = (struct temporal){.digits = digits};
    if (kind == VALUE_TIME && text.len > 0 && text.ptr[0] == '-') {
        time->negative = true;
        scan.at = 1;
    }
    if (kind != VALUE_TIME)
        take_date(&scan, time);
    if (kind == VALUE_DATETIME || kind == VALUE_TIMESTAMP)
        take_char(&scan, 'T');
    if (kind != VALUE_DATE)
        take_clock(&scan, kind, time);
    if (kind == VALUE_TIMESTAMP)
        take_char(&scan, 'Z');
    *offset = scan.at;
    return !scan.failed && scan.at == text.len;
}
