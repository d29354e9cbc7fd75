// SPDX-License-Identifier: Apache-2.0
// Table filter: globs, both lists, and the server's own databases.
#include "record/table_filter.h"

#include "tests/unit/test.h"

static const struct {
    const char *include;
    const char *exclude;
    const char *db;
    const char *table;
    bool wanted;
} cases[] = {
    {NULL, NULL, "shop", "product", true},
    {"", "", "shop", "product", true},
    {" , ", "", "shop", "product", true},
    {NULL, NULL, "mysql", "user", false},
    {NULL, NULL, "sys", "x", false},
    {"*", NULL, "mysql", "user", false},
    {"my*.user", NULL, "mysql", "user", false},
    {"mysql.*", NULL, "mysql", "user", true},
    {"mysql.user", NULL, "mysql", "user", true},
    {"mysql.user", "mysql.*", "mysql", "user", false},
    {"shop.*", NULL, "shop", "product", true},
    {"shop.*", NULL, "shops", "product", false},
    {"shop", NULL, "shop", "product", false},
    {"other.*, shop.prod*", NULL, "shop", "product", true},
    {"shop.*", "shop.product", "shop", "product", false},
    {"", "shop.tmp_*", "shop", "tmp_1", false},
    {"", "shop.tmp_*", "shop", "tmp", true},
    {"s?op.*", NULL, "shop", "product", true},
    {"s?op.*", NULL, "sop", "product", false},
    {"shop[0-9].*", NULL, "shop7", "t", true},
    {"shop[0-9].*", NULL, "shopx", "t", false},
    {"shop[ax].*", NULL, "shopx", "t", true},
    {"shop[a-].*", NULL, "shop-", "t", true},
    {"shop[.t", NULL, "shop[", "t", true},
    {"*a*b*c", NULL, "xaxbx", "xbxc", true},
    {"*a*b*c", NULL, "xaxbx", "xbxd", false},
    {"*.*", NULL, "a.b", "c", true},
};

static void test_wants(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct table_filter filter = {cases[i].include, cases[i].exclude};
        if (table_filter_wants(&filter, str(cases[i].db), str(cases[i].table)) != cases[i].wanted)
            fail_msg("case %zu: include %s, %s.%s", i, cases[i].include, cases[i].db,
                     cases[i].table);
    }
}

static void test_parts(void **state)
{
    (void)state;
    const char *list = " a.b , ,c.d.e,x*";
    struct slice glob;
    struct slice db;
    struct slice table;
    assert_true(table_filter_next(&list, &glob));
    assert_text(glob, "a.b");
    assert_true(table_filter_next(&list, &glob));
    table_filter_split(glob, &db, &table);
    assert_text(db, "c");
    assert_text(table, "d.e");
    assert_true(table_filter_is_plain(db));
    assert_true(table_filter_next(&list, &glob));
    table_filter_split(glob, &db, &table);
    assert_text(db, "x*");
    assert_text(table, "");
    assert_false(table_filter_is_plain(db) || table_filter_is_plain(table));
    assert_false(table_filter_next(&list, &glob));
}

static uint64_t digest(const char *include, const char *exclude)
{
    return table_filter_digest(&(struct table_filter){include, exclude});
}

static void test_digest(void **state)
{
    (void)state;
    assert_true(digest(NULL, NULL) == digest("", ""));
    assert_true(digest(NULL, NULL) != 0);
    assert_true(digest("a.b,c.d", "") == digest(" a.b , c.d ", NULL));
    assert_true(digest("a.b", "") != digest("", "a.b"));
    assert_true(digest("a.b,c.d", "") != digest("a.b", "c.d"));
    assert_true(digest("a.bc", "") != digest("a.b,c", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wants),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
