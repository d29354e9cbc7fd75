// SPDX-License-Identifier: Apache-2.0
// Target: the seam to a store: what it holds of a table, and how a row of the source looks there. A
// driver reads through the store's stock client and shares no code with the applier that writes.
// An object is used by one thread at a time; put_… and read_key by any.
#ifndef TAILRACE_VERIFY_TARGET_H
#define TAILRACE_VERIFY_TARGET_H

#include "common/arena.h"
#include "verify/canon.h"
#include "verify/shape.h"

struct target;

// One row that is there. Borrowed until the callback returns.
struct found {
    size_t table;       // its number in the list
    struct slice key;   // what identifies the row in the target: BSON of the _id, or the Redis key
    struct slice row;   // canon.h
    struct slice guard; // what an applier notes beside the row; empty: nothing
};

// Where a reading of all rows goes on, in the driver's own terms: {0} is the beginning. One that is
// given ends at until_ms (clock_steady_ms; 0: only at the end) or soon after.
struct scan_part {
    uint64_t until_ms;
    size_t table; // of the list
    struct buf at;
    bool is_done;
};

typedef bool found_fn(void *into, const struct found *found, struct err *err);

struct target_driver {
    const char *name; // "mongodb", as in `tailrace apply NAME`
    bool (*open)(const struct config *config, struct target **target, struct err *err);
    void (*close)(struct target *target); // takes NULL

    // All rows that the target holds of these tables, in any order; one may come twice where the
    // store's own scan does so. With a `part`, which may be NULL, from where it stands, and it is
    // moved on.
    bool (*scan)(struct target *target, const struct shape_list *list, struct scan_part *part,
                 found_fn *fn, void *into, struct err *err);
    // Whether the place of a part from an earlier connection still holds; false: why not.
    bool (*can_go_on)(struct target *target, const struct scan_part *part, struct err *err);
    // Those of the keys that are there.
    bool (*lookup)(struct target *target, const struct shape *shape, const struct slice *keys,
                   size_t n_keys, found_fn *fn, void *into, struct err *err);
    // The applier's checkpoint of a partition; -1: there is none.
    bool (*applied)(struct target *target, const char *topic, int32_t partition, int64_t *offset,
                    struct err *err);

    // Why a row of the source may be away in the target without being missing, for the report;
    // NULL: it may not. No function for a driver whose targets have all rows.
    const char *(*lacks)(const struct target *target);

    // What a row of the source has to be there: a cell for each column. And its key: a cell for
    // each column of the key.
    void (*put_row)(const struct target *target, struct buf *out, const struct shape *shape,
                    const struct cell *cells);
    void (*put_key)(const struct target *target, struct buf *out, const struct shape *shape,
                    const struct cell *key);
    // Back to the source's terms; false: no row of that table can have such a key.
    bool (*read_key)(const struct target *target, const struct shape *shape, struct slice key,
                     struct arena *arena, struct cell *cells);

    // A numeric value without an exponent; *is_null where it is the store's own null; false: it is
    // no number.
    bool (*put_number)(struct buf *out, struct slice content, bool *is_null);

    // For people: a key, the content of an entry, the statement that removes the object.
    void (*describe_key)(struct buf *out, struct slice key);
    void (*describe)(struct buf *out, struct slice content);
    void (*put_removal)(const struct target *target, struct buf *out, const struct shape *shape,
                        struct slice key);
};

extern const struct target_driver target_mongodb;
extern const struct target_driver target_redis;

#endif
