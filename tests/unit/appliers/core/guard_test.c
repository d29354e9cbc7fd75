// SPDX-License-Identifier: Apache-2.0
// The guard's text and nothing else is read as one; which effects are a replay, and which of them
// the target shows.
#include "appliers/core/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void text_reads_back(void **state)
{
    static const struct {
        struct guard guard;
        const char *text;
    } cases[] = {{{0, 0}, "0:0"},
                 {{7, 1042}, "7:1042"},
                 {{INT32_MAX, INT64_MAX}, "2147483647:9223372036854775807"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[GUARD_TEXT_BYTES];
        struct guard guard = {-1, -1};
        assert_int_equal(guard_write(text, &cases[i].guard), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        assert_true(guard_read(slice_of_str(cases[i].text), &guard));
        assert_int_equal(guard.partition, cases[i].guard.partition);
        assert_true(guard.offset == cases[i].guard.offset);
    }
}

static void anything_else_is_none(void **state)
{
    static const char *const texts[] = {"",
                                        ":",
                                        "1",
                                        "1:",
                                        ":1",
                                        "-1:1",
                                        "1:-1",
                                        "1:1 ",
                                        " 1:1",
                                        "01:1",
                                        "1:01",
                                        "1:1:1",
                                        "x:1",
                                        "1:1x",
                                        "2147483648:1",
                                        "1:9223372036854775808",
                                        "00000000000000000000000000000000000000000001:1"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct guard guard;
        if (guard_read(slice_of_str(texts[i]), &guard))
            fail_msg("\"%s\" was taken for a guard", texts[i]);
    }
    struct guard guard;
    assert_false(guard_read(slice_of("1:1\0", 4), &guard));
}

static void replay_is_what_lies_below_high(void **state)
{
    struct batch_partition partitions[] = {{.partition = 3, .high = 100}, {.partition = 4}};
    struct batch batch = {.guarded = true, .partitions = partitions, .n_partitions = 2};
    (void)state;
    assert_true(guard_is_replay(&batch, &(struct effect){.partition = 0, .offset = 99}));
    assert_false(guard_is_replay(&batch, &(struct effect){.partition = 0, .offset = 100}));
    assert_false(guard_is_replay(&batch, &(struct effect){.partition = 1, .offset = 0}));
    batch.guarded = false;
    assert_false(guard_is_replay(&batch, &(struct effect){.partition = 0, .offset = 99}));
}

static void shows_its_own_partition_only(void **state)
{
    const struct guard effect = {3, 50};
    (void)state;
    assert_true(guard_shows(&(struct guard){3, 50}, &effect));
    assert_true(guard_shows(&(struct guard){3, 51}, &effect));
    assert_false(guard_shows(&(struct guard){3, 49}, &effect));
    assert_false(guard_shows(&(struct guard){2, 51}, &effect));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_reads_back),
        cmocka_unit_test(anything_else_is_none),
        cmocka_unit_test(replay_is_what_lies_below_high),
        cmocka_unit_test(shows_its_own_partition_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
