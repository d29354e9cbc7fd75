// SPDX-License-Identifier: Apache-2.0
// Temporal: see temporal.h. MySQL Internals, "Date and Time Data Type Representation".
//
//   DATE        3 bytes, little-endian: year << 9 | month << 5 | day
//   TIME        old: 3 bytes, little-endian, signed: HHMMSS as a decimal number
//   DATETIME    old: 8 bytes, little-endian: YYYYMMDDHHMMSS as a decimal number
//   TIMESTAMP   old: 4 bytes, little-endian: seconds since 1970 in UTC
//   TIME2       3 bytes, big-endian, offset 2^23: hour << 12 | minute << 6 | second
//   DATETIME2   5 bytes, big-endian, offset 2^39: (year * 13 + month) << 22 | day << 17 | hour <<
//   12 | minute << 6 | second TIMESTAMP2  4 bytes, big-endian
// Behind the last three: the fraction in 0 to 3 bytes, big-endian, in units of 1/100, 1/10,000 or
// 1/1,000,000. A negative TIME2 is the two's complement of integer and fraction taken together.
#include "binlog/temporal.h"

#define DAY_SECONDS 86400u
#define TIME_HOUR_MAX 838
#define DATETIME_OFFSET 0x8000000000u
#define JSON_FRACTION_BITS 24

static const uint32_t unit_micros[4] = {1000000, 10000, 100, 1};

static unsigned fraction_bytes(unsigned digits)
{
    return (digits + 1) / 2;
}

static bool cut_off(const struct cursor *cur, const char *type, struct err *err)
{
    return err_at(err, ERR_CORRUPT, cursor_offset(cur), "%s: its bytes are cut off", type);
}

static bool is_date(const struct temporal *time)
{
    return time->month <= 12 && time->day <= 31 && time->year <= 9999;
}

static bool is_clock(const struct temporal *time, unsigned hour_max)
{
    return time->hour <= hour_max && time->minute <= 59 && time->second <= 59 &&
           time->micros <= 999999;
}

static bool check(bool valid, const char *type, uint64_t offset, struct err *err)
{
    return valid || err_at(err, ERR_CORRUPT, offset, "%s: a field of it is out of range", type);
}

// Year, month and day of the days since 1970-01-01, by eras of 400 years that begin on 1 March.
static void set_civil_date(struct temporal *time, uint32_t days)
{
    uint32_t since = days + 719468;
    uint32_t era = since / 146097;
    uint32_t day_of_era = since % 146097;
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153;
    time->day = (uint8_t)(day_of_year - (153 * month + 2) / 5 + 1);
    time->month = (uint8_t)(month < 10 ? month + 3 : month - 9);
    time->year = (uint16_t)(year_of_era + era * 400 + (time->month <= 2));
}

// Second 0 is the zero timestamp, unless a fraction stands behind it (MariaDB stores that).
static void set_timestamp(struct temporal *time, uint32_t seconds)
{
    if (seconds == 0 && time->micros == 0)
        return;
    uint32_t clock = seconds % DAY_SECONDS;
    set_civil_date(time, seconds / DAY_SECONDS);
    time->hour = (uint16_t)(clock / 3600);
    time->minute = (uint8_t)(clock / 60 % 60);
    time->second = (uint8_t)(clock % 60);
}

static void set_packed_clock(struct temporal *time, uint32_t packed)
{
    time->hour = (uint16_t)(packed >> 12);
    time->minute = (uint8_t)(packed >> 6 & 63);
    time->second = (uint8_t)(packed & 63);
}

static void set_packed_datetime(struct temporal *time, uint64_t packed)
{
    uint32_t months = (uint32_t)(packed >> 22);
    uint32_t year = months / 13;
    time->year = (uint16_t)(year < UINT16_MAX ? year : UINT16_MAX);
    time->month = (uint8_t)(months % 13);
    time->day = (uint8_t)(packed >> 17 & 31);
    set_packed_clock(time, (uint32_t)(packed & 0x1FFFF));
}

bool temporal_date(struct cursor *cur, struct temporal *time, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    uint32_t packed = cursor_u24(cur);
    if (cur->failed)
        return cut_off(cur, "DATE", err);
    *time = (struct temporal){.year = (uint16_t)(packed >> 9),
                              .month = (uint8_t)(packed >> 5 & 15),
                              .day = (uint8_t)(packed & 31)};
    return check(is_date(time), "DATE", offset, err);
}

bool temporal_old_time(struct cursor *cur, struct temporal *time, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    uint32_t raw = cursor_u24(cur);
    if (cur->failed)
        return cut_off(cur, "TIME", err);
    bool is_negative = raw & 0x800000;
    uint32_t number = is_negative ? 0x1000000 - raw : raw;
    *time = (struct temporal){.negative = is_negative,
                              .hour = (uint16_t)(number / 10000),
                              .minute = (uint8_t)(number / 100 % 100),
                              .second = (uint8_t)(number % 100)};
    return check(is_clock(time, TIME_HOUR_MAX), "TIME", offset, err);
}

