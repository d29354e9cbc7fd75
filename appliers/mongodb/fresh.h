// SPDX-License-Identifier: Apache-2.0
// Fresh: whether documents that are probably not there are written by an insert rather than by an
// update that makes them. Such an update looks for its key first; where that is not there, mongod
// walks on to the next key that the transaction can see, over all that others wrote since it began.
// Workers that fill a collection in the order of its keys thus hold each other up, the more the
// longer a transaction lasts: with 1,000 such keys an update takes 1 ms, with 100,000 of them
// 0.1 s, and killing the transaction does not end it. An insert walks nowhere. It fails where the
// key is there, and with it the transaction, which is then done again by updates, as are the
// batches that follow, for a while. Of a replay the guard leaves out what the target shows: what is
// left of it is as a rule not there.
#ifndef TAILRACE_APPLIERS_MONGODB_FRESH_H
#define TAILRACE_APPLIERS_MONGODB_FRESH_H

#include <stdbool.h>

// {0}: inserts are tried.
struct fresh {
    unsigned pause; // how many batches were written by updates after the last failure; 0: none
    unsigned left;  // of them, still to come
    // of the batch at hand
    bool may_insert;
    bool has_inserted; // set by the writer
    bool was_there;    // likewise: an insert failed for what is there
};

// Before a batch.
void fresh_begin(struct fresh *fresh);

// After the batch has failed: true when it is to be written again, without inserts.
bool fresh_gives_way(struct fresh *fresh);

// After the batch is written.
void fresh_end(struct fresh *fresh);

#endif
