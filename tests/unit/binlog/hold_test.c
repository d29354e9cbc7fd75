// SPDX-License-Identifier: Apache-2.0
// Hold: which events are left after savepoints and rollbacks to them.
#include "binlog/hold.h"

#include "tests/unit/test.h"

// A script: lower-case letters are events, "(name)" sets a savepoint, "[name]" rolls back to it.
struct played {
    char left[64];
    bool ok;
    struct err err;
};

static bool play_one(struct spill *spill, struct hold *hold, const char **at, struct err *err)
{
    char c = *(*at)++;
    if (c != '(' && c != '[')
        return hold_event(spill, hold, slice_of(&c, 1), 7, err);
    const char *end = strchr(*at, c == '(' ? ')' : ']');
    struct slice name = slice_of(*at, (size_t)(end - *at));
    *at = end + 1;
    return c == '(' ? hold_savepoint(spill, hold, name, err)
                    : hold_rollback_to(spill, hold, name, err);
}

static struct played play(const char *script, bool is_mariadb, size_t memory_most)
{
    struct played played = {.ok = true};
    struct hold hold = {.format.is_mariadb = is_mariadb};
    struct spill spill;
    struct buf room = {0};
    struct held_event held;
    uint64_t at = 0;
    bool given = true;
    size_t n = 0;
    spill_init(&spill, memory_most);
    while (*script && played.ok)
        played.ok = play_one(&spill, &hold, &script, &played.err);
    while (played.ok && given) {
        assert_works(hold_next(&spill, &hold, &at, &room, &held, &given, &played.err), &played.err);
        if (given) {
            assert_int_equal(held.pos, 7);
            played.left[n++] = (char)held.bytes.ptr[0];
        }
    }
    buf_deinit(&room);
    spill_drop(&spill, &hold.log);
    spill_deinit(&spill);
    return played;
}

static void assert_left(const char *script, const char *left)
{
    struct played played = play(script, true, 1 << 20);
    assert_works(played.ok, &played.err);
    assert_string_equal(played.left, left);
}

static void keeps_what_was_not_undone(void **state)
{
    (void)state;
    assert_left("abc", "abc");
    assert_left("a(s)b[s]c", "ac");
    assert_left("a(s)b[s]c[s]d", "ad"); // the savepoint stays
    assert_left("a(s)b(t)c(u)d[t]e", "abe");
    assert_left("a(s)b(t)c[s]d", "ad");
    assert_left("(s)a[S]b", "b");        // case does not matter
    assert_left("a(s)b(s)c[s]d", "abd"); // set again: the later one
    assert_left("a(s)b(\xc3\xa9)c[\xc3\xa9]d", "abd");
    assert_left("(\xc3\xa9)a(s)b[s]c", "ac");
}

static void assert_refused(const char *script, bool is_mariadb)
{
    struct played played = play(script, is_mariadb, 1 << 20);
    assert_false(played.ok);
    assert_int_equal(played.err.class, ERR_UNSUPPORTED);
}

static void refuses_what_is_not_sure(void **state)
{
    (void)state;
    assert_refused("a[s]", true);
    assert_refused("(s)a(t)b[s][t]", true);                   // t went with the rollback to s
    assert_refused("(\xc3\xa9)a(\xc3\x89)b[\xc3\xa9]", true); // the same to the server, or not
    assert_refused("(e)a(\xc3\xa9)b[e]", true);
    assert_refused("a(s)b(s)c[s]", false); // MySQL: one may be of a function
}

static void the_same_from_the_file(void **state)
{
    (void)state;
    char script[6000];
    size_t n = 0;
    for (int i = 0; i < 400; i++)
        n += (size_t)snprintf(script + n, sizeof script - n, "(s%d)a", i);
    snprintf(script + n, sizeof script - n, "[s2]z");
    struct played played = play(script, true, 0);
    assert_works(played.ok, &played.err);
    assert_string_equal(played.left, "aaz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_was_not_undone),
        cmocka_unit_test(refuses_what_is_not_sure),
        cmocka_unit_test(the_same_from_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
