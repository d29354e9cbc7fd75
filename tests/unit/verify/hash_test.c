// SPDX-License-Identifier: Apache-2.0
// Hash: vectors of SipHash-2-4-128's reference implementation (vectors.h of its authors): key
// 00 01 … 0f, input 00 01 02 … of the given length.
#include "verify/hash.h"

#include "tests/unit/test.h"

static const struct {
    size_t len;
    uint8_t expected[16];
} vectors[] = {
    {0,
     {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
      0x93}},
    {1,
     {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc,
      0x45}},
    {2,
     {0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff,
      0xe4}},
};

static void test_vectors(void **state)
{
    const struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    const uint8_t input[] = {0, 1, 2, 3};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        struct slice bytes = exact_copy(slice_of(input, vectors[i].len));
        struct hash hash = hash_of(&key, bytes);
        free((void *)(uintptr_t)bytes.ptr);
        for (int k = 0; k < 8; k++) {
            assert_int_equal(hash.low >> (8 * k) & 0xff, vectors[i].expected[k]);
            assert_int_equal(hash.high >> (8 * k) & 0xff, vectors[i].expected[8 + k]);
        }
    }
}

// Every bit of the input counts, wherever it is.
static void test_each_bit(void **state)
{
    const struct hash_key key = {1, 2};
    uint8_t input[40] = {0};
    (void)state;
    struct hash before = hash_of(&key, slice_of(input, sizeof input));
    for (size_t i = 0; i < 8 * sizeof input; i++) {
        input[i / 8] ^= (uint8_t)(1 << (i % 8));
        assert_false(hash_equal(before, hash_of(&key, slice_of(input, sizeof input))));
        input[i / 8] ^= (uint8_t)(1 << (i % 8));
    }
}

static void test_keys_differ(void **state)
{
    struct hash_key a, b;
    struct err err;
    (void)state;
    assert_works(hash_key_draw(&a, &err), &err);
    assert_works(hash_key_draw(&b, &err), &err);
    assert_false(a.k0 == b.k0 && a.k1 == b.k1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_each_bit),
        cmocka_unit_test(test_keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
