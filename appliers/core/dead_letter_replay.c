// SPDX-License-Identifier: Apache-2.0
// Dead letters, replay: see dead_letters.h. Nothing is walked back: a letter is applied only when
// none of the changes of its key behind it, up to where the checkpoint of its partition stands, was
// applied. Kafka tells: the records from the letter to the checkpoint are read for it; and where it
// has not all of them any more, the object's guard, which the target looks at in any case. The step
// that applies the letter also writes the checkpoint, at the place and with the owner that it was
// found with: if the applier has gone on meanwhile the step does not happen, and is tried again
// from there. So nothing can come in between, whether the applier runs or not.
#define _POSIX_C_SOURCE 200809L
#include "appliers/core/dead_letters.h"

#include "appliers/core/guard.h"
#include "appliers/core/message.h"
#include "common/cli.h"
#include "common/crash.h"
#include "common/mem.h"
#include "common/stop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TRIES 40
#define TRY_AGAIN_MS 50
#define TRUNCATE_KEY "{}"

struct replay {
    struct dead_letters letters;
    const struct dead_letters_options *options;
    struct sink *sink;
    struct json_reader *reader;
    struct arena arena; // of the letter at hand
    struct batch batch;
    // of the partition at hand: its records before `seen` were looked at, from `seen_from` on
    const struct dead_letter_place *partition;
    int64_t seen_from, seen;
    size_t n_done, n_left;
};

// --- what came behind the letter ---

// A truncation is a change of every key.
static void see_all(struct replay *replay, const struct dead_letter_place *place)
{
    struct dead_letter_entry **entries = dead_letter_book_list(replay->letters.book);
    for (size_t i = 0; i < replay->letters.book->n_entries; i++)
        dead_letter_book_see(replay->letters.book, place, slice_of_str(entries[i]->key), false);
    free((void *)entries);
}

static bool see_record(void *into, const rd_kafka_message_t *message, struct err *err)
{
    struct replay *replay = into;
    struct slice key = slice_of(message->key, message->key_len);
    struct dead_letter_place place = {replay->partition->topic, message->partition,
                                      message->offset};
    (void)err;
    if (slice_eq_str(key, TRUNCATE_KEY))
        see_all(replay, &place);
    else
        dead_letter_book_see(replay->letters.book, &place, key, !message->payload);
    return true;
}

// Looks at the records of the letter's partition up to `to`, which were not looked at yet.
static bool see_to(struct replay *replay, const struct dead_letter_place *place, int64_t to,
                   struct err *err)
{
    struct partition_range range = {.topic = place->topic, .partition = place->partition, .to = to};
    int64_t first, end;
    if (!replay->partition || replay->partition->partition != place->partition ||
        strcmp(replay->partition->topic, place->topic) != 0)
        replay->seen_from = replay->seen = place->offset + 1;
    replay->partition = place;
    if (!dead_letter_log_reader(replay->letters.log, &range.rk, err) ||
        !partition_end(range.rk, place->topic, place->partition, &first, &end, err))
        return false;
    if (first > replay->seen)
        replay->seen_from = first; // what was before it is gone
    range.from = first > replay->seen ? first : replay->seen;
    if (!partition_read(&range, see_record, replay, err))
        return false;
    replay->seen = range.from > to ? range.from : to;
    return true;
}

// --- the letter ---

struct stored {
    struct arena *arena;
    struct message message;
    bool is_there;
};

static bool store(void *into, const rd_kafka_message_t *from, struct err *err)
{
    struct stored *stored = into;
    struct message message = message_of(from);
    (void)err;
    message.bytes.key = arena_copy(stored->arena, message_header(from, "tailrace.key"));
    message.bytes.value = arena_copy(stored->arena, message.bytes.value);
    message.bytes.columns = arena_copy(stored->arena, message.bytes.columns);
    message.crc32c = arena_copy(stored->arena, message.crc32c);
    message.old_key = arena_copy(stored->arena, message.old_key);
    stored->message = message;
    stored->is_there = true;
    return true;
}

static bool fetch(struct replay *replay, const struct dead_letter_entry *entry,
                  struct batch_record *record, struct err *err)
{
    struct stored stored = {.arena = &replay->arena};
    arena_reset(&replay->arena);
    if (!dead_letters_fetch(&replay->letters, entry, store, &stored, err))
        return false;
    if (!stored.is_there)
        return err_set(err, ERR_RETRY, "the letter is not where it was in its topic: try again");
    *record = (struct batch_record){.key = stored.message.bytes.key, .offset = entry->place.offset};
    return message_decode(&stored.message, replay->reader, &replay->arena, &record->change, err);
}

