// SPDX-License-Identifier: Apache-2.0
// Dead letter book: what the topic of the dead letters holds, in memory: which letters there are,
// which of them are open, found by identity and by the key of their row. {0} is an empty book.
#ifndef TAILRACE_APPLIERS_CORE_DEAD_LETTER_BOOK_H
#define TAILRACE_APPLIERS_CORE_DEAD_LETTER_BOOK_H

#include "appliers/core/dead_letter.h"

// Owned by the book, as are its texts.
struct dead_letter_entry {
    struct dead_letter_place place;
    bool is_open;
    int64_t at_offset; // of the newest letter, in its topic; -1: only the mark is left
    char *key;         // JSON of the row's key; "" where only the mark is left
    char *gtid, *reason, *at;
    char *outcome, *outcome_reason, *outcome_at; // of the mark; NULL while it is open
    // of a replay: offset of the last change of the key behind it, of the last tombstone; 0: none
    int64_t later, later_tombstone;
    struct dead_letter_entry *next_by_place, *next_by_key; // in their chains
};

struct dead_letter_book {
    bool keeps_closed; // else what is closed is forgotten
    size_t n_entries, n_open;
    size_t n_chains; // a power of two
    struct dead_letter_entry **by_place, **by_key;
};

void dead_letter_book_deinit(struct dead_letter_book *book);

// Takes the record of the topic in that lies at `at_offset` there. Returns its entry; NULL when it
// was forgotten.
struct dead_letter_entry *dead_letter_book_take(struct dead_letter_book *book,
                                                const struct dead_letter *letter,
                                                int64_t at_offset);

// NULL: there is none.
struct dead_letter_entry *dead_letter_book_find(const struct dead_letter_book *book,
                                                const struct dead_letter_place *place);

// The first open letter of the key in the topic and partition of `before` whose offset is less than
// before's; with an empty key any one, of any key. NULL: there is none.
struct dead_letter_entry *dead_letter_book_open(const struct dead_letter_book *book,
                                                const struct dead_letter_place *before,
                                                struct slice key);

// A record of the key was seen in Kafka: notes it in each open letter of the key before it. An open
// letter itself is no change: it was not applied.
void dead_letter_book_see(struct dead_letter_book *book, const struct dead_letter_place *place,
                          struct slice key, bool is_tombstone);

// All entries by topic, partition and offset: n_entries of them, to be freed.
struct dead_letter_entry **dead_letter_book_list(const struct dead_letter_book *book);

#endif
