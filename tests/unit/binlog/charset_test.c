// SPDX-License-Identifier: Apache-2.0
// Charset: bytes of text in many sets, with what CONVERT(… USING utf8mb4) of MySQL 9.7 makes of
// them; bytes that the server calls invalid.
#include "binlog/charset.h"

#include "tests/unit/binlog/hex.h"

static const char *const examples[][3] = {
    {"armscii8", "b2b3", "Աա"},
    {"big5", "a4a4a4e5a145", "中文•"},
    {"cp1250", "8ce1", "Śá"},
    {"cp1251", "cfd0c8", "ПРИ"},
    {"cp1256", "c7e1", "ال"},
    {"cp1257", "c8e0", "Čą"},
    {"cp850", "82e1", "éß"},
    {"cp852", "82a5", "éą"},
    {"cp866", "8fe0", "Пр"},
    {"cp932", "93fa967b875c", "日本Ⅸ"},
    {"dec8", "d7e9", "Œé"},
    {"eucjpms", "c6fccbdcada1", "日本①"},
    {"euckr", "c7d1b1db8141", "한글갂"},
    {"gb18030", "d6d0a6d981308130", "中\356\236\215\302\200"},
    {"gb2312", "d6d0b9fa", "中国"},
    {"gbk", "d6d08140", "中丂"},
    {"geostd8", "c0c1", "აბ"},
    {"greek", "c1e1", "Αα"},
    {"hebrew", "e0e1", "אב"},
    {"hp8", "c5de", "éß"},
    {"keybcs2", "8081", "Čü"},
    {"koi8r", "f0d2", "Пр"},
    {"koi8u", "a4f0", "єП"},
    {"latin1", "80e981", "€é\302\201"},
    {"latin2", "b1e8", "ąč"},
    {"latin5", "fdfe", "ış"},
    {"latin7", "e0e8", "ąč"},
    {"macce", "88a1", "ą°"},
    {"macroman", "8ea0", "é†"},
    {"sjis", "93fa815f", "日\\"},
    {"swe7", "5b5c7d", "ÄÖå"},
    {"tis620", "a1e0", "กเ"},
    {"ucs2", "004120ac", "A€"},
    {"ujis", "c6fca1c08fb0a1", "日\\丂"},
    {"utf16", "d83dde0000e9", "😀é"},
    {"utf16le", "3dd800dee900", "😀é"},
    {"utf32", "0001f600", "😀"},
    {"utf8mb3", "e1babf", "ế"},
    {"utf8mb4", "f09f9880", "😀"},
};

static const char *const invalid[][2] = {
    {"utf8mb4", "80"},       {"utf8mb4", "c3"},       {"utf8mb4", "c0af"},
    {"utf8mb4", "e09fbf"},   {"utf8mb4", "eda080"},   {"utf8mb4", "f08fbfbf"},
    {"utf8mb4", "f4908080"}, {"utf8mb4", "f5808080"}, {"utf8mb4", "e282"},
    {"utf8mb3", "f09f9880"}, {"ascii", "80"},         {"cp1250", "81"},
    {"ucs2", "d800"},        {"ucs2", "00"},          {"utf16", "d83d"},
    {"utf16", "d83d0041"},   {"utf16", "de00"},       {"utf32", "00110000"},
    {"utf32", "0000d800"},   {"big5", "a4"},          {"big5", "80"},
    {"big5", "a15a"},        {"gbk", "80"},           {"sjis", "80"},
    {"ujis", "8fa2"},        {"gb18030", "813081"},   {"euckr", "ff41"},
};

static void test_examples(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct slice bytes = hex(examples[i][1]);
        struct value value;
        struct err err = {0};
        const struct charset *charset = charset_by_name(str(examples[i][0]));
        assert_non_null(charset);
        assert_works(charset_to_utf8(charset, bytes, &arena, &value, &err), &err);
        if (value.kind != VALUE_TEXT)
            fail_msg("%s %s is bad text", examples[i][0], examples[i][1]);
        assert_text(value.text, examples[i][2]);
        free((void *)(uintptr_t)bytes.ptr);
    }
    arena_deinit(&arena);
}

static void test_invalid(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT_OF(invalid); i++) {
        struct slice bytes = hex(invalid[i][1]);
        struct value value;
        struct err err = {0};
        const struct charset *charset = charset_by_name(str(invalid[i][0]));
        assert_non_null(charset);
        assert_works(charset_to_utf8(charset, bytes, &arena, &value, &err), &err);
        if (value.kind != VALUE_BAD_TEXT)
            fail_msg("%s %s is text", invalid[i][0], invalid[i][1]);
        assert_ptr_equal(value.text.ptr, bytes.ptr);
        free((void *)(uintptr_t)bytes.ptr);
    }
    arena_deinit(&arena);
}

static void test_collations(void **state)
{
    (void)state;
    static const struct {
        unsigned collation;
        const char *charset; // NULL: nobody has that number
    } collations[] = {
        {1, "big5"},      {8, "latin1"},    {33, "utf8mb3"},   {45, "utf8mb4"},
        {63, "binary"},   {83, "utf8mb3"},  {248, "gb18030"},  {255, "utf8mb4"},
        {309, "utf8mb4"}, {1032, "latin1"}, {2304, "utf8mb4"}, {3072, "utf32"},
        {0, NULL},        {17, NULL},       {100, NULL},       {65535, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(collations); i++) {
        const struct charset *charset = charset_of_collation(collations[i].collation);
        if (collations[i].charset)
            assert_string_equal(charset_name(charset), collations[i].charset);
        else
            assert_null(charset);
    }
    assert_string_equal(charset_name(charset_by_name(str("utf8"))), "utf8mb3");
    assert_null(charset_by_name(str("utf9")));
}

// Borrowed where it is UTF-8 already: no copy.
static void test_borrowed(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct value value;
    struct err err = {0};
    struct slice text = str("0123456789 only ASCII");
    assert_works(charset_to_utf8(charset_of_collation(8), text, &arena, &value, &err), &err);
    assert_ptr_equal(value.text.ptr, text.ptr);
    assert_int_equal(arena.used_bytes, 0);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_collations),
        cmocka_unit_test(test_borrowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
