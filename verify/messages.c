// SPDX-License-Identifier: Apache-2.0
// Messages: see messages.h. What is remembered of a key is the hash of its last row, in an open
// hash table; when that is full, half of the keys, by one more bit of their hashes, are forgotten.
#define _POSIX_C_SOURCE 200809L
#include "verify/messages.h"

#include "common/backoff.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "kafka/topic.h"
#include "record/crc32c.h"
#include "verify/fence.h"
#include "verify/json.h"
#include "verify/report.h"
#include "verify/text.h"
#include "verify/throttle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS ((size_t)1 << 18)
#define KEYS_MOST (SLOTS / 2)
#define LOOKUP_KEYS 1000
#define POLL_MS 100
#define QUIET_MS 30000
#define SAME 3 // readings in a row that find the same difference
#define PAUSE_FIRST_MS 50
#define PAUSE_MOST_MS 1000
#define CRC_TEXT 8

struct slot {
    struct hash key;
    struct hash row; // of the last record
    char *text;      // the key, as in the record; NULL: the slot is free
    int32_t partition;
    bool is_there;   // the last record is no delete
    bool is_partial; // it has not all columns that the table has now: it cannot be compared
    bool is_open;    // it is not what the source holds; being looked at
    bool was_there;  // in the source, when it was read last
    struct hash was; // its row then
    bool seen;       // in the reading that goes on
    unsigned same;
};

struct messages {
    struct run *run;
    const struct shape *shape;
    size_t table;
    struct slot *slots;
    size_t n_keys;
    uint64_t mask; // keys whose hash has one of these bits are not remembered
    int64_t *next; // of each partition, the offset to read on from
    int32_t n_partitions;
    uint64_t n_records;
    uint64_t n_wrong; // checksums
    uint64_t n_without;
    char first_wrong[128];
    struct buf row;
    struct buf scratch;
    struct arena arena;
};

// --- the table of keys ---

static struct slot *find(struct messages *messages, struct hash key)
{
    size_t at = (size_t)(key.high & (SLOTS - 1));
    while (messages->slots[at].text && !hash_equal(messages->slots[at].key, key))
        at = (at + 1) & (SLOTS - 1);
    return &messages->slots[at];
}

static void forget_half(struct messages *messages)
{
    struct slot *old = messages->slots;
    messages->slots = mem_zalloc(SLOTS * sizeof *messages->slots);
    messages->mask = messages->mask << 1 | 1;
    messages->n_keys = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        if (!old[i].text)
            continue;
        if (old[i].key.low & messages->mask) {
            free(old[i].text);
            continue;
        }
        *find(messages, old[i].key) = old[i];
        messages->n_keys++;
    }
    free(old);
}

// NULL: the key is not of the sample.
static struct slot *slot_of(struct messages *messages, struct slice key)
{
    struct hash hash = hash_of(&messages->run->key, key);
    if (hash.low & messages->mask)
        return NULL;
    if (messages->n_keys >= KEYS_MOST) {
        forget_half(messages);
        return slot_of(messages, key);
    }
    struct slot *slot = find(messages, hash);
    if (!slot->text) {
        *slot = (struct slot){.key = hash, .text = mem_strndup(key.ptr, key.len)};
        messages->n_keys++;
    }
    return slot;
}

// --- records ---

static void check_crc(struct messages *messages, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    const void *text = NULL;
    size_t size = 0;
    char expected[CRC_TEXT + 1];
    uint32_t crc = crc32c(0, slice_of(message->key, message->key_len));
    crc = crc32c(crc, slice_of(message->payload, message->len));
    snprintf(expected, sizeof expected, "%08x", crc);
    messages->n_records++;
    if (!message->payload)
        return; // a tombstone has none
    rd_kafka_message_headers(message, &headers);
    if (!headers || rd_kafka_header_get_last(headers, "crc32c", &text, &size)) {
        messages->n_without++;
        return;
    }
    if (size == CRC_TEXT && memcmp(text, expected, CRC_TEXT) == 0)
        return;
    if (messages->n_wrong++ == 0)
        snprintf(messages->first_wrong, sizeof messages->first_wrong,
                 "the first at partition %d, offset %" PRId64, (int)message->partition,
                 message->offset);
}

