// SPDX-License-Identifier: Apache-2.0
// Column: each type with bytes from row events of MySQL 9.7 and MariaDB 10.11 and the value that a
// SELECT of the same row gave, in the form of docs/record.md; cut at each byte; and what is
// refused.
#include "binlog/column.h"

#include "record/json_writer.h"
#include "tests/unit/binlog/hex.h"

#define UTF8MB4 255
#define LATIN1 8

static const struct slice labels[] = {
    {(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}, {(const uint8_t *)"cd", 2}};

static const struct {
    uint8_t code;
    uint16_t meta;
    bool is_unsigned;
    uint16_t collation;
    const char *bytes;
    const char *json;
} golden[] = {
    {CODE_TINY, 0, false, 0, "80", "-128"},
    {CODE_TINY, 0, true, 0, "ff", "255"},
    {CODE_SHORT, 0, false, 0, "0080", "-32768"},
    {CODE_SHORT, 0, true, 0, "ffff", "65535"},
    {CODE_INT24, 0, false, 0, "000080", "-8388608"},
    {CODE_INT24, 0, false, 0, "ffff7f", "8388607"},
    {CODE_INT24, 0, true, 0, "ffffff", "16777215"},
    {CODE_LONG, 0, false, 0, "00000080", "-2147483648"},
    {CODE_LONG, 0, true, 0, "ffffffff", "4294967295"},
    {CODE_LONGLONG, 0, false, 0, "0000000000000080", "-9223372036854775808"},
    {CODE_LONGLONG, 0, true, 0, "ffffffffffffffff", "18446744073709551615"},
    {CODE_YEAR, 0, false, 0, "00", "0"},
    {CODE_YEAR, 0, false, 0, "01", "1901"},
    {CODE_YEAR, 0, false, 0, "ff", "2155"},
    {CODE_BIT, 0x0001, false, 0, "01", "1"},
    {CODE_BIT, 0x0007, false, 0, "44", "68"},
    {CODE_BIT, 0x0101, false, 0, "0165", "357"},
    {CODE_BIT, 0x0800, false, 0, "8d3dde1f3b0664f7", "10177534958642816247"},
    {CODE_FLOAT, 4, false, 0, "008070c2", "-60.125"},
    {CODE_DOUBLE, 8, false, 0, "6bbcdc7edbc82dc1", "-975981.7477778321"},
    {CODE_NEWDECIMAL, 0x0401, false, 0, "7f4afe", "\"-181.1\""},
    {CODE_NEWDECIMAL, 0x0A02, false, 0, "8000000000", "\"0.00\""},
    {CODE_DATE, 0, false, 0, "34a10f", "\"2000-09-20\""},
    {CODE_TIME2, 2, false, 0, "7ff9add4", "\"-00:25:18.44\""},
    {CODE_DATETIME2, 1, false, 0, "dafe33592c28", "\"7167-05-25T21:36:44.4\""},
    {CODE_TIMESTAMP2, 4, false, 0, "62f3e89b1722", "\"2022-08-10T17:19:23.5922Z\""},
    {CODE_VARCHAR, 10, false, LATIN1, "01e9", "\"é\""},
    {CODE_VARCHAR, 240, false, UTF8MB4, "0762c3a920625c61", "\"bé b\\\\a\""},
    {CODE_VARCHAR, 900, false, 33, "0b00c3bc622020205c61202020", "\"üb   \\\\a   \""},
    {CODE_VARCHAR, 10, false, COLLATION_BINARY, "0541205600aa", "\"QSBWAKo=\""},
    {CODE_VARCHAR, 300, false, COLLATION_BINARY, "040020410041", "\"IEEAQQ==\""},
    {CODE_VARCHAR, 10, false, UTF8MB4, "02c328", "{\"$bytes\":\"wyg=\"}"},
    {CODE_STRING, 0xFE28, false, UTF8MB4, "0161", "\"a\""},
    {CODE_STRING, 0xCEFC, false, UTF8MB4, "04006162c3a9", "\"abé\""},
    {CODE_STRING, 0xFE05, false, COLLATION_BINARY, "052300000020", "\"IwAAACA=\""},
    {CODE_STRING, 0xFE05, false, COLLATION_BINARY, "00", "\"AAAAAAA=\""},
    {CODE_STRING, 0xFE10, false, COLLATION_BINARY, "1000000000000000000000000000000001",
     "\"AAAAAAAAAAAAAAAAAAAAAQ==\""},
    {CODE_STRING, 0xF701, false, UTF8MB4, "02", "\"b\""},
    {CODE_STRING, 0xF701, false, UTF8MB4, "00", "\"\""},
    {CODE_STRING, 0xF801, false, UTF8MB4, "06", "\"b,cd\""},
    {CODE_STRING, 0xF801, false, UTF8MB4, "00", "\"\""},
    {CODE_BLOB, 1, false, UTF8MB4, "026262", "\"bb\""},
    {CODE_BLOB, 1, false, LATIN1, "09fc205c205c2020e9fc", "\"ü \\\\ \\\\  éü\""},
    {CODE_BLOB, 4, false, COLLATION_BINARY, "00000000", "\"\""},
    {CODE_JSON, 4, false, 0, "070000000ff6040302810a", "1.10"},
    {CODE_GEOMETRY, 4, false, 0, "19000000e610000001010000000000000000000040000000000000f03f",
     "{\"srid\":4326,\"wkb\":\"AQEAAAAAAAAAAAAAQAAAAAAAAPA/\"}"},
    {CODE_VECTOR, 4, false, 0, "0c0000000000803f000020407684dfd0", "[1,2.5,-3e+10]"},
    {CODE_MARIADB_VARCHAR_COMPRESSED, 81, false, 45, "020078", "\"x\""},
    {CODE_MARIADB_VARCHAR_COMPRESSED, 81, false, 45, "00", "\"\""},
    {CODE_MARIADB_BLOB_COMPRESSED, 2, false, COLLATION_BINARY, "03000000ff", "\"AP8=\""},
};

static struct column_format format_of(uint8_t code, uint16_t meta, uint16_t collation)
{
    bool has_labels = code == CODE_STRING && (meta >> 8 == CODE_ENUM || meta >> 8 == CODE_SET);
    return (struct column_format){.code = code,
                                  .meta = meta,
                                  .collation = collation,
                                  .labels = has_labels ? labels : NULL,
                                  .n_labels = has_labels ? COUNT_OF(labels) : 0};
}

static bool decode(const struct column_format *format, struct slice bytes, struct arena *arena,
                   struct value *value, struct err *err)
{
    struct cursor cur = cursor_of(bytes);
    return column_decode(format, &cur, arena, value, err);
}

static void test_golden(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buf out = {0};
    for (size_t i = 0; i < COUNT_OF(golden); i++) {
        struct column_format format =
            format_of(golden[i].code, golden[i].meta, golden[i].collation);
        struct slice bytes = hex(golden[i].bytes);
        struct value value;
        struct err err = {0};
        format.is_unsigned = golden[i].is_unsigned;
        assert_works(column_format_resolve(&format, &err), &err);
        assert_works(decode(&format, bytes, &arena, &value, &err), &err);
        buf_clear(&out);
        json_write_value(&out, &value);
        assert_text(buf_bytes(&out), golden[i].json);
        free((void *)(uintptr_t)bytes.ptr);
    }
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void test_truncated(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT_OF(golden); i++) {
        struct column_format format =
            format_of(golden[i].code, golden[i].meta, golden[i].collation);
        struct slice bytes = hex(golden[i].bytes);
        struct err err = {0};
        assert_works(column_format_resolve(&format, &err), &err);
        for (size_t n = 0; n < bytes.len; n++) {
            struct slice cut = exact_copy(slice_of(bytes.ptr, n));
            struct value value;
            assert_fails(decode(&format, cut, &arena, &value, &err), &err, ERR_CORRUPT);
            assert_true(err.has_offset && err.offset <= n);
            free((void *)(uintptr_t)cut.ptr);
        }
        free((void *)(uintptr_t)bytes.ptr);
    }
    arena_deinit(&arena);
}

// Values that contradict the declaration: the last good one stands in `golden`.
static void test_corrupt(void **state)
{
    (void)state;
    static const struct {
        uint8_t code;
        uint16_t meta;
        const char *bytes;
    } wrong[] = {
        {CODE_STRING, 0xF701, "04"},                             // ENUM of three labels
        {CODE_STRING, 0xF801, "08"},                             // SET of three labels
        {CODE_BIT, 0x0007, "80"},                                // BIT(7)
        {CODE_VARCHAR, 2, "03616161"},                           // VARCHAR of two bytes
        {CODE_STRING, 0xFE02, "03616161"},                       // CHAR of two bytes
        {CODE_GEOMETRY, 1, "03000000"},                          // no room for the SRID
        {CODE_VECTOR, 1, "0500000000ff"},                        // one float and a byte
        {CODE_NEWDECIMAL, 0x0200, "e4"},                         // DECIMAL(2,0) of 100
        {CODE_MARIADB_BLOB_COMPRESSED, 1, "0389ffff"},           // a length that no stream has
        {CODE_MARIADB_BLOB_COMPRESSED, 1, "0889976360188c0000"}, // one byte too many
    };
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct column_format format = format_of(wrong[i].code, wrong[i].meta, UTF8MB4);
        struct slice bytes = hex(wrong[i].bytes);
        struct value value;
        struct err err = {0};
        assert_works(column_format_resolve(&format, &err), &err);
        assert_fails(decode(&format, bytes, &arena, &value, &err), &err, ERR_CORRUPT);
        free((void *)(uintptr_t)bytes.ptr);
    }
    arena_deinit(&arena);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t code;
        uint16_t meta;
        uint16_t collation;
        const char *says;
    } refused[] = {
        {200, 0, 0, "column type 200 is not known to this version"},
        {CODE_DECIMAL, 0, 0, "column type 0 (DECIMAL of MySQL before 5.0)"},
        {CODE_NULL, 0, 0, "column type 6 (NULL)"},
        {CODE_TYPED_ARRAY, 0, 0, "column type 20 (typed array)"},
        {CODE_VARCHAR, 10, 9999, "collation 9999 is not known to this version"},
        {CODE_TIME2, 7, 0, "metadata 7"},
        {CODE_BLOB, 5, 0, "metadata 5"},
        {CODE_BLOB, 0, 0, "metadata 0"},
        {CODE_BIT, 0x0801, 0, "metadata 2049"},
        {CODE_NEWDECIMAL, 0x4200, 0, "metadata 16896"},
        {CODE_FLOAT, 8, 0, "metadata 8"},
        {CODE_STRING, 0xF703, 0, "metadata 63235"},
    };
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct column_format format =
            format_of(refused[i].code, refused[i].meta, refused[i].collation);
        struct err err = {0};
        assert_fails(column_format_resolve(&format, &err), &err, ERR_UNSUPPORTED);
        if (!strstr(err.text, refused[i].says))
            fail_msg("%s: not in \"%s\"", refused[i].says, err.text);
    }
}

