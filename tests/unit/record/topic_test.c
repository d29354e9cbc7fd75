// SPDX-License-Identifier: Apache-2.0
// Topic names: each has one table, each table one name, and the pattern takes only table topics.
#include "record/topic.h"

#include "tests/unit/test.h"

#include <regex.h>

static const struct {
    const char *db;
    const char *table;
    const char *topic;
} names[] = {
    {"shop", "product", "src.shop.product"},
    {"Shop", "Product_2", "src.Shop.Product_2"},
    {"a.b", "c", "src.a-x2eb.c"},
    {"a", "b.c", "src.a.b-x2ec"},
    {"a-b", "c-", "src.a-b.c-"},
    {"a-x", "-x2e", "src.a-x2dx.-x2dx2e"},
    {"t\xc3\xa9l\xc3\xa9", "a b", "src.t-xc3-xa9l-xc3-xa9.a-x20b"},
    {"--x", "$", "src.--x2dx.-x24"},
};

static void test_both_directions(void **state)
{
    (void)state;
    struct buf out = {0};
    struct buf db = {0};
    struct buf table = {0};
    struct err err;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        buf_clear(&out);
        assert_works(topic_write_table(&out, "src", str(names[i].db), str(names[i].table), &err),
                     &err);
        assert_text(buf_bytes(&out), names[i].topic);
        assert_true(topic_read_table(names[i].topic, "src", &db, &table));
        assert_text(buf_bytes(&db), names[i].db);
        assert_text(buf_bytes(&table), names[i].table);
    }
    buf_deinit(&out);
    buf_deinit(&db);
    buf_deinit(&table);
}

static void test_other_topics_are_no_tables(void **state)
{
    (void)state;
    static const char *const others[] = {
        "src.checkpoint", "src.ddl",     "src",        "src.",      "src..t",
        "src.a.",         "src.a.b.c",   "other.a.b",  "srcx.a.b",  "src.a-x41.b",
        "src.a-xzz.b",    "src.a-x2E.b", "src.a-x2.b", "src.a b.c",
    };
    struct buf db = {0};
    struct buf table = {0};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_false(topic_read_table(others[i], "src", &db, &table));
    buf_deinit(&db);
    buf_deinit(&table);
}

static void test_length_limit(void **state)
{
    (void)state;
    char name[TOPIC_NAME_MAX + 1];
    struct buf out = {0};
    struct err err;
    memset(name, 'n', sizeof name);
    name[TOPIC_NAME_MAX - 4] = '\0'; // ".a.b" makes it as long as Kafka takes
    assert_works(topic_write_table(&out, name, str("a"), str("b"), &err), &err);
    assert_int_equal(out.len, TOPIC_NAME_MAX);
    buf_clear(&out);
    assert_fails(topic_write_table(&out, name, str("a"), str("bb"), &err), &err, ERR_CONFIG);
    assert_int_equal(out.len, 0);
    buf_deinit(&out);
}

static void test_pattern(void **state)
{
    (void)state;
    struct buf out = {0};
    regex_t regex;
    topic_write_pattern(&out, "my.src");
    assert_text(buf_bytes(&out), "^my\\.src\\.[^.]+\\.[^.]+$");
    assert_int_equal(regcomp(&regex, buf_cstr(&out), REG_EXTENDED | REG_NOSUB), 0);
    assert_int_equal(regexec(&regex, "my.src.shop.product", 0, NULL, 0), 0);
    assert_int_equal(regexec(&regex, "my.src.checkpoint", 0, NULL, 0), REG_NOMATCH);
    assert_int_equal(regexec(&regex, "myxsrc.shop.product", 0, NULL, 0), REG_NOMATCH);
    regfree(&regex);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_directions),
        cmocka_unit_test(test_other_topics_are_no_tables),
        cmocka_unit_test(test_length_limit),
        cmocka_unit_test(test_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
