// SPDX-License-Identifier: Apache-2.0
// Keys that must differ, the text of each kind of value, and the JSON of a row. Expected values by
// hand, from docs/record.md.
#include "appliers/redis/mapping.h"

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

static const uint16_t both[] = {1, 0};

// {db}:{table}:{key}
static const struct key_template plain = {
    .pieces = {{KEY_PIECE_DB, {NULL, 0}},
               {KEY_PIECE_TEXT, BYTES(":")},
               {KEY_PIECE_TABLE, {NULL, 0}},
               {KEY_PIECE_TEXT, BYTES(":")}},
    .n_pieces = 4,
};

static void assert_key(const char *db, const char *name, size_t n_key, const struct value *row,
                       const char *expected)
{
    static const struct column columns[2];
    const struct table table = {.db = slice_of_str(db),
                                .name = slice_of_str(name),
                                .columns = columns,
                                .n_columns = 2,
                                .key = both,
                                .n_key = n_key};
    struct buf key = {0};
    mapping_write_key(&key, &plain, &table, row);
    assert_string_equal(buf_cstr(&key), expected);
    buf_deinit(&key);
}

static void keys_are_told_apart(void **state)
{
    (void)state;
#define ROW(second, first) (const struct value[]){TEXT(VALUE_TEXT, first), TEXT(VALUE_TEXT, second)}
    assert_key("d", "t", 2, ROW("1", "23"), "d:t:1:23");
    assert_key("d", "t", 2, ROW("12", "3"), "d:t:12:3");
    assert_key("d", "t", 2, ROW("a:b", "c"), "d:t:a%3Ab:c");
    assert_key("d", "t", 2, ROW("a", "b:c"), "d:t:a:b%3Ac");
    assert_key("d", "t", 2, ROW("a%3Ab", ""), "d:t:a%253Ab:");
    assert_key("d:t", "u%", 1, ROW("1", ""), "d%3At:u%25:1");
    assert_key("d", "t", 1, (const struct value[]){{.kind = VALUE_NULL}, {.kind = VALUE_NULL}},
               "d:t:%NULL");
    assert_key("d", "t", 1, ROW("%NULL", ""), "d:t:%25NULL");
    assert_key("d", "t", 1, ROW("", ""), "d:t:");
    assert_key("d", "t", 1,
               (const struct value[]){{.kind = VALUE_NULL},
                                      TIME(VALUE_TIME, .hour = 1, .minute = 2, .second = 3)},
               "d:t:01%3A02%3A03");
}

static const struct {
    struct value value;
    const char *expected;
} samples[] = {
    {{.kind = VALUE_INT, .i = -7}, "-7"},
    {{.kind = VALUE_UINT, .u = UINT64_MAX}, "18446744073709551615"},
    {{.kind = VALUE_FLOAT, .f = 0.1F}, "0.1"},
    {{.kind = VALUE_DOUBLE, .d = -1.5}, "-1.5"},
    {TEXT(VALUE_DECIMAL, "1.500"), "1.500"},
    {TIME(VALUE_DATE, .year = 2026), "2026-00-00"},
    {TIME(VALUE_DATETIME, .year = 2026, .month = 11, .day = 21, .hour = 8, .minute = 15,
          .micros = 250000, .digits = 3),
     "2026-11-21T08:15:00.250"},
    {TIME(VALUE_TIMESTAMP, .year = 2026, .month = 11, .day = 21), "2026-11-21T00:00:00Z"},
    {TIME(VALUE_TIME, .negative = true, .hour = 838, .minute = 59, .second = 59), "-838:59:59"},
    {TEXT(VALUE_TEXT, "Hu\xe1\xba\xbf \"1\"\n"), "Hu\xe1\xba\xbf \"1\"\n"},
    {TEXT(VALUE_TEXT, ""), ""},
    {TEXT(VALUE_BAD_TEXT, "\xff"), "{\"$bytes\":\"/w==\"}"},
    {TEXT(VALUE_BINARY, "\0\1\2"), "AAEC"},
    {TEXT(VALUE_BINARY, ""), ""},
    {TEXT(VALUE_JSON, "{\"a\":[1,2]}"), "{\"a\":[1,2]}"},
    {TEXT(VALUE_JSON, "\"s\""), "\"s\""},
    {{.kind = VALUE_GEOMETRY, .geometry = {4326, BYTES("\1\2")}},
     "{\"srid\":4326,\"wkb\":\"AQI=\"}"},
    {TEXT(VALUE_VECTOR, "\0\0\xc0\x3f\0\0\0\xc0"), "[1.5,-2]"},
};

static void each_kind_has_its_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct buf text = {0};
        buf_str(&text, "=");
        mapping_write_value(&text, &samples[i].value);
        assert_int_equal(*text.ptr, '=');
        assert_string_equal(buf_cstr(&text) + 1, samples[i].expected);
        buf_deinit(&text);
    }
}

static void row_is_a_json_object(void **state)
{
    static const struct value row[] = {{.kind = VALUE_NULL}, TEXT(VALUE_TEXT, "x\"")};
    static const struct value part[] = {{.kind = VALUE_ABSENT}, TEXT(VALUE_TEXT, "y")};
    struct column columns[] = {{.name = BYTES("a")}, {.name = BYTES("b")}};
    struct table table = {.columns = columns, .n_columns = 2};
    struct arena arena = {0};
    struct buf json = {0};
    (void)state;
    table_render(&table, columns, &arena);
    mapping_write_json(&json, &table, row);
    mapping_write_json(&json, &table, part);
    assert_string_equal(buf_cstr(&json), "{\"a\":null,\"b\":\"x\\\"\"}{\"b\":\"y\"}");
    buf_deinit(&json);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_told_apart),
        cmocka_unit_test(each_kind_has_its_text),
        cmocka_unit_test(row_is_a_json_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
