// SPDX-License-Identifier: Apache-2.0
// The net effect of two changes of a key, for all pairs; keys and shapes that must not be mixed up.
#include "appliers/core/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct column columns[] = {
    {.name = {(const uint8_t *)"id", 2}, .type = COLUMN_INT},
    {.name = {(const uint8_t *)"x", 1}, .type = COLUMN_INT},
    {.name = {(const uint8_t *)"y", 1}, .type = COLUMN_INT},
};
static const uint16_t key_id[] = {0};
static const uint16_t key_x[] = {1};

#define TABLE(db_name, table_name, key_columns)                                                    \
    {                                                                                              \
        .db = {(const uint8_t *)db_name, sizeof db_name - 1},                                      \
        .name = {(const uint8_t *)table_name, sizeof table_name - 1}, .columns = columns,          \
        .n_columns = 3, .key = key_columns, .n_key = 1                                             \
    }

static const struct table item = TABLE("shop", "item", key_id);
static const struct table item_altered = TABLE("shop", "item", key_id);
static const struct table item_rekeyed = TABLE("shop", "item", key_x);
static const struct table other_table = TABLE("shop", "items", key_id);
static const struct table other_db = TABLE("shop2", "item", key_id);

#define ABSENT                                                                                     \
    {                                                                                              \
        .kind = VALUE_ABSENT                                                                       \
    }
#define INT(n)                                                                                     \
    {                                                                                              \
        .kind = VALUE_INT, .i = n                                                                  \
    }

static const struct value row_1[] = {INT(7), INT(1), INT(1)};
static const struct value row_2[] = {INT(7), INT(2), INT(2)};
static const struct value only_x[] = {ABSENT, INT(3), ABSENT};
static const struct value only_y[] = {ABSENT, ABSENT, INT(4)};
static const struct value no_row[] = {ABSENT, INT(1), INT(1)};

static bool add(struct batch *batch, enum change_op op, const struct table *table, const char *key,
                const struct value *row, bool *taken, struct err *err)
{
    static int64_t offset = 0;
    struct batch_record record = {
        .key = slice_of_str(key),
        .partition = batch_partition(batch, "s.shop.item", 0, 0),
        .offset = offset++,
        .change = {.op = op,
                   .table = table,
                   .before = op == CHANGE_INSERT ? NULL : row_1,
                   .after = op == CHANGE_DELETE ? NULL : row,
                   .source = {.gtid = slice_of_str("u:1"), .file = slice_of_str("binlog.000001")}}};
    if (op == CHANGE_DELETE)
        record.change.before = row;
    return batch_add(batch, &record, taken, err);
}

static void must_add(struct batch *batch, enum change_op op, const struct table *table,
                     const char *key, const struct value *row)
{
    struct err err = {0};
    bool taken = false;
    assert_true(add(batch, op, table, key, row, &taken, &err));
    assert_true(taken);
}

// kind, and the values of x and y; -1: absent.
static void assert_effect(const struct batch *batch, enum effect_kind kind, int x, int y)
{
    assert_int_equal(batch->n_effects, 1);
    const struct effect *effect = &batch->effects[0];
    assert_int_equal(effect->kind, kind);
    assert_int_equal(effect->row[0].i, 7);
    if (kind == EFFECT_DELETE)
        return;
    assert_int_equal(effect->row[1].kind == VALUE_ABSENT ? -1 : effect->row[1].i, x);
    assert_int_equal(effect->row[2].kind == VALUE_ABSENT ? -1 : effect->row[2].i, y);
}

