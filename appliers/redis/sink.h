// SPDX-License-Identifier: Apache-2.0
// Redis sink: what its files share: a pipeline of commands and the faults of its replies.
#ifndef TAILRACE_APPLIERS_REDIS_SINK_H
#define TAILRACE_APPLIERS_REDIS_SINK_H

#include "appliers/core/sink.h"
#include "common/buf.h"

#include <hiredis/hiredis.h>

extern const struct sink_driver redis_driver;

// Commands that were sent and whose replies are still to be read. What is appended is written out
// in pieces, so the memory that it takes does not grow with the number of commands.
struct pipeline {
    redisContext *context;
    size_t n_pending;
    size_t value_bytes_max; // what the server takes: beyond it, it closes the connection
    struct buf command;     // being put together
};

// Appends one command of n arguments. ERR_RETRY when the connection is lost; ERR_REFUSED for an
// argument that is too large, and nothing is appended.
MUST_CHECK bool pipeline_add(struct pipeline *pipeline, size_t n, const struct slice *args,
                             struct err *err);

// Reads the next reply, freed by freeReplyObject(). An error reply is a fault of its class:
// ERR_RETRY (LOADING, OOM, …), ERR_REFUSED (READONLY, NOAUTH, NOPERM, …), and *reply is NULL then.
MUST_CHECK bool pipeline_next(struct pipeline *pipeline, redisReply **reply, struct err *err);

// As pipeline_next, but an error reply is a reply as well.
MUST_CHECK bool pipeline_next_any(struct pipeline *pipeline, redisReply **reply, struct err *err);

// Reads the replies to all that was added, the last of which is EXEC's. *raced: it did nothing, as
// a watched key was written.
MUST_CHECK bool pipeline_read_exec(struct pipeline *pipeline, bool *raced, struct err *err);

// Reads and forgets n replies; the first error reply among them is the fault, all n are read.
MUST_CHECK bool pipeline_skip(struct pipeline *pipeline, size_t n, struct err *err);

// err_set in the class of an error reply's text. Always false.
bool reply_fail(struct err *err, const char *text);

// What beside.c needs of a sink. The prefix is that of all keys of the table, as they are read.
struct pipeline *sink_pipeline(struct sink *sink);
void sink_write_prefix(const struct sink *sink, struct buf *out, struct slice db,
                       struct slice table);
void sink_enter_beside(struct sink *sink);
// ERR_REFUSED for a cache that others fill.
MUST_CHECK bool sink_may_rebuild(const struct sink *sink, struct err *err);

#endif
