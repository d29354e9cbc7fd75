// SPDX-License-Identifier: Apache-2.0
// The window: what is small is ordinary memory; what is large keeps its bytes while it is out of
// memory, and says where it cannot lie.
#define _POSIX_C_SOURCE 200809L
#include "binlog/window.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LARGE_BYTES ((size_t)64 << 20)
#define STRIDE ((size_t)4093)

static size_t resident_bytes(void)
{
    size_t all = 0;
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &all, &pages), 2);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void small_ones_are_memory(void **state)
{
    (void)state;
    struct window window = {0};
    void *bytes = window_take(&window, WINDOW_MEMORY_BYTES);
    assert_non_null(bytes);
    assert_null(window.mapped);
    window_return(&window, bytes);
    window_return(&window, NULL);
    window_rest(&window);
}

static void large_ones_keep_their_bytes_out_of_memory(void **state)
{
    (void)state;
    struct window window = {0};
    uint8_t *bytes = window_take(&window, LARGE_BYTES);
    uint8_t *small = window_take(&window, 1);
    assert_ptr_equal(bytes, window.mapped);
    assert_non_null(small);
    for (size_t i = 0; i < LARGE_BYTES; i += STRIDE)
        bytes[i] = (uint8_t)(i >> 4);
    size_t before = resident_bytes();
    window_rest(&window);
    assert_true(resident_bytes() + LARGE_BYTES * 3 / 4 < before);
    for (size_t i = 0; i < LARGE_BYTES; i += STRIDE)
        assert_int_equal(bytes[i], (uint8_t)(i >> 4));
    window_return(&window, small);
    assert_non_null(window.mapped);
    window_return(&window, bytes);
    assert_null(window.mapped);
}

static void says_where_the_file_cannot_be_made(void **state)
{
    (void)state;
    struct window window = {0};
    assert_int_equal(setenv("TMPDIR", "/nowhere/at/all", 1), 0);
    assert_null(window_take(&window, LARGE_BYTES));
    assert_int_equal(window.err.class, ERR_UNAVAILABLE);
    assert_non_null(strstr(window.err.text, "TMPDIR"));
    unsetenv("TMPDIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_ones_are_memory),
        cmocka_unit_test(large_ones_keep_their_bytes_out_of_memory),
        cmocka_unit_test(says_where_the_file_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
