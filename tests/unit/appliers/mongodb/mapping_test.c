// SPDX-License-Identifier: Apache-2.0
// Each kind of value as MongoDB gets it, in canonical Extended JSON (expected texts by hand, from
// MongoDB's specification of it); seconds of dates from `date -u +%s`.
#include "appliers/mongodb/mapping.h"

#include "common/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)text, sizeof text - 1                                                     \
    }
#define TEXT(value_kind, bytes)                                                                    \
    {                                                                                              \
        .kind = value_kind, .text = BYTES(bytes)                                                   \
    }
#define TIME(value_kind, ...)                                                                      \
    {                                                                                              \
        .kind = value_kind, .time = { __VA_ARGS__ }                                                \
    }

static void assert_document(const bson_t *doc, const char *expected)
{
    char *json = bson_as_canonical_extended_json(doc, NULL);
    assert_string_equal(json, expected);
    bson_free(json);
}

struct sample {
    struct column column;
    struct value value;
    const char *expected;
};

static const struct sample samples[] = {
    {{.type = COLUMN_INT}, {.kind = VALUE_NULL}, "null"},
    {{.type = COLUMN_INT}, {.kind = VALUE_INT, .i = -7}, "{ \"$numberInt\" : \"-7\" }"},
    {{.type = COLUMN_BIGINT}, {.kind = VALUE_INT, .i = -7}, "{ \"$numberLong\" : \"-7\" }"},
    {{.type = COLUMN_BIGINT},
     {.kind = VALUE_INT, .i = INT64_MIN},
     "{ \"$numberLong\" : \"-9223372036854775808\" }"},
    {{.type = COLUMN_INT, .is_unsigned = true},
     {.kind = VALUE_UINT, .u = 4294967295},
     "{ \"$numberLong\" : \"4294967295\" }"},
    {{.type = COLUMN_BIGINT, .is_unsigned = true},
     {.kind = VALUE_UINT, .u = INT64_MAX},
     "{ \"$numberLong\" : \"9223372036854775807\" }"},
    {{.type = COLUMN_BIGINT, .is_unsigned = true},
     {.kind = VALUE_UINT, .u = UINT64_MAX},
     "{ \"$numberDecimal\" : \"18446744073709551615\" }"},
    {{.type = COLUMN_YEAR}, {.kind = VALUE_UINT, .u = 2026}, "{ \"$numberInt\" : \"2026\" }"},
    {{.type = COLUMN_BIT, .length = 8}, {.kind = VALUE_UINT, .u = 5}, "{ \"$numberInt\" : \"5\" }"},
    {{.type = COLUMN_BIT, .length = 64},
     {.kind = VALUE_UINT, .u = 5},
     "{ \"$numberLong\" : \"5\" }"},
    {{.type = COLUMN_FLOAT},
     {.kind = VALUE_FLOAT, .f = 0.1F},
     "{ \"$numberDouble\" : \"0.10000000000000000555\" }"},
    {{.type = COLUMN_DOUBLE},
     {.kind = VALUE_DOUBLE, .d = -1.5},
     "{ \"$numberDouble\" : \"-1.5\" }"},
    {{.type = COLUMN_DECIMAL, .precision = 10, .scale = 3},
     TEXT(VALUE_DECIMAL, "1.500"),
     "{ \"$numberDecimal\" : \"1.500\" }"},
    {{.type = COLUMN_DECIMAL, .precision = 34},
     TEXT(VALUE_DECIMAL, "-9999999999999999999999999999999999"),
     "{ \"$numberDecimal\" : \"-9999999999999999999999999999999999\" }"},
    {{.type = COLUMN_DECIMAL, .precision = 35}, TEXT(VALUE_DECIMAL, "1"), "\"1\""},
    {{.type = COLUMN_DATE},
     TIME(VALUE_DATE, .year = 2026, .month = 11, .day = 21),
     "{ \"$date\" : { \"$numberLong\" : \"1795219200000\" } }"},
    {{.type = COLUMN_DATE},
     TIME(VALUE_DATE, .year = 1, .month = 1, .day = 1),
     "{ \"$date\" : { \"$numberLong\" : \"-62135596800000\" } }"},
    {{.type = COLUMN_DATE},
     TIME(VALUE_DATE, .year = 9999, .month = 12, .day = 31),
     "{ \"$date\" : { \"$numberLong\" : \"253402214400000\" } }"},
    {{.type = COLUMN_DATE},
     TIME(VALUE_DATE, .year = 2024, .month = 2, .day = 29),
     "{ \"$date\" : { \"$numberLong\" : \"1709164800000\" } }"},
    {{.type = COLUMN_DATE},
     TIME(VALUE_DATE, .year = 2026, .month = 2, .day = 29),
     "\"2026-02-29\""},
    {{.type = COLUMN_DATE}, TIME(VALUE_DATE, .year = 2026), "\"2026-00-00\""},
    {{.type = COLUMN_DATETIME, .scale = 3},
     TIME(VALUE_DATETIME, .year = 2026, .month = 11, .day = 21, .hour = 8, .minute = 15,
          .micros = 250000, .digits = 3),
     "{ \"$date\" : { \"$numberLong\" : \"1795248900250\" } }"},
    {{.type = COLUMN_DATETIME, .scale = 4},
     TIME(VALUE_DATETIME, .year = 2026, .month = 11, .day = 21, .hour = 8, .minute = 15,
          .micros = 250000, .digits = 4),
     "\"2026-11-21T08:15:00.2500\""},
    {{.type = COLUMN_TIMESTAMP},
     TIME(VALUE_TIMESTAMP, .year = 1970, .month = 1, .day = 1, .second = 1),
     "{ \"$date\" : { \"$numberLong\" : \"1000\" } }"},
    {{.type = COLUMN_TIMESTAMP}, TIME(VALUE_TIMESTAMP, .year = 0), "\"0000-00-00T00:00:00Z\""},
    {{.type = COLUMN_TIME},
     TIME(VALUE_TIME, .negative = true, .hour = 838, .minute = 59, .second = 59),
     "\"-838:59:59\""},
    {{.type = COLUMN_VARCHAR}, TEXT(VALUE_TEXT, "Huế \"1\""), "\"Huế \\\"1\\\"\""},
    {{.type = COLUMN_VARCHAR}, TEXT(VALUE_TEXT, ""), "\"\""},
    {{.type = COLUMN_SET}, TEXT(VALUE_TEXT, "a,c"), "\"a,c\""},
    {{.type = COLUMN_VARCHAR},
     TEXT(VALUE_BAD_TEXT, "\xff"),
     "{ \"$binary\" : { \"base64\" : \"/w==\", \"subType\" : \"00\" } }"},
    {{.type = COLUMN_BLOB},
     TEXT(VALUE_BINARY, "\0\1\2"),
     "{ \"$binary\" : { \"base64\" : \"AAEC\", \"subType\" : \"00\" } }"},
    {{.type = COLUMN_GEOMETRY},
     {.kind = VALUE_GEOMETRY, .geometry = {4326, BYTES("\1\2")}},
     "{ \"srid\" : { \"$numberLong\" : \"4326\" }, \"wkb\" : { \"$binary\" : { \"base64\" : "
     "\"AQI=\", "
     "\"subType\" : \"00\" } } }"},
    {{.type = COLUMN_VECTOR},
     TEXT(VALUE_VECTOR, "\0\0\xc0\x3f\0\0\0\xc0"),
     "[ { \"$numberDouble\" : \"1.5\" }, { \"$numberDouble\" : \"-2.0\" } ]"},
};

