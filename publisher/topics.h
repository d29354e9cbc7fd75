// SPDX-License-Identifier: Apache-2.0
// Topics: which topic a table's changes go to, and that a key stays in its partition: a topic's
// partition count is recorded in the checkpoint's topic before its first record, and must not
// change without being accepted.
#ifndef TAILRACE_PUBLISHER_TOPICS_H
#define TAILRACE_PUBLISHER_TOPICS_H

#include "publisher/checkpoint.h"
#include "publisher/producer.h"
#include "record/table.h"

struct topic {
    char *name;
    char *db; // empty: not a table's
    char *table;
    struct producer_topic *handle;
    int32_t n_partitions;
    uint64_t transaction_changes; // of the transaction that is being read
    struct topic *next_counted;   // of those that have some
    struct topic *next;
};

struct topics_options { // borrowed until topics_free
    const struct config *config;
    rd_kafka_t *plain;         // for questions, and to create topics
    struct producer *producer; // for handles and records
    const struct checkpoint_log *log;
    const char *const *accepted; // topics whose partition count of now is to be taken
    size_t n_accepted;
};

struct topics;

// Refuses, before anything is written, topics whose partition count is not the recorded one
// (ERR_REFUSED), and accepted names that do not exist (ERR_USAGE).
MUST_CHECK bool topics_check(const struct topics_options *options, struct err *err);

struct topics *topics_new(const struct topics_options *options);
void topics_free(struct topics *topics); // takes NULL

// Sends the records of accepted partition counts: part of what is committed next.
MUST_CHECK bool topics_record_accepted(struct topics *topics, struct err *err);

// The topic of a table, created at the table's first change; remembered in table->user.
MUST_CHECK bool topics_of_table(struct topics *topics, const struct table *table,
                                struct topic **topic, struct err *err);

// As topics_of_table, for a table that has a topic already; else *topic is NULL.
MUST_CHECK bool topics_find_table(struct topics *topics, const struct table *table,
                                  struct topic **topic, struct err *err);

// <name>.<suffix> with one partition, made where it is missing.
MUST_CHECK bool topics_special(struct topics *topics, const char *suffix, struct topic **topic,
                               struct err *err);

// All tables' topics so far. Linked by `next`.
struct topic *topics_first(struct topics *topics);

// Counts changes of the transaction that is being read. Of thousands of topics a transaction has
// changes of a few, so these have a list of their own, in the order of their first change.
void topics_count(struct topics *topics, struct topic *topic, uint64_t n_changes);

// The first of those that have some, linked by `next_counted`; NULL: none.
const struct topic *topics_counted(const struct topics *topics);

// Another transaction begins.
void topics_forget_counts(struct topics *topics);

#endif
