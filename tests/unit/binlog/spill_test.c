// SPDX-License-Identifier: Apache-2.0
// Spill: logs that are appended to, cut and dropped in any order hold what a plain copy holds, with
// the memory that was granted.
#define _POSIX_C_SOURCE 200809L
#include "binlog/spill.h"

#include "tests/unit/test.h"

#define MEMORY_MOST ((size_t)64 << 10)
#define N_LOGS 5
#define STEPS 4000

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void append_bytes(struct spill *spill, struct spill_log *log, struct buf *copy, size_t n,
                         uint64_t *state)
{
    static uint8_t bytes[100000];
    struct err err;
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)next_random(state);
    assert_works(spill_append(spill, log, slice_of(bytes, n), &err), &err);
    buf_append(copy, bytes, n);
}

static void check(const struct spill *spill, const struct spill_log *log, const struct buf *copy,
                  uint64_t *state)
{
    struct buf room = {0};
    struct slice bytes;
    struct err err;
    assert_int_equal(spill_size(log), copy->len);
    size_t at = copy->len ? next_random(state) % copy->len : 0;
    size_t n = copy->len - at ? next_random(state) % (copy->len - at + 1) : 0;
    assert_works(spill_read(spill, log, at, n, &room, &bytes, &err), &err);
    assert_true(slice_eq(bytes, slice_of(copy->ptr + at, n)));
    buf_deinit(&room);
}

static void holds_what_a_copy_holds(void **state)
{
    (void)state;
    struct spill spill;
    struct spill_log logs[N_LOGS] = {0};
    struct buf copies[N_LOGS] = {0};
    struct err err;
    uint64_t random = 7;
    size_t most_memory = 0;
    spill_init(&spill, MEMORY_MOST);
    for (int step = 0; step < STEPS; step++) {
        size_t i = next_random(&random) % N_LOGS;
        uint32_t what = next_random(&random) % 16;
        if (what < 12) {
            append_bytes(&spill, &logs[i], &copies[i], next_random(&random) % 20000, &random);
        } else if (what < 14 && copies[i].len) {
            size_t size = next_random(&random) % copies[i].len;
            assert_works(spill_truncate(&spill, &logs[i], size, &err), &err);
            copies[i].len = size;
        } else if (what == 14) {
            spill_clear(&spill, &logs[i]);
            copies[i].len = 0;
        }
        most_memory = spill.memory_bytes > most_memory ? spill.memory_bytes : most_memory;
        check(&spill, &logs[i], &copies[i], &random);
    }
    assert_true(spill.n_blocks > 0);
    assert_true(most_memory <= MEMORY_MOST + N_LOGS * SPILL_BLOCK_BYTES);
    for (size_t i = 0; i < N_LOGS; i++) {
        spill_drop(&spill, &logs[i]);
        buf_deinit(&copies[i]);
    }
    assert_int_equal(spill.memory_bytes, 0);
    assert_int_equal(spill.n_unused, spill.n_blocks); // all are free again
    spill_deinit(&spill);
}

static void stays_in_memory_up_to_the_limit(void **state)
{
    (void)state;
    struct spill spill;
    struct spill_log log = {0};
    struct buf copy = {0};
    uint64_t random = 3;
    spill_init(&spill, MEMORY_MOST);
    append_bytes(&spill, &log, &copy, MEMORY_MOST, &random);
    assert_int_equal(spill.n_blocks, 0);
    append_bytes(&spill, &log, &copy, 1, &random);
    assert_int_equal(spill.n_blocks, MEMORY_MOST / SPILL_BLOCK_BYTES);
    check(&spill, &log, &copy, &random);
    spill_drop(&spill, &log);
    spill_deinit(&spill);
    buf_deinit(&copy);
}

static void says_where_the_file_cannot_be_made(void **state)
{
    (void)state;
    struct spill spill;
    struct spill_log log = {0};
    static const uint8_t bytes[SPILL_BLOCK_BYTES];
    struct err err;
    assert_int_equal(setenv("TMPDIR", "/nowhere/at/all", 1), 0);
    spill_init(&spill, 0);
    assert_fails(spill_append(&spill, &log, slice_of(bytes, sizeof bytes), &err), &err,
                 ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "TMPDIR"));
    unsetenv("TMPDIR");
    spill_drop(&spill, &log);
    spill_deinit(&spill);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_a_copy_holds),
        cmocka_unit_test(stays_in_memory_up_to_the_limit),
        cmocka_unit_test(says_where_the_file_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
