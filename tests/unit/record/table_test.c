// SPDX-License-Identifier: Apache-2.0
// Table: the `columns` header and its types in both directions.
#include "record/table.h"

#include "tests/unit/test.h"

static const char *const types[] = {
    "tinyint",
    "tinyint unsigned",
    "smallint",
    "smallint unsigned",
    "mediumint",
    "mediumint unsigned",
    "int",
    "int unsigned",
    "bigint",
    "bigint unsigned",
    "year",
    "bit(1)",
    "bit(64)",
    "float",
    "float unsigned",
    "double",
    "double unsigned",
    "decimal(1,0)",
    "decimal(65,30)",
    "decimal(30,30) unsigned",
    "date",
    "datetime",
    "datetime(1)",
    "datetime(6)",
    "timestamp",
    "timestamp(3)",
    "time",
    "time(6)",
    "char",
    "varchar",
    "text",
    "enum",
    "set",
    "binary(0)",
    "binary(255)",
    "varbinary",
    "blob",
    "json",
    "geometry",
    "vector",
};

static void test_types_both_directions(void **state)
{
    (void)state;
    struct buf out = {0};
    struct err err;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct column column = {0};
        assert_works(column_type_read(str(types[i]), &column, &err), &err);
        buf_clear(&out);
        column_type_write(&out, &column);
        assert_text(buf_bytes(&out), types[i]);
    }
    buf_deinit(&out);
}

static void test_fields(void **state)
{
    (void)state;
    struct column column = {.length = 9, .is_unsigned = true};
    struct err err;
    assert_works(column_type_read(str("decimal(10,2)"), &column, &err), &err);
    assert_int_equal(column.type, COLUMN_DECIMAL);
    assert_int_equal(column.precision, 10);
    assert_int_equal(column.scale, 2);
    assert_int_equal(column.length, 0);
    assert_false(column.is_unsigned);
    assert_works(column_type_read(str("binary(16)"), &column, &err), &err);
    assert_int_equal(column.type, COLUMN_BINARY);
    assert_int_equal(column.length, 16);
}

static void test_unknown_types(void **state)
{
    (void)state;
    static const char *const unknown[] = {
        "",
        "integer",
        "int(11)",
        "INT",
        "int signed",
        "int  unsigned",
        "date(3)",
        "bit",
        "bit(0)",
        "bit(65)",
        "bit(01)",
        "decimal",
        "decimal(10)",
        "decimal(0,0)",
        "decimal(66,0)",
        "decimal(5,6)",
        "decimal(65,31)",
        "datetime(0)",
        "datetime(7)",
        "datetime(",
        "datetime(3",
        "datetime(3)x",
        "binary",
        "binary(256)",
        "binary(1000)",
        "varchar(10)",
        "char unsigned",
    };
    struct err err;
    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        struct column column;
        struct slice text = exact_copy(str(unknown[i]));
        assert_fails(column_type_read(text, &column, &err), &err, ERR_UNSUPPORTED);
        free((void *)text.ptr);
    }
}

static void test_header(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct column columns[] = {
        {.name = str("id"), .type = COLUMN_BIGINT, .is_unsigned = true},
        {.name = str("a \"b\""), .type = COLUMN_DECIMAL, .precision = 10, .scale = 2},
        {.name = str("Hu\xe1\xba\xbf"), .type = COLUMN_DATETIME, .scale = 3},
    };
    struct table table = {.columns = columns, .n_columns = COUNT_OF(columns)};
    table_render(&table, columns, &arena);
    assert_text(table.columns_header,
                "{\"id\":\"bigint unsigned\",\"a \\\"b\\\"\":\"decimal(10,2)\","
                "\"Hu\xe1\xba\xbf\":\"datetime(3)\"}");
    assert_text(columns[1].json_name, "\"a \\\"b\\\"\":");
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_both_directions),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_unknown_types),
        cmocka_unit_test(test_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
