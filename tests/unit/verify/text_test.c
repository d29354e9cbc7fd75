// SPDX-License-Identifier: Apache-2.0
// Text: what the server's texts have to be in Redis and in a record, by docs/redis.md and
// docs/record.md; and what is taken for the same.
#include "verify/text.h"
#include "verify/json.h"

#include "tests/unit/test.h"

static struct cell cell(const char *text)
{
    return (struct cell){str(text), text == NULL};
}

static struct shape_column column_of(enum kind kind)
{
    static const enum column_type types[] = {
        [KIND_INTEGER] = COLUMN_INT,         [KIND_DECIMAL] = COLUMN_DECIMAL,
        [KIND_FLOAT] = COLUMN_FLOAT,         [KIND_DOUBLE] = COLUMN_DOUBLE,
        [KIND_DATE] = COLUMN_DATE,           [KIND_DATETIME] = COLUMN_DATETIME,
        [KIND_TIMESTAMP] = COLUMN_TIMESTAMP, [KIND_TIME] = COLUMN_TIME,
        [KIND_TEXT] = COLUMN_VARCHAR,        [KIND_BINARY] = COLUMN_BINARY,
        [KIND_JSON] = COLUMN_JSON,           [KIND_GEOMETRY] = COLUMN_GEOMETRY,
        [KIND_VECTOR] = COLUMN_VECTOR};
    return (struct shape_column){.name = "c",
                                 .charset = "utf8mb4",
                                 .collation = "",
                                 .kind = kind,
                                 .holding = holding_of(&(struct column){.type = types[kind]}),
                                 .is_raw_utf8 = true};
}

static void assert_entry(struct buf *row, enum canon_tag tag, const char *content)
{
    struct slice rest = buf_bytes(row);
    struct canon_entry entry = {CANON_NULL, {NULL, 0}};
    assert_true(canon_next(&rest, &entry));
    assert_int_equal(entry.tag, tag);
    assert_text(entry.content, content);
    buf_clear(row);
}

static const struct {
    enum kind kind;
    const char *server;
    const char *redis;
} values[] = {
    {KIND_INTEGER, "-5", "-5"},
    {KIND_INTEGER, "0000000042", "42"},
    {KIND_INTEGER, "18446744073709551615", "18446744073709551615"},
    {KIND_DECIMAL, "000.50", "0.50"},
    {KIND_DECIMAL, "-0.10", "-0.10"},
    {KIND_DATE, "2026-00-00", "2026-00-00"},
    {KIND_DATETIME, "2026-11-21 08:15:00.250", "2026-11-21T08:15:00.250"},
    {KIND_TIMESTAMP, "2026-11-21 08:15:00", "2026-11-21T08:15:00Z"},
    {KIND_TIME, "-838:59:59.000000", "-838:59:59.000000"},
    {KIND_TEXT, "Huế ", "Huế "},
    {KIND_BINARY, "\x01\x02", "AQI="},
    {KIND_BINARY, "abc", "YWJj"},
    {KIND_BINARY, "a", "YQ=="},
    {KIND_JSON, "{\"a\": [1, 2.50, \"x\\u0001\"]}", "{\"a\":[1,2.50,\"x\\u0001\"]}"},
};

static void test_values(void **state)
{
    struct buf row = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct shape_column column = column_of(values[i].kind);
        struct cell one = cell(values[i].server);
        text_put_cell(&row, &column, &one, TEXT_HASH);
        assert_entry(&row, CANON_VALUE, values[i].redis);
        text_put_field(&row, &column, str(values[i].redis));
        assert_entry(&row, CANON_VALUE, values[i].redis);
    }
    buf_deinit(&row);
}

// One row of bytes for both, or not.
static bool is_same(enum kind kind, const char *server, const char *redis)
{
    struct shape_column column = column_of(kind);
    struct cell one = cell(server);
    struct buf a = {0}, b = {0};
    text_put_cell(&a, &column, &one, TEXT_HASH);
    text_put_field(&b, &column, str(redis));
    bool same = slice_eq(buf_bytes(&a), buf_bytes(&b));
    buf_deinit(&a);
    buf_deinit(&b);
    return same;
}

static void test_numbers_by_their_bits(void **state)
{
    (void)state;
    assert_true(is_same(KIND_FLOAT, "0.10000000149011612", "0.1"));
    assert_false(is_same(KIND_FLOAT, "0.10000000149011612", "0.10000001"));
    assert_true(is_same(KIND_DOUBLE, "1e20", "1e+20"));
    assert_false(is_same(KIND_DOUBLE, "0.30000000000000004", "0.3"));
    assert_true(is_same(KIND_DOUBLE, "-0", "-0.0"));
    assert_false(is_same(KIND_DOUBLE, "0", "-0.0"));
    assert_false(is_same(KIND_DOUBLE, "1", "1 "));
    assert_false(is_same(KIND_DOUBLE, "1", "0x1"));
    assert_false(is_same(KIND_DOUBLE, "0", ""));
    assert_true(is_same(KIND_VECTOR, "\xcd\xcc\xcc\x3d", "[0.1]"));
    assert_false(is_same(KIND_VECTOR, "\xcd\xcc\xcc\x3d", "[0.2]"));
    assert_false(is_same(KIND_VECTOR, "\xcd\xcc\xcc\x3d", "[0.1,0.1]"));
}

static void test_json_to_the_digit(void **state)
{
    (void)state;
    assert_true(is_same(KIND_JSON, "{\"b\": 1, \"a\": 2}", "{ \"b\":1,\"a\":2}"));
    assert_false(is_same(KIND_JSON, "{\"b\": 1, \"a\": 2}", "{\"a\":2,\"b\":1}"));
    assert_false(is_same(KIND_JSON, "1.0", "1"));
    assert_false(is_same(KIND_JSON, "[1]", "[1"));
    assert_false(is_same(KIND_JSON, "\"a\"", "a"));
}

