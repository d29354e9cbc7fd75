// SPDX-License-Identifier: Apache-2.0
// Key templates: what is taken, and that no table's keys can be another's.
#include "common/key_template.h"

#include "tests/unit/test.h"

static const struct {
    const char *key;
    const char *include;
    const char *why; // NULL: it is good
} samples[] = {
    {"{db}:{table}:{key}", "", NULL},
    {"c:{table}-:-{db}:v1:{key}", "", NULL},
    {"{table}:{key}", "shop.*", NULL},
    {"{table}:{key}", " shop.a* , shop.b", NULL},
    {"c:{key}", "shop.product", NULL},
    {"{db}:{key}", "shop.product", NULL},
    {"{key}", "shop.product", "end with"},
    {"", "", "end with"},
    {":{key}:", "", "end with"},
    {"{db}:{table}{key}", "", "end with"},
    {"{db}{table}:{key}", "", "a colon between"},
    {"{db}-{table}:{key}", "", "a colon between"},
    {"{table}{db}:{key}", "", "a colon between"},
    {"{db}:{db}:{key}", "shop.product", "each once"},
    {"{db}:{table}:{db}:{key}", "", "each once"},
    {"{key}:{key}", "shop.product", "in braces"},
    {"{id}:{db}:{table}:{key}", "", "in braces"},
    {"}{db}:{table}:{key}", "", "in braces"},
    {"{table}:{key}", "", "single database"},
    {"{table}:{key}", "sho?.*", "single database"},
    {"{table}:{key}", "shop.*, crm.*", "single database"},
    {"{table}:{key}", "*", "single database"},
    {"{db}:{key}", "shop.a, shop.b", "single table"},
    {"{db}:{key}", "shop.a*", "single table"},
    {"{db}:{key}", "shop.a, shop.a", NULL},
};

static void templates_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        const struct config config = {.redis = {.key = samples[i].key},
                                      .tables = {.include = samples[i].include}};
        struct key_template template;
        struct err err = {0};
        if (!samples[i].why) {
            assert_works(key_template_parse(&template, &config, &err), &err);
            continue;
        }
        assert_fails(key_template_parse(&template, &config, &err), &err, ERR_CONFIG);
        if (!strstr(err.text, samples[i].why))
            fail_msg("%s: %s", samples[i].key, err.text);
    }
}

static void pieces_come_in_order(void **state)
{
    const struct config config = {.redis = {.key = "c:{table}:x-{db}::{key}"},
                                  .tables = {.include = ""}};
    struct key_template template;
    struct err err = {0};
    (void)state;
    assert_works(key_template_parse(&template, &config, &err), &err);
    assert_int_equal(template.n_pieces, 5);
    assert_int_equal(template.n_colons, 4);
    assert_text(template.pieces[0].text, "c:");
    assert_int_equal(template.pieces[1].kind, KEY_PIECE_TABLE);
    assert_text(template.pieces[2].text, ":x-");
    assert_int_equal(template.pieces[3].kind, KEY_PIECE_DB);
    assert_text(template.pieces[4].text, "::");
}

static void what_is_left_out_is_the_only_one(void **state)
{
    struct config config = {.redis = {.key = "{table}:{key}"}, .tables = {.include = "shop.*"}};
    struct key_template template;
    struct err err = {0};
    (void)state;
    assert_works(key_template_parse(&template, &config, &err), &err);
    assert_true(key_template_takes(&template, str("shop"), str("a")));
    assert_false(key_template_takes(&template, str("crm"), str("a")));
    config.redis.key = "c:{key}";
    config.tables.include = "shop.product";
    assert_works(key_template_parse(&template, &config, &err), &err);
    assert_true(key_template_takes(&template, str("shop"), str("product")));
    assert_false(key_template_takes(&template, str("shop"), str("products")));
    config.redis.key = "{db}:{table}:{key}";
    assert_works(key_template_parse(&template, &config, &err), &err);
    assert_true(key_template_takes(&template, str("crm"), str("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_checked),
        cmocka_unit_test(pieces_come_in_order),
        cmocka_unit_test(what_is_left_out_is_the_only_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
