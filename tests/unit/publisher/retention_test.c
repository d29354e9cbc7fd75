// SPDX-License-Identifier: Apache-2.0
// Retention: what is left of time and bytes.
#include "binlog/retention.h"

#include "tests/unit/test.h"

static const struct server_log logs[] = {
    {.file = "b.1", .size_bytes = 1000},
    {.file = "b.2", .size_bytes = 200},
    {.file = "b.3", .size_bytes = 30},
};

static struct retention compute(struct retention_facts facts)
{
    struct retention retention;
    facts.logs = logs;
    facts.n_logs = COUNT_OF(logs);
    retention_compute(&retention, &facts);
    return retention;
}

static void test_by_age(void **state)
{
    (void)state;
    struct retention_facts facts = {.expire_s = 100, .needed = 1, .next_s = 5000, .now_s = 5030};
    struct retention retention = compute(facts);
    assert_string_equal(retention.file, "b.2");
    assert_true(retention.has_seconds);
    assert_false(retention.has_bytes);
    assert_int_equal(retention.seconds, 70);
    assert_int_equal(retention_percent(&retention), 70);
    facts.now_s = 5100;
    retention = compute(facts);
    assert_int_equal(retention.seconds, 0);
    assert_int_equal(retention_percent(&retention), 0);
    facts.now_s = 6000;
    retention = compute(facts);
    assert_int_equal(retention.seconds, -900);
    assert_int_equal(retention_percent(&retention), 0);
}

// It may be begun anew now, and goes so long after that.
static void test_the_newest_file(void **state)
{
    (void)state;
    struct retention retention =
        compute((struct retention_facts){.expire_s = 100, .needed = 2, .now_s = 5030});
    assert_string_equal(retention.file, "b.3");
    assert_int_equal(retention.seconds, 100);
    assert_int_equal(retention_percent(&retention), 100);
}

static void test_by_size(void **state)
{
    (void)state;
    struct retention_facts facts = {
        .total_bytes = 2000, .needed = 0, .next_s = 5000, .now_s = 9000};
    struct retention retention = compute(facts);
    assert_false(retention.has_seconds);
    assert_true(retention.has_bytes);
    assert_int_equal(retention.bytes, 770);
    assert_int_equal(retention_percent(&retention), 38);
    facts.needed = 1;
    assert_int_equal(compute(facts).bytes, 1770);
    facts.total_bytes = 229;
    retention = compute(facts);
    assert_int_equal(retention.bytes, -1);
    assert_int_equal(retention_percent(&retention), 0);
}

static void test_both_and_none(void **state)
{
    (void)state;
    struct retention retention = compute((struct retention_facts){
        .expire_s = 100, .total_bytes = 2300, .needed = 1, .next_s = 5000, .now_s = 5020});
    assert_int_equal(retention.seconds, 80);
    assert_int_equal(retention.bytes, 2070);
    assert_int_equal(retention_percent(&retention), 80);
    retention = compute((struct retention_facts){.needed = 0, .next_s = 5000, .now_s = 99999});
    assert_false(retention.has_seconds);
    assert_false(retention.has_bytes);
    assert_int_equal(retention_percent(&retention), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_age),
        cmocka_unit_test(test_the_newest_file),
        cmocka_unit_test(test_by_size),
        cmocka_unit_test(test_both_and_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