static void test_labels_unknown(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct err err = {0};
    struct column_format format = {.code = CODE_STRING, .meta = 0xF702};
    struct slice bytes = hex("2c01");
    struct value value;
    assert_works(column_format_resolve(&format, &err), &err);
    assert_works(decode(&format, bytes, &arena, &value, &err), &err);
    assert_int_equal(value.kind, VALUE_UINT);
    assert_int_equal(value.u, 300);
    free((void *)(uintptr_t)bytes.ptr);
    arena_deinit(&arena);
}

static void test_shape(void **state)
{
    (void)state;
    static const struct {
        uint8_t code;
        uint16_t meta;
        uint16_t collation;
        const char *type;
    } shapes[] = {
        {CODE_LONG, 0, 0, "int"},
        {CODE_NEWDECIMAL, 0x0A02, 0, "decimal(10,2)"},
        {CODE_DATETIME2, 3, 0, "datetime(3)"},
        {CODE_BIT, 0x0101, 0, "bit(9)"},
        {CODE_STRING, 0xFE10, COLLATION_BINARY, "binary(16)"},
        {CODE_STRING, 0xFE28, UTF8MB4, "char"},
        {CODE_VARCHAR, 10, COLLATION_BINARY, "varbinary"},
        {CODE_BLOB, 2, UTF8MB4, "text"},
        {CODE_BLOB, 2, COLLATION_BINARY, "blob"},
        {CODE_STRING, 0xF801, UTF8MB4, "set"},
        {CODE_VECTOR, 4, 0, "vector"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        struct column_format format =
            format_of(shapes[i].code, shapes[i].meta, shapes[i].collation);
        struct column shape = {0};
        struct err err = {0};
        assert_works(column_format_resolve(&format, &err), &err);
        assert_works(column_shape(&format, &shape, &err), &err);
        buf_clear(&out);
        column_type_write(&out, &shape);
        assert_text(buf_bytes(&out), shapes[i].type);
    }
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),         cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_corrupt),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_labels_unknown), cmocka_unit_test(test_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
