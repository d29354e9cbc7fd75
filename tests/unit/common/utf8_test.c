// SPDX-License-Identifier: Apache-2.0
// UTF-8: the limits of its forms (Unicode 15, table 3-7), at each place of a text.
#include "common/utf8.h"

#include "tests/unit/test.h"

static const char *const valid[] = {
    "\x7f",         "\xc2\x80",     "\xdf\xbf",         "\xe0\xa0\x80",     "\xed\x9f\xbf",
    "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
};

static const char *const invalid[] = {
    "\x80",         "\xbf",          "\xc0\x80",         "\xc1\xbf",         "\xc3",
    "\xc3(",        "\xe0\x9f\xbf",  "\xe2\x82",         "\xe2\x82(",        "\xed\xa0\x80",
    "\xf0\x90\x80", "\xf0\x90\x80(", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
    "\xff",
};

#define PLACES 72 // more than two blocks of what is looked at in one piece

// The text between so many letters and a few more.
static struct slice placed(char *room, size_t before, const char *text, size_t after)
{
    size_t n = strlen(text);
    memset(room, 'x', before + n + after);
    memcpy(room + before, text, n);
    return slice_of(room, before + n + after);
}

static void test_valid(void **state)
{
    char room[2 * PLACES];
    (void)state;
    assert_true(utf8_is_valid(slice_of(NULL, 0)));
    assert_true(utf8_is_ascii(slice_of(NULL, 0)));
    for (size_t i = 0; i < COUNT_OF(valid); i++)
        for (size_t at = 0; at < PLACES; at++) {
            struct slice text = placed(room, at, valid[i], PLACES - at);
            size_t n = strlen(valid[i]);
            assert_true(utf8_is_valid(text));
            assert_int_equal(utf8_valid_length(text, n), text.len);
            if (n > 1)
                assert_int_equal(utf8_valid_length(text, n - 1), at);
            assert_int_equal(utf8_is_ascii(text), n == 1);
        }
}

static void test_ascii(void **state)
{
    char room[2 * PLACES];
    (void)state;
    for (size_t n = 0; n < PLACES; n++) {
        struct slice text = placed(room, n, "", 0);
        assert_true(utf8_is_ascii(text));
        assert_int_equal(utf8_valid_length(text, 1), n);
        for (size_t at = 0; at < n; at++) {
            room[at] = '\xff';
            assert_false(utf8_is_ascii(text));
            assert_int_equal(utf8_valid_length(text, UTF8_BYTES_MAX), at);
            room[at] = 'x';
        }
    }
}

static void test_invalid(void **state)
{
    char room[2 * PLACES];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(invalid); i++)
        for (size_t at = 0; at < PLACES; at++) {
            // at the end of the text too, where some are cut off
            for (size_t after = 0; after < 12; after++) {
                struct slice text = placed(room, at, invalid[i], after);
                assert_int_equal(utf8_valid_length(text, UTF8_BYTES_MAX), at);
                assert_false(utf8_is_valid(text));
                assert_false(utf8_is_ascii(text));
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_ascii),
        cmocka_unit_test(test_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
