// SPDX-License-Identifier: Apache-2.0
// Hosts: what a list names, and what is none.
#include "common/hosts.h"

#include "tests/unit/test.h"

static void assert_host(const struct hosts *hosts, size_t i, const char *name, unsigned port)
{
    assert_string_equal(hosts->items[i].name, name);
    assert_int_equal(hosts->items[i].port, port);
}

static void test_lists(void **state)
{
    (void)state;
    struct hosts hosts;
    struct err err;
    assert_true(hosts_parse(&hosts, "db1", 3306, &err));
    assert_int_equal(hosts.n, 1);
    assert_host(&hosts, 0, "db1", 3306);
    assert_true(hosts_parse(&hosts, "db1 , db2:1,  10.0.0.3:65535", 3307, &err));
    assert_int_equal(hosts.n, 3);
    assert_host(&hosts, 0, "db1", 3307);
    assert_host(&hosts, 1, "db2", 1);
    assert_host(&hosts, 2, "10.0.0.3", 65535);
    assert_true(hosts_parse(&hosts, "::1,[2001:db8::1]:3308,[fe80::2]", 3306, &err));
    assert_host(&hosts, 0, "::1", 3306);
    assert_host(&hosts, 1, "2001:db8::1", 3308);
    assert_host(&hosts, 2, "fe80::2", 3306);
}

static void test_wrong(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",        ",",     "a,",   "a,,b",      "a:",       "a:0",     "a:65536",
        "a:3306x", ":3306", "[::1", "::1]",      "[]",       "[::1]:0", "a b",
        "[::1]x",  " ",     "a:-1", "a:0000001", "[[::1]]:1"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct hosts hosts;
        struct err err = {0};
        if (hosts_parse(&hosts, wrong[i], 3306, &err))
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_int_equal(err.class, ERR_CONFIG);
    }
}

// So many entries of one byte, with commas between.
static void fill(char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = 'a';
        text[2 * i + 1] = ',';
    }
    text[2 * n - 1] = '\0';
}

static void test_limits(void **state)
{
    (void)state;
    struct hosts hosts;
    struct err err;
    char list[2 * (HOSTS_MAX + 1)];
    char name[HOST_NAME_BYTES + 1];
    fill(list, HOSTS_MAX);
    assert_true(hosts_parse(&hosts, list, 3306, &err));
    assert_int_equal(hosts.n, HOSTS_MAX);
    fill(list, HOSTS_MAX + 1);
    assert_false(hosts_parse(&hosts, list, 3306, &err));
    memset(name, 'x', sizeof name);
    name[HOST_NAME_BYTES] = '\0';
    assert_false(hosts_parse(&hosts, name, 3306, &err));
    name[HOST_NAME_BYTES - 1] = '\0';
    assert_true(hosts_parse(&hosts, name, 3306, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
