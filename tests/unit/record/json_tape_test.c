// SPDX-License-Identifier: Apache-2.0
// JSON tape: RFC 8259's grammar, whatever level it is at: what it allows is taken, what it does not
// is refused at the first byte that is wrong, and every truncation is.
#include "record/json_tape.h"

#include "tests/unit/test.h"

static const char *const good[] = {
    "{}",
    " [ ] ",
    "[0]",
    "[-0,-0.0,0.5,10,1e5,1E+5,1.25e-300,123456789012345678901234567890]",
    "[true,false,null]",
    "{\"\":\"\",\"a\":\"b\",\"\\u0061\\n\":[{}]}",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\uD83d\\ude00\"]",
    "\t{\r\n\"a\" : [ 1 , 2 ] , \"b\" : { \"c\" : null } }\n",
    "[\"0123456789abcdef0123456789abcdef\\u0000 0123456789\"]",
    "[[[[[[[[[[]]]]]]]]]]",
    "[\"\x7f \xc3\xa9 \xef\xbf\xbf\"]",
};

static const struct {
    const char *text;
    size_t offset;
} bad[] = {
    {"[1,]", 3},
    {"[,1]", 1},
    {"[1 2]", 3},
    {"[01]", 2},
    {"[-]", 2},
    {"[+1]", 1},
    {"[.5]", 1},
    {"[1.]", 3},
    {"[1.e5]", 3},
    {"[1e]", 3},
    {"[1e+]", 4},
    {"[0x1]", 2},
    {"[NaN]", 1},
    {"[nul]", 4},
    {"[True]", 1},
    {"[truee]", 5},
    {"{\"a\"}", 4},
    {"{\"a\":}", 5},
    {"{\"a\":1,}", 7},
    {"{a:1}", 1},
    {"{1:1}", 1},
    {"{\"a\" 1}", 5},
    {"{\"a\":1 \"b\":2}", 7},
    {"[}", 1},
    {"{]", 1},
    {"[1}", 2},
    {"{\"a\":1]", 6},
    {"[\"\\x\"]", 3},
    {"[\"\\u12g4\"]", 6},
    {"[\"\n\"]", 2},
    {"[\"\t\"]", 2},
    {"[\"12345678\x1f\"]", 10},
    {"['a']", 1},
    {"[] []", 3},
    {"[]]", 2},
    {"{}x", 2},
    {"[/**/]", 1},
    {"[1]\f", 3},
    {"[\"a\" \"b\"]", 5},
    {"[tru\xc3\xa9]", 4},
};

// As the text stands, and four levels down, where no tokens are kept.
static bool parse(struct json_tape *tape, struct slice text, size_t deeper, struct err *err)
{
    char *whole = malloc(text.len + 8);
    const char *front = "[[[[", *back = "]]]]";
    assert_non_null(whole);
    memcpy(whole, front, deeper);
    memcpy(whole + deeper, text.ptr, text.len);
    memcpy(whole + deeper + text.len, back, deeper);
    bool ok = json_tape_parse(tape, slice_of(whole, text.len + 2 * deeper), 1000, 2, err);
    free(whole);
    return ok;
}

static void test_good_texts(void **state)
{
    struct json_tape tape = {0};
    struct err err;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct slice text = str(good[i]);
        assert_true(parse(&tape, text, 0, &err));
        assert_true(parse(&tape, text, 4, &err));
        while (text.len > 0 && strchr(" \n", text.ptr[text.len - 1]))
            text.len--;
        for (size_t n = 0; n < text.len; n++)
            assert_fails(parse(&tape, slice_of(text.ptr, n), 0, &err), &err, ERR_CORRUPT);
    }
    json_tape_deinit(&tape);
}

static void test_bad_texts(void **state)
{
    struct json_tape tape = {0};
    struct err err;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct slice text = str(bad[i].text);
        assert_fails(parse(&tape, text, 0, &err), &err, ERR_CORRUPT);
        assert_int_equal(err.offset, 1000 + bad[i].offset);
        assert_fails(parse(&tape, text, 4, &err), &err, ERR_CORRUPT);
    }
    json_tape_deinit(&tape);
}

// Strings are looked at in blocks: a byte that counts is found wherever it stands in one.
static void test_each_place(void **state)
{
    enum { LENGTH = 70 };
    struct json_tape tape = {0};
    struct err err;
    uint8_t text[LENGTH + 4];
    (void)state;
    for (size_t at = 2; at < 2 + LENGTH; at++) {
        memset(text, 'a', sizeof text);
        memcpy(text, "[\"", 2);
        memcpy(text + 2 + LENGTH, "\"]", 2);
        struct slice whole = slice_of(text, sizeof text);
        static const uint8_t wrong[] = {0x00, 0x1f, 0x80, 0xff};
        for (size_t i = 0; i < sizeof wrong; i++) {
            text[at] = wrong[i];
            assert_fails(json_tape_parse(&tape, whole, 0, 1, &err), &err, ERR_CORRUPT);
            assert_int_equal(err.offset, at);
        }
        text[at] = '"';
        assert_fails(json_tape_parse(&tape, whole, 0, 1, &err), &err, ERR_CORRUPT);
        assert_int_equal(err.offset, at + 1);
        text[at] = '\\';
        assert_fails(json_tape_parse(&tape, whole, 0, 1, &err), &err, ERR_CORRUPT);
        assert_int_equal(err.offset, at + 1 < 2 + LENGTH ? at + 1 : sizeof text);
        text[at] = 0x20;
        assert_true(json_tape_parse(&tape, whole, 0, 1, &err));
        assert_false(tape.tokens[1].escaped);
        assert_int_equal(tape.tokens[1].end, sizeof text - 1);
    }
    json_tape_deinit(&tape);
}

static void assert_token(const struct json_tape *tape, size_t i, const char *raw, uint32_t next)
{
    struct slice got = json_raw(tape, &tape->tokens[i]);
    assert_int_equal(got.len, strlen(raw));
    assert_memory_equal(got.ptr, raw, got.len);
    assert_int_equal(tape->tokens[i].next, next);
}

static void test_levels(void **state)
{
    struct json_tape tape = {0};
    struct err err;
    (void)state;
    const char *text = "{\"a\":[1,{\"x\":[2]}],\"b\" : \"c\\n\"}";
    assert_true(json_tape_parse(&tape, str(text), 0, 1, &err));
    assert_int_equal(tape.n_tokens, 3);
    assert_token(&tape, 0, text, 3);
    assert_token(&tape, 1, "[1,{\"x\":[2]}]", 2);
    assert_token(&tape, 2, "\"c\\n\"", 3);
    assert_int_equal(tape.tokens[2].key_start, 20);
    assert_int_equal(tape.tokens[2].key_end, 21);
    assert_true(tape.tokens[2].escaped);
    assert_true(json_tape_parse(&tape, str(text), 0, 2, &err));
    assert_int_equal(tape.n_tokens, 5);
    assert_token(&tape, 1, "[1,{\"x\":[2]}]", 4);
    assert_token(&tape, 3, "{\"x\":[2]}", 4);
    json_tape_deinit(&tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_texts),
        cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_each_place),
        cmocka_unit_test(test_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
