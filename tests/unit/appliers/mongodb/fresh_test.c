// SPDX-License-Identifier: Apache-2.0
// When documents are inserted: from the start, and after a failure not before some batches, twice
// as many after each failure that follows it.
#include "appliers/mongodb/fresh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// A batch of which nothing is there.
static bool write(struct fresh *fresh)
{
    fresh_begin(fresh);
    bool inserts = fresh->may_insert;
    fresh->has_inserted = inserts;
    assert_false(fresh_gives_way(fresh));
    fresh_end(fresh);
    return inserts;
}

// A batch of which something is there.
static void meet(struct fresh *fresh)
{
    fresh_begin(fresh);
    assert_true(fresh->may_insert);
    fresh->has_inserted = fresh->was_there = true;
    assert_true(fresh_gives_way(fresh));
    assert_false(fresh->may_insert);
    assert_false(fresh_gives_way(fresh)); // it is done again once
    fresh_end(fresh);
}

static unsigned pause_of(struct fresh *fresh)
{
    unsigned n = 0;
    while (!write(fresh))
        n++;
    return n;
}

static void inserts_from_the_start(void **state)
{
    struct fresh fresh = {0};
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(write(&fresh));
}

static void pauses_where_something_was_there(void **state)
{
    struct fresh fresh = {0};
    (void)state;
    meet(&fresh);
    assert_int_equal(pause_of(&fresh), 15); // the batch that was done again counts
    meet(&fresh);
    assert_int_equal(pause_of(&fresh), 15); // the insert in between was a success
}

static void pauses_longer_each_time(void **state)
{
    struct fresh fresh = {0};
    unsigned before = 0;
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        meet(&fresh);
        unsigned n = 0;
        while (fresh.left > 0) {
            assert_false(write(&fresh));
            n++;
        }
        assert_int_equal(n, i < 8 ? 2 * before + (i ? 1 : 15) : 4095);
        before = n;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inserts_from_the_start),
        cmocka_unit_test(pauses_where_something_was_there),
        cmocka_unit_test(pauses_longer_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
