// SPDX-License-Identifier: Apache-2.0
// Transaction: see transaction.h. MySQL manual: "Binary Log Event", Gtid_event.
//
//   GTID, ANONYMOUS_GTID   flags 1 · uuid 16 · number 8; since 5.7, in a post-header of 42 bytes:
//                          logical clock 1 + 8 + 8; since 8.0.1: commit time 7 (microseconds; bit
//                          55: the original one follows) · original commit time 7; then more that
//                          nothing here depends on, and that later servers add to
//   GTID_TAGGED (8.3)      MySQL's serialization: version · bytes · last field that must be known ·
//                          (field number, value)…; numbers start with as many 1 bits as bytes
//                          follow; signed ones keep the sign in the lowest bit
//   MariaDB GTID           sequence 8 · domain 4 · flags 1 · more by flags; the server is in the
//                          event's header
//   MariaDB GTID_LIST      count 4 (flags in its high bits), then domain 4 · server 4 · sequence 8
//                          of the last of each
#include "binlog/transaction.h"

#include <string.h>

#define GTID_POST_HEADER_OLD 25 // flags, uuid, number: 5.6
#define GTID_CLOCK_BYTES 17
#define COMMIT_TIME_BYTES 7
#define COMMIT_TIME_HAS_ORIGINAL ((uint64_t)1 << 55)
#define MICROSECONDS 1000000u
#define GTID_LIST_COUNT_MASK 0x0fffffffu

enum { MARIADB_STANDALONE = 0x01, MARIADB_PREPARED_XA = 0x40, MARIADB_COMPLETED_XA = 0x80 };

void transaction_begin(struct transaction *transaction, const char *file, uint64_t pos)
{
    transaction->state = TRANSACTION_NAMED;
    transaction->gtid.kind = GTID_NONE;
    transaction->commit_us = 0;
    transaction->has_thread = false;
    transaction->n_changes = 0;
    size_t n = strlen(file);
    memcpy(transaction->id, file, n);
    transaction->id[n] = ':';
    uint8_t *end = number_put_u64((uint8_t *)transaction->id + n + 1, pos);
    transaction->id_len = (size_t)(end - (uint8_t *)transaction->id);
}

struct slice transaction_gtid(const struct transaction *transaction)
{
    size_t n = transaction->gtid.kind == GTID_NONE ? 0 : transaction->id_len;
    return slice_of(transaction->id, n);
}

static bool take_gtid(struct transaction *transaction, const struct gtid *gtid, struct err *err)
{
    if (gtid->sequence < 1 || gtid->sequence > GTID_SEQUENCE_MAX)
        return err_at(err, ERR_CORRUPT, EVENT_HEADER_BYTES, "a GTID with the number %llu",
                      (unsigned long long)gtid->sequence);
    transaction->gtid = *gtid;
    transaction->id_len = gtid_write(transaction->id, gtid);
    return true;
}

static uint64_t read_commit_time(struct cursor *cur)
{
    uint64_t us = cursor_le(cur, COMMIT_TIME_BYTES);
    if (us & COMMIT_TIME_HAS_ORIGINAL)
        us = cursor_le(cur, COMMIT_TIME_BYTES);
    return us;
}

static bool name_mysql(struct transaction *transaction, const struct event *event,
                       const struct event_format *format, struct err *err)
{
    struct cursor cur = event_cursor(event);
    struct gtid gtid = {.kind = GTID_MYSQL};
    cursor_skip(&cur, 1);
    const uint8_t *uuid = cursor_take(&cur, sizeof gtid.uuid);
    gtid.sequence = cursor_u64(&cur);
    if (!uuid || cur.failed)
        return event_too_short(event, &cur, err);
    memcpy(gtid.uuid, uuid, sizeof gtid.uuid);
    if (format->post_header_bytes[event->code] > GTID_POST_HEADER_OLD)
        cursor_skip(&cur, GTID_CLOCK_BYTES);
    if (!cur.failed && cursor_left(&cur))
        transaction->commit_us = read_commit_time(&cur);
    if (cur.failed)
        return event_too_short(event, &cur, err);
    return event->code == EVENT_ANONYMOUS_GTID || take_gtid(transaction, &gtid, err);
}

static uint64_t read_packed(struct cursor *cur)
{
    uint64_t first = cursor_u8(cur);
    size_t more = 0;
    while (more < 8 && first >> more & 1)
        more++;
    uint64_t rest = more ? cursor_le(cur, more) : 0;
    // 1 + more bytes hold 7 × (1 + more) bits, but for more = 8, where the first byte holds none
    return more >= 7 ? rest : rest << (7 - more) | first >> (more + 1);
}

static uint64_t read_packed_signed(struct cursor *cur)
{
    uint64_t packed = read_packed(cur);
    return packed & 1 ? ~(packed >> 1) : packed >> 1;
}

static void read_uuid(struct cursor *cur, struct gtid *gtid)
{
    for (size_t i = 0; i < sizeof gtid->uuid; i++)
        gtid->uuid[i] = (uint8_t)read_packed(cur);
}

