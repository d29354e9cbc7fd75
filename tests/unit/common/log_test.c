// SPDX-License-Identifier: Apache-2.0
// Log: one line an event, in both formats, and nothing below the level. Standard error is a file
// meanwhile.
#define _POSIX_C_SOURCE 200809L
#include "common/log.h"

#include "tests/unit/test.h"

#include <fcntl.h>
#include <unistd.h>

#define TIME_LENGTH 24 // 2026-11-21T08:15:00.250Z

static int file = -1;
static int standard_error = -1;

static int set_up(void **state)
{
    char path[] = "/tmp/tailrace-log-XXXXXX";
    (void)state;
    file = mkstemp(path);
    standard_error = dup(STDERR_FILENO);
    if (file < 0 || standard_error < 0)
        return -1;
    return unlink(path);
}

static int tear_down(void **state)
{
    (void)state;
    close(file);
    close(standard_error);
    return 0;
}

// What the event puts out.
static const char *line_of(enum log_level level, const struct log_field *fields)
{
    static char line[1024];
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    log_write(level, "started", fields);
    assert_true(dup2(standard_error, STDERR_FILENO) >= 0);
    ssize_t n = pread(file, line, sizeof line - 1, 0);
    assert_true(n >= 0);
    line[n] = '\0';
    return line;
}

static void test_text(void **state)
{
    (void)state;
    log_init("prog", LOG_INFO, LOG_TEXT);
    const char *line = line_of(LOG_WARN, LOG_FIELDS(log_str("a", "plain"), log_u64("n", UINT64_MAX),
                                                    log_str("b", "x \"y\""), log_str("c", ""),
                                                    log_str("d", "e=f\n")));
    assert_string_equal(line + TIME_LENGTH, " WARN prog started a=plain n=18446744073709551615 "
                                            "b=\"x \\\"y\\\"\" c=\"\" d=\"e=f\\u000a\"\n");
    assert_string_equal(line_of(LOG_ERROR, NULL) + TIME_LENGTH, " ERROR prog started\n");
}

static void test_json(void **state)
{
    (void)state;
    log_init("prog", LOG_INFO, LOG_JSON);
    const char *line = line_of(LOG_INFO, LOG_FIELDS(log_str("a", "x\"\\"), log_u64("n", 7)));
    assert_memory_equal(line, "{\"ts\":\"", 7);
    assert_string_equal(line + 7 + TIME_LENGTH,
                        "\",\"level\":\"info\",\"program\":\"prog\",\"event\":\"started\","
                        "\"a\":\"x\\\"\\\\\",\"n\":7}\n");
}

static void test_level(void **state)
{
    (void)state;
    log_init("prog", LOG_WARN, LOG_TEXT);
    assert_string_equal(line_of(LOG_INFO, NULL), "");
    assert_string_not_equal(line_of(LOG_WARN, NULL), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_level),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
