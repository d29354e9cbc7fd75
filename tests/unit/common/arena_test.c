// SPDX-License-Identifier: Apache-2.0
// Arena: pieces do not overlap, are aligned, and a steady load stops allocating.
#include "common/arena.h"

#include "tests/unit/test.h"

#include <stdalign.h>

static void test_pieces(void **state)
{
    (void)state;
    struct arena arena = {0};
    uint8_t *pieces[300];
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        pieces[i] = arena_alloc(&arena, i + 1);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)i, i + 1);
    }
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        for (size_t at = 0; at <= i; at++)
            assert_int_equal(pieces[i][at], (uint8_t)i);
    arena_deinit(&arena);
    assert_null(arena.blocks);
}

static void test_large_and_zeroed(void **state)
{
    (void)state;
    struct arena arena = {0};
    memset(arena_alloc(&arena, 100), 0xff, 100);
    arena_reset(&arena);
    const uint8_t *zeros = arena_zalloc(&arena, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(zeros[i], 0);
    memset(arena_alloc(&arena, 10000000), 1, 10000000);
    arena_deinit(&arena);
}

static void test_copies(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_text(arena_copy(&arena, str("abc")), "abc");
    assert_string_equal(arena_str(&arena, slice_of("abcdef", 3)), "abc");
    assert_string_equal(arena_str(&arena, slice_of(NULL, 0)), "");
    arena_deinit(&arena);
}

static void test_steady_load_keeps_its_block(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct arena_block *kept = NULL;
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 100; i++)
            memset(arena_alloc(&arena, 1000), round, 1000);
        if (round >= 2)
            assert_ptr_equal(arena.blocks, kept);
        arena_reset(&arena);
        kept = arena.blocks;
    }
    arena_deinit(&arena);
}

static void test_outlier_is_given_back(void **state)
{
    (void)state;
    struct arena arena = {0};
    memset(arena_alloc(&arena, 50000000), 1, 50000000);
    for (int round = 0; round < 40; round++) {
        arena_reset(&arena);
        memset(arena_alloc(&arena, 100), 1, 100);
    }
    assert_in_range(arena.end - arena.next, 0, 1000000);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_large_and_zeroed),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_steady_load_keeps_its_block),
        cmocka_unit_test(test_outlier_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
