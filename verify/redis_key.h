// SPDX-License-Identifier: Apache-2.0
// Redis keys: under which key a row has to be, by [redis] key and docs/redis.md, written here a
// second time on purpose; only the template itself is read by common code.
#ifndef TAILRACE_VERIFY_REDIS_KEY_H
#define TAILRACE_VERIFY_REDIS_KEY_H

#include "common/arena.h"
#include "common/key_template.h"
#include "verify/shape.h"

// What all keys of the table begin with.
void redis_key_put_prefix(struct buf *out, const struct key_template *template,
                          const struct shape *shape);

// What the key begins with, whatever its table is; empty: it is none of the template's.
struct slice redis_key_prefix_of(const struct key_template *template, struct slice key);

void redis_key_put(struct buf *out, const struct key_template *template, const struct shape *shape,
                   const struct cell *key);

// The source's cells of the key, text in the arena; false: no row of the table can have it.
bool redis_key_read(const struct key_template *template, const struct shape *shape,
                    struct slice key, struct arena *arena, struct cell *cells);

#endif