static void test_bad_text(void **state)
{
    struct shape_column column = column_of(KIND_TEXT);
    struct buf row = {0};
    struct cell bad = cell("\xff\xfe");
    (void)state;
    text_put_cell(&row, &column, &bad, TEXT_HASH);
    assert_entry(&row, CANON_VALUE, "{\"$bytes\":\"//4=\"}");
    text_put_cell(&row, &column, &bad, TEXT_JSON);
    assert_entry(&row, CANON_BAD_TEXT, "{\"$bytes\":\"//4=\"}");
    column.is_raw_utf8 = false; // then the first byte is shape.c's mark
    text_put_cell(&row, &column, &bad, TEXT_JSON);
    assert_entry(&row, CANON_BAD_TEXT, "{\"$bytes\":\"/g==\"}");
    column.is_raw_utf8 = true;
    column.charset = "utf8mb3";
    struct cell wide = cell("😀");
    text_put_cell(&row, &column, &wide, TEXT_JSON);
    assert_entry(&row, CANON_BAD_TEXT, "{\"$bytes\":\"8J+YgA==\"}");
    buf_deinit(&row);
}

static void test_utf8(void **state)
{
    static const char *const good[] = {"", "a", "é", "ế", "😀", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",         "\xc3",         "\xc0\x80",
                                      "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                                      "\xf5\x80\x80", "a\xff",        "\xf4\x90\x80\x80"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(json_is_utf8(str(good[i]), 4));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(json_is_utf8(str(bad[i]), 4));
    assert_false(json_is_utf8(str("😀"), 3));
    assert_false(json_is_utf8(str("é"), 1));
}

static struct shape_column pair_columns[] = {
    {.name = "id",
     .charset = "",
     .collation = "",
     .kind = KIND_INTEGER,
     .holding = {HELD_INT32, HELD_NUMBER, false},
     .is_raw_utf8 = true},
    {.name = "s",
     .charset = "utf8mb4",
     .collation = "",
     .kind = KIND_TEXT,
     .holding = {HELD_STRING, HELD_QUOTED, false},
     .is_raw_utf8 = true},
};
static size_t pair_key[] = {1, 0};
static const struct shape pair = {
    .columns = pair_columns, .n_columns = 2, .key = pair_key, .n_key = 2};

static void assert_object(const char *json, const char *row, const char *guard)
{
    struct buf out = {0}, plain = {0}, found = {0};
    struct canon_entry entry = {CANON_NULL, {NULL, 0}};
    assert_true(text_put_object(&out, &pair, str(json), &found));
    for (struct slice rest = buf_bytes(&out); canon_next(&rest, &entry);) {
        buf_char(&plain, (char)entry.tag);
        buf_slice(&plain, entry.content);
        buf_char(&plain, ' ');
        for (size_t i = 0; i < plain.len; i++)
            plain.ptr[i] = plain.ptr[i] ? plain.ptr[i] : '=';
    }
    assert_text(buf_bytes(&plain), row);
    assert_text(buf_bytes(&found), guard);
    buf_deinit(&out);
    buf_deinit(&plain);
    buf_deinit(&found);
}

static void test_objects(void **state)
{
    struct buf out = {0};
    (void)state;
    assert_object("{\"id\":7,\"s\":\"x\"}", "V7 Vx ", "");
    assert_object("{\"s\":\"x\",\"id\":7,\"_tailrace\":\"3:42\"}", "V7 Vx ", "3:42");
    assert_object("{\"id\":7,\"s\":null}", "V7 N ", "");
    assert_object("{\"id\":7}", "V7 A ", "");
    assert_object("{\"id\":\"7\",\"s\":7}", "W7 W7 ", "");
    assert_object("{\"id\":7,\"s\":\"x\",\"t\":{\"a\": 1}}", "V7 Vx Xt={\"a\":1} ", "");
    assert_object("{\"id\":7,\"s\":\"x\",\"s\":\"y\"}", "V7 Vx Xs=y ", "");
    assert_object("{\"id\":7,\"s\":\"x\",\"_tailrace\":\"3\"}", "V7 Vx X_tailrace=3 ", "");
    assert_object("{\"id\":7,\"s\":\"x\",\"_tailrace\":3}", "V7 Vx X_tailrace=3 ", "");
    assert_false(text_put_object(&out, &pair, str("[1]"), &out));
    assert_false(text_put_object(&out, &pair, str("{\"id\":7}x"), &out));
    assert_false(text_put_object(&out, &pair, str(""), &out));
    buf_deinit(&out);
}

static void test_keys(void **state)
{
    struct arena arena = {0};
    struct cell cells[2] = {cell("a\"b"), cell("7")}, again[2];
    struct buf out = {0};
    (void)state;
    text_put_record_key(&out, &pair, cells);
    assert_text(buf_bytes(&out), "{\"s\":\"a\\\"b\",\"id\":7}");
    assert_true(text_read_record_key(&pair, buf_bytes(&out), &arena, again));
    assert_text(again[0].text, "a\"b");
    assert_text(again[1].text, "7");
    assert_false(text_read_record_key(&pair, str("{\"s\":\"a\"}"), &arena, again));
    assert_false(text_read_record_key(&pair, str("{\"s\":\"a\",\"id\":\"x\"}"), &arena, again));
    assert_false(text_read_record_key(&pair, str("{\"s\":\"a\",\"id\":7,\"t\":1}"), &arena, again));
    buf_deinit(&out);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_numbers_by_their_bits),
        cmocka_unit_test(test_json_to_the_digit),
        cmocka_unit_test(test_bad_text),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
