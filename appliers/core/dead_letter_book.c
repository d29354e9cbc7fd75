// SPDX-License-Identifier: Apache-2.0
// Dead letter book: see dead_letter_book.h. Two tables of chains over the same entries. An entry of
// which only the mark is left has no key and stands in one of them only.
#include "appliers/core/dead_letter_book.h"

#include "common/mem.h"
#include "record/murmur2.h"

#include <stdlib.h>

#define FIRST_CHAINS 64

static uint32_t hash_place(const struct dead_letter_place *place)
{
    uint64_t offset = (uint64_t)place->offset;
    return murmur2(slice_of_str(place->topic)) * 31 + (uint32_t)place->partition * 17 +
           (uint32_t)(offset ^ offset >> 32) * 2654435761u;
}

static uint32_t hash_key(const struct dead_letter_place *place, struct slice key)
{
    return murmur2(key) * 31 + murmur2(slice_of_str(place->topic)) + (uint32_t)place->partition;
}

static bool same_partition(const struct dead_letter_place *a, const struct dead_letter_place *b)
{
    return a->partition == b->partition && strcmp(a->topic, b->topic) == 0;
}

static struct dead_letter_entry **chain_of_place(const struct dead_letter_book *book,
                                                 const struct dead_letter_place *place)
{
    return &book->by_place[hash_place(place) & (book->n_chains - 1)];
}

static struct dead_letter_entry **chain_of_key(const struct dead_letter_book *book,
                                               const struct dead_letter_place *place,
                                               struct slice key)
{
    return &book->by_key[hash_key(place, key) & (book->n_chains - 1)];
}

static void link_key(struct dead_letter_book *book, struct dead_letter_entry *entry)
{
    struct dead_letter_entry **chain = chain_of_key(book, &entry->place, slice_of_str(entry->key));
    entry->next_by_key = *chain;
    *chain = entry;
}

static void link_place(struct dead_letter_book *book, struct dead_letter_entry *entry)
{
    struct dead_letter_entry **chain = chain_of_place(book, &entry->place);
    entry->next_by_place = *chain;
    *chain = entry;
}

static void unlink_key(struct dead_letter_book *book, struct dead_letter_entry *entry)
{
    struct dead_letter_entry **at = chain_of_key(book, &entry->place, slice_of_str(entry->key));
    while (*at && *at != entry)
        at = &(*at)->next_by_key;
    if (*at)
        *at = entry->next_by_key;
}

static void unlink_place(struct dead_letter_book *book, struct dead_letter_entry *entry)
{
    struct dead_letter_entry **at = chain_of_place(book, &entry->place);
    while (*at != entry)
        at = &(*at)->next_by_place;
    *at = entry->next_by_place;
}

// Twice as many chains, before there is more than one entry for each.
static void make_room(struct dead_letter_book *book)
{
    if (book->n_entries < book->n_chains)
        return;
    struct dead_letter_entry **entries = dead_letter_book_list(book);
    free((void *)book->by_place);
    free((void *)book->by_key);
    book->n_chains = book->n_chains ? 2 * book->n_chains : FIRST_CHAINS;
    book->by_place = mem_zalloc(book->n_chains * sizeof(struct dead_letter_entry *));
    book->by_key = mem_zalloc(book->n_chains * sizeof(struct dead_letter_entry *));
    for (size_t i = 0; i < book->n_entries; i++) {
        link_place(book, entries[i]);
        if (entries[i]->key[0])
            link_key(book, entries[i]);
    }
    free((void *)entries);
}

static void entry_free(struct dead_letter_entry *entry)
{
    free((void *)entry->place.topic);
    free(entry->key);
    free(entry->gtid);
    free(entry->reason);
    free(entry->at);
    free(entry->outcome);
    free(entry->outcome_reason);
    free(entry->outcome_at);
    free(entry);
}

void dead_letter_book_deinit(struct dead_letter_book *book)
{
    for (size_t i = 0; i < book->n_chains; i++)
        while (book->by_place[i]) {
            struct dead_letter_entry *entry = book->by_place[i];
            book->by_place[i] = entry->next_by_place;
            entry_free(entry);
        }
    free((void *)book->by_place);
    free((void *)book->by_key);
    *book = (struct dead_letter_book){.keeps_closed = book->keeps_closed};
}

static void set(char **text, struct slice to)
{
    free(*text);
    *text = mem_strndup(to.len ? (const void *)to.ptr : "", to.len);
}

static struct dead_letter_entry *add_entry(struct dead_letter_book *book,
                                           const struct dead_letter_place *place)
{
    struct dead_letter_entry *entry = mem_zalloc(sizeof *entry);
    make_room(book);
    entry->place = *place;
    entry->place.topic = mem_strdup(place->topic);
    entry->at_offset = -1;
    entry->key = mem_strdup("");
    entry->gtid = mem_strdup("");
    entry->reason = mem_strdup("");
    entry->at = mem_strdup("");
    link_place(book, entry);
    book->n_entries++;
    return entry;
}

