// SPDX-License-Identifier: Apache-2.0
// BSON: what the server's texts have to be in MongoDB, by docs/mongodb.md, as canonical extended
// JSON; documents against it; and keys there and back.
#include "verify/bson.h"

#include "tests/unit/test.h"

static struct shape_column column_of(enum kind kind, const char *type)
{
    struct column column = {.type = COLUMN_TINYINT};
    struct err err = {0};
    assert_works(column_type_read(str(type), &column, &err), &err);
    return (struct shape_column){.name = "c",
                                 .charset = "utf8mb4",
                                 .collation = "",
                                 .kind = kind,
                                 .holding = holding_of(&column),
                                 .digits = column.scale,
                                 .is_raw_utf8 = true};
}

static const struct {
    enum kind kind;
    const char *type;
    const char *server;
    size_t len; // 0: of the text
    const char *expected;
} samples[] = {
    {KIND_INTEGER, "int", "-5", 0, "{ \"$numberInt\" : \"-5\" }"},
    {KIND_INTEGER, "int unsigned", "5", 0, "{ \"$numberLong\" : \"5\" }"},
    {KIND_INTEGER, "tinyint", "007", 0, "{ \"$numberInt\" : \"7\" }"},
    {KIND_INTEGER, "bigint", "7", 0, "{ \"$numberLong\" : \"7\" }"},
    {KIND_INTEGER, "bigint unsigned", "9223372036854775807", 0,
     "{ \"$numberLong\" : \"9223372036854775807\" }"},
    {KIND_INTEGER, "bigint unsigned", "9223372036854775808", 0,
     "{ \"$numberDecimal\" : \"9223372036854775808\" }"},
    {KIND_INTEGER, "bit(31)", "2147483647", 0, "{ \"$numberInt\" : \"2147483647\" }"},
    {KIND_INTEGER, "bit(32)", "1", 0, "{ \"$numberLong\" : \"1\" }"},
    {KIND_DECIMAL, "decimal(10,3)", "1.500", 0, "{ \"$numberDecimal\" : \"1.500\" }"},
    {KIND_DECIMAL, "decimal(34,2)", "-0.00", 0, "{ \"$numberDecimal\" : \"-0.00\" }"},
    {KIND_DECIMAL, "decimal(35,2)", "0.10", 0, "\"0.10\""},
    {KIND_FLOAT, "float", "0.10000000149011612", 0,
     "{ \"$numberDouble\" : \"0.10000000000000000555\" }"},
    {KIND_DOUBLE, "double", "-0", 0, "{ \"$numberDouble\" : \"-0.0\" }"},
    {KIND_DATE, "date", "1970-01-02", 0, "{ \"$date\" : { \"$numberLong\" : \"86400000\" } }"},
    {KIND_DATE, "date", "2026-00-00", 0, "\"2026-00-00\""},
    {KIND_DATE, "date", "2026-02-30", 0, "\"2026-02-30\""},
    {KIND_DATETIME, "datetime(3)", "1969-12-31 23:59:59.250", 0,
     "{ \"$date\" : { \"$numberLong\" : \"-750\" } }"},
    {KIND_DATETIME, "datetime(4)", "2026-11-21 08:15:00.2500", 0, "\"2026-11-21T08:15:00.2500\""},
    {KIND_TIMESTAMP, "timestamp(6)", "2026-11-21 08:15:00.000001", 0,
     "\"2026-11-21T08:15:00.000001Z\""},
    {KIND_TIME, "time(1)", "-838:59:59.0", 0, "\"-838:59:59.0\""},
    {KIND_TEXT, "varchar", "Hu\xe1\xba\xbf", 0, "\"Hu\xe1\xba\xbf\""},
    {KIND_TEXT, "varchar", "\xff", 0,
     "{ \"$binary\" : { \"base64\" : \"/w==\", \"subType\" : \"00\" } }"},
    {KIND_BINARY, "binary(2)", "\0\1", 2,
     "{ \"$binary\" : { \"base64\" : \"AAE=\", \"subType\" : \"00\" } }"},
    {KIND_JSON, "json", "{\"b\": [1, 2.5, \"x\"], \"a\": null}", 0,
     "{ \"b\" : [ { \"$numberInt\" : \"1\" }, { \"$numberDouble\" : \"2.5\" }, \"x\" ], \"a\" : "
     "null }"},
    {KIND_GEOMETRY, "geometry", "\xe6\x10\0\0\1\2", 6,
     "{ \"srid\" : { \"$numberLong\" : \"4326\" }, \"wkb\" : { \"$binary\" : { \"base64\" : "
     "\"AQI=\", \"subType\" : \"00\" } } }"},
    {KIND_VECTOR, "vector", "\0\0\xc0\x3f\0\0\0\xc0", 8,
     "[ { \"$numberDouble\" : \"1.5\" }, { \"$numberDouble\" : \"-2.0\" } ]"},
};