static void each_kind_has_its_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct column column = samples[i].column;
        column.name = slice_of_str("v");
        const struct table table = {.columns = &column, .n_columns = 1};
        bson_t doc = BSON_INITIALIZER;
        struct buf expected = {0};
        struct err err = {0};
        buf_printf(&expected, "{ \"v\" : %s }", samples[i].expected);
        assert_true(mapping_append_row(&doc, &table, &samples[i].value, &err));
        assert_document(&doc, buf_cstr(&expected));
        buf_deinit(&expected);
        bson_destroy(&doc);
    }
}

static const struct {
    const char *json;
    const char *expected;
} json_samples[] = {
    {"1", "{ \"$numberInt\" : \"1\" }"},
    {"2147483648", "{ \"$numberLong\" : \"2147483648\" }"},
    {"-9223372036854775808", "{ \"$numberLong\" : \"-9223372036854775808\" }"},
    {"9223372036854775808", "{ \"$numberDecimal\" : \"9223372036854775808\" }"},
    {"18446744073709551615", "{ \"$numberDecimal\" : \"18446744073709551615\" }"},
    {"1.5", "{ \"$numberDouble\" : \"1.5\" }"},
    {"100.0", "{ \"$numberDouble\" : \"100.0\" }"},
    {"0.0", "{ \"$numberDouble\" : \"0.0\" }"},
    {"-0", "{ \"$numberDouble\" : \"-0.0\" }"},
    {"1e3", "{ \"$numberDouble\" : \"1000.0\" }"},
    // 17 digits that name a double; 18 that name none; a number out of a double's range
    {"0.10000000000000001", "{ \"$numberDouble\" : \"0.10000000000000000555\" }"},
    {"0.100000000000000001", "{ \"$numberDecimal\" : \"0.100000000000000001\" }"},
    {"12345678901234567890.5", "{ \"$numberDecimal\" : \"12345678901234567890.5\" }"},
    {"1e400", "{ \"$numberDecimal\" : \"1E+400\" }"},
    // 34 digits, 35 digits
    {"0.1234567890123456789012345678901234",
     "{ \"$numberDecimal\" : \"0.1234567890123456789012345678901234\" }"},
    {"0.12345678901234567890123456789012345", "\"0.12345678901234567890123456789012345\""},
    {"\"a\\u0000\\ud83d\\ude00\"", "\"a\\u0000😀\""},
    {"true", "true"},
    {"[]", "[  ]"},
    {"{}", "{  }"},
    {"[1,[2,{\"a\":null}]]",
     "[ { \"$numberInt\" : \"1\" }, [ { \"$numberInt\" : \"2\" }, { \"a\" : null } ] ]"},
    {"{\"b\":1,\"a\":{\"$oid\":\"x\",\"c.d\":2,\"\":3}}",
     "{ \"b\" : { \"$numberInt\" : \"1\" }, \"a\" : { \"$oid\" : \"x\", \"c.d\" : { \"$numberInt\" "
     ": "
     "\"2\" }, \"\" : { \"$numberInt\" : \"3\" } } }"},
};