static void read_tag(struct cursor *cur, struct gtid *gtid)
{
    uint64_t n = read_packed(cur);
    struct slice tag = n > GTID_TAG_MAX ? slice_of(NULL, 0) : cursor_bytes(cur, (size_t)n);
    if (n > GTID_TAG_MAX)
        cur->failed = true;
    if (!cur->failed && n)
        memcpy(gtid->tag, tag.ptr, tag.len);
}

enum tagged_field {
    TAGGED_FLAGS,
    TAGGED_UUID,
    TAGGED_NUMBER,
    TAGGED_TAG,
    TAGGED_LAST_COMMITTED,
    TAGGED_SEQUENCE_NUMBER,
    TAGGED_COMMIT_TIME,
    TAGGED_ORIGINAL_COMMIT_TIME, // only where it differs
    TAGGED_TRANSACTION_BYTES,
    TAGGED_SERVER_VERSION,
    TAGGED_ORIGINAL_SERVER_VERSION,
    TAGGED_GROUP_TICKET,
    TAGGED_FIELDS,
};

static void read_tagged_field(uint64_t field, struct cursor *cur, struct gtid *gtid,
                              uint64_t *commit_us)
{
    switch (field) {
    case TAGGED_UUID:
        read_uuid(cur, gtid);
        break;
    case TAGGED_NUMBER:
        gtid->sequence = read_packed_signed(cur);
        break;
    case TAGGED_TAG:
        read_tag(cur, gtid);
        break;
    case TAGGED_COMMIT_TIME:
    case TAGGED_ORIGINAL_COMMIT_TIME:
        *commit_us = read_packed(cur);
        break;
    default: // numbers that nothing here depends on
        (void)read_packed(cur);
        break;
    }
}

static bool name_tagged(struct transaction *transaction, const struct event *event, struct err *err)
{
    struct cursor cur = event_cursor(event);
    struct gtid gtid = {.kind = GTID_MYSQL};
    (void)read_packed(
        &cur); // version of the serialization: fields say themselves what must be known
    uint64_t bytes = read_packed(&cur);
    uint64_t last_needed = read_packed(&cur);
    if (cur.failed || bytes != event->body.len)
        return err_at(err, ERR_CORRUPT, EVENT_HEADER_BYTES, "a tagged GTID of another length");
    while (!cur.failed && cursor_left(&cur)) {
        size_t offset = cursor_offset(&cur);
        uint64_t field = read_packed(&cur);
        if (field >= TAGGED_FIELDS && field <= last_needed)
            return err_at(err, ERR_UNSUPPORTED, offset, "field %llu of a tagged GTID is not known",
                          (unsigned long long)field);
        if (field >= TAGGED_FIELDS)
            break; // it and all behind it may be left out
        read_tagged_field(field, &cur, &gtid, &transaction->commit_us);
    }
    if (cur.failed)
        return event_too_short(event, &cur, err);
    return take_gtid(transaction, &gtid, err);
}

// A MariaDB GTID event stands for BEGIN or XA START, unless it is standalone, as DDL and the end of
// an XA transaction are: then one statement follows, which ends by itself.
static bool name_mariadb(struct transaction *transaction, const struct event *event,
                         struct err *err)
{
    struct cursor cur = event_cursor(event);
    struct gtid gtid = {.kind = GTID_MARIADB, .server = event->server_id};
    gtid.sequence = cursor_u64(&cur);
    gtid.domain = cursor_u32(&cur);
    uint8_t flags = cursor_u8(&cur);
    if (cur.failed)
        return event_too_short(event, &cur, err);
    if (!take_gtid(transaction, &gtid, err))
        return false;
    if (flags & MARIADB_PREPARED_XA)
        transaction->state = TRANSACTION_XA;
    else if (!(flags & MARIADB_STANDALONE) && !(flags & MARIADB_COMPLETED_XA))
        transaction->state = TRANSACTION_OPEN;
    transaction->commit_us = (uint64_t)event->timestamp * MICROSECONDS;
    return true;
}

bool transaction_name(struct transaction *transaction, const struct event *event,
                      const struct event_format *format, struct err *err)
{
    if (event->code == EVENT_MARIADB_GTID)
        return name_mariadb(transaction, event, err);
    if (event->code == EVENT_GTID_TAGGED)
        return name_tagged(transaction, event, err);
    return name_mysql(transaction, event, format, err);
}

bool transaction_read_gtid_list(const struct event *event, struct gtid_set *executed,
                                struct err *err)
{
    struct cursor cur = event_cursor(event);
    uint32_t count = cursor_u32(&cur) & GTID_LIST_COUNT_MASK;
    for (uint32_t i = 0; i < count && !cur.failed; i++) {
        struct gtid gtid = {.kind = GTID_MARIADB};
        gtid.domain = cursor_u32(&cur);
        gtid.server = cursor_u32(&cur);
        gtid.sequence = cursor_u64(&cur);
        if (cur.failed || gtid.sequence < 1 || gtid.sequence > GTID_SEQUENCE_MAX)
            return err_at(err, ERR_CORRUPT, cursor_offset(&cur),
                          "a GTID list with a GTID that "
                          "cannot be");
        if (!gtid_set_add(executed, &gtid, err))
            return false;
    }
    return !cur.failed || event_too_short(event, &cur, err);
}
