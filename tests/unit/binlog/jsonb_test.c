// SPDX-License-Identifier: Apache-2.0
// Jsonb: documents from row events of MySQL 9.7, texts from its SELECT without the spaces; cut at
// each byte; and documents that lie about offsets, sizes and counts.
#include "binlog/jsonb.h"

#include "tests/unit/binlog/hex.h"

static const char *const golden[][2] = {
    {"", "null"},
    {"0400", "null"},
    {"0401", "true"},
    {"0c00", "\"\""},
    {"07ffffff7f", "2147483647"},
    {"0bfcf9a44dc716691a", "1.8894508746353537e-181"},
    {"0bbecf898bac1c8140", "547.5842505232356"},
    {"0b0000000000000840", "3.0"},
    {"0b2703aff17c022843", "3379067547517331.5"},
    {"0b00003426f56b0c43", "1e15"},
    {"0b0000901ec4bcd642", "100000000000000.0"},
    {"0b1656e79eaf03d23c", "0.000000000000001"},
    {"0bbc89d897b2d29c3c", "1e-16"},
    {"0b0100000000000000", "5e-324"},
    {"0b000000000000303d", "0.00000000000005684341886080802"},
    {"0b0000000000000080", "-0.0"},
    {"0b8bfbf58e44bb5044", "1.234567891e21"},
    {"0c081f6120f09f988061", "\"\\u001fa 😀a\""},
    {"0000000400", "{}"},
    {"0001000c000b0000000c0b0000", "{\"\":\"\"}"},
    {"0ff6040302810a", "1.10"},
    {"0002001e0012000100130001000501000f140061620a08000000000084a519",
     "{\"a\":1,\"b\":\"2020-02-02\"}"},
    {"000200240012000100130001000f14000f1a006474f60404028c1e0b0800000000c0000000",
     "{\"d\":12.30,\"t\":\"12:00:00.000000\"}"},
    {"0003002a0019000000190001001a0008000500000400000b220061f09f98800a0a012f326b1c46d87153cb",
     "{\"\":0,\"a\":null,\"😀\\n\\n\\u0001/\":-7.449731435038911e54}"},
    {"00010028000b000100020c005c03001c000c0d000c13000b140005011f22092000f03ffffaf892a793",
     "{\"\\\\\":[\"\\u0001\\u001f\\\"\\t \",\"\",-5.4707696316204e-214]}"},
    {"02010043000f07000f3a0000000000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000000000000000000000000000",
     "[\"base64:type15:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
     "AA\\nAA==\"]"},
};

static bool decode(struct slice bytes, struct arena *arena, struct slice *text, struct err *err)
{
    struct cursor cur = cursor_of(bytes);
    return jsonb_to_text(&cur, arena, text, err);
}

static void test_golden(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT_OF(golden); i++) {
        struct slice bytes = hex(golden[i][0]);
        struct slice text;
        struct err err = {0};
        assert_works(decode(bytes, &arena, &text, &err), &err);
        assert_text(text, golden[i][1]);
        free((void *)(uintptr_t)bytes.ptr);
    }
    arena_deinit(&arena);
}

static void test_truncated(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT_OF(golden); i++) {
        struct slice bytes = hex(golden[i][0]);
        for (size_t n = 1; n < bytes.len; n++) {
            struct slice cut = exact_copy(slice_of(bytes.ptr, n));
            struct slice text;
            struct err err = {0};
            assert_fails(decode(cut, &arena, &text, &err), &err, ERR_CORRUPT);
            assert_true(err.has_offset && err.offset <= n);
            free((void *)(uintptr_t)cut.ptr);
        }
        free((void *)(uintptr_t)bytes.ptr);
    }
    arena_deinit(&arena);
}

static void test_hostile(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum err_class class;
    } wrong[] = {
        {"0403", ERR_CORRUPT},                               // a literal 3
        {"0d00", ERR_UNSUPPORTED},                           // a type that is not given out
        {"0fc80161", ERR_UNSUPPORTED},                       // opaque type 200
        {"0b000000000000f07f", ERR_CORRUPT},                 // infinity
        {"0c02c328", ERR_CORRUPT},                           // no UTF-8
        {"0cffffffffff01", ERR_CORRUPT},                     // a length of 35 bits
        {"0f0a09000000000084a51900", ERR_CORRUPT},           // a DATE with a byte too many
        {"0ff60342028100", ERR_CORRUPT},                     // DECIMAL(66,2)
        {"02ffff0400", ERR_CORRUPT},                         // 65535 members in 4 bytes
        {"0201000a000c0000000000", ERR_CORRUPT},             // a value before its entries
        {"02010007000c0700", ERR_CORRUPT},                   // a value behind the array
        {"020100070002000000000000", ERR_CORRUPT},           // an array that contains itself
        {"02020011000c0a000c0a00066162636465", ERR_CORRUPT}, // two members, one string
        {"0001000c000c0001000500006161", ERR_CORRUPT},       // a key behind its object
    };
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct slice bytes = hex(wrong[i].bytes);
        struct slice text;
        struct err err = {0};
        assert_fails(decode(bytes, &arena, &text, &err), &err, wrong[i].class);
        assert_true(err.has_offset);
        free((void *)(uintptr_t)bytes.ptr);
    }
    arena_deinit(&arena);
}

// `depth` arrays, one in the other: count 1, size, entry of an array at offset 7.
static struct slice nested(size_t depth)
{
    size_t len = 1 + 7 * (depth - 1) + 4;
    uint8_t *bytes = mem_zalloc(len);
    bytes[0] = 2;
    for (size_t i = 0; i < depth; i++) {
        uint8_t *array = bytes + 1 + 7 * i;
        size_t size = len - 1 - 7 * i;
        array[2] = (uint8_t)size;
        array[3] = (uint8_t)(size >> 8);
        if (i + 1 == depth)
            break;
        array[0] = 1;
        array[4] = 2;
        array[5] = 7;
    }
    return slice_of(bytes, len);
}

static void test_depth(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct slice text;
    struct err err = {0};
    struct slice deepest = nested(JSONB_DEPTH_MAX);
    struct slice deeper = nested(JSONB_DEPTH_MAX + 1);
    assert_works(decode(deepest, &arena, &text, &err), &err);
    assert_int_equal(text.len, 2 * JSONB_DEPTH_MAX);
    assert_fails(decode(deeper, &arena, &text, &err), &err, ERR_CORRUPT);
    free((void *)(uintptr_t)deepest.ptr);
    free((void *)(uintptr_t)deeper.ptr);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