struct envelope {
    struct buf after;
    bool has_after;
    char op;
};

static void take_member(void *into, struct slice name, enum json_type type, struct slice content)
{
    struct envelope *envelope = into;
    if (slice_eq_str(name, "op") && content.len == 1)
        envelope->op = (char)content.ptr[0];
    if (!slice_eq_str(name, "after") || type != JSON_IS_NESTED)
        return;
    envelope->has_after = true;
    buf_slice(&envelope->after, content);
}

static bool has_absent(struct slice row)
{
    struct canon_entry entry;
    while (canon_next(&row, &entry))
        if (entry.tag == CANON_ABSENT)
            return true;
    return false;
}

static void truncate_partition(struct messages *messages, int32_t partition)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (messages->slots[i].text && messages->slots[i].partition == partition)
            messages->slots[i].is_there = false;
}

static bool take_record(struct messages *messages, const rd_kafka_message_t *message,
                        struct err *err)
{
    struct envelope envelope = {.op = 'd'};
    check_crc(messages, message);
    throttle_row(messages->run->throttle, THROTTLE_TARGET);
    bool done = !message->payload ||
                json_each_member(slice_of(message->payload, message->len), take_member, &envelope);
    if (done && envelope.op == 't') {
        truncate_partition(messages, message->partition);
    } else if (done) {
        struct slot *slot = slot_of(messages, slice_of(message->key, message->key_len));
        buf_clear(&messages->row);
        done = !envelope.has_after ||
               text_put_object(&messages->row, messages->shape, buf_bytes(&envelope.after), NULL);
        if (done && slot) {
            slot->partition = message->partition;
            slot->is_there = envelope.has_after;
            slot->is_partial = has_absent(buf_bytes(&messages->row));
            slot->row = run_hash(messages->run, slice_of_str(slot->text), buf_bytes(&messages->row),
                                 &messages->scratch)
                            .row;
        }
    }
    buf_deinit(&envelope.after);
    return done || err_set(err, ERR_CORRUPT, "partition %d, offset %" PRId64 " is no record",
                           (int)message->partition, message->offset);
}