bool temporal_old_datetime(struct cursor *cur, struct temporal *time, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    uint64_t number = cursor_u64(cur);
    if (cur->failed)
        return cut_off(cur, "DATETIME", err);
    uint64_t date = number / 1000000;
    uint32_t clock = (uint32_t)(number % 1000000);
    *time = (struct temporal){.year = (uint16_t)(date / 10000),
                              .month = (uint8_t)(date / 100 % 100),
                              .day = (uint8_t)(date % 100),
                              .hour = (uint16_t)(clock / 10000),
                              .minute = (uint8_t)(clock / 100 % 100),
                              .second = (uint8_t)(clock % 100)};
    bool valid = date <= 99999999 && is_date(time) && is_clock(time, 23);
    return check(valid, "DATETIME", offset, err);
}

bool temporal_old_timestamp(struct cursor *cur, struct temporal *time, struct err *err)
{
    uint32_t seconds = cursor_u32(cur);
    if (cur->failed)
        return cut_off(cur, "TIMESTAMP", err);
    *time = (struct temporal){0};
    set_timestamp(time, seconds);
    return true;
}

bool temporal_time(struct cursor *cur, unsigned digits, struct temporal *time, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    unsigned n = fraction_bytes(digits);
    uint64_t raw = cursor_be(cur, 3 + n);
    if (cur->failed)
        return cut_off(cur, "TIME", err);
    uint64_t zero = UINT64_C(1) << (8 * (3 + n) - 1);
    uint64_t packed = raw >= zero ? raw - zero : zero - raw;
    *time = (struct temporal){.negative = raw < zero, .digits = (uint8_t)digits};
    set_packed_clock(time, (uint32_t)(packed >> (8 * n)));
    uint32_t fraction = (uint32_t)(packed & ((UINT64_C(1) << (8 * n)) - 1));
    time->micros = fraction * unit_micros[n];
    bool valid = fraction < 1000000 / unit_micros[n] || n == 0;
    return check(valid && is_clock(time, TIME_HOUR_MAX), "TIME", offset, err);
}

bool temporal_datetime(struct cursor *cur, unsigned digits, struct temporal *time, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    unsigned n = fraction_bytes(digits);
    uint64_t raw = cursor_be(cur, 5);
    uint32_t fraction = (uint32_t)cursor_be(cur, n);
    if (cur->failed)
        return cut_off(cur, "DATETIME", err);
    *time = (struct temporal){.digits = (uint8_t)digits};
    set_packed_datetime(time, raw - DATETIME_OFFSET);
    time->micros = fraction * unit_micros[n];
    bool valid = raw >= DATETIME_OFFSET && (n == 0 || fraction < 1000000 / unit_micros[n]);
    return check(valid && is_date(time) && is_clock(time, 23), "DATETIME", offset, err);
}

bool temporal_timestamp(struct cursor *cur, unsigned digits, struct temporal *time, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    unsigned n = fraction_bytes(digits);
    uint32_t seconds = (uint32_t)cursor_be(cur, 4);
    uint32_t fraction = (uint32_t)cursor_be(cur, n);
    if (cur->failed)
        return cut_off(cur, "TIMESTAMP", err);
    bool valid = n == 0 || fraction < 1000000 / unit_micros[n];
    *time = (struct temporal){.digits = (uint8_t)digits, .micros = fraction * unit_micros[n]};
    set_timestamp(time, seconds);
    return check(valid, "TIMESTAMP", offset, err);
}

bool temporal_json_time(struct cursor *cur, struct temporal *time, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    uint64_t raw = cursor_u64(cur);
    if (cur->failed)
        return cut_off(cur, "TIME in JSON", err);
    bool is_negative = raw >> 63;
    uint64_t packed = is_negative ? 0 - raw : raw;
    *time = (struct temporal){.negative = is_negative, .digits = TEMPORAL_DIGITS_MAX};
    time->micros = (uint32_t)(packed & ((1u << JSON_FRACTION_BITS) - 1));
    uint64_t clock = packed >> JSON_FRACTION_BITS;
    set_packed_clock(time, (uint32_t)(clock & 0x3FFFFF));
    bool valid = clock <= 0x3FFFFF && is_clock(time, TIME_HOUR_MAX);
    return check(valid, "TIME in JSON", offset, err);
}

bool temporal_json_datetime(struct cursor *cur, struct temporal *time, struct err *err)
{
    uint64_t offset = cursor_offset(cur);
    uint64_t packed = cursor_u64(cur);
    if (cur->failed)
        return cut_off(cur, "date in JSON", err);
    *time = (struct temporal){.digits = TEMPORAL_DIGITS_MAX};
    time->micros = (uint32_t)(packed & ((1u << JSON_FRACTION_BITS) - 1));
    set_packed_datetime(time, packed >> JSON_FRACTION_BITS);
    return check(is_date(time) && is_clock(time, 23), "date in JSON", offset, err);
}
