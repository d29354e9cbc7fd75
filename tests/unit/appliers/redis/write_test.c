// SPDX-License-Identifier: Apache-2.0
// What becomes of an effect by each policy, and which tables' keys are refused.
#include "appliers/redis/write.h"

#include "tests/unit/test.h"

static const struct column columns[2];
static const uint16_t first[] = {0};
static const struct value row[2] = {{.kind = VALUE_INT, .i = 1}, {.kind = VALUE_INT, .i = 2}};
static const struct value nulls[2] = {{.kind = VALUE_NULL}, {.kind = VALUE_NULL}};

enum { REFUSED = -1 };

// For a whole row, some columns, a deletion, and a row of NULLs without a guard.
static const struct {
    struct rules rules;
    int expected[4];
} samples[] = {
    {{.policy = POLICY_MIRROR}, {WRITE_ROW, WRITE_PATCH, WRITE_DELETE, REFUSED}},
    {{.policy = POLICY_MIRROR, .is_json = true}, {WRITE_ROW, REFUSED, WRITE_DELETE, WRITE_ROW}},
    {{.policy = POLICY_MIRROR, .ttl_ms = 1}, {WRITE_ROW, WRITE_PATCH_THERE, WRITE_DELETE, REFUSED}},
    {{.policy = POLICY_REFRESH}, {WRITE_ROW_THERE, WRITE_PATCH_THERE, WRITE_FORGET, WRITE_FORGET}},
    {{.policy = POLICY_REFRESH, .is_json = true},
     {WRITE_ROW_THERE, WRITE_FORGET, WRITE_FORGET, WRITE_ROW_THERE}},
    {{.policy = POLICY_INVALIDATE}, {WRITE_FORGET, WRITE_FORGET, WRITE_FORGET, WRITE_FORGET}},
    {{.policy = POLICY_INVALIDATE, .is_json = true},
     {WRITE_FORGET, WRITE_FORGET, WRITE_FORGET, WRITE_FORGET}},
};

static void assert_write(const struct rules *rules, bool guarded, const struct effect *effect,
                         int expected)
{
    const struct batch batch = {.guarded = guarded};
    struct write write;
    struct err err = {0};
    bool done = write_of(&write, rules, &batch, effect, &err);
    if (expected == REFUSED) {
        assert_fails(done, &err, ERR_REFUSED);
        return;
    }
    assert_works(done, &err);
    assert_int_equal(write.kind, expected);
}

static void each_policy_has_its_writes(void **state)
{
    const struct table table = {.columns = columns, .n_columns = 2, .key = first, .n_key = 1};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        static const enum effect_kind kinds[] = {EFFECT_REPLACE, EFFECT_PATCH, EFFECT_DELETE};
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            const struct effect effect = {.kind = kinds[k], .table = &table, .row = row};
            assert_write(&samples[i].rules, true, &effect, samples[i].expected[k]);
        }
        const struct effect empty = {.kind = EFFECT_REPLACE, .table = &table, .row = nulls};
        assert_write(&samples[i].rules, false, &empty, samples[i].expected[3]);
    }
    const struct effect deletion = {.kind = EFFECT_DELETE, .table = &table, .row = row};
    assert_write(&samples[0].rules, false, &deletion, WRITE_FORGET);
}

static void assert_table(const char *key, const char *db, const char *name, bool is_taken)
{
    const struct config config = {
        .redis = {.key = key, .policy = "mirror", .format = "hash"},
        .tables = {.include = "tailrace.checkpoint"},
    };
    const struct table table = {.db = str(db), .name = str(name)};
    struct rules rules;
    struct err err = {0};
    assert_works(rules_read(&rules, &config, &err), &err);
    bool done = write_check_table(&rules, &table, &err);
    if (is_taken)
        assert_works(done, &err);
    else
        assert_fails(done, &err, ERR_REFUSED);
}

static void what_is_ours_stays(void **state)
{
    (void)state;
    assert_table("{db}:{table}:{key}", "tailrace", "checkpoint", false);
    assert_table("{db}:{table}:{key}", "tailrace", "checkpoints", false);
    assert_table("{db}:{table}:{key}", "tailrace", "tombstone", false);
    assert_table("{db}:{table}:{key}", "tailrace", "other", true);
    assert_table("{db}:{table}:{key}", "tailrac", "checkpoint", true);
    assert_table("c:{db}:{table}:{key}", "tailrace", "checkpoint", true);
    assert_table("{db}:{key}", "tailrace", "checkpoint", false); // tailrace:{key} may be anything
    assert_table("tailrace:tombstone:{db}:{table}:{key}", "shop", "a", false);
    assert_table("c:{key}", "tailrace", "checkpoint", true);
    assert_table("c:{key}", "tailrace", "other", false); // not the one that is left out
    assert_table("c:{table}:{key}", "shop", "checkpoint", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_policy_has_its_writes),
        cmocka_unit_test(what_is_ours_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
