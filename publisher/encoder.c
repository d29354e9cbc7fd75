// SPDX-License-Identifier: Apache-2.0
// Encoder: see encoder.h. Row images may be partial (binlog_row_image MINIMAL and NOBLOB):
//   before  always has the key's columns
//   after   of an update has what changed; a key column that is absent kept its value, so the new
//   key is made of both
//           images. An update that moves a row to another key needs the whole row, as the copy
//           under the new key is made of nothing else; so does an insert.
#include "publisher/encoder.h"

#include "common/mem.h"
#include "record/crc32c.h"
#include "record/json_writer.h"
#include "record/murmur2.h"

#include <stdio.h>
#include <stdlib.h>

#define CRC_DIGITS 8

void encoder_init(struct encoder *encoder, const struct encoder_options *options)
{
    *encoder = (struct encoder){.options = *options};
}

void encoder_deinit(struct encoder *encoder)
{
    buf_deinit(&encoder->key);
    buf_deinit(&encoder->new_key);
    buf_deinit(&encoder->value);
    json_frame_deinit(&encoder->frame);
    free(encoder->row);
    *encoder = (struct encoder){.row = NULL};
}

static bool refuse(const struct change *change, struct err *err, const char *reason)
{
    return err_set(err, ERR_REFUSED,
                   "table " SLICE_FMT "." SLICE_FMT ", " SLICE_FMT ":%llu row %u: %s",
                   SLICE_ARG(change->table->db), SLICE_ARG(change->table->name),
                   SLICE_ARG(change->source.file), (unsigned long long)change->source.pos,
                   (unsigned)change->source.row, reason);
}

static bool is_whole(const struct table *table, const struct value *row)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (row[i].kind == VALUE_ABSENT)
            return false;
    return true;
}

// All columns, in table order, as json_write_key has them.
static void write_row_key(struct buf *out, const struct table *table, const struct value *row)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        buf_char(out, i == 0 ? '{' : ',');
        buf_slice(out, table->columns[i].json_name);
        json_write_value(out, &row[i]);
    }
    buf_char(out, '}');
}

bool encoder_check(const struct encoder *encoder, const struct change *change, struct err *err)
{
    return change->table->n_key > 0 || encoder->options.whole_row ||
           refuse(change, err,
                  "it has no primary key: add one, leave it out with [tables] exclude, or set "
                  "[publish] keyless = whole-row");
}

static bool write_key(struct encoder *encoder, struct buf *out, const struct change *change,
                      const struct value *row, struct err *err)
{
    const struct table *table = change->table;
    buf_clear(out);
    if (table->n_key > 0)
        return json_write_key(out, table, row, err) ||
               err_wrap(err, SLICE_FMT ":%llu", SLICE_ARG(change->source.file),
                        (unsigned long long)change->source.pos);
    if (!encoder_check(encoder, change, err))
        return false;
    if (!is_whole(table, row))
        return refuse(change, err,
                      "[publish] keyless = whole-row needs whole rows: SET GLOBAL "
                      "binlog_row_image = FULL");
    write_row_key(out, table, row);
    return true;
}

// The row image after an update, as far as the key goes: what `after` does not have is as it was
// before.
static const struct value *row_after(struct encoder *encoder, const struct change *change)
{
    const struct table *table = change->table;
    if (is_whole(table, change->after))
        return change->after;
    if (table->n_columns > encoder->cap_row) {
        encoder->cap_row = table->n_columns;
        encoder->row = mem_realloc(encoder->row, encoder->cap_row * sizeof *encoder->row);
    }
    for (size_t i = 0; i < table->n_columns; i++)
        encoder->row[i] =
            change->after[i].kind == VALUE_ABSENT ? change->before[i] : change->after[i];
    return encoder->row;
}

// Sends key and value as they are in the message, with the checksum behind its headers.
static bool send_message(struct encoder *encoder, struct message *message,
                         const struct topic *topic, struct err *err)
{
    static const char hex[] = "0123456789abcdef";
    char digits[CRC_DIGITS];
    uint32_t crc = crc32c(crc32c(0, message->key), message->value);
    for (unsigned i = 0; i < CRC_DIGITS; i++)
        digits[i] = hex[crc >> (28 - 4 * i) & 15];
    message->headers[message->n_headers++] =
        (struct message_header){"crc32c", slice_of(digits, CRC_DIGITS)};
    message->topic = topic->handle;
    return encoder->options.send(encoder->options.into, message, err);
}

