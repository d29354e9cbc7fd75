// SPDX-License-Identifier: Apache-2.0
// JSON reader: a record of every kind of value comes back byte for byte through the writer; every
// truncation, every value beyond its type and every odd member is refused at its offset.
#include "record/json_reader.h"

#include "record/json_writer.h"
#include "tests/unit/test.h"

struct fixture {
    struct json_reader *reader;
    struct arena arena;
    struct change change;
    struct err err;
};

static int set_up(void **state)
{
    struct fixture *fixture = mem_zalloc(sizeof *fixture);
    fixture->reader = json_reader_new();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    json_reader_free(fixture->reader);
    arena_deinit(&fixture->arena);
    free(fixture);
    return 0;
}

static bool read_record(struct fixture *fixture, const char *key, struct slice value,
                        const char *columns)
{
    const struct record_bytes bytes = {str(key), value, str(columns)};
    return json_read_change(fixture->reader, &bytes, &fixture->arena, &fixture->change,
                            &fixture->err);
}

#define SOURCE                                                                                     \
    "{\"version\":\"0.1.0\",\"connector\":\"mysql\",\"name\":\"src\",\"ts_ms\":1795248900250,"     \
    "\"ts_us\":1795248900250123,\"snapshot\":\"false\",\"db\":\"shop\",\"table\":\"product\","     \
    "\"server_id\":1,\"gtid\":null,\"file\":\"binlog.000002\",\"pos\":1234,\"row\":0,"             \
    "\"thread\":8,\"query\":null}"
#define TAIL                                                                                       \
    ",\"ts_ms\":1795248900253,\"transaction\":{\"id\":\"binlog.000002:4\",\"total_order\":3}}"
#define INSERT(row) "{\"before\":null,\"after\":" row ",\"source\":" SOURCE ",\"op\":\"c\"" TAIL
#define VALUE_AT 28 // of the value in INSERT("{\"v\":…}")

static const char *const ops[] = {
    INSERT("{\"id\":7,\"name\":\"Hu\xe1\xba\xbf\"}"),
    INSERT("{\"id\":7}"),
    INSERT("{}"),
    "{\"before\":{\"id\":7},\"after\":{\"id\":8,\"name\":null},\"source\":" SOURCE
    ",\"op\":\"u\"" TAIL,
    "{\"before\":{\"id\":7},\"after\":null,\"source\":" SOURCE ",\"op\":\"d\"" TAIL,
    "{\"before\":null,\"after\":{\"id\":7},\"source\":" SOURCE
    ",\"op\":\"r\",\"ts_ms\":5,\"transaction\":null}",
    "{\"before\":null,\"after\":null,\"source\":" SOURCE ",\"op\":\"t\"" TAIL,
};

static const char columns_header[] = "{\"id\":\"int\",\"name\":\"varchar\"}";

static void test_operations_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct buf out = {0};
    struct json_frame frame = {0};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        assert_works(read_record(fixture, "{\"id\":7}", str(ops[i]), columns_header),
                     &fixture->err);
        buf_clear(&out);
        json_write_change(&out, &frame, &fixture->change);
        assert_text(buf_bytes(&out), ops[i]);
    }
    json_frame_deinit(&frame);
    buf_deinit(&out);
}

static void test_fields(void **state)
{
    struct fixture *fixture = *state;
    const struct change *change = &fixture->change;
    assert_works(read_record(fixture, "{\"id\":7}", str(ops[0]), columns_header), &fixture->err);
    assert_int_equal(change->op, CHANGE_INSERT);
    assert_null(change->before);
    assert_int_equal(change->after[0].kind, VALUE_INT);
    assert_true(change->after[0].i == 7);
    assert_text(change->after[1].text, "Hu\xe1\xba\xbf");
    assert_text(change->table->db, "shop");
    assert_text(change->table->name, "product");
    assert_int_equal(change->table->n_key, 1);
    assert_int_equal(change->table->key[0], 0);
    assert_text(change->table->columns_header, columns_header);
    assert_true(change->source.ts_us == 1795248900250123 && change->source.pos == 1234);
    assert_true(change->source.has_thread && change->source.thread == 8);
    assert_int_equal(change->source.gtid.len, 0);
    assert_text(change->transaction, "binlog.000002:4");
    assert_true(change->total_order == 3 && change->encoded_ms == 1795248900253);
    assert_works(read_record(fixture, "{\"id\":7}", str(ops[1]), columns_header), &fixture->err);
    assert_int_equal(change->after[1].kind, VALUE_ABSENT);
}