// A batch of this change only, that leaves the checkpoint where it is.
static bool make_batch(struct replay *replay, const struct dead_letter_entry *entry,
                       struct batch_record *record, const struct sink_checkpoint *checkpoint,
                       struct err *err)
{
    struct batch *batch = &replay->batch;
    bool taken;
    batch_clear(batch);
    record->partition =
        batch_partition(batch, entry->place.topic, entry->place.partition, checkpoint->offset);
    batch->partitions[0].high = checkpoint->high;
    batch->partitions[0].truncated = checkpoint->truncated;
    if (!batch_add(batch, record, &taken, err))
        return false;
    batch->partitions[0].next = checkpoint->offset;
    batch->partitions[0].file[0] = '\0';
    return true;
}

// offset SINK_OFFSET_NONE: there is none.
static bool find_checkpoint(struct replay *replay, const struct dead_letter_place *place,
                            struct sink_checkpoint *checkpoint, struct err *err)
{
    const struct sink_driver *driver = replay->letters.driver;
    struct sink_checkpoint *list;
    size_t n;
    *checkpoint = (struct sink_checkpoint){.offset = SINK_OFFSET_NONE};
    if (!driver->list(replay->sink, replay->letters.group, &list, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (list[i].partition == place->partition && strcmp(list[i].topic, place->topic) == 0)
            *checkpoint = list[i];
    free(list);
    return true;
}

// --- one letter ---

enum outcome {
    OUTCOME_REPLAYED,
    OUTCOME_SUPERSEDED,
    OUTCOME_STAYS,
    OUTCOME_MOVED, // the applier went on: once more
};

static void stay(enum outcome *outcome, char why[ERR_TEXT_BYTES], const char *text)
{
    snprintf(why, ERR_TEXT_BYTES, "%s", text);
    *outcome = OUTCOME_STAYS;
}

// Offset of what has written the key since, as far as Kafka has it; 0: nothing. Behind each delete
// comes its tombstone, which is no change of its own; one alone stands for a delete that Kafka has
// compacted away.
static int64_t find_later(const struct replay *replay, const struct dead_letter_entry *entry,
                          const struct batch_record *record)
{
    if (replay->batch.n_effects == 0) // batch_add: before a truncation
        return replay->batch.partitions[0].truncated;
    if (record->change.op != CHANGE_DELETE && entry->later_tombstone > entry->later)
        return entry->later_tombstone;
    return entry->later;
}

// Finds a letter that is not to be applied, and why; *outcome stays as it is for one that is.
static void judge(const struct replay *replay, const struct dead_letter_entry *entry,
                  const struct batch_record *record, enum outcome *outcome,
                  char why[ERR_TEXT_BYTES])
{
    struct dead_letter_place later = entry->place;
    const struct dead_letter_entry *before =
        dead_letter_book_open(replay->letters.book, &entry->place, record->key);
    later.offset = find_later(replay, entry, record);
    if (later.offset > 0) {
        dead_letter_write_identity(why, &later);
        *outcome = OUTCOME_SUPERSEDED;
    } else if (replay->seen_from > entry->place.offset + 1 && !replay->batch.guarded) {
        stay(outcome, why,
             "records behind it are not in Kafka any more, and without [apply] guard it cannot be "
             "told whether a later change has written its key");
    } else if (before && replay->batch.effects[0].kind == EFFECT_PATCH) {
        stay(outcome, why, "it has only some columns; replay first the letter ");
        dead_letter_write_identity(why + strlen(why), &before->place);
    }
}

static bool apply(struct replay *replay, const char *owner, enum outcome *outcome,
                  char why[ERR_TEXT_BYTES], struct err *err)
{
    const struct dead_letters *letters = &replay->letters;
    CRASH_POINT(replay_judged);
    if (letters->driver->apply(replay->sink, letters->group, owner, &replay->batch, err)) {
        CRASH_POINT(replay_applied);
        return true;
    }
    if (err->class == ERR_REFUSED && batch_refused(&replay->batch)) {
        snprintf(why, ERR_TEXT_BYTES, "still refused: %.*s", ERR_TEXT_BYTES - 20, err->text);
        *outcome = OUTCOME_STAYS;
        return true;
    }
    *outcome = OUTCOME_MOVED;
    return err->class == ERR_RETRY;
}

static bool try_letter(struct replay *replay, const struct dead_letter_entry *entry,
                       enum outcome *outcome, char why[ERR_TEXT_BYTES], struct err *err)
{
    struct sink_checkpoint checkpoint;
    struct batch_record record;
    *outcome = OUTCOME_REPLAYED;
    if (!find_checkpoint(replay, &entry->place, &checkpoint, err))
        return false;
    if (checkpoint.offset <= entry->place.offset) {
        stay(outcome, why,
             "the applier's checkpoint stands before it: the applier comes to it by itself");
        return true;
    }
    if (!see_to(replay, &entry->place, checkpoint.offset, err) ||
        !fetch(replay, entry, &record, err) ||
        !make_batch(replay, entry, &record, &checkpoint, err))
        return false;
    judge(replay, entry, &record, outcome, why);
    return *outcome != OUTCOME_REPLAYED || replay->options->dry_run ||
           apply(replay, checkpoint.owner, outcome, why, err);
}

static void report(struct replay *replay, const char *identity, enum outcome outcome,
                   const char *why)
{
    bool is_dry = replay->options->dry_run;
    switch (outcome) {
    case OUTCOME_REPLAYED:
        printf("  %s: %s\n", identity, is_dry ? "would be applied" : "applied");
        break;
    case OUTCOME_SUPERSEDED:
        printf("  %s: void, as %s has written its key since\n", identity, why);
        break;
    case OUTCOME_STAYS:
    case OUTCOME_MOVED:
        printf("  %s: stays: %s\n", identity, why);
        break;
    }
    replay->n_left += outcome == OUTCOME_STAYS;
    replay->n_done += outcome != OUTCOME_STAYS;
}

static bool replay_letter(struct replay *replay, const struct dead_letter_entry *entry,
                          struct err *err)
{
    char identity[DEAD_LETTER_IDENTITY_BYTES], why[ERR_TEXT_BYTES] = "";
    enum outcome outcome = OUTCOME_MOVED;
    dead_letter_write_identity(identity, &entry->place);
    if (!entry->is_open) {
        printf("  %s: %s at %s\n", identity, entry->outcome, entry->outcome_at);
        replay->n_done++;
        return true;
    }
    for (int tries = 0; tries < TRIES && outcome == OUTCOME_MOVED; tries++) {
        if (tries > 0 && !stop_sleep_ms(TRY_AGAIN_MS))
            return err_set(err, ERR_STOPPED, "stopped");
        if (!try_letter(replay, entry, &outcome, why, err))
            return err_wrap(err, "letter %s", identity);
    }
    if (outcome == OUTCOME_MOVED)
        return err_wrap(err, "letter %s", identity);
    report(replay, identity, outcome, why);
    if (outcome == OUTCOME_STAYS || replay->options->dry_run)
        return true;
    bool is_replayed = outcome == OUTCOME_REPLAYED;
    const char *how = is_replayed ? DEAD_LETTER_REPLAYED : DEAD_LETTER_SUPERSEDED;
    if (!dead_letter_log_close(replay->letters.log, &entry->place, how, why, err))
        return false;
    CRASH_POINT(replay_closed);
    return true;
}

// --- all ---

static bool replay_chosen(struct replay *replay, struct dead_letter_entry **chosen, size_t n,
                          struct err *err)
{
    const struct dead_letters *letters = &replay->letters;
    char question[64];
    snprintf(question, sizeof question, "Replay %zu letters into %s?", n, letters->driver->name);
    if (n > 0 && !replay->options->dry_run && !cli_confirm(question, replay->options->yes, err))
        return false;
    printf("applier %s: topic %s, %zu letters\n", letters->driver->name,
           dead_letter_log_topic(letters->log), n);
    for (size_t i = 0; i < n; i++) {
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped");
        if (!replay_letter(replay, chosen[i], err))
            return false;
    }
    if (replay->options->dry_run)
        printf("nothing was changed (--dry-run)\n");
    return replay->n_left == 0 || err_set(err, ERR_REFUSED, "%zu of %zu letters stay",
                                          replay->n_left, replay->n_left + replay->n_done);
}

bool dead_letters_replay(const struct config *config, const struct sink_driver *driver,
                         const struct dead_letters_options *options, struct err *err)
{
    struct replay replay = {.options = options, .reader = json_reader_new()};
    replay.batch.guarded = guard_is_on(config);
    struct dead_letter_entry **chosen = NULL;
    size_t n = 0;
    bool done = dead_letters_open(&replay.letters, config, driver, err) &&
                dead_letters_choose(&replay.letters, options, &chosen, &n, err) &&
                driver->open(config, &replay.sink, err) && replay_chosen(&replay, chosen, n, err);
    free((void *)chosen);
    driver->close(replay.sink);
    dead_letters_close(&replay.letters);
    batch_deinit(&replay.batch);
    arena_deinit(&replay.arena);
    json_reader_free(replay.reader);
    return done;
}
