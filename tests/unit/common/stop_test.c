// SPDX-License-Identifier: Apache-2.0
// Stop flag: a signal raises it, its age is counted from the first one, and a limit ends what does
// not heed it.
#define _POSIX_C_SOURCE 200809L
#include "common/stop.h"

#include "tests/unit/test.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

// Whatever it waits for.
static void test_limit(void **state)
{
    (void)state;
    int status, out[2];
    char text[100];
    assert_int_equal(pipe(out), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDERR_FILENO);
        stop_within(30, "waiter", 2);
        raise(SIGTERM);
        for (;;)
            pause();
    }
    close(out[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
    ssize_t n = read(out[0], text, sizeof text - 1);
    close(out[0]);
    assert_true(n > 0);
    text[n] = '\0';
    assert_non_null(strstr(text, "waiter: stopped without waiting any longer"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_down), cmocka_unit_test(test_limit),
        cmocka_unit_test(test_age_is_that_of_the_first_signal), // last: the flag stays up
    };
    stop_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
