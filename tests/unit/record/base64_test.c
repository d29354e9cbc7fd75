// SPDX-License-Identifier: Apache-2.0
// Base64: the vectors of RFC 4648, section 10, and what is none.
#include "record/base64.h"

#include "tests/unit/test.h"

static const char *const vectors[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void test_vectors(void **state)
{
    (void)state;
    struct buf out = {0};
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        struct slice bytes;
        size_t offset;
        buf_clear(&out);
        base64_encode(&out, str(vectors[i][0]));
        assert_text(buf_bytes(&out), vectors[i][1]);
        assert_true(base64_decode(str(vectors[i][1]), &arena, &bytes, &offset));
        assert_text(bytes, vectors[i][0]);
    }
    arena_deinit(&arena);
    buf_deinit(&out);
}

static void test_all_bytes_survive(void **state)
{
    (void)state;
    struct buf out = {0};
    struct arena arena = {0};
    uint8_t all[256];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    for (size_t n = 0; n <= sizeof all; n++) {
        struct slice bytes;
        size_t offset;
        buf_clear(&out);
        base64_encode(&out, slice_of(all, n));
        assert_true(base64_decode(buf_bytes(&out), &arena, &bytes, &offset));
        assert_true(slice_eq(bytes, slice_of(all, n)));
    }
    arena_deinit(&arena);
    buf_deinit(&out);
}

static void test_faults_have_offsets(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
    } faults[] = {
        {"Z", 1},    {"Zg", 2},   {"Zg=", 3},  {"Zm9v!m9v", 4}, {"Zm9vZ m9", 5}, {"Zg==Zg==", 2},
        {"Zh==", 1}, {"Zm9=", 2}, {"====", 0}, {"Z===", 1},     {"Zm\n=", 2},    {"_m9v", 0},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct slice bytes;
        size_t offset = 99;
        assert_false(base64_decode(str(faults[i].text), &arena, &bytes, &offset));
        assert_int_equal(offset, faults[i].offset);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_all_bytes_survive),
        cmocka_unit_test(test_faults_have_offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
