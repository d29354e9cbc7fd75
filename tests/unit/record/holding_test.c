// SPDX-License-Identifier: Apache-2.0
// The table of docs/mongodb.md ("Values") and of docs/record.md, line by line, with the largest
// that is held in one way and the next that is not.
#include "record/holding.h"

#include "tests/unit/test.h"

static const struct {
    const char *type;
    enum held_bson bson;
    enum held_json json;
} samples[] = {
    {"tinyint", HELD_INT32, HELD_NUMBER},
    {"tinyint unsigned", HELD_INT32, HELD_NUMBER},
    {"smallint unsigned", HELD_INT32, HELD_NUMBER},
    {"mediumint unsigned", HELD_INT32, HELD_NUMBER},
    {"int", HELD_INT32, HELD_NUMBER},
    {"int unsigned", HELD_INT64, HELD_NUMBER},
    {"bigint", HELD_INT64, HELD_NUMBER},
    {"bigint unsigned", HELD_INT64, HELD_NUMBER},
    {"year", HELD_INT32, HELD_NUMBER},
    {"bit(1)", HELD_INT32, HELD_NUMBER},
    {"bit(31)", HELD_INT32, HELD_NUMBER},
    {"bit(32)", HELD_INT64, HELD_NUMBER},
    {"bit(64)", HELD_INT64, HELD_NUMBER},
    {"float", HELD_DOUBLE, HELD_NUMBER},
    {"double", HELD_DOUBLE, HELD_NUMBER},
    {"decimal(34,4)", HELD_DECIMAL, HELD_QUOTED},
    {"decimal(35,4)", HELD_STRING, HELD_QUOTED},
    {"decimal(65,30)", HELD_STRING, HELD_QUOTED},
    {"date", HELD_DATE, HELD_QUOTED},
    {"datetime", HELD_DATE, HELD_QUOTED},
    {"datetime(3)", HELD_DATE, HELD_QUOTED},
    {"datetime(4)", HELD_STRING, HELD_QUOTED},
    {"timestamp(3)", HELD_DATE, HELD_QUOTED},
    {"timestamp(6)", HELD_STRING, HELD_QUOTED},
    {"time", HELD_STRING, HELD_QUOTED},
    {"char", HELD_STRING, HELD_QUOTED},
    {"varchar", HELD_STRING, HELD_QUOTED},
    {"text", HELD_STRING, HELD_QUOTED},
    {"enum", HELD_STRING, HELD_QUOTED},
    {"set", HELD_STRING, HELD_QUOTED},
    {"binary(16)", HELD_BINARY, HELD_QUOTED},
    {"varbinary", HELD_BINARY, HELD_QUOTED},
    {"blob", HELD_BINARY, HELD_QUOTED},
    {"json", HELD_JSON, HELD_ANY},
    {"geometry", HELD_GEOMETRY, HELD_NESTED},
    {"vector", HELD_ARRAY, HELD_NESTED},
};

static void each_type_is_held_as_documented(void **state)
{
    bool seen[COLUMN_VECTOR + 1] = {false};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct column column = {.type = COLUMN_TINYINT};
        struct err err = {0};
        assert_works(column_type_read(str(samples[i].type), &column, &err), &err);
        struct holding holding = holding_of(&column);
        if (holding.bson != samples[i].bson || holding.json != samples[i].json)
            fail_msg("%s: %d %d", samples[i].type, (int)holding.bson, (int)holding.json);
        bool is_nested = column.type == COLUMN_JSON || column.type == COLUMN_VECTOR;
        assert_int_equal(holding.may_be_array, is_nested);
        seen[column.type] = true;
    }
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        assert_true(seen[i]);
}

static void numbers_of_labels(void **state)
{
    (void)state;
    assert_true(holding_is_narrow(&(struct column){.type = COLUMN_ENUM}));
    assert_false(holding_is_narrow(&(struct column){.type = COLUMN_SET}));
    assert_true(holding_is_narrow(&(struct column){.type = COLUMN_YEAR}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_is_held_as_documented),
        cmocka_unit_test(numbers_of_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
