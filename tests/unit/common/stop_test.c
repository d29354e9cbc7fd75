// SPDX-License-Identifier: Apache-2.0
// Stop flag: a signal raises it, and its age is counted from the first one.
#define _POSIX_C_SOURCE 200809L
#include "common/stop.h"

#include "tests/unit/test.h"

#include <signal.h>
#include <time.h>

static void pass_ms(long ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000};
    nanosleep(&t, NULL);
}

static void test_down(void **state)
{
    (void)state;
    assert_false(stop_requested());
    assert_int_equal(stop_age_ms(), 0);
    assert_true(stop_sleep_ms(1));
    assert_int_equal(stop_age_ms(), 0);
}

static void test_age_is_that_of_the_first_signal(void **state)
{
    (void)state;
    raise(SIGTERM);
    assert_true(stop_requested());
    pass_ms(20);
    uint64_t before = stop_age_ms();
    assert_true(before >= 19);
    raise(SIGINT);
    stop_request();
    assert_true(stop_age_ms() >= before);
    assert_false(stop_sleep_ms(60000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_down),
        cmocka_unit_test(test_age_is_that_of_the_first_signal), // last: the flag stays up
    };
    stop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
