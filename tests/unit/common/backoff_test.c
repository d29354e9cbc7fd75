// SPDX-License-Identifier: Apache-2.0
// Back-off: the waits double up to the most, and the stop flag ends one.
#include "common/backoff.h"

#include "common/clock.h"
#include "common/stop.h"
#include "tests/unit/test.h"

static void test_doubles_up_to_the_most(void **state)
{
    (void)state;
    static const unsigned expected[] = {100, 200, 400, 800, 1000, 1000};
    struct backoff backoff = {.first_ms = 100, .most_ms = 1000};
    for (; backoff.failures < COUNT_OF(expected); backoff.failures++)
        assert_int_equal(backoff_next_ms(&backoff), expected[backoff.failures]);
    backoff.failures = UINT32_MAX;
    assert_int_equal(backoff_next_ms(&backoff), 1000);
    backoff_reset(&backoff);
    assert_int_equal(backoff_next_ms(&backoff), 100);
}

static void test_waits_and_counts(void **state)
{
    (void)state;
    struct backoff backoff = {.first_ms = 40, .most_ms = 40};
    uint64_t start = clock_steady_ms();
    assert_true(backoff_wait(&backoff));
    assert_true(clock_steady_ms() - start >= 29);
    assert_int_equal(backoff.failures, 1);
}

static void test_stop_ends_the_wait(void **state)
{
    (void)state;
    struct backoff backoff = {.first_ms = 60000, .most_ms = 60000};
    uint64_t start = clock_steady_ms();
    stop_request();
    assert_false(backoff_wait(&backoff));
    assert_true(clock_steady_ms() - start < 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_up_to_the_most), cmocka_unit_test(test_waits_and_counts),
        cmocka_unit_test(test_stop_ends_the_wait), // last: the flag stays up
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
