// SPDX-License-Identifier: Apache-2.0
// Message: see message.h.
#include "appliers/core/message.h"

#include "record/crc32c.h"

#define QUEUED_OVERHEAD_BYTES 256

size_t message_queued_bytes(const rd_kafka_message_t *from)
{
    return from->len + from->key_len + QUEUED_OVERHEAD_BYTES;
}

static struct slice find(const rd_kafka_headers_t *headers, const char *name)
{
    const void *value;
    size_t size;
    if (!headers || rd_kafka_header_get_last(headers, name, &value, &size) != 0)
        return slice_of(NULL, 0);
    return slice_of(value, size);
}

static const rd_kafka_headers_t *headers_of(const rd_kafka_message_t *from)
{
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_message_headers(from, &headers);
    return headers;
}

struct slice message_header(const rd_kafka_message_t *from, const char *name)
{
    return find(headers_of(from), name);
}

struct message message_of(const rd_kafka_message_t *from)
{
    const rd_kafka_headers_t *headers = headers_of(from);
    return (struct message){.bytes = {.key = slice_of(from->key, from->key_len),
                                      .value = slice_of(from->payload, from->len),
                                      .columns = find(headers, "columns")},
                            .crc32c = find(headers, "crc32c"),
                            .old_key = find(headers, "__debezium.oldkey"),
                            .partitions = find(headers, "partitions")};
}

// The header's eight hex digits.
static bool is_crc(struct slice text, uint32_t crc)
{
    static const char digits[] = "0123456789abcdef";
    if (text.len != 8)
        return false;
    for (int i = 7; i >= 0; i--, crc >>= 4)
        if (text.ptr[i] != (uint8_t)digits[crc & 15])
            return false;
    return true;
}

static bool check_content(const struct record_bytes *bytes, struct slice expected, struct err *err)
{
    uint32_t crc = crc32c(crc32c(0, bytes->key), bytes->value);
    if (expected.len == 0)
        return err_set(err, ERR_CORRUPT,
                       "the record has no header crc32c: tailrace did not write it");
    if (is_crc(expected, crc))
        return true;
    return err_set(
        err, ERR_CORRUPT,
        "the record is not what was produced: crc32c is %08x, its header says " SLICE_FMT,
        (unsigned)crc, SLICE_ARG(expected));
}

static bool misses_columns(const struct change *change)
{
    for (size_t i = 0; change->after && i < change->table->n_columns; i++)
        if (change->after[i].kind == VALUE_ABSENT)
            return true;
    return false;
}

// A row that got a new key is deleted under its old one: an image that leaves columns out would
// lose them.
static bool check_moved(struct slice old_key, const struct change *change, struct err *err)
{
    if (change->op == CHANGE_INSERT && old_key.len > 0 && misses_columns(change))
        return err_set(err, ERR_UNSUPPORTED,
                       "a change of the key without the whole row; on the source: SET GLOBAL "
                       "binlog_row_image = FULL, and copy the table again");
    return true;
}

bool message_decode(const struct message *message, struct json_reader *reader, struct arena *arena,
                    struct change *change, struct err *err)
{
    return check_content(&message->bytes, message->crc32c, err) &&
           json_read_change(reader, &message->bytes, arena, change, err) &&
           check_moved(message->old_key, change, err);
}
