// SPDX-License-Identifier: Apache-2.0
// murmur2: the vectors of Kafka's own test of its Java client (UtilsTest.testMurmur2).
#include "record/murmur2.h"

#include "tests/unit/test.h"

static const struct {
    const char *key;
    int32_t hash;
} vectors[] = {
    {"21", -973932308},
    {"foobar", -790332482},
    {"a-little-bit-long-string", -985981536},
    {"a-little-bit-longer-string", -1486304829},
    {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
    {"abc", 479470107},
};

static void test_java_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++)
        assert_int_equal((int32_t)murmur2(str(vectors[i].key)), vectors[i].hash);
}

// toPositive clears the sign bit; it does not negate.
static void test_partition(void **state)
{
    (void)state;
    assert_int_equal(murmur2_partition(str("abc"), 10), 479470107 % 10);
    assert_int_equal(murmur2_partition(str("21"), 12), (-973932308 & 0x7fffffff) % 12);
    assert_int_equal(murmur2_partition(str("21"), 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_java_vectors),
        cmocka_unit_test(test_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
