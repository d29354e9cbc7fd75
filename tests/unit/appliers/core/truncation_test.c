// SPDX-License-Identifier: Apache-2.0
// Which objects a truncation deletes in one partition, by the guards that they carry.
#include "appliers/core/truncation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct table item = {.db = {(const uint8_t *)"shop", 4},
                                  .name = {(const uint8_t *)"item", 4}};

// A truncation at offset 50 of partition 2.
static struct batch_partition partitions[] = {{.topic = "s.shop.item",
                                               .partition = 2,
                                               .from = 40,
                                               .next = 51,
                                               .file = "binlog.000002",
                                               .pos = 4}};
static const struct batch batch = {
    .guarded = true, .partitions = partitions, .n_partitions = 1, .truncation = {&item, 0, 4, 50}};

static struct sink_checkpoint checkpoint(const char *topic, int32_t partition, const char *at)
{
    struct sink_checkpoint made = {.partition = partition};
    snprintf(made.topic, sizeof made.topic, "%s", topic);
    snprintf(made.truncated_at, sizeof made.truncated_at, "%s", at);
    return made;
}

static struct truncation_rule rule_of(const struct sink_checkpoint *checkpoints, size_t n)
{
    struct truncation_rule rule;
    struct err err;
    assert_true(truncation_rule_of(&batch, checkpoints, n, &rule, &err));
    return rule;
}

static void own_objects_before_it_go(void **state)
{
    const struct truncation_rule rule = rule_of(NULL, 0);
    (void)state;
    assert_int_equal(truncation_fate(&rule, &(struct guard){2, 49}), TRUNCATION_DELETES);
    assert_int_equal(truncation_fate(&rule, &(struct guard){2, 51}), TRUNCATION_KEEPS);
    assert_int_equal(truncation_fate(&rule, &(struct guard){1, 49}), TRUNCATION_KEEPS);
    assert_int_equal(truncation_fate(&rule, NULL), TRUNCATION_DELETES);
}

static void unguarded_objects_go_with_the_first_partition_only(void **state)
{
    const struct sink_checkpoint first[] = {checkpoint("s.shop.item", 1, "binlog.000002:3"),
                                            checkpoint("s.shop.other", 1, "binlog.000002:4"),
                                            checkpoint("s.shop.item", 2, "binlog.000002:4")};
    const struct sink_checkpoint later[] = {checkpoint("s.shop.item", 1, "binlog.000002:4")};
    struct truncation_rule rule = rule_of(first, 3);
    (void)state;
    assert_int_equal(truncation_fate(&rule, NULL), TRUNCATION_DELETES);
    rule = rule_of(later, 1);
    assert_int_equal(truncation_fate(&rule, NULL), TRUNCATION_REFUSES);
    assert_int_equal(truncation_fate(&rule, &(struct guard){2, 49}), TRUNCATION_DELETES);
}

static void without_the_guard_one_partition_is_needed(void **state)
{
    struct batch off = batch;
    struct truncation_rule rule;
    struct err err;
    (void)state;
    off.guarded = false;
    assert_false(truncation_rule_of(&off, NULL, 0, &rule, &err));
    assert_int_equal(err.class, ERR_REFUSED);
    assert_non_null(strstr(err.text, "topic s.shop.item partition 2 offset 50"));
    off.truncation.n_partitions = 0; // not said
    assert_false(truncation_rule_of(&off, NULL, 0, &rule, &err));
    off.truncation.n_partitions = 1;
    assert_true(truncation_rule_of(&off, NULL, 0, &rule, &err));
    assert_int_equal(truncation_fate(&rule, NULL), TRUNCATION_DELETES);
    assert_int_equal(truncation_fate(&rule, &(struct guard){2, 51}), TRUNCATION_DELETES);
}

static void a_step_stays_where_it_is(void **state)
{
    struct truncation_step step;
    (void)state;
    truncation_step_init(&step, &batch);
    assert_int_equal(step.batch.n_partitions, 1);
    assert_null(step.batch.truncation.table);
    assert_int_equal(step.batch.partitions[0].from, 40);
    assert_int_equal(step.batch.partitions[0].next, 40);
    assert_string_equal(step.batch.partitions[0].file, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_objects_before_it_go),
        cmocka_unit_test(unguarded_objects_go_with_the_first_partition_only),
        cmocka_unit_test(without_the_guard_one_partition_is_needed),
        cmocka_unit_test(a_step_stays_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