static void test_one_table_a_shape(void **state)
{
    struct fixture *fixture = *state;
    const char *other = "{\"name\":\"varchar\",\"id\":\"int\"}";
    assert_works(read_record(fixture, "{\"id\":7}", str(ops[0]), columns_header), &fixture->err);
    const struct table *first = fixture->change.table;
    assert_works(read_record(fixture, "{\"id\":7}", str(ops[0]), other), &fixture->err);
    assert_ptr_not_equal(fixture->change.table, first);
    assert_int_equal(fixture->change.table->key[0], 1);
    assert_works(read_record(fixture, "{\"name\":1,\"id\":7}", str(ops[0]), columns_header),
                 &fixture->err);
    assert_ptr_not_equal(fixture->change.table, first);
    assert_int_equal(fixture->change.table->n_key, 2);
    assert_int_equal(fixture->change.table->key[0], 1);
    assert_int_equal(fixture->change.table->key[1], 0);
    assert_works(read_record(fixture, "", str(ops[0]), columns_header), &fixture->err);
    assert_int_equal(fixture->change.table->n_key, 0);
    assert_works(read_record(fixture, "{\"id\":9}", str(ops[1]), columns_header), &fixture->err);
    assert_ptr_equal(fixture->change.table, first);
}

// An insert of one column `v` of that type.
static bool read_value(struct fixture *fixture, const char *type, const char *json)
{
    struct buf value = {0};
    struct buf header = {0};
    buf_printf(&header, "{\"v\":\"%s\"}", type);
    buf_printf(&value, INSERT("{\"v\":%s}"), json);
    struct slice copy = arena_copy(&fixture->arena, buf_bytes(&value));
    bool ok = read_record(fixture, "", copy, buf_cstr(&header));
    buf_deinit(&value);
    buf_deinit(&header);
    return ok;
}

static const struct {
    const char *type;
    const char *json;
    enum value_kind kind;
} good[] = {
    {"tinyint", "-128", VALUE_INT},
    {"tinyint", "127", VALUE_INT},
    {"tinyint unsigned", "255", VALUE_UINT},
    {"smallint", "-32768", VALUE_INT},
    {"smallint", "32767", VALUE_INT},
    {"smallint unsigned", "65535", VALUE_UINT},
    {"mediumint", "-8388608", VALUE_INT},
    {"mediumint", "8388607", VALUE_INT},
    {"mediumint unsigned", "16777215", VALUE_UINT},
    {"int", "-2147483648", VALUE_INT},
    {"int", "2147483647", VALUE_INT},
    {"int unsigned", "4294967295", VALUE_UINT},
    {"bigint", "-9223372036854775808", VALUE_INT},
    {"bigint", "9223372036854775807", VALUE_INT},
    {"bigint unsigned", "18446744073709551615", VALUE_UINT},
    {"bigint unsigned", "0", VALUE_UINT},
    {"year", "0", VALUE_UINT},
    {"year", "1901", VALUE_UINT},
    {"year", "2155", VALUE_UINT},
    {"bit(1)", "1", VALUE_UINT},
    {"bit(64)", "18446744073709551615", VALUE_UINT},
    {"float", "0.1", VALUE_FLOAT},
    {"float", "-0.0", VALUE_FLOAT},
    {"float", "3.4028235e+38", VALUE_FLOAT},
    {"float", "1e-45", VALUE_FLOAT},
    {"float", "\"NaN\"", VALUE_FLOAT},
    {"double", "1.7976931348623157e+308", VALUE_DOUBLE},
    {"double", "5e-324", VALUE_DOUBLE},
    {"double", "1e+20", VALUE_DOUBLE},
    {"double", "\"-inf\"", VALUE_DOUBLE},
    {"decimal(10,2)", "\"19.90\"", VALUE_DECIMAL},
    {"decimal(10,2)", "\"-99999999.99\"", VALUE_DECIMAL},
    {"decimal(3,3)", "\"0.123\"", VALUE_DECIMAL},
    {"decimal(2,0)", "\"99\"", VALUE_DECIMAL},
    {"date", "\"0000-00-00\"", VALUE_DATE},
    {"datetime(3)", "\"2026-11-21T08:15:00.250\"", VALUE_DATETIME},
    {"timestamp", "\"0000-00-00T00:00:00Z\"", VALUE_TIMESTAMP},
    {"time(6)", "\"-838:59:59.000000\"", VALUE_TIME},
    {"char", "\"\"", VALUE_TEXT},
    {"varchar", "\"a\\\"b\\\\c\\u0000\\n\xf0\x9f\x98\x80\"", VALUE_TEXT},
    {"text", "{\"$bytes\":\"/w==\"}", VALUE_BAD_TEXT},
    {"enum", "\"b\"", VALUE_TEXT},
    {"enum", "3", VALUE_UINT},
    {"set", "\"a,c\"", VALUE_TEXT},
    {"set", "18446744073709551615", VALUE_UINT},
    {"binary(3)", "\"Zm9v\"", VALUE_BINARY},
    {"varbinary", "\"\"", VALUE_BINARY},
    {"blob", "\"Zg==\"", VALUE_BINARY},
    {"json", "{\"a\":[1,2.50,{\"b\":null}],\"a b\":1e400}", VALUE_JSON},
    {"json", "[]", VALUE_JSON},
    {"json", "1.10", VALUE_JSON},
    {"json", "\"t\\u00e9\"", VALUE_JSON},
    {"json", "true", VALUE_JSON},
    {"geometry", "{\"srid\":4294967295,\"wkb\":\"Zm9v\"}", VALUE_GEOMETRY},
    {"vector", "[1,0.1,-0.0]", VALUE_VECTOR},
    {"vector", "[]", VALUE_VECTOR},
    {"int", "null", VALUE_NULL},
};

