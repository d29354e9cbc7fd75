// SPDX-License-Identifier: Apache-2.0
// Ring: order and contents through every size, the far records, waiting on both sides, stopping.
// The stress test runs under the thread sanitizer too.
#define _POSIX_C_SOURCE 200809L
#include "binlog/ring.h"

#include "common/clock.h"
#include "common/mem.h"

// cmocka wants these first.
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

// Byte i of event n is a function of both, so that a mixed-up or torn event shows.
static uint8_t byte_of(uint64_t n, size_t i)
{
    return (uint8_t)(n * 31 + i * 7 + (i >> 8));
}

static void fill(uint8_t *bytes, uint64_t n, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_of(n, i);
}

static void assert_event(struct slice event, uint64_t n, size_t len)
{
    assert_int_equal(event.len, len);
    for (size_t i = 0; i < len; i++)
        if (event.ptr[i] != byte_of(n, i))
            fail_msg("event %u, byte %zu", (unsigned)n, i);
}

static void test_idle_end(void **state)
{
    (void)state;
    struct slice event;
    struct ring *ring = ring_new(1);
    assert_int_equal(ring_next(ring, 0, &event), RING_IDLE);
    uint64_t before = clock_steady_ms();
    assert_int_equal(ring_next(ring, 30, &event), RING_IDLE);
    assert_true(clock_steady_ms() - before >= 29);
    assert_true(ring_push(ring, slice_of("abc", 3)));
    ring_finish(ring);
    assert_int_equal(ring_next(ring, 1000, &event), RING_EVENT);
    assert_true(slice_eq_str(event, "abc"));
    assert_int_equal(ring_next(ring, 1000, &event), RING_END);
    assert_int_equal(ring_next(ring, 0, &event), RING_END);
    ring_free(ring);
}

// One after the other through a small ring: each length around the rounding, the wrap and the
// border of far records.
static void test_every_length(void **state)
{
    (void)state;
    struct ring *ring = ring_new(RING_BYTES_MIN);
    uint8_t bytes[3 * RING_BYTES_MIN];
    for (size_t len = 0; len < sizeof bytes; len += len < 2100 ? 1 : 97) {
        struct slice event;
        fill(bytes, len, len);
        assert_true(ring_push(ring, slice_of(bytes, len)));
        assert_int_equal(ring_next(ring, 0, &event), RING_EVENT);
        assert_event(event, len, len);
        // Gives the event back: a far one waits for an empty ring.
        assert_int_equal(ring_next(ring, 0, &event), RING_IDLE);
    }
    ring_free(ring);
}

// What is borrowed stays as it is while the producer fills up all the rest.
static void test_borrowed_stays(void **state)
{
    (void)state;
    struct ring *ring = ring_new(RING_BYTES_MIN);
    uint8_t bytes[1000];
    struct slice event;
    fill(bytes, 1, sizeof bytes);
    assert_true(ring_push(ring, slice_of(bytes, sizeof bytes)));
    assert_int_equal(ring_next(ring, 0, &event), RING_EVENT);
    for (uint64_t n = 2; n <= 4; n++) {
        uint8_t more[1000];
        fill(more, n, sizeof more);
        assert_true(ring_push(ring, slice_of(more, sizeof more)));
    }
    assert_event(event, 1, 1000);
    for (uint64_t n = 2; n <= 4; n++) {
        assert_int_equal(ring_next(ring, 0, &event), RING_EVENT);
        assert_event(event, n, 1000);
    }
    ring_free(ring);
}

// Freed with far and near events that nobody read: for the leak checker.
static void test_free_unread(void **state)
{
    (void)state;
    struct ring *ring = ring_new(RING_BYTES_MIN);
    uint8_t *bytes = mem_zalloc(100000);
    assert_true(ring_push(ring, slice_of(bytes, 100000)));
    assert_true(ring_push(ring, slice_of(bytes, 100)));
    free(bytes);
    ring_free(ring);
}

struct run {
    struct ring *ring;
    uint64_t n_events;
    unsigned seed;
    uint64_t pushed;
    bool pauses;
};

// The same sequence on both sides: mostly small, some around the ring's size and beyond.
static size_t length_of(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    unsigned r = *seed >> 8;
    if (r % 64 == 0)
        return r % 9000;
    if (r % 8 == 0)
        return r % 2100;
    return r % 120;
}

static void pause_sometimes(const struct run *run, uint64_t n)
{
    if (run->pauses && n % 512 == 0)
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static void *produce(void *arg)
{
    struct run *run = arg;
    unsigned seed = run->seed;
    uint8_t bytes[9000];
    for (uint64_t n = 0; n < run->n_events; n++, run->pushed++) {
        size_t len = length_of(&seed);
        fill(bytes, n, len);
        pause_sometimes(run, n);
        if (!ring_push(run->ring, slice_of(bytes, len)))
            break;
    }
    ring_finish(run->ring);
    return NULL;
}

static void stress(unsigned seed, bool producer_pauses, bool consumer_pauses)
{
    struct run run = {.ring = ring_new(RING_BYTES_MIN),
                      .n_events = 60000,
                      .seed = seed,
                      .pauses = producer_pauses};
    struct run consumer = {.pauses = consumer_pauses};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, &run), 0);
    uint64_t n = 0;
    for (;;) {
        struct slice event;
        enum ring_result result = ring_next(run.ring, 10000, &event);
        // An idle ten seconds is a lost wake-up.
        assert_int_not_equal(result, RING_IDLE);
        if (result == RING_END)
            break;
        pause_sometimes(&consumer, n);
        assert_event(event, n++, length_of(&seed));
    }
    pthread_join(thread, NULL);
    assert_int_equal(n, run.n_events);
    ring_free(run.ring);
}

static void test_stress(void **state)
{
    (void)state;
    stress(1, false, false);
    stress(2, true, false);
    stress(3, false, true);
    stress(4, true, true);
}

// A producer that waits for room is let go.
static void test_stop_while_full(void **state)
{
    (void)state;
    struct run run = {.ring = ring_new(RING_BYTES_MIN), .n_events = 60000, .seed = 5};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, &run), 0);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    ring_stop(run.ring);
    pthread_join(thread, NULL);
    assert_true(run.pushed < run.n_events);
    assert_false(ring_push(run.ring, slice_of("x", 1)));
    ring_free(run.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_end),       cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_borrowed_stays), cmocka_unit_test(test_free_unread),
        cmocka_unit_test(test_stress),         cmocka_unit_test(test_stop_while_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
