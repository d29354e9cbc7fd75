// SPDX-License-Identifier: Apache-2.0
// Cursor: it reads what is there, never leaves its region, and stays failed.
#include "common/cursor.h"

#include "tests/unit/test.h"

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static struct cursor all(void)
{
    return cursor_of(slice_of(bytes, sizeof bytes));
}

static void test_integers(void **state)
{
    (void)state;
    struct cursor cur = all();
    assert_int_equal(cursor_u8(&cur), 1);
    assert_int_equal(cursor_u16(&cur), 0x0302);
    assert_int_equal(cursor_u24(&cur), 0x060504);
    assert_int_equal(cursor_u32(&cur), 0x0a090807);
    assert_true(cursor_done(&cur));
    cur = all();
    assert_true(cursor_u48(&cur) == 0x060504030201);
    cur = all();
    assert_true(cursor_u64(&cur) == 0x0807060504030201);
    assert_int_equal(cursor_offset(&cur), 8);
    cur = all();
    assert_true(cursor_be(&cur, 3) == 0x010203);
    assert_true(cursor_be(&cur, 7) == 0x0405060708090a);
}

static void test_end_is_sticky(void **state)
{
    (void)state;
    for (size_t n = 0; n < 8; n++) {
        struct slice copy = exact_copy(slice_of(bytes, n));
        struct cursor cur = cursor_of(copy);
        assert_true(cursor_u64(&cur) == 0);
        assert_true(cur.failed);
        assert_int_equal(cursor_offset(&cur), 0);
        assert_int_equal(cursor_u8(&cur), 0);
        assert_false(cursor_done(&cur));
        assert_int_equal(cursor_bytes(&cur, 1).len, 0);
        assert_int_equal(cursor_rest(&cur).len, 0);
        free((void *)copy.ptr);
    }
}

static void test_huge_lengths(void **state)
{
    (void)state;
    struct cursor cur = all();
    assert_null(cursor_take(&cur, SIZE_MAX));
    assert_true(cur.failed);
    cur = all();
    cursor_skip(&cur, sizeof bytes + 1);
    assert_true(cur.failed);
    cur = all();
    struct cursor sub = cursor_sub(&cur, SIZE_MAX);
    assert_true(cur.failed && sub.failed);
    assert_int_equal(cursor_left(&sub), 0);
}

static void test_sub_cursor_keeps_offsets(void **state)
{
    (void)state;
    struct cursor cur = all();
    cursor_skip(&cur, 2);
    struct cursor sub = cursor_sub(&cur, 4);
    assert_int_equal(cursor_u8(&sub), 3);
    assert_int_equal(cursor_offset(&sub), 3);
    assert_int_equal(cursor_left(&sub), 3);
    assert_null(cursor_take(&sub, 4));
    assert_false(cur.failed);
    assert_int_equal(cursor_u8(&cur), 7);
}

// MySQL's manual, "Integer types": Protocol::LengthEncodedInteger.
static void test_length_encoded(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        uint64_t v;
        bool ok;
    } cases[] = {
        {"\x00", 1, 0, true},
        {"\xfa", 1, 250, true},
        {"\xfb", 1, 0, false},
        {"\xff", 1, 0, false},
        {"\xfc\xfb\x00", 3, 251, true},
        {"\xfc\xfb", 2, 0, false},
        {"\xfd\x01\x02\x03", 4, 0x030201, true},
        {"\xfd\x01\x02", 3, 0, false},
        {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff", 9, UINT64_MAX, true},
        {"\xfe\xff\xff\xff\xff\xff\xff\xff", 8, 0, false},
        {"", 0, 0, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cursor cur = cursor_of(slice_of(cases[i].bytes, cases[i].len));
        assert_true(cursor_lenenc(&cur) == cases[i].v);
        assert_int_equal(!cur.failed, cases[i].ok);
    }
    struct cursor cur = cursor_of(str("\003abcd"));
    assert_text(cursor_lenenc_bytes(&cur), "abc");
    cur = cursor_of(str("\003ab"));
    assert_int_equal(cursor_lenenc_bytes(&cur).len, 0);
    assert_true(cur.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),       cmocka_unit_test(test_end_is_sticky),
        cmocka_unit_test(test_huge_lengths),   cmocka_unit_test(test_sub_cursor_keeps_offsets),
        cmocka_unit_test(test_length_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
