// SPDX-License-Identifier: Apache-2.0
// Dead letter: see dead_letter.h.
#include "appliers/core/dead_letter.h"

#include "appliers/core/message.h"
#include "common/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_BYTES 24

void dead_letter_topic(char name[TOPIC_NAME_MAX + 1], const char *group)
{
    snprintf(name, TOPIC_NAME_MAX + 1, "%s.dead-letters", group);
}

size_t dead_letter_write_identity(char text[DEAD_LETTER_IDENTITY_BYTES],
                                  const struct dead_letter_place *place)
{
    int n = snprintf(text, DEAD_LETTER_IDENTITY_BYTES, "%s:%" PRId32 ":%" PRId64, place->topic,
                     place->partition, place->offset);
    return (size_t)n;
}

// A number from 0 to `most` in plain digits, up to `end`, which is a colon or the end of the text.
static bool read_number(const char *text, char end, int64_t most, int64_t *number)
{
    char *rest;
    errno = 0;
    *number = strtoll(text, &rest, 10);
    return *text >= '0' && *text <= '9' && !errno && *rest == end && *number <= most;
}

bool dead_letter_read_identity(struct slice text, char topic[TOPIC_NAME_MAX + 1],
                               struct dead_letter_place *place)
{
    char copy[DEAD_LETTER_IDENTITY_BYTES];
    int64_t partition, offset;
    if (text.len >= sizeof copy || memchr(text.ptr ? text.ptr : (const uint8_t *)"", 0, text.len))
        return false;
    slice_to_str(copy, sizeof copy, text);
    char *colon = strchr(copy, ':'); // a topic's name has none
    char *second = colon ? strchr(colon + 1, ':') : NULL;
    if (!second || colon == copy || colon - copy > TOPIC_NAME_MAX ||
        !read_number(colon + 1, ':', INT32_MAX, &partition) ||
        !read_number(second + 1, '\0', INT64_MAX, &offset))
        return false;
    slice_to_str(topic, TOPIC_NAME_MAX + 1, slice_of(copy, (size_t)(colon - copy)));
    *place = (struct dead_letter_place){topic, (int32_t)partition, offset};
    return true;
}

bool dead_letter_read(const rd_kafka_message_t *from, struct dead_letter *letter, struct err *err)
{
    *letter = (struct dead_letter){.is_mark = !from->payload,
                                   .outcome = message_header(from, "tailrace.outcome"),
                                   .key = message_header(from, "tailrace.key"),
                                   .gtid = message_header(from, "tailrace.gtid"),
                                   .reason = message_header(from, "tailrace.reason"),
                                   .at = message_header(from, "tailrace.at")};
    if (!dead_letter_read_identity(slice_of(from->key, from->key_len), letter->topic,
                                   &letter->place))
        return err_set(err, ERR_CORRUPT, "the record's key is not TOPIC:PARTITION:OFFSET");
    if (!letter->is_mark && letter->key.len == 0)
        return err_set(err, ERR_CORRUPT, "the record has no header tailrace.key");
    return true;
}

static void add(rd_kafka_headers_t *headers, const char *name, struct slice value)
{
    rd_kafka_header_add(headers, name, -1, value.len ? (const void *)value.ptr : "",
                        (ssize_t)value.len);
}

static void add_number(rd_kafka_headers_t *headers, const char *name, int64_t number)
{
    char text[NUMBER_BYTES];
    add(headers, name, slice_of(text, (size_t)snprintf(text, sizeof text, "%" PRId64, number)));
}

static void add_now(rd_kafka_headers_t *headers)
{
    char now[CLOCK_TEXT_BYTES];
    clock_format(clock_now_us(), now);
    add(headers, "tailrace.at", slice_of_str(now));
}

rd_kafka_headers_t *dead_letter_headers(const rd_kafka_message_t *from,
                                        const struct dead_letter *letter)
{
    rd_kafka_headers_t *theirs = NULL;
    rd_kafka_message_headers(from, &theirs);
    rd_kafka_headers_t *headers = theirs ? rd_kafka_headers_copy(theirs) : rd_kafka_headers_new(8);
    add(headers, "tailrace.key", letter->key);
    add(headers, "tailrace.topic", slice_of_str(letter->place.topic));
    add_number(headers, "tailrace.partition", letter->place.partition);
    add_number(headers, "tailrace.offset", letter->place.offset);
    add(headers, "tailrace.gtid", letter->gtid);
    add(headers, "tailrace.reason", letter->reason);
    add_now(headers);
    return headers;
}

rd_kafka_headers_t *dead_letter_mark_headers(const char *outcome, const char *reason)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(3);
    add(headers, "tailrace.outcome", slice_of_str(outcome));
    add(headers, "tailrace.reason", slice_of_str(reason));
    add_now(headers);
    return headers;
}