// From where it was left to the end of what is committed now.
static bool read_partition(struct messages *messages, rd_kafka_topic_t *topic, int32_t partition,
                           int64_t end, struct err *err)
{
    uint64_t heard_ms = clock_steady_ms();
    bool done = true;
    if (messages->next[partition] >= end)
        return true;
    if (rd_kafka_consume_start(topic, partition, messages->next[partition]))
        return kafka_err(err, rd_kafka_last_error(), rd_kafka_topic_name(topic));
    while (done && messages->next[partition] < end) {
        rd_kafka_message_t *message = rd_kafka_consume(topic, partition, POLL_MS);
        if (stop_requested())
            done = err_set(err, ERR_STOPPED, "stopped");
        else if (!message && clock_steady_ms() - heard_ms > QUIET_MS)
            done = err_set(err, ERR_RETRY, "Kafka gave no records for %d s", QUIET_MS / 1000);
        if (!message)
            continue;
        heard_ms = clock_steady_ms();
        bool is_eof = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        bool at_end = is_eof && message->offset >= end;
        if (!message->err)
            done = done && take_record(messages, message, err);
        else if (!is_eof && !kafka_reader_goes_on(message->err))
            done = kafka_err(err, message->err, "reading records");
        if (!message->err || at_end) // behind the last record stand marks of transactions
            messages->next[partition] = at_end ? end : message->offset + 1;
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consume_stop(topic, partition);
    return done;
}

static bool read_topic(struct messages *messages, struct err *err)
{
    char name[FENCE_TOPIC_BYTES];
    rd_kafka_t *rk = fence_consumer(messages->run->fence);
    bool is_first = messages->next == NULL;
    if (!fence_topic(messages->run->fence, messages->shape, name, err) ||
        !kafka_partition_count(rk, name, &messages->n_partitions, err))
        return false;
    if (is_first)
        messages->next = mem_zalloc(((size_t)messages->n_partitions + 1) * sizeof(int64_t));
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    bool done = topic || kafka_err(err, rd_kafka_last_error(), name);
    for (int32_t i = 0; done && i < messages->n_partitions; i++) {
        int64_t first, end;
        done = kafka_watermarks(rk, name, i, &first, &end, err);
        if (done && messages->next[i] < first)
            messages->next[i] = first;
        done = done && read_partition(messages, topic, i, end, err);
    }
    if (topic)
        rd_kafka_topic_destroy(topic);
    return done || err_wrap(err, "topic %s", name);
}

// --- the source ---

static bool take_source(void *into, const struct cell *cells, struct err *err)
{
    struct messages *messages = into;
    const struct shape *shape = messages->shape;
    struct buf key = {0};
    struct cell *parts = arena_alloc(&messages->arena, shape->n_key * sizeof *parts);
    (void)err;
    for (size_t i = 0; i < shape->n_key; i++)
        parts[i] = cells[shape->key[i]];
    text_put_record_key(&key, shape, parts);
    struct slot *slot = find(messages, hash_of(&messages->run->key, buf_bytes(&key)));
    buf_deinit(&key);
    if (!slot->text)
        return true;
    buf_clear(&messages->row);
    for (size_t i = 0; i < shape->n_columns; i++)
        text_put_cell(&messages->row, &shape->columns[i], &cells[i], TEXT_JSON);
    struct hash row = run_hash(messages->run, slice_of_str(slot->text), buf_bytes(&messages->row),
                               &messages->scratch)
                          .row;
    slot->same = slot->was_there && hash_equal(slot->was, row) ? slot->same : 0;
    slot->was_there = slot->seen = true;
    slot->was = row;
    return true;
}

// Looks the open ones up, and closes those that agree.
static bool compare_batch(struct messages *messages, struct slot **batch, size_t n, struct err *err)
{
    const struct shape *shape = messages->shape;
    struct cell *cells = arena_alloc(&messages->arena, n * shape->n_key * sizeof *cells);
    size_t n_keys = 0;
    for (size_t i = 0; i < n; i++) {
        batch[i]->seen = false;
        if (text_read_record_key(shape, slice_of_str(batch[i]->text), &messages->arena,
                                 cells + n_keys * shape->n_key))
            n_keys++;
    }
    bool done = n_keys == 0 || source_lookup(messages->run->mysql, shape, cells, n_keys,
                                             take_source, messages, err);
    for (size_t i = 0; done && i < n; i++) {
        struct slot *slot = batch[i];
        if (!slot->seen) {
            slot->same = slot->was_there ? 0 : slot->same;
            slot->was_there = false;
        }
        slot->same++;
        slot->is_open = slot->was_there != slot->is_there ||
                        (slot->is_there && !hash_equal(slot->was, slot->row));
    }
    arena_reset(&messages->arena);
    return done;
}

static bool compare_open(struct messages *messages, size_t *n_open, struct err *err)
{
    struct slot *batch[LOOKUP_KEYS];
    size_t n = 0;
    *n_open = 0;
    for (size_t i = 0; i <= SLOTS; i++) {
        if (i < SLOTS && messages->slots[i].text && messages->slots[i].is_open)
            batch[n++] = &messages->slots[i];
        if ((n == LOOKUP_KEYS || i == SLOTS) && n > 0) {
            if (!compare_batch(messages, batch, n, err))
                return false;
            for (size_t k = 0; k < n; k++)
                *n_open += batch[k]->is_open && batch[k]->same < SAME;
            n = 0;
        }
    }
    return true;
}

static bool wait_records(struct messages *messages, struct err *err)
{
    struct position position = {.file = ""};
    bool done = source_position(messages->run->mysql, &position, err) &&
                fence_publisher(messages->run->fence, &position, err) && read_topic(messages, err);
    position_deinit(&position);
    return done;
}

// Again and again for those that differ, as rows may change meanwhile.
static bool settle(struct messages *messages, struct err *err)
{
    struct backoff backoff = {.first_ms = PAUSE_FIRST_MS, .most_ms = PAUSE_MOST_MS};
    size_t n_open;
    for (size_t i = 0; i < SLOTS; i++)
        messages->slots[i].is_open = messages->slots[i].text && !messages->slots[i].is_partial;
    if (!compare_open(messages, &n_open, err))
        return false;
    for (uint64_t i = 1; n_open > 0 && i < messages->run->config->verify.tries; i++)
        if (!wait_records(messages, err) || !compare_open(messages, &n_open, err) ||
            (!backoff_wait(&backoff) && !err_set(err, ERR_STOPPED, "stopped")))
            return false;
    return true;
}

// --- report ---

static void report_messages(struct messages *messages)
{
    struct report *report = messages->run->report;
    uint64_t n_compared = 0;
    char what[512], source[64], found[256];
    for (size_t i = 0; i < SLOTS; i++) {
        const struct slot *slot = &messages->slots[i];
        n_compared += slot->text && !slot->is_partial;
        if (!slot->text || !slot->is_open)
            continue;
        enum verdict verdict = slot->same < SAME  ? VERDICT_UNDECIDED
                               : !slot->was_there ? VERDICT_EXTRA
                               : !slot->is_there  ? VERDICT_MISSING
                                                  : VERDICT_DIFFERENT;
        report_count(report, messages->table, verdict);
        if (report_wants(report, messages->table))
            report_difference(report, messages->table, verdict, slice_of_str(slot->text),
                              slice_of_str(""));
    }
    report_rows(report, messages->table, n_compared, n_compared);
    snprintf(what, sizeof what, "%s in kafka: records with a wrong checksum",
             messages->shape->full);
    snprintf(source, sizeof source, "0 of %" PRIu64, messages->n_records);
    snprintf(found, sizeof found, "%" PRIu64 "%s%s", messages->n_wrong,
             messages->n_wrong ? ", " : "", messages->first_wrong);
    report_fact(report, what, slice_of_str(source), slice_of_str(found), messages->n_wrong > 0);
    if (messages->n_without) {
        snprintf(what, sizeof what, "%s in kafka: records without a checksum",
                 messages->shape->full);
        snprintf(found, sizeof found, "%" PRIu64, messages->n_without);
        report_fact(report, what, slice_of_str(source), slice_of_str(found), true);
    }
    if (messages->mask) {
        snprintf(what, sizeof what, "%s in kafka: keys compared with the source",
                 messages->shape->full);
        snprintf(found, sizeof found, "a sample of one in %" PRIu64, messages->mask + 1);
        report_fact(report, what, slice_of_str("all checksums"), slice_of_str(found), false);
    }
}

static void messages_deinit(struct messages *messages)
{
    for (size_t i = 0; i < SLOTS; i++)
        free(messages->slots[i].text);
    free(messages->slots);
    free(messages->next);
    buf_deinit(&messages->row);
    buf_deinit(&messages->scratch);
    arena_deinit(&messages->arena);
}

static bool verify_table(struct run *run, size_t table, struct err *err)
{
    struct messages messages = {.run = run, .table = table, .shape = &run->tables.shapes[table]};
    messages.slots = mem_zalloc(SLOTS * sizeof *messages.slots);
    throttle_begin(run->throttle, messages.shape->full, messages.shape->rows_about);
    bool done = read_topic(&messages, err) && settle(&messages, err);
    throttle_end(run->throttle);
    if (done)
        report_messages(&messages);
    messages_deinit(&messages);
    return done;
}

bool messages_verify(struct run *run, struct err *err)
{
    report_begin(run->report, &run->tables, "kafka");
    for (size_t i = 0; i < run->tables.n; i++) {
        if (run->tables.shapes[i].unsupported)
            report_unknown(run->report, i, run->tables.shapes[i].unsupported);
        else if (!verify_table(run, i, err))
            return false;
    }
    report_end(run->report);
    return true;
}