static void json_becomes_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof json_samples / sizeof json_samples[0]; i++) {
        bson_t doc = BSON_INITIALIZER;
        struct buf expected = {0};
        struct err err = {0};
        buf_printf(&expected, "{ \"v\" : %s }", json_samples[i].expected);
        assert_true(
            mapping_append_json(&doc, slice_of_str("v"), slice_of_str(json_samples[i].json), &err));
        assert_document(&doc, buf_cstr(&expected));
        buf_deinit(&expected);
        bson_destroy(&doc);
    }
}

static void json_that_cannot_be_held_is_refused(void **state)
{
    static const struct {
        const char *json;
        enum err_class class;
    } cases[] = {
        {"{\"a\":1,\"b\":2,\"a\":3}", ERR_REFUSED},
        {"[{\"x\":{\"k\":1,\"k\":1}}]", ERR_REFUSED},
        {"{\"a\\u0000b\":1}", ERR_REFUSED},
        {"{\"a\":", ERR_CORRUPT},
        {"[1}", ERR_CORRUPT},
        {"", ERR_CORRUPT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bson_t doc = BSON_INITIALIZER;
        struct err err = {0};
        assert_false(
            mapping_append_json(&doc, slice_of_str("v"), slice_of_str(cases[i].json), &err));
        assert_int_equal(err.class, cases[i].class);
        bson_destroy(&doc);
    }
}

static bool append_nested(int levels)
{
    struct buf json = {0};
    struct err err = {0};
    bson_t doc = BSON_INITIALIZER;
    for (int i = 0; i < levels; i++)
        buf_char(&json, '[');
    for (int i = 0; i < levels; i++)
        buf_char(&json, ']');
    bool done = mapping_append_json(&doc, slice_of_str("v"), buf_bytes(&json), &err);
    assert_int_equal(err.class, done ? ERR_NONE : ERR_REFUSED);
    buf_deinit(&json);
    bson_destroy(&doc);
    return done;
}

static void levels_are_limited(void **state)
{
    (void)state;
    assert_true(append_nested(100));
    assert_false(append_nested(101));
}

static void assert_id(const struct column *columns, size_t n, const struct value *row,
                      const char *expected)
{
    static const uint16_t key[] = {0, 1};
    const struct table table = {.columns = columns, .n_columns = n, .key = key, .n_key = n};
    bson_t doc = BSON_INITIALIZER;
    struct err err = {0};
    assert_true(mapping_append_id(&doc, &table, row, &err));
    assert_document(&doc, expected);
    bson_destroy(&doc);
}

static void key_is_a_scalar_or_a_document(void **state)
{
    static const struct column texts[] = {{.name = BYTES("a"), .type = COLUMN_VARCHAR},
                                          {.name = BYTES("b"), .type = COLUMN_VARCHAR}};
    static const struct column json[] = {{.name = BYTES("j"), .type = COLUMN_JSON}};
    (void)state;
    assert_id(texts, 1, (const struct value[]){TEXT(VALUE_TEXT, "x")}, "{ \"_id\" : \"x\" }");
    assert_id(texts, 2, (const struct value[]){TEXT(VALUE_TEXT, "1"), TEXT(VALUE_TEXT, "23")},
              "{ \"_id\" : { \"a\" : \"1\", \"b\" : \"23\" } }");
    assert_id(texts, 2, (const struct value[]){TEXT(VALUE_TEXT, "12"), TEXT(VALUE_TEXT, "3")},
              "{ \"_id\" : { \"a\" : \"12\", \"b\" : \"3\" } }");
    assert_id(json, 1, (const struct value[]){TEXT(VALUE_JSON, "[]")},
              "{ \"_id\" : { \"j\" : [  ] } }");
}

static void refuses_names(void **state)
{
    static const char *const names[] = {"a.b", "$a", "_id", ""};
    static const struct value row[] = {{.kind = VALUE_INT, .i = 1}};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct column column = {.name = slice_of_str(names[i]), .type = COLUMN_INT};
        const struct table table = {.columns = &column, .n_columns = 1};
        bson_t doc = BSON_INITIALIZER;
        struct err err = {0};
        assert_false(mapping_append_row(&doc, &table, row, &err));
        assert_int_equal(err.class, ERR_REFUSED);
        bson_destroy(&doc);
    }
}

static void absent_columns_are_absent(void **state)
{
    static const struct column columns[] = {{.name = BYTES("a"), .type = COLUMN_INT},
                                            {.name = BYTES("b"), .type = COLUMN_INT}};
    static const struct value row[] = {{.kind = VALUE_ABSENT}, {.kind = VALUE_INT, .i = 2}};
    const struct table table = {.columns = columns, .n_columns = 2};
    bson_t doc = BSON_INITIALIZER;
    struct err err = {0};
    (void)state;
    assert_true(mapping_append_row(&doc, &table, row, &err));
    assert_document(&doc, "{ \"b\" : { \"$numberInt\" : \"2\" } }");
    bson_destroy(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_type),
        cmocka_unit_test(json_becomes_documents),
        cmocka_unit_test(json_that_cannot_be_held_is_refused),
        cmocka_unit_test(levels_are_limited),
        cmocka_unit_test(key_is_a_scalar_or_a_document),
        cmocka_unit_test(refuses_names),
        cmocka_unit_test(absent_columns_are_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
