// SPDX-License-Identifier: Apache-2.0
// Ring: a bounded queue of whole events from one thread to one other. Events lie in one piece each,
// so the consumer borrows them where they are. Nobody locks while there is something to read and
// room to write; who has to wait sleeps.
//
// Memory: the capacity, and at most one event that is larger than half of it; such an event waits
// for the ring to be empty and passes in memory of its own.
#ifndef TAILRACE_BINLOG_RING_H
#define TAILRACE_BINLOG_RING_H

#include "common/err.h"
#include "common/slice.h"

#define RING_BYTES_MIN 4096

struct ring;

enum ring_result {
    RING_EVENT, // *event is set
    RING_IDLE,  // nothing came within the time given
    RING_END,   // ring_finish was called, and everything before it has been read
};

// The capacity is rounded up to a power of two, at least RING_BYTES_MIN.
struct ring *ring_new(size_t capacity_bytes);

// After both threads are done with it.
void ring_free(struct ring *ring);

// Producer. Copies the event in; waits while there is no room. False when the consumer has stopped.
MUST_CHECK bool ring_push(struct ring *ring, struct slice event);

// Producer: nothing more will come. What the producer wrote before, the consumer may read after
// RING_END.
void ring_finish(struct ring *ring);

// Consumer. The event is borrowed until the next call, and takes up room as long. timeout_ms 0:
// does not wait.
enum ring_result ring_next(struct ring *ring, unsigned timeout_ms, struct slice *event);

// Consumer: reads no more; ring_push returns false from now on, also when it is waiting.
void ring_stop(struct ring *ring);

#endif
