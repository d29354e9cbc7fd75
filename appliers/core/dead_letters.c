// SPDX-License-Identifier: Apache-2.0
// Dead letters: see dead_letters.h. What replays is in dead_letter_replay.c.
#include "appliers/core/dead_letters.h"

#include "appliers/core/applier.h"
#include "common/mem.h"
#include "record/json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

bool dead_letters_open(struct dead_letters *letters, const struct config *config,
                       const struct sink_driver *driver, struct err *err)
{
    *letters = (struct dead_letters){.config = config, .driver = driver};
    applier_group(config, driver, letters->group);
    letters->log = dead_letter_log_new(config, letters->group);
    letters->book = dead_letter_log_book(letters->log);
    return dead_letter_log_read(letters->log, err);
}

void dead_letters_close(struct dead_letters *letters)
{
    dead_letter_log_free(letters->log);
}

// "db.table", as the topic names it.
static void write_table(struct buf *out, const struct dead_letters *letters, const char *topic)
{
    struct buf db = {0}, table = {0};
    if (topic_read_table(topic, letters->config->source.name, &db, &table)) {
        buf_slice(out, buf_bytes(&db));
        buf_char(out, '.');
        buf_slice(out, buf_bytes(&table));
    }
    buf_deinit(&db);
    buf_deinit(&table);
}

// --- list ---

static const char *state_of(const struct dead_letter_entry *entry)
{
    return entry->is_open ? "open" : entry->outcome;
}

static void write_member(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, ",\"%s\":", name);
    json_write_string(out, slice_of_str(value));
}

// The members that list and show have in common, without the braces around them.
static void write_members(struct buf *out, const struct dead_letters *letters,
                          const struct dead_letter_entry *entry)
{
    char identity[DEAD_LETTER_IDENTITY_BYTES];
    struct buf table = {0};
    dead_letter_write_identity(identity, &entry->place);
    write_table(&table, letters, entry->place.topic);
    buf_printf(out, "\"applier\":\"%s\"", letters->driver->name);
    write_member(out, "letter", identity);
    write_member(out, "topic", entry->place.topic);
    buf_printf(out, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64, entry->place.partition,
               entry->place.offset);
    write_member(out, "table", buf_cstr(&table));
    buf_printf(out, ",\"key\":%s", entry->key[0] ? entry->key : "null");
    write_member(out, "gtid", entry->gtid);
    write_member(out, "at", entry->at);
    write_member(out, "state", state_of(entry));
    write_member(out, "reason", entry->reason);
    if (!entry->is_open) {
        write_member(out, "closed_at", entry->outcome_at);
        write_member(out, "closed_by", entry->outcome_reason);
    }
    buf_deinit(&table);
}

static void print_line(const struct dead_letters *letters, const struct dead_letter_entry *entry)
{
    char identity[DEAD_LETTER_IDENTITY_BYTES];
    struct buf table = {0};
    dead_letter_write_identity(identity, &entry->place);
    write_table(&table, letters, entry->place.topic);
    printf("  %s  %s %s  %s  %s", identity, buf_cstr(&table), entry->key[0] ? entry->key : "-",
           entry->at[0] ? entry->at : "-", state_of(entry));
    if (!entry->is_open)
        printf(" %s", entry->outcome_at);
    printf("  %s\n", entry->reason);
    buf_deinit(&table);
}

static void print_object(const struct dead_letters *letters, const struct dead_letter_entry *entry)
{
    struct buf out = {0};
    buf_char(&out, '{');
    write_members(&out, letters, entry);
    printf("%s}\n", buf_cstr(&out));
    buf_deinit(&out);
}

static void print_list(const struct dead_letters *letters,
                       const struct dead_letters_options *options)
{
    const struct dead_letter_book *book = letters->book;
    struct dead_letter_entry **entries = dead_letter_book_list(book);
    if (!options->json)
        printf("applier %s: topic %s, %zu open, %zu closed\n", letters->driver->name,
               dead_letter_log_topic(letters->log), book->n_open, book->n_entries - book->n_open);
    for (size_t i = 0; i < book->n_entries; i++)
        if (options->json)
            print_object(letters, entries[i]);
        else
            print_line(letters, entries[i]);
    free((void *)entries);
}

bool dead_letters_list(const struct config *config, const struct sink_driver *driver,
                       const struct dead_letters_options *options, struct err *err)
{
    struct dead_letters letters;
    bool done = dead_letters_open(&letters, config, driver, err);
    if (done)
        print_list(&letters, options);
    dead_letters_close(&letters);
    return done;
}

// --- which ---