static void pairs_have_their_net_effect(void **state)
{
    static const struct {
        enum change_op first, second;
        const struct value *first_row, *second_row;
        enum effect_kind kind;
        int x, y;
    } cases[] = {
        {CHANGE_INSERT, CHANGE_UPDATE, row_1, row_2, EFFECT_REPLACE, 2, 2},
        {CHANGE_INSERT, CHANGE_UPDATE, row_1, only_x, EFFECT_REPLACE, 3, 1},
        {CHANGE_INSERT, CHANGE_DELETE, row_1, row_1, EFFECT_DELETE, 0, 0},
        {CHANGE_UPDATE, CHANGE_UPDATE, only_x, row_2, EFFECT_REPLACE, 2, 2},
        {CHANGE_UPDATE, CHANGE_UPDATE, only_x, only_y, EFFECT_PATCH, 3, 4},
        {CHANGE_UPDATE, CHANGE_DELETE, only_x, row_1, EFFECT_DELETE, 0, 0},
        {CHANGE_DELETE, CHANGE_INSERT, row_1, row_2, EFFECT_REPLACE, 2, 2},
        {CHANGE_DELETE, CHANGE_UPDATE, row_1, only_x, EFFECT_REPLACE, 3, -1},
        {CHANGE_DELETE, CHANGE_DELETE, row_1, row_1, EFFECT_DELETE, 0, 0},
        {CHANGE_READ, CHANGE_UPDATE, row_1, only_y, EFFECT_REPLACE, 1, 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct batch batch = {0};
        must_add(&batch, cases[i].first, &item, "{\"id\":7}", cases[i].first_row);
        must_add(&batch, cases[i].second, &item, "{\"id\":7}", cases[i].second_row);
        assert_effect(&batch, cases[i].kind, cases[i].x, cases[i].y);
        batch_deinit(&batch);
    }
}

static void partial_update_alone_is_a_patch_with_its_key(void **state)
{
    struct batch batch = {0};
    (void)state;
    must_add(&batch, CHANGE_UPDATE, &item, "{\"id\":7}", only_y);
    assert_effect(&batch, EFFECT_PATCH, -1, 4);
    batch_deinit(&batch);
}

static void keys_and_tables_are_told_apart(void **state)
{
    static const char *const keys[] = {
        "{\"a\":\"1\",\"b\":\"23\"}",
        "{\"a\":\"12\",\"b\":\"3\"}",
        "{\"a\":\"a:b\",\"b\":\"c\"}",
        "{\"a\":\"a\",\"b\":\"b:c\"}",
        "{\"id\":7}",
        "{\"id\":\"7\"}",
    };
    const size_t n_keys = sizeof keys / sizeof keys[0];
    struct batch batch = {0};
    (void)state;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < n_keys; i++) {
            must_add(&batch, CHANGE_INSERT, &item, keys[i], row_1);
            must_add(&batch, CHANGE_INSERT, &other_table, keys[i], row_1);
            must_add(&batch, CHANGE_INSERT, &other_db, keys[i], row_1);
        }
    assert_int_equal(batch.n_effects, 3 * n_keys);
    batch_deinit(&batch);
}

static void many_keys_are_found_again(void **state)
{
    static char keys[5000][24];
    struct batch batch = {0};
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5000; i++) {
            snprintf(keys[i], sizeof keys[i], "{\"id\":%d}", i);
            must_add(&batch, CHANGE_INSERT, &item, keys[i], row_1);
        }
        assert_int_equal(batch.n_effects, 5000);
    }
    batch_clear(&batch);
    assert_int_equal(batch.n_effects, 0);
    must_add(&batch, CHANGE_INSERT, &item, keys[0], row_1);
    assert_int_equal(batch.n_effects, 1);
    batch_deinit(&batch);
}

static void other_shape_ends_the_batch(void **state)
{
    struct batch batch = {0};
    struct err err = {0};
    bool taken = true;
    (void)state;
    must_add(&batch, CHANGE_INSERT, &item, "{\"id\":7}", row_1);
    assert_true(add(&batch, CHANGE_UPDATE, &item_altered, "{\"id\":7}", only_x, &taken, &err));
    assert_false(taken);                                                 // cannot be merged
    must_add(&batch, CHANGE_UPDATE, &item_altered, "{\"id\":7}", row_2); // needs no merging
    assert_true(add(&batch, CHANGE_INSERT, &item_rekeyed, "{\"x\":1}", row_1, &taken, &err));
    assert_false(taken); // the same row under another key
    batch_clear(&batch);
    must_add(&batch, CHANGE_INSERT, &item_rekeyed, "{\"x\":1}", row_1);
    batch_deinit(&batch);
}

static void partitions_keep_where_they_begin(void **state)
{
    struct batch batch = {0};
    (void)state;
    assert_int_equal(batch_partition(&batch, "s.shop.item", 0, 10), 0);
    assert_int_equal(batch_partition(&batch, "s.shop.item", 1, -1), 1);
    assert_int_equal(batch_partition(&batch, "s.shop.other", 0, 5), 2);
    assert_int_equal(batch_partition(&batch, "s.shop.item", 0, 99), 0);
    assert_int_equal(batch.partitions[0].from, 10);
    assert_int_equal(batch.partitions[1].next, -1);
    struct batch_record record = {
        .key = slice_of_str("{\"id\":7}"),
        .partition = 1,
        .offset = 41,
        .change = {.op = CHANGE_INSERT,
                   .table = &item,
                   .after = row_1,
                   .source = {.gtid = slice_of_str("3e11fa47-71ca-11e1-9e33-c80aa9429562:23"),
                              .file = slice_of_str("binlog.000002"),
                              .pos = 1234,
                              .ts_us = 5}}};
    struct err err = {0};
    bool taken;
    assert_true(batch_add(&batch, &record, &taken, &err));
    assert_int_equal(batch.partitions[1].next, 42);
    assert_int_equal(batch.partitions[1].pos, 1234);
    assert_string_equal(batch.partitions[1].gtid, "3e11fa47-71ca-11e1-9e33-c80aa9429562:23");
    assert_string_equal(batch.partitions[0].file, "");
    batch_deinit(&batch);
}

