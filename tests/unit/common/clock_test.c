// SPDX-License-Identifier: Apache-2.0
// Clock: ISO 8601 in both directions. The seconds are those of date(1): date -u -d
// 2026-11-21T08:15:00Z +%s
#include "common/clock.h"

#include "tests/unit/test.h"

static void test_format(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_BYTES];
    clock_format(1795248900250123, text);
    assert_string_equal(text, "2026-11-21T08:15:00.250Z");
    clock_format(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t us;
    } cases[] = {
        {"2026-11-21T08:15:00Z", 1795248900000000},
        {"2026-11-21T08:15:00.250Z", 1795248900250000},
        {"2026-11-21T08:15:00.250123", 1795248900250123},
        {"2026-11-21T08:15:00.2501239", 1795248900250123},
        {"2026-11-21 08:15:00", 1795248900000000},
        {"2026-11-21T08:15", 1795248900000000},
        {"2026-11-21T15:15:00+07:00", 1795248900000000},
        {"2026-11-21T04:45:00-0330", 1795248900000000},
        {"2026-11-21", 1795219200000000},
        {"1970-01-01", 0},
    };
    struct err err;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t us = 1;
        assert_works(clock_parse(cases[i].text, &us, &err), &err);
        assert_true(us == cases[i].us);
    }
}

static void test_no_times(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "now",
        "2026",
        "2026-11",
        "2026-13-01",
        "2026-11-21T25:00",
        "2026-11-21Tx",
        "2026-11-21T08:15:00+",
        "2026-11-21T08:15:00+x",
        "2026-11-21T08:15:00ZZ",
        "1969-12-31T23:59:59Z",
    };
    struct err err;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        uint64_t us;
        assert_fails(clock_parse(bad[i], &us, &err), &err, ERR_USAGE);
    }
}

static void test_runs_forward(void **state)
{
    (void)state;
    uint64_t before = clock_steady_us();
    assert_true(clock_steady_us() >= before);
    assert_true(clock_now_ms() <= clock_now_us() / 1000);
    assert_true(clock_now_us() > 1700000000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_no_times),
        cmocka_unit_test(test_runs_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
