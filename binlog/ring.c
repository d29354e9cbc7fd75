// SPDX-License-Identifier: Apache-2.0
// Ring: a bounded queue of whole events from one thread to one other.
//
// `head` (bytes written since the beginning, by the producer) and `tail` (bytes given back, by the
// consumer) only grow; head - tail is what is in use, and a number modulo the capacity is a place.
// A record is a header and the event's bytes, rounded up to the header's size, never broken at the
// end of the memory: a filler takes up what is left there.
//
//   struct record { uint32_t kind; uint32_t length; }
//     RECORD_EVENT   `length` bytes follow
//     RECORD_FAR     a pointer to malloc(3)ed bytes follows
//     RECORD_FILLER  nothing follows; the next record is at place 0
//
// Waiting: each side first looks at the other's counter, and only if that says "wait" takes the
// lock, raises its own flag, looks again and sleeps. The other side moves its counter first and
// looks at the flag afterwards. All four are sequentially consistent, so one of the two sees what
// the other did: no wake-up is lost. The signal is given under the lock, so it cannot come between
// the second look and the sleep. A producer that found the ring full is woken when half of it is
// free, not at each event.
#define _POSIX_C_SOURCE 200809L
#include "binlog/ring.h"

#include "common/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum record_kind { RECORD_EVENT, RECORD_FAR, RECORD_FILLER };

struct record {
    uint32_t kind;
    uint32_t length;
};

#define CACHE_LINE 64

// A consumer that is faster than the producer naps before it sleeps, and finds many events then;
// being woken for each would cost the producer more than the event does.
#define NAP_NS 50000

struct ring {
    uint8_t *bytes;
    size_t capacity;

    // Each side writes only to its own lines.
    _Alignas(CACHE_LINE) _Atomic uint64_t head;
    uint64_t tail_seen; // the producer's last look at tail
    _Alignas(CACHE_LINE) _Atomic uint64_t tail;
    uint64_t head_seen;  // the consumer's last look at head
    uint64_t lent_bytes; // of the record that the consumer has borrowed
    void *lent_far;      // its memory, if it is a far one

    _Alignas(CACHE_LINE) _Atomic bool consumer_waits;
    _Atomic uint64_t producer_waits_for; // value of tail; 0: does not wait
    _Atomic bool finished;
    _Atomic bool stopped;
    pthread_mutex_t lock;
    pthread_cond_t consumer_wakes;
    pthread_cond_t producer_wakes;
};

struct ring *ring_new(size_t capacity_bytes)
{
    size_t capacity = RING_BYTES_MIN;
    while (capacity < capacity_bytes)
        capacity *= 2;
    struct ring *ring = aligned_alloc(CACHE_LINE, sizeof *ring);
    if (!ring)
        abort();
    memset(ring, 0, sizeof *ring);
    ring->bytes = mem_alloc(capacity);
    ring->capacity = capacity;
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&ring->lock, NULL);
    pthread_cond_init(&ring->consumer_wakes, &steady);
    pthread_cond_init(&ring->producer_wakes, &steady);
    pthread_condattr_destroy(&steady);
    return ring;
}

static size_t rounded(size_t n)
{
    return (n + sizeof(struct record) - 1) / sizeof(struct record) * sizeof(struct record);
}

static uint8_t *place(struct ring *ring, uint64_t counter)
{
    return ring->bytes + (counter & (ring->capacity - 1));
}

// Gives the borrowed record back.
static void give_back(struct ring *ring)
{
    if (!ring->lent_bytes)
        return;
    free(ring->lent_far);
    ring->lent_far = NULL;
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed) + ring->lent_bytes;
    ring->lent_bytes = 0;
    atomic_store(&ring->tail, tail);
    uint64_t waited_for = atomic_load(&ring->producer_waits_for);
    if (waited_for && tail >= waited_for) {
        pthread_mutex_lock(&ring->lock);
        pthread_cond_signal(&ring->producer_wakes);
        pthread_mutex_unlock(&ring->lock);
    }
}

// The oldest record, passing over a filler. The counter head says that there is one.
static void borrow(struct ring *ring, struct slice *event)
{
    struct record record;
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint8_t *at = place(ring, tail);
    memcpy(&record, at, sizeof record);
    if (record.kind == RECORD_FILLER) {
        ring->lent_bytes = (uint64_t)(ring->bytes + ring->capacity - at);
        at = ring->bytes;
        memcpy(&record, at, sizeof record);
    }
    at += sizeof record;
    if (record.kind == RECORD_FAR) {
        memcpy(&ring->lent_far, at, sizeof ring->lent_far);
        *event = slice_of(ring->lent_far, record.length);
        ring->lent_bytes += sizeof record + rounded(sizeof ring->lent_far);
    } else {
        *event = slice_of(at, record.length);
        ring->lent_bytes += sizeof record + rounded(record.length);
    }
}

static bool is_empty(struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (ring->head_seen == tail)
        ring->head_seen = atomic_load(&ring->head);
    return ring->head_seen == tail;
}