static void truncation_is_a_batch_of_its_own(void **state)
{
    struct batch batch = {.guarded = true};
    struct err err = {0};
    bool taken = true;
    (void)state;
    must_add(&batch, CHANGE_INSERT, &item, "{\"id\":7}", row_1);
    assert_true(add(&batch, CHANGE_TRUNCATE, &item, "{}", NULL, &taken, &err));
    assert_false(taken);
    assert_null(batch.truncation.table);
    batch_clear(&batch);
    must_add(&batch, CHANGE_TRUNCATE, &item, "{}", NULL);
    assert_ptr_equal(batch.truncation.table, &item);
    assert_int_equal(batch.partitions[0].truncated, batch.truncation.offset);
    assert_int_equal(batch.partitions[0].next, batch.truncation.offset + 1);
    assert_true(add(&batch, CHANGE_INSERT, &other_table, "{\"id\":7}", row_1, &taken, &err));
    assert_false(taken);
    batch_clear(&batch);
    assert_null(batch.truncation.table);
    batch_deinit(&batch);
}

// One record of an insert, or a truncation, at the offset, in a partition truncated at 50.
static bool add_at(struct batch *batch, enum change_op op, int64_t offset)
{
    struct err err = {0};
    bool taken = false;
    struct batch_record record = {
        .key = slice_of_str("{\"id\":7}"),
        .partition = batch_partition(batch, "s.shop.item", 0, offset),
        .offset = offset,
        .change = {.op = op, .table = &item, .after = op == CHANGE_INSERT ? row_1 : NULL}};
    batch->partitions[record.partition].truncated = 50;
    assert_true(batch_add(batch, &record, &taken, &err));
    return taken;
}

static void what_a_truncation_removed_is_passed_over(void **state)
{
    struct batch batch = {.guarded = true};
    (void)state;
    assert_true(add_at(&batch, CHANGE_INSERT, 49));
    assert_true(add_at(&batch, CHANGE_TRUNCATE, 50));
    assert_int_equal(batch.n_effects, 0);
    assert_null(batch.truncation.table);
    assert_int_equal(batch.partitions[0].next, 51);
    assert_true(add_at(&batch, CHANGE_INSERT, 51));
    assert_int_equal(batch.n_effects, 1);
    batch_clear(&batch);
    batch.guarded = false;
    assert_true(add_at(&batch, CHANGE_INSERT, 49));
    assert_int_equal(batch.n_effects, 1);
    batch_deinit(&batch);
}

static void columns_name_is_the_guards(void **state)
{
    static const struct column named[] = {
        {.name = {(const uint8_t *)"id", 2}, .type = COLUMN_INT},
        {.name = {(const uint8_t *)"_tailrace", 9}, .type = COLUMN_INT},
    };
    static const struct table table = {.db = {(const uint8_t *)"shop", 4},
                                       .name = {(const uint8_t *)"item", 4},
                                       .columns = named,
                                       .n_columns = 2,
                                       .key = key_id,
                                       .n_key = 1};
    struct batch batch = {.guarded = true};
    struct err err = {0};
    bool taken;
    (void)state;
    assert_false(add(&batch, CHANGE_INSERT, &table, "{\"id\":7}", row_1, &taken, &err));
    assert_int_equal(err.class, ERR_REFUSED);
    assert_non_null(strstr(err.text, "shop.item"));
    batch.guarded = false;
    must_add(&batch, CHANGE_INSERT, &table, "{\"id\":7}", row_1);
    batch_deinit(&batch);
}

static void refuses_what_it_cannot_apply(void **state)
{
    struct batch batch = {0};
    struct err err = {0};
    bool taken;
    (void)state;
    assert_false(add(&batch, CHANGE_INSERT, &item, "{\"id\":7}", NULL, &taken, &err));
    assert_int_equal(err.class, ERR_CORRUPT);
    assert_non_null(strstr(err.text, "topic s.shop.item partition 0 offset"));
    assert_false(add(&batch, CHANGE_DELETE, &item, "{\"id\":7}", no_row, &taken, &err));
    assert_int_equal(err.class, ERR_CORRUPT);
    assert_int_equal(batch.n_effects, 0);
    batch_deinit(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_have_their_net_effect),
        cmocka_unit_test(partial_update_alone_is_a_patch_with_its_key),
        cmocka_unit_test(keys_and_tables_are_told_apart),
        cmocka_unit_test(many_keys_are_found_again),
        cmocka_unit_test(other_shape_ends_the_batch),
        cmocka_unit_test(partitions_keep_where_they_begin),
        cmocka_unit_test(truncation_is_a_batch_of_its_own),
        cmocka_unit_test(what_a_truncation_removed_is_passed_over),
        cmocka_unit_test(columns_name_is_the_guards),
        cmocka_unit_test(refuses_what_it_cannot_apply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
