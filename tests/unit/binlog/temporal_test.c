// SPDX-License-Identifier: Apache-2.0
// Temporal: bytes from row events of MySQL 9.7 and texts from its SELECT; for the formats
// before 5.6 the numbers that the manual describes; fields that no server stores.
#include "binlog/temporal.h"

#include "record/temporal_text.h"
#include "tests/unit/binlog/hex.h"

enum format { DATE, OLD_TIME, OLD_DATETIME, OLD_TIMESTAMP, TIME, DATETIME, TIMESTAMP };

struct example {
    enum format format;
    unsigned digits;
    const char *bytes;
    const char *text; // NULL: corrupt
};

static const struct example golden[] = {
    {DATE, 0, "2af84d", "9980-01-10"},
    {DATE, 0, "34a10f", "2000-09-20"},
    {DATE, 0, "000000", "0000-00-00"},
    {OLD_TIME, 0, "a7f57f", "838:59:59"},  // 8385959
    {OLD_TIME, 0, "590a80", "-838:59:59"}, // -8385959
    {TIME, 0, "7ffd33", "-00:11:13"},
    {TIME, 0, "800da4", "00:54:36"},
    {TIME, 1, "7fe3f1ec", "-01:48:14.2"},
    {TIME, 2, "4e1264bf", "-798:54:27.65"},
    {TIME, 3, "8000000000", "00:00:00.000"},
    {TIME, 3, "7ff60af470", "-00:39:53.296"},
    {TIME, 4, "8019d8169b", "01:39:24.5787"},
    {TIME, 5, "7ff244fc4ad2", "-00:54:59.24299"},
    {TIME, 6, "8004640f423f", "00:17:36.999999"},
    {DATETIME, 0, "99b462d9ec", "2024-09-17T13:39:44"},
    {DATETIME, 2, "e63a26626461", "8052-04-19T06:09:36.97"},
    {DATETIME, 3, "80000000000000", "0000-00-00T00:00:00.000"},
    {DATETIME, 5, "e22252115400451a", "7729-12-09T01:05:20.01769"},
    {DATETIME, 6, "ce3b036ee20562b8", "6162-02-01T22:59:34.352952"},
    {TIMESTAMP, 0, "1b924604", "1984-08-28T19:56:52Z"},
    {TIMESTAMP, 0, "00000000", "0000-00-00T00:00:00Z"},
    {TIMESTAMP, 4, "62f3e89b1722", "2022-08-10T17:19:23.5922Z"},
    {TIMESTAMP, 6, "3fb328330f423f", "2003-11-13T06:44:03.999999Z"},
    {OLD_DATETIME, 0, "5a8ba78643120000", "2008-12-31T23:59:30"},
    {OLD_TIMESTAMP, 0, "0446921b", "1984-08-28T19:56:52Z"},
};

// The largest value that passes, and the next that fails.
static const struct example limits[] = {
    {DATE, 0, "9f1f4e", "9999-12-31"},
    {DATE, 0, "9f214e", NULL}, // year 10000
    {DATE, 0, "a1d50f", NULL}, // month 13
    {OLD_TIME, 0, "d0f57f", NULL},
    {OLD_DATETIME, 0, "409ba78643120000", NULL},
    {OLD_DATETIME, 0, "c0d2998c43120000", NULL},
    {TIME, 0, "b46efb", "838:59:59"},
    {TIME, 0, "b47000", NULL},
    {TIME, 0, "801f00", NULL},
    {TIME, 2, "80000063", "00:00:00.99"},
    {TIME, 2, "80000064", NULL},
    {TIME, 4, "800000270f", "00:00:00.9999"},
    {TIME, 4, "8000002710", NULL},
    {TIME, 6, "8000000f423f", "00:00:00.999999"},
    {TIME, 6, "8000000f4240", NULL},
    {TIME, 2, "7fffffff", "-00:00:00.01"},
    {TIME, 2, "7ffffe9d", "-00:00:01.99"},
    {DATETIME, 0, "fef3ff7efb", "9999-12-31T23:59:59"},
    {DATETIME, 0, "fef4000000", NULL},
    {DATETIME, 0, "9964438000", NULL}, // hour 24
    {DATETIME, 0, "9964420f00", NULL}, // minute 60
    {DATETIME, 0, "7fffffffff", NULL}, // below the offset
    {TIMESTAMP, 0, "7fffffff", "2038-01-19T03:14:07Z"},
    {TIMESTAMP, 0, "ffffffff", "2106-02-07T06:28:15Z"},
    {TIMESTAMP, 2, "0000000164", NULL},
};

static bool decode(const struct example *example, struct slice bytes, struct temporal *time,
                   struct err *err)
{
    struct cursor cur = cursor_of(bytes);
    switch (example->format) {
    case DATE:
        return temporal_date(&cur, time, err);
    case OLD_TIME:
        return temporal_old_time(&cur, time, err);
    case OLD_DATETIME:
        return temporal_old_datetime(&cur, time, err);
    case OLD_TIMESTAMP:
        return temporal_old_timestamp(&cur, time, err);
    case TIME:
        return temporal_time(&cur, example->digits, time, err);
    case DATETIME:
        return temporal_datetime(&cur, example->digits, time, err);
    case TIMESTAMP:
        return temporal_timestamp(&cur, example->digits, time, err);
    }
    return false;
}

static enum value_kind kind_of(enum format format)
{
    if (format == DATE)
        return VALUE_DATE;
    if (format == TIME || format == OLD_TIME)
        return VALUE_TIME;
    return format == TIMESTAMP || format == OLD_TIMESTAMP ? VALUE_TIMESTAMP : VALUE_DATETIME;
}

static void check(const struct example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct slice bytes = hex(examples[i].bytes);
        struct temporal time;
        struct err err = {0};
        char text[TEMPORAL_TEXT_MAX];
        if (examples[i].text) {
            assert_works(decode(&examples[i], bytes, &time, &err), &err);
            size_t len = temporal_text_write(text, kind_of(examples[i].format), &time);
            assert_text(slice_of(text, len), examples[i].text);
        } else {
            assert_fails(decode(&examples[i], bytes, &time, &err), &err, ERR_CORRUPT);
            assert_int_equal(err.offset, 0);
        }
        free((void *)(uintptr_t)bytes.ptr);
    }
}

static void test_golden(void **state)
{
    (void)state;
    check(golden, COUNT_OF(golden));
}

static void test_limits(void **state)
{
    (void)state;
    check(limits, COUNT_OF(limits));
}

static void test_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(golden); i++) {
        struct slice bytes = hex(golden[i].bytes);
        for (size_t n = 0; n < bytes.len; n++) {
            struct slice cut = exact_copy(slice_of(bytes.ptr, n));
            struct temporal time;
            struct err err = {0};
            assert_fails(decode(&golden[i], cut, &time, &err), &err, ERR_CORRUPT);
            free((void *)(uintptr_t)cut.ptr);
        }
        free((void *)(uintptr_t)bytes.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
