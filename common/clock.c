// SPDX-License-Identifier: Apache-2.0
// Clock: see clock.h.
#define _GNU_SOURCE // timegm, strptime
#include "common/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t read_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_now_us(void)
{
    return read_us(CLOCK_REALTIME);
}

uint64_t clock_now_ms(void)
{
    return clock_now_us() / 1000;
}

uint64_t clock_steady_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_steady_ms(void)
{
    return clock_steady_us() / 1000;
}

void clock_format(uint64_t us, char text[CLOCK_TEXT_BYTES])
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    char date[24];
    gmtime_r(&seconds, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, CLOCK_TEXT_BYTES, "%s.%03uZ", date, (unsigned)(us / 1000 % 1000));
}

// ".25" at *text: the microseconds; moves behind the digits.
static uint64_t parse_fraction(const char **text)
{
    uint64_t us = 0;
    uint64_t unit = 100000;
    if (**text != '.')
        return 0;
    for (++*text; isdigit((unsigned char)**text); ++*text, unit /= 10)
        us += (uint64_t)(**text - '0') * unit;
    return us;
}

// "Z", "+07:00", "-0330" or nothing at *text: seconds east of UTC; moves behind it.
static int parse_zone(const char **text)
{
    int hours = 0;
    int minutes = 0;
    int used = 0;
    if (**text == 'Z') {
        ++*text;
        return 0;
    }
    int sign = **text == '-' ? -1 : 1;
    if (**text != '+' && **text != '-')
        return 0;
    if (sscanf(*text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 &&
        sscanf(*text + 1, "%2d%2d%n", &hours, &minutes, &used) != 2)
        return 0; // the sign stays unread and is refused as left over
    *text += 1 + used;
    return sign * (hours * 3600 + minutes * 60);
}

bool clock_parse(const char *text, uint64_t *us, struct err *err)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {0};
        const char *rest = strptime(text, forms[i], &tm);
        if (!rest)
            continue;
        uint64_t fraction = parse_fraction(&rest);
        int east = parse_zone(&rest);
        time_t seconds = timegm(&tm) - east;
        if (*rest == '\0' && seconds >= 0) {
            *us = (uint64_t)seconds * 1000000 + fraction;
            return true;
        }
    }
    return err_set(err, ERR_USAGE,
                   "\"%s\" is no ISO 8601 time; write for example 2026-11-21T08:15:00Z", text);
}
