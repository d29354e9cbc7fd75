// SPDX-License-Identifier: Apache-2.0
// JSON writer: each kind of value as docs/record.md has it, the envelope, the key. The shortest
// floats come from the examples of the Ryū paper's test suite and from IEEE 754's limits.
#include "record/json_writer.h"

#include <float.h>
#include <math.h>

#include "tests/unit/test.h"

static void check_value(struct value value, const char *expected)
{
    struct buf out = {0};
    json_write_value(&out, &value);
    assert_text(buf_bytes(&out), expected);
    buf_deinit(&out);
}

static void check_text(enum value_kind kind, const char *text, const char *expected)
{
    check_value((struct value){.kind = kind, .text = str(text)}, expected);
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        int64_t v;
        const char *text;
    } cases[] = {{0, "0"},
                 {9, "9"},
                 {10, "10"},
                 {99, "99"},
                 {100, "100"},
                 {-1, "-1"},
                 {101, "101"},
                 {12345, "12345"},
                 {INT64_MAX, "9223372036854775807"},
                 {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_value((struct value){.kind = VALUE_INT, .i = cases[i].v}, cases[i].text);
    check_value((struct value){.kind = VALUE_UINT, .u = UINT64_MAX}, "18446744073709551615");
    check_value((struct value){.kind = VALUE_NULL}, "null");
}

static void test_doubles(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "-0.0"},
        {1.0, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {19.99, "19.99"},
        {0.000001, "0.000001"},
        {1e20, "1e+20"},
        {1e21, "1e+21"},
        {1e22, "1e+22"},
        {999999999999999.0, "999999999999999"},
        {9007199254740993.0, "9007199254740992"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {0.1 + 0.2, "0.30000000000000004"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {4.9406564584124654e-324, "5e-324"},
        {0x1p-44, "5.684341886080802e-14"},
        {9.5367431640625e-07, "9.5367431640625e-07"},
        {2.98023223876953125e-8, "2.9802322387695312e-08"},
        {-2.109808898695963e16, "-2.109808898695963e+16"},
        {4.940656e-318, "4.940656e-318"},
        {NAN, "\"NaN\""},
        {INFINITY, "\"inf\""},
        {-INFINITY, "\"-inf\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out = {0};
        struct value value = {.kind = VALUE_DOUBLE, .d = cases[i].v};
        json_write_value(&out, &value);
        if (out.ptr[0] != '"') {
            double back = strtod(buf_cstr(&out), NULL);
            assert_memory_equal(&back, &cases[i].v, sizeof back);
        }
        assert_text(buf_bytes(&out), cases[i].text);
        buf_deinit(&out);
    }
}

static void test_floats(void **state)
{
    (void)state;
    static const struct {
        float v;
        const char *text;
    } cases[] = {
        {0.0f, "0"},
        {-0.0f, "-0.0"},
        {0.1f, "0.1"},
        {1.1f, "1.1"},
        {16777216.0f, "16777216"},
        {3.4028235e38f, "3.4028235e+38"},
        {1.17549435e-38f, "1.1754944e-38"},
        {1e-45f, "1e-45"},
        {8388608.0f, "8388608"},
        {123456.789f, "123456.79"},
        {9.8e-45f, "1e-44"},
        {0.33333334f, "0.33333334"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_value((struct value){.kind = VALUE_FLOAT, .f = cases[i].v}, cases[i].text);
}

// Random bit patterns read back as what they were, in no more digits than any "%.*e" that does.
static void test_floats_read_back(void **state)
{
    (void)state;
    struct buf out = {0};
    uint32_t random = 2463534242;
    for (int i = 0; i < 20000; i++) {
        float f;
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        memcpy(&f, &random, sizeof f);
        if (!isfinite(f))
            continue;
        buf_clear(&out);
        json_write_value(&out, &(struct value){.kind = VALUE_FLOAT, .f = f});
        float back = strtof(buf_cstr(&out), NULL);
        assert_memory_equal(&back, &f, sizeof f);
    }
    buf_deinit(&out);
}

static void test_texts(void **state)
{
    (void)state;
    check_text(VALUE_TEXT, "", "\"\"");
    check_text(VALUE_TEXT, "Hu\xe1\xba\xbf", "\"Hu\xe1\xba\xbf\"");
    check_text(VALUE_TEXT, "say \"hi\" \\ now", "\"say \\\"hi\\\" \\\\ now\"");
    check_text(VALUE_TEXT, "a\b\f\n\r\tz\x01\x1f\x7f", "\"a\\b\\f\\n\\r\\tz\\u0001\\u001f\x7f\"");
    check_text(VALUE_DECIMAL, "-1.500", "\"-1.500\"");
    check_text(VALUE_BINARY, "foob", "\"Zm9vYg==\"");
    check_text(VALUE_BAD_TEXT, "\xff", "{\"$bytes\":\"/w==\"}");
    check_text(VALUE_JSON, "{\"a\":[1,2.50]}", "{\"a\":[1,2.50]}");
}

// One special byte at each place of texts of all lengths about the eight that are looked at
// together.
static void test_escapes_at_every_place(void **state)
{
    (void)state;
    static const struct {
        char byte;
        const char *escaped;
    } cases[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\0', "\\u0000"}, {'\x1f', "\\u001f"},
                 {' ', " "},    {'!', "!"},     {'#', "#"},        {'\x80', "\x80"}};
    char text[20];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t len = 1; len < sizeof text; len++) {
            for (size_t at = 0; at < len; at++) {
                struct buf out = {0};
                struct buf expected = {0};
                memset(text, 'x', len);
                text[at] = cases[i].byte;
                json_write_string(&out, slice_of(text, len));
                buf_printf(&expected, "\"%.*s%s%.*s\"", (int)at, "xxxxxxxxxxxxxxxxxxxx",
                           cases[i].escaped, (int)(len - at - 1), "xxxxxxxxxxxxxxxxxxxx");
                assert_text(buf_bytes(&out), buf_cstr(&expected));
                buf_deinit(&out);
                buf_deinit(&expected);
            }
        }
    }
}

static void test_structured(void **state)
{
    (void)state;
    const uint8_t floats[] = {0, 0, 0x80, 0x3f, 0xcd, 0xcc, 0xcc, 0x3d, 0, 0, 0, 0x80};
    check_value((struct value){.kind = VALUE_VECTOR, .text = slice_of(floats, sizeof floats)},
                "[1,0.1,-0.0]");
    check_value((struct value){.kind = VALUE_VECTOR}, "[]");
    check_value(
        (struct value){.kind = VALUE_GEOMETRY, .geometry = {.srid = 4326, .wkb = str("foo")}},
        "{\"srid\":4326,\"wkb\":\"Zm9v\"}");
    check_value((struct value){.kind = VALUE_TIMESTAMP,
                               .time = {.digits = 3,
                                        .year = 2026,
                                        .month = 11,
                                        .day = 21,
                                        .hour = 8,
                                        .minute = 15,
                                        .micros = 250000}},
                "\"2026-11-21T08:15:00.250Z\"");
    check_value((struct value){.kind = VALUE_DATE}, "\"0000-00-00\"");
}

static struct column columns[] = {
    {.name = {(const uint8_t *)"id", 2}, .type = COLUMN_INT},
    {.name = {(const uint8_t *)"name", 4}, .type = COLUMN_VARCHAR},
    {.name = {(const uint8_t *)"n", 1}, .type = COLUMN_INT},
};
static const uint16_t key[] = {2, 0};

static struct table make_table(struct arena *arena)
{
    struct table table = {.db = str("shop"),
                          .name = str("product"),
                          .columns = columns,
                          .n_columns = 3,
                          .key = key,
                          .n_key = 2};
    table_render(&table, columns, arena);
    return table;
}

#define GTID "3e11fa47-71ca-11e1-9e33-c80aa9429562:23"

static void test_envelope(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buf out = {0};
    struct json_frame frame = {0};
    struct table table = make_table(&arena);
    struct value before[] = {
        {.kind = VALUE_INT, .i = 7}, {.kind = VALUE_ABSENT}, {.kind = VALUE_NULL}};
    struct value after[] = {{.kind = VALUE_ABSENT},
                            {.kind = VALUE_TEXT, .text = str("a")},
                            {.kind = VALUE_INT, .i = 1}};
    struct change change = {
        .op = CHANGE_UPDATE,
        .table = &table,
        .before = before,
        .after = after,
        .source = {.version = str("0.1.0"),
                   .name = str("src"),
                   .ts_us = 1795248900250123,
                   .has_thread = true,
                   .server_id = 1,
                   .row = 2,
                   .thread = 8,
                   .pos = 1234,
                   .file = str("binlog.000002"),
                   .gtid = str(GTID),
                   .query = str("UPDATE \"x\"")},
        .transaction = str(GTID),
        .total_order = 3,
        .encoded_ms = 1795248900253,
    };
    json_write_change(&out, &frame, &change);
    assert_text(buf_bytes(&out),
                "{\"before\":{\"id\":7,\"n\":null},\"after\":{\"name\":\"a\",\"n\":1},"
                "\"source\":{\"version\":\"0.1.0\",\"connector\":\"mysql\",\"name\":\"src\","
                "\"ts_ms\":1795248900250,\"ts_us\":1795248900250123,\"snapshot\":\"false\","
                "\"db\":\"shop\",\"table\":\"product\",\"server_id\":1,\"gtid\":\"" GTID "\","
                "\"file\":\"binlog.000002\",\"pos\":1234,\"row\":2,\"thread\":8,"
                "\"query\":\"UPDATE \\\"x\\\"\"},\"op\":\"u\",\"ts_ms\":1795248900253,"
                "\"transaction\":{\"id\":\"" GTID "\",\"total_order\":3}}");
    buf_clear(&out);
    struct change read = {
        .op = CHANGE_READ, .table = &table, .after = after, .source = {.snapshot = true}};
    json_write_change(&out, &frame, &read);
    assert_text(buf_bytes(&out),
                "{\"before\":null,\"after\":{\"name\":\"a\",\"n\":1},"
                "\"source\":{\"version\":\"\",\"connector\":\"mysql\",\"name\":\"\",\"ts_ms\":0,"
                "\"ts_us\":0,\"snapshot\":\"true\",\"db\":\"shop\",\"table\":\"product\","
                "\"server_id\":0,\"gtid\":null,\"file\":\"\",\"pos\":0,\"row\":0,\"thread\":null,"
                "\"query\":null},\"op\":\"r\",\"ts_ms\":0,\"transaction\":null}");
    json_frame_deinit(&frame);
    buf_deinit(&out);
    arena_deinit(&arena);
}

// With a frame of another change the bytes are those without one, whatever differs between the two.
static void assert_same_bytes(struct json_frame *used, const struct change *change)
{
    struct json_frame fresh = {0};
    struct buf expected = {0}, got = {0};
    json_write_change(&expected, &fresh, change);
    json_write_change(&got, used, change);
    assert_int_equal(got.len, expected.len);
    assert_memory_equal(got.ptr, expected.ptr, got.len);
    json_frame_deinit(&fresh);
    buf_deinit(&expected);
    buf_deinit(&got);
}

#define N_CHANGES 16

static void make_changes(struct change all[N_CHANGES], const struct table *other_name,
                         const struct table *other_db)
{
    for (size_t i = 1; i < N_CHANGES; i++)
        all[i] = all[0];
    all[1].table = other_name;
    all[2].table = other_db;
    all[3].source.version = str("1");
    all[4].source.name = str("shop");
    all[5].source.ts_us = 1;
    all[6].source.snapshot = true;
    all[7].source.has_thread = true;
    all[8].source.server_id = 1;
    all[9].source.row = 1;
    all[10].source.pos = 1;
    all[11].source.file = str("binlog.2");
    all[12].source.gtid = str("");
    all[13].source.query = str("SELECT 1");
    all[14].transaction = str("");
    all[15].total_order = 2;
}

static void test_frame(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct json_frame frame = {0};
    struct table a = make_table(&arena), b = make_table(&arena), c = make_table(&arena);
    struct value row[] = {
        {.kind = VALUE_INT, .i = 7}, {.kind = VALUE_ABSENT}, {.kind = VALUE_NULL}};
    char gtid[] = GTID;
    b.name = str("other");
    c.db = str("other");
    struct change all[N_CHANGES] = {{.op = CHANGE_INSERT,
                                     .table = &a,
                                     .after = row,
                                     .total_order = 1,
                                     .source = {.file = str("binlog.1"), .gtid = str(gtid)},
                                     .transaction = str(gtid)}};
    make_changes(all, &b, &c);
    for (size_t i = 0; i < N_CHANGES; i++)
        for (size_t k = 0; k < N_CHANGES; k++) {
            assert_same_bytes(&frame, &all[i]);
            assert_same_bytes(&frame, &all[k]);
        }
    gtid[0]++; // what a slice pointed to has changed, as the memory is used again
    assert_same_bytes(&frame, &all[0]);
    json_frame_deinit(&frame);
    arena_deinit(&arena);
}

static void test_key(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buf out = {0};
    struct err err;
    struct table table = make_table(&arena);
    struct value row[] = {
        {.kind = VALUE_INT, .i = 23}, {.kind = VALUE_ABSENT}, {.kind = VALUE_INT, .i = 1}};
    assert_works(json_write_key(&out, &table, row, &err), &err);
    assert_text(buf_bytes(&out), "{\"n\":1,\"id\":23}");
    row[0].kind = VALUE_ABSENT;
    assert_fails(json_write_key(&out, &table, row, &err), &err, ERR_UNSUPPORTED);
    assert_text(buf_bytes(&out), "{\"n\":1,\"id\":23}");
    table.n_key = 0;
    assert_fails(json_write_key(&out, &table, row, &err), &err, ERR_UNSUPPORTED);
    buf_deinit(&out);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),   cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_floats),     cmocka_unit_test(test_floats_read_back),
        cmocka_unit_test(test_texts),      cmocka_unit_test(test_escapes_at_every_place),
        cmocka_unit_test(test_structured), cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_frame),      cmocka_unit_test(test_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