static struct cell cell_of(size_t i)
{
    size_t n = samples[i].len ? samples[i].len : strlen(samples[i].server);
    return (struct cell){slice_of(samples[i].server, n), false};
}

static void values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct shape_column column = column_of(samples[i].kind, samples[i].type);
        struct cell cell = cell_of(i);
        struct buf row = {0}, text = {0};
        struct canon_entry entry;
        bson_put_cell(&row, &column, &cell);
        struct slice rest = buf_bytes(&row);
        assert_true(canon_next(&rest, &entry));
        assert_int_equal(entry.tag, CANON_VALUE);
        bson_describe(&text, entry.content);
        assert_text(buf_bytes(&text), samples[i].expected);
        buf_deinit(&row);
        buf_deinit(&text);
    }
}

// A document of one field is the row that the server's text has to be; any other is not.
static void documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct shape_column column = column_of(samples[i].kind, samples[i].type);
        struct shape shape = {.columns = &column, .n_columns = 1};
        struct cell cell = cell_of(i);
        struct bson_found found = {.row = {0}};
        struct buf row = {0}, json = {0};
        bson_error_t error;
        struct err err = {0};
        buf_printf(&json, "{\"_id\":1,\"c\":%s}", samples[i].expected);
        bson_t *doc = bson_new_from_json(json.ptr, (ssize_t)json.len, &error);
        assert_non_null(doc);
        assert_works(bson_put_document(&found, &shape, doc, &err), &err);
        bson_put_cell(&row, &column, &cell);
        assert_true(slice_eq(buf_bytes(&row), buf_bytes(&found.row)));
        BSON_APPEND_INT32(doc, "more", 1);
        buf_clear(&found.row);
        buf_clear(&found.key);
        assert_works(bson_put_document(&found, &shape, doc, &err), &err);
        assert_false(slice_eq(buf_bytes(&row), buf_bytes(&found.row)));
        bson_destroy(doc);
        buf_deinit(&found.row);
        buf_deinit(&found.key);
        buf_deinit(&found.guard);
        buf_deinit(&row);
        buf_deinit(&json);
    }
}

// The keys of all columns together, and of each by itself, come back as they were written; cut off
// anywhere they are none.
static void keys(void **state)
{
    struct shape_column columns[COUNT_OF(samples)];
    struct cell cells[COUNT_OF(samples)], back[COUNT_OF(samples)];
    char names[COUNT_OF(samples)][8];
    size_t numbers[COUNT_OF(samples)];
    struct shape shape = {.columns = columns, .n_columns = COUNT_OF(samples), .key = numbers};
    struct arena arena = {0};
    struct buf key = {0}, again = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        columns[i] = column_of(samples[i].kind, samples[i].type);
        snprintf(names[i], sizeof names[i], "c%zu", i);
        columns[i].name = names[i];
        cells[i] = cell_of(i);
    }
    for (size_t n = 0; n <= COUNT_OF(samples); n++) {
        bool is_all = n == COUNT_OF(samples);
        shape.n_key = is_all ? n : 1;
        for (size_t i = 0; i < shape.n_key; i++)
            numbers[i] = is_all ? i : n;
        buf_clear(&key);
        buf_clear(&again);
        bson_put_key(&key, &shape, is_all ? cells : &cells[n]);
        if (!bson_read_key(&shape, buf_bytes(&key), &arena, back))
            fail_msg("the key of %s", is_all ? "all" : samples[n].type);
        bson_put_key(&again, &shape, back);
        assert_true(slice_eq(buf_bytes(&key), buf_bytes(&again)));
    }
    for (size_t n = 1; n < key.len; n++) {
        struct slice cut = exact_copy(slice_of(key.ptr, n));
        assert_false(bson_read_key(&shape, cut, &arena, back));
        free((void *)(uintptr_t)cut.ptr);
    }
    arena_deinit(&arena);
    buf_deinit(&key);
    buf_deinit(&again);
}

static void a_key_of_another_type_is_none(void **state)
{
    struct shape_column column = column_of(KIND_INTEGER, "int");
    size_t number = 0;
    struct shape shape = {.columns = &column, .n_columns = 1, .key = &number, .n_key = 1};
    struct arena arena = {0};
    struct cell cell;
    static const uint8_t text[] = {0x02, 2, 0, 0, 0, '7', 0};
    static const uint8_t wide[] = {0x12, 7, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t good[] = {0x10, 7, 0, 0, 0};
    (void)state;
    assert_false(bson_read_key(&shape, slice_of(text, sizeof text), &arena, &cell));
    assert_false(bson_read_key(&shape, slice_of(wide, sizeof wide), &arena, &cell));
    assert_true(bson_read_key(&shape, slice_of(good, sizeof good), &arena, &cell));
    assert_text(cell.text, "7");
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(documents),
        cmocka_unit_test(keys),
        cmocka_unit_test(a_key_of_another_type_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