static void test_values_come_back(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct buf out = {0};
        if (!read_value(fixture, good[i].type, good[i].json))
            fail_msg("%s %s: %s", good[i].type, good[i].json, fixture->err.text);
        assert_int_equal(fixture->change.after[0].kind, good[i].kind);
        json_write_value(&out, &fixture->change.after[0]);
        assert_text(buf_bytes(&out), good[i].json);
        buf_deinit(&out);
    }
}

static void test_foreign_escapes(void **state)
{
    struct fixture *fixture = *state;
    assert_works(read_value(fixture, "text", "\"\\u00e9\\/\\ud83d\\ude00\\u4e2d\""), &fixture->err);
    assert_text(fixture->change.after[0].text, "\xc3\xa9/\xf0\x9f\x98\x80\xe4\xb8\xad");
    assert_works(read_record(fixture, "{\"\\u0069d\":7}", str(INSERT("{ \"i\\u0064\" : 7 }")),
                             "{\"\\u0069\\u0064\":\"int\"}"),
                 &fixture->err);
    assert_true(fixture->change.after[0].i == 7);
}

static const struct {
    const char *type;
    const char *json;
    uint64_t offset; // from the value's first byte
} bad[] = {
    {"tinyint", "-129", 0},
    {"tinyint", "128", 0},
    {"tinyint unsigned", "256", 0},
    {"tinyint unsigned", "-1", 0},
    {"smallint", "32768", 0},
    {"smallint unsigned", "65536", 0},
    {"mediumint", "8388608", 0},
    {"mediumint", "-8388609", 0},
    {"mediumint unsigned", "16777216", 0},
    {"int", "2147483648", 0},
    {"int", "-2147483649", 0},
    {"int unsigned", "4294967296", 0},
    {"bigint", "9223372036854775808", 0},
    {"bigint", "-9223372036854775809", 0},
    {"bigint unsigned", "18446744073709551616", 0},
    {"int", "1.0", 0},
    {"int", "1e2", 0},
    {"int", "-0", 0},
    {"int", "\"1\"", 0},
    {"int", "true", 0},
    {"int", "{}", 0},
    {"year", "1900", 0},
    {"year", "2156", 0},
    {"bit(3)", "8", 0},
    {"float", "3.5e38", 0},
    {"float", "\"1\"", 0},
    {"double", "1e309", 0},
    {"double", "[]", 0},
    {"decimal(10,2)", "19.90", 0},
    {"decimal(10,2)", "\"19.9\"", 0},
    {"decimal(10,2)", "\"19.900\"", 0},
    {"decimal(10,2)", "\"019.90\"", 0},
    {"decimal(10,2)", "\"100000000.00\"", 0},
    {"decimal(3,3)", "\"1.123\"", 0},
    {"decimal(2,0)", "\"\"", 0},
    {"decimal(2,0)", "\"1.\"", 0},
    {"date", "\"2026-13-01\"", 6},
    {"date", "20261121", 0},
    {"datetime(3)", "\"2026-11-21T08:15:00.25\"", 23},
    {"time", "\"839:00:00\"", 1},
    {"text", "1", 0},
    {"text", "[]", 0},
    {"text", "\"\\ud83d\"", 1},
    {"text", "\"\\ude00x\"", 1},
    {"text", "\"a\\ud83d\\u0041\"", 2},
    {"text", "{\"$bytes\":\"/x==\"}", 12},
    {"text", "{\"$byte\":\"/w==\"}", 2},
    {"text", "{}", 0},
    {"enum", "-1", 0},
    {"binary(3)", "\"Zg==\"", 0},
    {"blob", "\"Zg=\"", 4},
    {"blob", "{\"$bytes\":\"/w==\"}", 0},
    {"geometry", "{\"srid\":1}", 0},
    {"geometry", "{\"srid\":4294967296,\"wkb\":\"\"}", 8},
    {"geometry", "null,\"w\":1", 6},
    {"geometry", "\"x\"", 0},
    {"vector", "[1,\"x\"]", 3},
    {"vector", "[1,1e39]", 3},
    {"vector", "[1,[2]]", 3},
    {"vector", "{}", 0},
};