static bool send_record(struct encoder *encoder, const struct change *change,
                        const struct topic *topic, struct slice key,
                        const struct message_header *other_key, struct err *err)
{
    buf_clear(&encoder->value);
    json_write_change(&encoder->value, &encoder->frame, change);
    struct message message = {
        .key = key,
        .value = buf_bytes(&encoder->value),
        .headers = {{"columns", change->table->columns_header}},
        .n_headers = 1,
        .change = change,
        .partition = murmur2_partition(key, topic->n_partitions),
    };
    if (other_key)
        message.headers[message.n_headers++] = *other_key;
    return send_message(encoder, &message, topic, err);
}

static bool send_delete(struct encoder *encoder, const struct change *change,
                        const struct topic *topic, const struct message_header *new_key,
                        struct err *err)
{
    struct slice key = buf_bytes(&encoder->key);
    struct message tombstone = {
        .key = key, .change = change, .partition = murmur2_partition(key, topic->n_partitions)};
    return send_record(encoder, change, topic, key, new_key, err) &&
           (!encoder->options.tombstones || send_message(encoder, &tombstone, topic, err));
}

static bool send_key_change(struct encoder *encoder, const struct change *change,
                            const struct topic *topic, struct err *err)
{
    if (!is_whole(change->table, change->after))
        return refuse(change, err,
                      "an update changes the key and the binlog has not the whole row: SET GLOBAL "
                      "binlog_row_image = FULL");
    struct message_header new_key = {"__debezium.newkey", buf_bytes(&encoder->new_key)};
    struct message_header old_key = {"__debezium.oldkey", buf_bytes(&encoder->key)};
    struct change half = *change;
    half.op = CHANGE_DELETE;
    half.after = NULL;
    if (!send_delete(encoder, &half, topic, &new_key, err))
        return false;
    half = *change;
    half.op = CHANGE_INSERT;
    half.before = NULL;
    return send_record(encoder, &half, topic, buf_bytes(&encoder->new_key), &old_key, err);
}

static bool encode_update(struct encoder *encoder, const struct change *change,
                          const struct topic *topic, struct err *err)
{
    if (!write_key(encoder, &encoder->key, change, change->before, err) ||
        !write_key(encoder, &encoder->new_key, change, row_after(encoder, change), err))
        return false;
    if (!slice_eq(buf_bytes(&encoder->key), buf_bytes(&encoder->new_key)))
        return send_key_change(encoder, change, topic, err);
    return send_record(encoder, change, topic, buf_bytes(&encoder->key), NULL, err);
}

static bool encode_insert(struct encoder *encoder, const struct change *change,
                          const struct topic *topic, struct err *err)
{
    if (!is_whole(change->table, change->after))
        return refuse(change, err,
                      "an insert has not the whole row in the binlog, the columns' defaults are "
                      "missing: SET GLOBAL binlog_row_image = FULL");
    return write_key(encoder, &encoder->key, change, change->after, err) &&
           send_record(encoder, change, topic, buf_bytes(&encoder->key), NULL, err);
}

static bool encode_truncate(struct encoder *encoder, const struct change *change,
                            const struct topic *topic, struct err *err)
{
    char partitions[16];
    int n = snprintf(partitions, sizeof partitions, "%d", (int)topic->n_partitions);
    buf_clear(&encoder->value);
    json_write_change(&encoder->value, &encoder->frame, change);
    for (int32_t i = 0; i < topic->n_partitions; i++) {
        struct message message = {
            .key = slice_of_str("{}"),
            .value = buf_bytes(&encoder->value),
            .headers = {{"columns", change->table->columns_header},
                        {"partitions", slice_of(partitions, (size_t)n)}},
            .n_headers = 2,
            .change = change,
            .partition = i,
        };
        if (!send_message(encoder, &message, topic, err))
            return false;
    }
    return true;
}

bool encoder_change(struct encoder *encoder, const struct change *change, const struct topic *topic,
                    uint64_t encoded_ms, struct err *err)
{
    struct change encoded = *change;
    encoded.encoded_ms = encoded_ms;
    switch (change->op) {
    case CHANGE_INSERT:
    case CHANGE_READ:
        return encode_insert(encoder, &encoded, topic, err);
    case CHANGE_UPDATE:
        return encode_update(encoder, &encoded, topic, err);
    case CHANGE_DELETE:
        return write_key(encoder, &encoder->key, &encoded, encoded.before, err) &&
               send_delete(encoder, &encoded, topic, NULL, err);
    case CHANGE_TRUNCATE:
        return encode_truncate(encoder, &encoded, topic, err);
    }
    return err_set(err, ERR_INTERNAL, "a change of kind %d", (int)change->op);
}
