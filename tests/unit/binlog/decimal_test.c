// SPDX-License-Identifier: Apache-2.0
// Decimal: bytes from row events of MySQL 9.7, texts from its SELECT of the same rows; the example
// of the server's source (1234567890.1234 as DECIMAL(14,4)); and what no server writes.
#include "binlog/decimal.h"

#include "tests/unit/binlog/hex.h"

static const struct {
    unsigned precision;
    unsigned scale;
    const char *bytes;
    const char *text;
} golden[] = {
    {14, 4, "810dfb38d204d2", "1234567890.1234"},
    {14, 4, "7ef204c72dfb2d", "-1234567890.1234"},
    {1, 0, "80", "0"},
    {10, 2, "8000000000", "0.00"},
    {5, 5, "800000", "0.00000"},
    {18, 9, "8000000000000006", "0.000000006"},
    {18, 9, "7ffffff8ea1d818c", "-7.367165043"},
    {30, 20, "8525a093ec344ee6b02608555e1b", "5631280620.87758609663808035027"},
    {4, 1, "7f4afe", "-181.1"},
    {20, 3, "8000013425fcc87901df", "308637323385.479"},
    {65, 30, "7ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffb",
     "-0.000000000000000000000000000004"},
    {65, 0, "55e60a56edc5e1eb8eedf5db0df7470b66e8245378e8dc2308ecc0c0a1",
     "-42435530002975049841302654706146338969400272519388226295322912094"},
};

static void test_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(golden); i++) {
        struct slice bytes = hex(golden[i].bytes);
        struct cursor cur = cursor_of(bytes);
        struct err err = {0};
        uint8_t text[DECIMAL_TEXT_MAX];
        size_t len;
        assert_works(decimal_decode(&cur, golden[i].precision, golden[i].scale, text, &len, &err),
                     &err);
        assert_text(slice_of(text, len), golden[i].text);
        assert_true(cursor_done(&cur));
        free((void *)(uintptr_t)bytes.ptr);
    }
}

static void test_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(golden); i++) {
        struct slice bytes = hex(golden[i].bytes);
        for (size_t n = 0; n < bytes.len; n++) {
            struct slice cut = exact_copy(slice_of(bytes.ptr, n));
            struct cursor cur = cursor_of(cut);
            struct err err = {0};
            uint8_t text[DECIMAL_TEXT_MAX];
            size_t len;
            assert_fails(
                decimal_decode(&cur, golden[i].precision, golden[i].scale, text, &len, &err), &err,
                ERR_CORRUPT);
            free((void *)(uintptr_t)cut.ptr);
        }
        free((void *)(uintptr_t)bytes.ptr);
    }
}

// The largest group that has its digits passes, the next does not.
static void test_group_limits(void **state)
{
    (void)state;
    static const struct {
        unsigned precision;
        const char *good;
        const char *text;
        const char *bad;
    } pairs[] = {
        {2, "e3", "99", "e4"},
        {9, "bb9ac9ff", "999999999", "bb9aca00"},
        {4, "a70f", "9999", "a710"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        uint8_t text[DECIMAL_TEXT_MAX];
        size_t len;
        struct err err = {0};
        struct slice good = hex(pairs[i].good);
        struct slice bad = hex(pairs[i].bad);
        struct cursor cur = cursor_of(good);
        assert_works(decimal_decode(&cur, pairs[i].precision, 0, text, &len, &err), &err);
        assert_text(slice_of(text, len), pairs[i].text);
        cur = cursor_of(bad);
        assert_fails(decimal_decode(&cur, pairs[i].precision, 0, text, &len, &err), &err,
                     ERR_CORRUPT);
        assert_int_equal(err.offset, 0);
        free((void *)(uintptr_t)good.ptr);
        free((void *)(uintptr_t)bad.ptr);
    }
}

// Groups of more digits than they have must not spill over the text either (found by fuzzing).
static void test_all_groups_too_large(void **state)
{
    (void)state;
    struct slice bytes = hex("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
    for (unsigned scale = 0; scale <= DECIMAL_SCALE_MAX; scale++) {
        uint8_t *text = mem_alloc(DECIMAL_TEXT_MAX);
        struct cursor cur = cursor_of(bytes);
        struct err err = {0};
        size_t len;
        assert_fails(decimal_decode(&cur, DECIMAL_PRECISION_MAX, scale, text, &len, &err), &err,
                     ERR_CORRUPT);
        assert_true(len <= DECIMAL_TEXT_MAX);
        free(text);
    }
    free((void *)(uintptr_t)bytes.ptr);
}

static void test_valid(void **state)
{
    (void)state;
    assert_true(decimal_is_valid(65, 38));
    assert_false(decimal_is_valid(66, 30));
    assert_false(decimal_is_valid(65, 39));
    assert_true(decimal_is_valid(5, 5));
    assert_false(decimal_is_valid(5, 6));
    assert_false(decimal_is_valid(0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_group_limits), cmocka_unit_test(test_all_groups_too_large),
        cmocka_unit_test(test_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