static void test_wrong_values_have_offsets(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_fails(read_value(fixture, bad[i].type, bad[i].json), &fixture->err, ERR_CORRUPT);
        if (fixture->err.offset != VALUE_AT + bad[i].offset)
            fail_msg("%s %s: offset %d, expected %d: %s", bad[i].type, bad[i].json,
                     (int)fixture->err.offset, (int)(VALUE_AT + bad[i].offset), fixture->err.text);
    }
}

static void test_truncation(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        for (size_t n = 0; n < strlen(ops[i]); n++) {
            struct slice cut = exact_copy(slice_of(ops[i], n));
            assert_fails(read_record(fixture, "{\"id\":7}", cut, columns_header), &fixture->err,
                         ERR_CORRUPT);
            assert_true(fixture->err.has_offset);
            assert_in_range(fixture->err.offset, n - (n > 3 ? 3 : n), n);
            free((void *)cut.ptr);
        }
    }
}

// Any byte replaced by any of a few: it may be read or refused, but not crash.
static void test_flipped_bytes(void **state)
{
    struct fixture *fixture = *state;
    static const char bytes[] = "\"\\{}[],:0-\x00\xff\x80\xc3";
    for (size_t at = 0; at < strlen(ops[3]); at++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            struct slice copy = exact_copy(str(ops[3]));
            ((uint8_t *)copy.ptr)[at] = (uint8_t)bytes[i];
            if (!read_record(fixture, "{\"id\":7}", copy, columns_header))
                assert_int_equal(fixture->err.class, ERR_CORRUPT);
            arena_reset(&fixture->arena);
            free((void *)copy.ptr);
        }
    }
}

// ops[0] with one text in it replaced; the offset of `at` in the result.
static void refused(struct fixture *fixture, const char *old, const char *new, const char *at,
                    const char *reason)
{
    struct buf value = {0};
    const char *found = strstr(ops[0], old);
    assert_non_null(found);
    buf_append(&value, ops[0], strlen(ops[0]) - strlen(found));
    buf_str(&value, new);
    buf_str(&value, found + strlen(old));
    const char *place = strstr(buf_cstr(&value), at);
    assert_non_null(place);
    assert_fails(read_record(fixture, "{\"id\":7}", buf_bytes(&value), columns_header),
                 &fixture->err, ERR_CORRUPT);
    if (fixture->err.offset != (uint64_t)(place - buf_cstr(&value)) ||
        !strstr(fixture->err.text, reason))
        fail_msg("%s: offset %d, expected %d: %s", new, (int)fixture->err.offset,
                 (int)(place - buf_cstr(&value)), fixture->err.text);
    buf_deinit(&value);
}