static void open_entry(struct dead_letter_book *book, struct dead_letter_entry *entry,
                       const struct dead_letter *letter)
{
    if (entry->key[0])
        unlink_key(book, entry);
    set(&entry->key, letter->key);
    link_key(book, entry);
    set(&entry->gtid, letter->gtid);
    set(&entry->reason, letter->reason);
    set(&entry->at, letter->at);
    book->n_open += !entry->is_open;
    entry->is_open = true;
}

static struct dead_letter_entry *close_entry(struct dead_letter_book *book,
                                             struct dead_letter_entry *entry,
                                             const struct dead_letter *letter)
{
    book->n_open -= entry->is_open;
    entry->is_open = false;
    if (book->keeps_closed) {
        set(&entry->outcome, letter->outcome);
        set(&entry->outcome_reason, letter->reason);
        set(&entry->outcome_at, letter->at);
        return entry;
    }
    unlink_place(book, entry);
    if (entry->key[0])
        unlink_key(book, entry);
    book->n_entries--;
    entry_free(entry);
    return NULL;
}

struct dead_letter_entry *dead_letter_book_take(struct dead_letter_book *book,
                                                const struct dead_letter *letter, int64_t at_offset)
{
    struct dead_letter_entry *entry = dead_letter_book_find(book, &letter->place);
    if (!entry && letter->is_mark && !book->keeps_closed)
        return NULL;
    if (!entry)
        entry = add_entry(book, &letter->place);
    if (letter->is_mark)
        return close_entry(book, entry, letter);
    open_entry(book, entry, letter);
    entry->at_offset = at_offset;
    return entry;
}

struct dead_letter_entry *dead_letter_book_find(const struct dead_letter_book *book,
                                                const struct dead_letter_place *place)
{
    struct dead_letter_entry *entry = book->n_chains ? *chain_of_place(book, place) : NULL;
    while (entry && (entry->place.offset != place->offset || !same_partition(&entry->place, place)))
        entry = entry->next_by_place;
    return entry;
}

static bool is_open_before(const struct dead_letter_entry *entry,
                           const struct dead_letter_place *before)
{
    return entry->is_open && entry->place.offset < before->offset &&
           same_partition(&entry->place, before);
}

static struct dead_letter_entry *find_open(const struct dead_letter_book *book,
                                           const struct dead_letter_place *before)
{
    for (size_t i = 0; i < book->n_chains; i++)
        for (struct dead_letter_entry *entry = book->by_place[i]; entry;
             entry = entry->next_by_place)
            if (is_open_before(entry, before))
                return entry;
    return NULL;
}

struct dead_letter_entry *dead_letter_book_open(const struct dead_letter_book *book,
                                                const struct dead_letter_place *before,
                                                struct slice key)
{
    struct dead_letter_entry *found = NULL;
    if (book->n_open == 0)
        return NULL;
    if (key.len == 0)
        return find_open(book, before);
    for (struct dead_letter_entry *entry = *chain_of_key(book, before, key); entry;
         entry = entry->next_by_key)
        if (is_open_before(entry, before) && slice_eq_str(key, entry->key) &&
            (!found || entry->place.offset < found->place.offset))
            found = entry;
    return found;
}

static void see(struct dead_letter_entry *entry, int64_t offset, bool is_tombstone)
{
    int64_t *later = is_tombstone ? &entry->later_tombstone : &entry->later;
    if (entry->is_open && entry->place.offset < offset && *later < offset)
        *later = offset;
}

void dead_letter_book_see(struct dead_letter_book *book, const struct dead_letter_place *place,
                          struct slice key, bool is_tombstone)
{
    if (book->n_open == 0)
        return;
    const struct dead_letter_entry *itself = dead_letter_book_find(book, place);
    if (itself && itself->is_open)
        return;
    for (struct dead_letter_entry *entry = *chain_of_key(book, place, key); entry;
         entry = entry->next_by_key)
        if (same_partition(&entry->place, place) && slice_eq_str(key, entry->key))
            see(entry, place->offset, is_tombstone);
}

static int compare_entries(const void *left, const void *right)
{
    const struct dead_letter_place *a = &(*(struct dead_letter_entry *const *)left)->place;
    const struct dead_letter_place *b = &(*(struct dead_letter_entry *const *)right)->place;
    int order = strcmp(a->topic, b->topic);
    if (order)
        return order;
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

struct dead_letter_entry **dead_letter_book_list(const struct dead_letter_book *book)
{
    struct dead_letter_entry **entries =
        mem_alloc((book->n_entries + 1) * sizeof(struct dead_letter_entry *));
    size_t n = 0;
    for (size_t i = 0; i < book->n_chains; i++)
        for (struct dead_letter_entry *entry = book->by_place[i]; entry;
             entry = entry->next_by_place)
            entries[n++] = entry;
    qsort((void *)entries, n, sizeof(struct dead_letter_entry *), compare_entries);
    return entries;
}
