// SPDX-License-Identifier: Apache-2.0
// Total: sums to the last digit, over signs, carries and sizes that no double holds.
#include "verify/total.h"

#include "tests/unit/test.h"

static void assert_total(const char *const *numbers, size_t n, const char *expected)
{
    struct total total = {{0}, 0};
    struct buf out = {0};
    for (size_t i = 0; i < n; i++)
        assert_true(total_add(&total, str(numbers[i])));
    total_write(&out, &total);
    assert_text(buf_bytes(&out), expected);
    buf_deinit(&out);
}

#define assert_sum(expected, ...)                                                                  \
    assert_total((const char *const[]){__VA_ARGS__},                                               \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), expected)

static void test_sums(void **state)
{
    (void)state;
    assert_sum("0", "0");
    assert_sum("0", "0.000");
    assert_sum("12.5", "12.50");
    assert_sum("-0.1", "0.2", "-0.3");
    assert_sum("0", "1.000000000000000000000000000001", "-1.000000000000000000000000000001");
    assert_sum("1000000000", "999999999", "1");
    assert_sum("-1000000000.5", "-999999999.25", "-1.25");
    assert_sum("36893488147419103230", "18446744073709551615", "18446744073709551615");
    assert_sum("9007199254740993", "9007199254740992", "1");
    assert_sum("99999999999999999999999999999999999.999999999999999999999999999999",
               "99999999999999999999999999999999999.999999999999999999999999999999");
    assert_sum("200000000000000000000000000000000000",
               "99999999999999999999999999999999999.999999999999999999999999999999",
               "100000000000000000000000000000000000.000000000000000000000000000001");
}

static void test_no_numbers(void **state)
{
    static const char *const wrong[] = {"", "-", "x", "1e5", "1,5", "1.2.3", " 1", ".5", "--1"};
    struct total total = {{0}, 0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(total_add(&total, str(wrong[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
