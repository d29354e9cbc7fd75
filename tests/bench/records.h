// SPDX-License-Identifier: Apache-2.0
// Records: the output of tailrace-cat for sysbench's tables (id, k, c, pad), taken apart before a
// measurement, so that a limit writes the same keys, values and rows and does nothing else.
#ifndef TAILRACE_BENCH_RECORDS_H
#define TAILRACE_BENCH_RECORDS_H

#include "common/slice.h"

#define RECORD_KEY_BYTES 24

struct record {
    struct slice json; // the line, without its end
    char key[RECORD_KEY_BYTES];
    size_t key_len;
    bool deleted; // c and pad are empty then
    int32_t id;
    int32_t k;
    struct slice c;
    struct slice pad;
};

struct records {
    struct record *all; // borrow from the mapped file
    size_t n;
    int32_t largest_id;
};

// Ends the program where the file cannot be read or a line is of another table. There is no
// close: it lasts as long as the program.
void records_open(struct records *records, const char *path);

// Net: the records of one part (by id) in batches, of which only the last change of each key
// counts.
struct net {
    const struct records *records;
    uint32_t *seen; // by id: the number of the batch that it was last met in
    uint32_t stamp;
    int32_t part;
    int32_t n_parts;
    size_t next;
    size_t taken;
    const struct record **effects; // room for as many as a batch has
    const struct record **batch;   // the same
};

void net_init(struct net *net, const struct records *records, int32_t part, int32_t n_parts,
              size_t batch_records);
void net_deinit(struct net *net);

// The next batch of at most `n` records: fills net->effects, sets net->taken. 0: no more.
size_t net_next(struct net *net, size_t n);

#endif