static struct timespec deadline_after(unsigned ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

// Sleeps until the ring is no longer empty, the producer has finished or the time is over.
static void wait_for_event(struct ring *ring, unsigned timeout_ms)
{
    struct timespec deadline = deadline_after(timeout_ms);
    int rc = 0;
    nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    if (!is_empty(ring))
        return;
    pthread_mutex_lock(&ring->lock);
    atomic_store(&ring->consumer_waits, true);
    while (rc != ETIMEDOUT && is_empty(ring) && !atomic_load(&ring->finished))
        rc = pthread_cond_timedwait(&ring->consumer_wakes, &ring->lock, &deadline);
    atomic_store(&ring->consumer_waits, false);
    pthread_mutex_unlock(&ring->lock);
}

enum ring_result ring_next(struct ring *ring, unsigned timeout_ms, struct slice *event)
{
    give_back(ring);
    if (is_empty(ring) && timeout_ms)
        wait_for_event(ring, timeout_ms);
    // Finished before it was looked at the last time: what came in between is seen.
    bool finished = atomic_load(&ring->finished);
    if (is_empty(ring))
        return finished ? RING_END : RING_IDLE;
    borrow(ring, event);
    return RING_EVENT;
}

static void wake_consumer(struct ring *ring)
{
    if (!atomic_load(&ring->consumer_waits))
        return;
    pthread_mutex_lock(&ring->lock);
    pthread_cond_signal(&ring->consumer_wakes);
    pthread_mutex_unlock(&ring->lock);
}

void ring_finish(struct ring *ring)
{
    atomic_store(&ring->finished, true);
    wake_consumer(ring);
}

void ring_stop(struct ring *ring)
{
    atomic_store(&ring->stopped, true);
    pthread_mutex_lock(&ring->lock);
    pthread_cond_signal(&ring->producer_wakes);
    pthread_mutex_unlock(&ring->lock);
}

static bool has_room(struct ring *ring, uint64_t head, size_t bytes)
{
    if (ring->capacity - (head - ring->tail_seen) < bytes)
        ring->tail_seen = atomic_load(&ring->tail);
    return ring->capacity - (head - ring->tail_seen) >= bytes;
}

// Sleeps until `bytes` are free (half of the ring at least); false when the consumer has stopped.
static bool wait_for_room(struct ring *ring, uint64_t head, size_t bytes)
{
    size_t wanted = bytes > ring->capacity / 2 ? bytes : ring->capacity / 2;
    pthread_mutex_lock(&ring->lock);
    atomic_store(&ring->producer_waits_for, head + wanted - ring->capacity);
    while (!has_room(ring, head, wanted) && !atomic_load(&ring->stopped))
        pthread_cond_wait(&ring->producer_wakes, &ring->lock);
    atomic_store(&ring->producer_waits_for, 0);
    pthread_mutex_unlock(&ring->lock);
    return !atomic_load(&ring->stopped);
}

static void put_record(struct ring *ring, uint64_t head, enum record_kind kind, struct slice bytes)
{
    struct record record = {.kind = kind, .length = (uint32_t)bytes.len};
    memcpy(place(ring, head), &record, sizeof record);
    if (kind == RECORD_EVENT && bytes.len)
        memcpy(place(ring, head) + sizeof record, bytes.ptr, bytes.len);
    if (kind == RECORD_FAR)
        memcpy(place(ring, head) + sizeof record, &bytes.ptr, sizeof bytes.ptr);
}

// Where a record of so many bytes goes: here, or at the beginning of the memory when it does not
// fit before the end.
static uint64_t start_of(struct ring *ring, uint64_t head, size_t bytes)
{
    size_t to_end = ring->capacity - (size_t)(head & (ring->capacity - 1));
    return to_end >= bytes ? head : head + to_end;
}

bool ring_push(struct ring *ring, struct slice event)
{
    assert(event.len <= UINT32_MAX);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    bool is_far = event.len > ring->capacity / 2 - sizeof(struct record);
    size_t bytes = sizeof(struct record) + rounded(is_far ? sizeof(void *) : event.len);
    uint64_t start = start_of(ring, head, bytes);
    size_t needed = is_far ? ring->capacity : (size_t)(start - head) + bytes;
    if (atomic_load_explicit(&ring->stopped, memory_order_relaxed))
        return false;
    if (!has_room(ring, head, needed) && !wait_for_room(ring, head, needed))
        return false;
    if (is_far) {
        void *far = mem_alloc(event.len);
        memcpy(far, event.ptr, event.len);
        event.ptr = far;
    }
    if (start != head)
        put_record(ring, head, RECORD_FILLER, (struct slice){0});
    put_record(ring, start, is_far ? RECORD_FAR : RECORD_EVENT, event);
    atomic_store(&ring->head, start + bytes);
    wake_consumer(ring);
    return true;
}

void ring_free(struct ring *ring)
{
    if (!ring)
        return;
    struct slice unread;
    while (ring_next(ring, 0, &unread) == RING_EVENT)
        continue;
    pthread_cond_destroy(&ring->producer_wakes);
    pthread_cond_destroy(&ring->consumer_wakes);
    pthread_mutex_destroy(&ring->lock);
    free(ring->bytes);
    free(ring);
}
