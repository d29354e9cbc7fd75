// SPDX-License-Identifier: Apache-2.0
// Buffer: what is appended is there, over any number of growths.
#include "common/buf.h"

#include "tests/unit/test.h"

static void test_appends(void **state)
{
    (void)state;
    struct buf buf = {0};
    assert_string_equal(buf_cstr(&buf), "");
    buf_append(&buf, NULL, 0);
    buf_str(&buf, "ab");
    buf_char(&buf, 'c');
    buf_slice(&buf, str("de"));
    buf_printf(&buf, "%d-%s", 7, "x");
    assert_text(buf_bytes(&buf), "abcde7-x");
    assert_string_equal(buf_cstr(&buf), "abcde7-x");
    assert_int_equal(buf.len, 8);
    buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_true(buf.cap > 0);
    buf_deinit(&buf);
    assert_null(buf.ptr);
}

static void test_grows(void **state)
{
    (void)state;
    struct buf buf = {0};
    for (size_t i = 0; i < 100000; i++)
        buf_char(&buf, (char)(i % 251));
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(buf.ptr[i], i % 251);
    buf_deinit(&buf);
}

static void test_little_endian(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_le(&buf, 0x0807060504030201, 8);
    buf_le(&buf, 0x1211, 1);
    buf_le(&buf, 0x232221, 3);
    buf_le(&buf, 0, 0);
    assert_text(buf_bytes(&buf), "\1\2\3\4\5\6\7\10\x11\x21\x22\x23");
    buf_deinit(&buf);
}

static void test_long_printf(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_str(&buf, "x");
    buf_printf(&buf, "%5000d", 1);
    assert_int_equal(buf.len, 5001);
    assert_int_equal(buf.ptr[5000], '1');
    buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_little_endian),
        cmocka_unit_test(test_long_printf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
