// SPDX-License-Identifier: Apache-2.0
// Write: what becomes of an effect by the rules, and the commands for it, put between MULTI and
// EXEC. What depends on what is at the key just then is a Lua script, so that nothing can come in
// between: others write the keys of a cache, too. None of the commands can fail (sink.c tells why
// that matters).
#ifndef TAILRACE_APPLIERS_REDIS_WRITE_H
#define TAILRACE_APPLIERS_REDIS_WRITE_H

#include "appliers/redis/rules.h"
#include "appliers/redis/sink.h"

enum write_kind {
    WRITE_ROW,         // whatever was there
    WRITE_ROW_THERE,   // where a key is; it keeps its time to live, unless the rules have one
    WRITE_PATCH,       // some columns, into the hash that is there, or a new one
    WRITE_PATCH_THERE, // where a hash is; a key that holds something else is removed
    WRITE_DELETE,      // and leave a tombstone where there are guards
    WRITE_FORGET,      // without one
    WRITE_NOTHING,
};

struct write {
    enum write_kind kind;
    const struct effect *effect;
};

// The effect as the rules have it. ERR_REFUSED: Redis cannot hold it.
MUST_CHECK bool write_of(struct write *write, const struct rules *rules, const struct batch *batch,
                         const struct effect *effect, struct err *err);

// ERR_REFUSED: the table's keys would be those that tailrace keeps for itself, or another table's.
MUST_CHECK bool write_check_table(const struct rules *rules, const struct table *table,
                                  struct err *err);

// Scratch for commands; {0} but for the first two.
struct writer {
    struct pipeline *pipeline;
    const struct rules *rules;
    char guard_s[24]; // how long a tombstone lives
    struct buf key;
    struct buf fields; // texts of the values of a row, one behind the other
    struct slice *args;
    size_t cap_args;
    size_t *ends; // of each text in `fields`
};

void writer_deinit(struct writer *writer);

// Borrowed until the next call of either.
struct slice writer_key(struct writer *writer, const struct effect *effect);

MUST_CHECK bool writer_add(struct writer *writer, const struct batch *batch,
                           const struct write *write, struct err *err);

#endif
