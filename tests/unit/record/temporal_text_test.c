// SPDX-License-Identifier: Apache-2.0
// Temporal text: both directions, the boundaries, and where a fault lies.
#include "record/temporal_text.h"

#include "tests/unit/test.h"

static const struct {
    enum value_kind kind;
    uint8_t digits;
    const char *text;
} good[] = {
    {VALUE_DATE, 0, "2026-11-21"},
    {VALUE_DATE, 0, "0000-00-00"},
    {VALUE_DATE, 0, "2026-00-00"},
    {VALUE_DATE, 0, "9999-12-31"},
    {VALUE_DATETIME, 0, "2026-11-21T08:15:00"},
    {VALUE_DATETIME, 1, "2026-11-21T08:15:00.5"},
    {VALUE_DATETIME, 3, "2026-11-21T08:15:00.250"},
    {VALUE_DATETIME, 6, "9999-12-31T23:59:59.999999"},
    {VALUE_DATETIME, 6, "0000-00-00T00:00:00.000001"},
    {VALUE_TIMESTAMP, 0, "0000-00-00T00:00:00Z"},
    {VALUE_TIMESTAMP, 3, "2026-11-21T08:15:00.250Z"},
    {VALUE_TIME, 6, "-838:59:59.000000"},
    {VALUE_TIME, 0, "838:59:59"},
    {VALUE_TIME, 0, "00:00:00"},
    {VALUE_TIME, 2, "-00:00:00.01"},
    {VALUE_TIME, 0, "100:00:00"},
};

static void test_both_directions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct temporal time;
        size_t offset;
        char text[TEMPORAL_TEXT_MAX];
        assert_true(
            temporal_text_read(str(good[i].text), good[i].kind, good[i].digits, &time, &offset));
        size_t n = temporal_text_write(text, good[i].kind, &time);
        assert_text(slice_of(text, n), good[i].text);
    }
}

static void test_fields(void **state)
{
    (void)state;
    struct temporal time;
    size_t offset;
    assert_true(temporal_text_read(str("-838:59:58.12"), VALUE_TIME, 2, &time, &offset));
    assert_true(time.negative);
    assert_int_equal(time.hour, 838);
    assert_int_equal(time.minute, 59);
    assert_int_equal(time.second, 58);
    assert_int_equal(time.micros, 120000);
    assert_true(
        temporal_text_read(str("2026-11-21T08:15:07.000250Z"), VALUE_TIMESTAMP, 6, &time, &offset));
    assert_int_equal(time.year, 2026);
    assert_int_equal(time.month, 11);
    assert_int_equal(time.day, 21);
    assert_int_equal(time.micros, 250);
}

static void test_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        for (size_t n = 0; n < strlen(good[i].text); n++) {
            struct slice cut = exact_copy(slice_of(good[i].text, n));
            struct temporal time;
            size_t offset;
            bool ok = temporal_text_read(cut, good[i].kind, good[i].digits, &time, &offset);
            free((void *)cut.ptr);
            assert_false(ok);
            assert_in_range(offset, 0, n);
        }
    }
}

static const struct {
    enum value_kind kind;
    uint8_t digits;
    const char *text;
    size_t offset;
} bad[] = {
    {VALUE_DATE, 0, "2026-13-01", 5},
    {VALUE_DATE, 0, "2026-12-32", 8},
    {VALUE_DATE, 0, "2026-11-21T", 10},
    {VALUE_DATE, 0, "-026-11-21", 0},
    {VALUE_DATE, 0, "2026/11/21", 4},
    {VALUE_DATETIME, 0, "2026-11-21 08:15:00", 10},
    {VALUE_DATETIME, 0, "2026-11-21T24:15:00", 11},
    {VALUE_DATETIME, 0, "2026-11-21T08:60:00", 14},
    {VALUE_DATETIME, 0, "2026-11-21T08:15:60", 17},
    {VALUE_DATETIME, 0, "2026-11-21T08:15:00.1", 19},
    {VALUE_DATETIME, 3, "2026-11-21T08:15:00.12", 22},
    {VALUE_DATETIME, 3, "2026-11-21T08:15:00.1234", 23},
    {VALUE_TIMESTAMP, 0, "2026-11-21T08:15:00", 19},
    {VALUE_TIME, 0, "839:00:00", 0},
    {VALUE_TIME, 0, "099:00:00", 0},
    {VALUE_TIME, 0, "+01:00:00", 0},
    {VALUE_TIME, 0, "--1:00:00", 1},
    {VALUE_TIME, 0, "1:00:00", 1},
};

static void test_faults_have_offsets(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct temporal time;
        size_t offset = 99;
        if (temporal_text_read(str(bad[i].text), bad[i].kind, bad[i].digits, &time, &offset) ||
            offset != bad[i].offset)
            fail_msg("%s: offset %zu, expected %zu", bad[i].text, offset, bad[i].offset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_directions),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_faults_have_offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
