// SPDX-License-Identifier: Apache-2.0
// A live server as a source.
//
// Threads: "fetch" reads events from the wire and pushes them into the ring until the dump ends,
// fails or the ring is stopped; it alone uses the wire while it runs. How it ended lies in `ended`
// and `err`, written before ring_finish and read after RING_END. Closing: stop the ring, interrupt
// the wire, wait for the thread, free everything.
#define _POSIX_C_SOURCE 200809L
#include "binlog/source_live.h"

#include "binlog/ring.h"
#include "common/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct source_live {
    struct source base;
    struct wire *wire;
    struct ring *ring;
    pthread_t fetch;
    bool is_running;
    enum source_result ended; // SOURCE_END or SOURCE_ERROR
    struct err err;           // with SOURCE_ERROR
};

static void *fetch_main(void *arg)
{
    struct source_live *live = arg;
    struct slice event;
    live->ended = SOURCE_END;
    do {
        if (!wire_fetch(live->wire, &event, &live->err)) {
            live->ended = SOURCE_ERROR;
            break;
        }
    } while (event.len && ring_push(live->ring, event));
    ring_finish(live->ring);
    return NULL;
}

// Signals are for the main thread.
static bool start_fetch(struct source_live *live, struct err *err)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&live->fetch, NULL, fetch_main, live);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    live->is_running = rc == 0;
    return rc == 0 ||
           err_set(err, ERR_INTERNAL, "no thread to read from the server: %s", strerror(rc));
}

static enum source_result live_next(struct source *source, unsigned timeout_ms, struct slice *event,
                                    struct err *err)
{
    struct source_live *live = (struct source_live *)source;
    switch (ring_next(live->ring, timeout_ms, event)) {
    case RING_EVENT:
        return SOURCE_EVENT;
    case RING_IDLE:
        return SOURCE_IDLE;
    case RING_END:
        break;
    }
    if (live->ended == SOURCE_ERROR)
        *err = live->err;
    return live->ended;
}

static void live_close(struct source *source)
{
    struct source_live *live = (struct source_live *)source;
    if (live->is_running) {
        ring_stop(live->ring);
        wire_interrupt(live->wire);
        pthread_join(live->fetch, NULL);
    }
    ring_free(live->ring);
    wire_close(live->wire);
    free(live);
}

struct source *source_live_open_take(struct wire *wire, const struct wire_dump *dump,
                                     size_t ring_bytes, struct err *err)
{
    struct source_live *live = mem_zalloc(sizeof *live);
    live->base = (struct source){.next = live_next, .close = live_close, .name = wire_name(wire)};
    live->wire = wire;
    live->ring = ring_new(ring_bytes);
    if (wire_dump(wire, dump, err) && start_fetch(live, err))
        return &live->base;
    live_close(&live->base);
    return NULL;
}