static void test_wrong_envelopes_have_offsets(void **state)
{
    struct fixture *f = *state;
    refused(f, "\"op\":\"c\"", "\"op\":\"x\"", "\"x\"", "\"u\"");
    refused(f, "\"op\":\"c\"", "\"op\":1", "1,\"ts_ms\":1795248900253", "\"u\"");
    refused(f, "\"op\":\"c\"", "\"op\":\"c\",\"op\":\"c\"", "op\":\"c\",\"ts", "repeated");
    refused(f, "\"op\":\"c\"", "\"more\":1,\"op\":\"c\"", "more", "unknown");
    refused(f, "\"op\":\"c\",", "", "{\"before", "\"op\" is missing");
    refused(f, "\"op\":\"c\"", "\"op\":\"d\"", "null", "a row");
    refused(f, "\"op\":\"c\"", "\"op\":\"t\"", "{\"id\":7,", "null expected");
    refused(f, "\"before\":null", "\"before\":{}", "{},", "null expected");
    refused(f, "\"id\":7", "\"id\":7,\"id\":7", "id\":7,\"name", "repeated column");
    refused(f, "\"id\":7", "\"ix\":7", "ix", "unknown column");
    refused(f, "\"pos\":1234,", "", "{\"version", "\"pos\" is missing");
    refused(f, "\"row\":0", "\"row\":4294967296", "4294967296", "integer");
    refused(f, "\"mysql\"", "\"mongodb\"", "\"mongodb\"", "\"mysql\"");
    refused(f, "\"ts_ms\":1795248900250", "\"ts_ms\":1795248900251", "1795248900251", "ts_us");
    refused(f, "\"snapshot\":\"false\"", "\"snapshot\":false", "false", "\"true\"");
    refused(f, "\"gtid\":null", "\"gtid\":\"\"", "\"\"", "not empty");
    refused(f, "\"total_order\":3", "\"total_order\":-3", "-3", "integer");
    refused(f, "Hu", "Hu\xc0\x80", "\xc0", "UTF-8");
    refused(f, "Hu", "Hu\xed\xa0\x80", "\xed", "UTF-8");
    refused(f, "Hu", "Hu\xf4\x90\x80\x80", "\xf4", "UTF-8");
    refused(f, "\"total_order\":3}}", "\"total_order\":3}} x", "x", "trailing");
    refused(f, "\"total_order\":3}}", "\"total_order\":3}}]", "]", "trailing");
}

static void test_wrong_headers_and_keys(void **state)
{
    struct fixture *fixture = *state;
    static const char *const headers[] = {
        "",
        "[]",
        "{}",
        "null",
        "{\"id\":1,\"name\":\"varchar\"}",
        "{\"id\":\"int\"",
        "{\"id\":\"int\",\"id\":\"int\"}",
        "{\"id\":\"int\",\"name\":\"varchar\"}x",
    };
    static const char *const keys[] = {"7",         "[7]", "{\"x\":7}", "{\"id\":7,\"id\":7}",
                                       "{\"id\":7", "null"};
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        assert_fails(read_record(fixture, "{\"id\":7}", str(ops[0]), headers[i]), &fixture->err,
                     ERR_CORRUPT);
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        assert_fails(read_record(fixture, keys[i], str(ops[0]), columns_header), &fixture->err,
                     ERR_CORRUPT);
    assert_fails(
        read_record(fixture, "{\"id\":7}", str(ops[0]), "{\"id\":\"int\",\"name\":\"nchar\"}"),
        &fixture->err, ERR_UNSUPPORTED);
}

// A truncation knows no columns; nothing else may do without.
static void test_truncation_without_columns(void **state)
{
    struct fixture *fixture = *state;
    assert_true(read_record(fixture, "{}", str(ops[6]), "{}"));
    assert_int_equal(fixture->change.op, CHANGE_TRUNCATE);
    assert_int_equal(fixture->change.table->n_columns, 0);
    assert_true(slice_eq(fixture->change.table->name, str("product")));
    assert_fails(read_record(fixture, "{}", str(ops[2]), "{}"), &fixture->err, ERR_CORRUPT);
    assert_fails(read_record(fixture, "{\"id\":7}", str(ops[6]), "{}"), &fixture->err, ERR_CORRUPT);
}

// As deep as the limit, and one more: 2 levels are the record's own.
static void test_depth(void **state)
{
    struct fixture *fixture = *state;
    struct buf json = {0};
    for (int depth = 126; depth <= 127; depth++) {
        buf_clear(&json);
        for (int i = 0; i < depth; i++)
            buf_char(&json, '[');
        for (int i = 0; i < depth; i++)
            buf_char(&json, ']');
        bool ok = read_value(fixture, "json", buf_cstr(&json));
        assert_int_equal(ok, depth == 126);
    }
    assert_int_equal(fixture->err.class, ERR_CORRUPT);
    assert_int_equal(fixture->err.offset, VALUE_AT + 126);
    buf_deinit(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations_come_back),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_one_table_a_shape),
        cmocka_unit_test(test_values_come_back),
        cmocka_unit_test(test_foreign_escapes),
        cmocka_unit_test(test_wrong_values_have_offsets),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_flipped_bytes),
        cmocka_unit_test(test_wrong_envelopes_have_offsets),
        cmocka_unit_test(test_wrong_headers_and_keys),
        cmocka_unit_test(test_truncation_without_columns),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