static bool find_named(const struct dead_letters *letters, const char *identity,
                       struct dead_letter_entry **entry, struct err *err)
{
    char topic[TOPIC_NAME_MAX + 1];
    struct dead_letter_place place;
    if (!dead_letter_read_identity(slice_of_str(identity), topic, &place))
        return err_set(err, ERR_USAGE, "%s is not the name of a letter: TOPIC:PARTITION:OFFSET",
                       identity);
    *entry = dead_letter_book_find(letters->book, &place);
    return *entry || err_set(err, ERR_USAGE, "there is no letter %s in topic %s", identity,
                             dead_letter_log_topic(letters->log));
}

static bool is_named(const struct dead_letter_entry *entry, struct dead_letter_entry **named,
                     size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (named[i] == entry)
            return true;
    return false;
}

static bool find_all_named(const struct dead_letters *letters, char *const *identities,
                           struct dead_letter_entry ***named, size_t *n, struct err *err)
{
    for (*n = 0; identities[*n]; ++*n)
        ;
    *named = mem_zalloc((*n + 1) * sizeof(struct dead_letter_entry *));
    for (size_t i = 0; i < *n; i++)
        if (!find_named(letters, identities[i], &(*named)[i], err))
            return false;
    return true;
}

bool dead_letters_choose(const struct dead_letters *letters,
                         const struct dead_letters_options *options,
                         struct dead_letter_entry ***chosen, size_t *n, struct err *err)
{
    struct dead_letter_entry **named = NULL;
    size_t n_named = 0;
    *chosen = NULL;
    *n = 0;
    if (!options->all == !options->identities[0])
        return err_set(err, ERR_USAGE, "name letters (TOPIC:PARTITION:OFFSET)%s",
                       options->all ? ", or --all, not both" : ", or --all");
    bool done = find_all_named(letters, options->identities, &named, &n_named, err);
    if (done) {
        *chosen = dead_letter_book_list(letters->book);
        for (size_t i = 0; i < letters->book->n_entries; i++) {
            struct dead_letter_entry *entry = (*chosen)[i];
            if (options->all ? entry->is_open : is_named(entry, named, n_named))
                (*chosen)[(*n)++] = entry;
        }
    }
    free((void *)named);
    return done;
}

bool dead_letters_fetch(const struct dead_letters *letters, const struct dead_letter_entry *entry,
                        partition_visit_fn *visit, void *into, struct err *err)
{
    struct partition_range range = {.topic = dead_letter_log_topic(letters->log),
                                    .from = entry->at_offset,
                                    .to = entry->at_offset + 1};
    return dead_letter_log_reader(letters->log, &range.rk, err) &&
           partition_read(&range, visit, into, err);
}

// --- show ---

// The record's own headers, as text.
static void write_headers(struct buf *out, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    const char *name;
    const void *value;
    size_t size;
    size_t n = 0;
    rd_kafka_message_headers(message, &headers);
    buf_str(out, ",\"headers\":{");
    for (size_t i = 0; headers && !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
        if (strncmp(name, "tailrace.", 9) == 0)
            continue;
        if (n++ > 0)
            buf_char(out, ',');
        json_write_string(out, slice_of_str(name));
        buf_char(out, ':');
        json_write_string(out, slice_of(value, size));
    }
    buf_char(out, '}');
}

static bool write_record(void *into, const rd_kafka_message_t *message, struct err *err)
{
    (void)err;
    write_headers(into, message);
    buf_str(into, ",\"value\":");
    buf_append(into, message->payload, message->len); // JSON: else it would not have come so far
    return true;
}

static bool show_entry(const struct dead_letters *letters, const struct dead_letter_entry *entry,
                       struct err *err)
{
    struct buf out = {0};
    buf_char(&out, '{');
    write_members(&out, letters, entry);
    size_t len = out.len;
    bool done = entry->at_offset < 0 || dead_letters_fetch(letters, entry, write_record, &out, err);
    if (done && out.len == len)
        buf_str(&out, ",\"headers\":null,\"value\":null"); // Kafka has compacted it away
    if (done)
        printf("%s}\n", buf_cstr(&out));
    buf_deinit(&out);
    return done;
}

bool dead_letters_show(const struct config *config, const struct sink_driver *driver,
                       const struct dead_letters_options *options, struct err *err)
{
    struct dead_letters letters;
    struct dead_letter_entry **chosen = NULL;
    size_t n = 0;
    bool done = dead_letters_open(&letters, config, driver, err) &&
                dead_letters_choose(&letters, options, &chosen, &n, err);
    for (size_t i = 0; done && i < n; i++)
        done = show_entry(&letters, chosen[i], err);
    free((void *)chosen);
    dead_letters_close(&letters);
    return done;
}
