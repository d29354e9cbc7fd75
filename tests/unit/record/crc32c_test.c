// SPDX-License-Identifier: Apache-2.0
// CRC-32C: the examples of RFC 3720, appendix B.4, and the check value of the polynomial's
// catalogue entry.
#include "record/crc32c.h"

#include "tests/unit/test.h"

static void check(struct slice bytes, uint32_t expected)
{
    assert_int_equal(crc32c(0, bytes), expected);
    assert_int_equal(crc32c_portable(0, bytes), expected);
    for (size_t cut = 0; cut <= bytes.len; cut++) {
        struct slice rest = slice_of(bytes.ptr + cut, bytes.len - cut);
        assert_int_equal(crc32c(crc32c(0, slice_of(bytes.ptr, cut)), rest), expected);
    }
}

static void test_rfc_3720(void **state)
{
    (void)state;
    uint8_t bytes[32];
    memset(bytes, 0, sizeof bytes);
    check(slice_of(bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    check(slice_of(bytes, 32), 0x62a8ab43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    check(slice_of(bytes, 32), 0x46dd794e);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(31 - i);
    check(slice_of(bytes, 32), 0x113fdb5c);
}

static void test_check_value(void **state)
{
    (void)state;
    check(str("123456789"), 0xe3069283);
    assert_int_equal(crc32c(0, slice_of(NULL, 0)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_3720),
        cmocka_unit_test(test_check_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
