// SPDX-License-Identifier: Apache-2.0
// Events: the first byte says which format the log has, the rest is one event. It is parsed with
// and without its checksum, and then read by whatever its type has of its own.
#include "binlog/event.h"
#include "binlog/query.h"
#include "binlog/transaction.h"
#include "binlog/xa.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HAS_CHECKSUM = 1, IS_MARIADB = 2, OLD_LENGTHS = 4 };

static void fill_format(struct event_format *format, uint8_t flags)
{
    static const struct event_format empty;
    *format = empty;
    format->is_known = true;
    format->has_checksum = flags & HAS_CHECKSUM;
    format->is_mariadb = flags & IS_MARIADB;
    format->header_bytes = EVENT_HEADER_BYTES;
    format->post_header_bytes[EVENT_QUERY] = flags & OLD_LENGTHS ? 11 : 13;
    format->post_header_bytes[EVENT_MARIADB_QUERY_COMPRESSED] = 13;
    format->post_header_bytes[EVENT_GTID] = flags & OLD_LENGTHS ? 25 : 42;
    format->post_header_bytes[EVENT_ANONYMOUS_GTID] = format->post_header_bytes[EVENT_GTID];
}

static bool read_query(const struct event *event, const struct event_format *format,
                       struct err *err)
{
    struct plain plain = {0};
    struct arena arena = {0};
    struct query query;
    struct ddl ddl = {0};
    struct xa_statement xa;
    bool ok = query_parse(&query, event, format, &plain, err);
    if (ok) {
        struct slice text = query_text(query.statement, query.collation, &arena);
        (void)query_classify(text, query.db, &arena, &ddl);
        (void)query_savepoint(text, &arena);
        ok = xa_parse(&xa, text, err);
    }
    arena_deinit(&arena);
    plain_deinit(&plain);
    return ok;
}

static bool read_gtids(const struct event *event, const struct event_format *format,
                       struct err *err)
{
    struct transaction transaction = {0};
    struct gtid_set set = {0};
    bool ok;
    if (event->code == EVENT_MARIADB_GTID_LIST)
        ok = transaction_read_gtid_list(event, &set, err);
    else if (event->code == EVENT_PREVIOUS_GTIDS)
        ok = gtid_set_decode(&set, event->body, err);
    else
        ok = transaction_name(&transaction, event, format, err);
    gtid_set_deinit(&set);
    return ok;
}

static bool read_own(const struct event *event, struct event_format *format, struct err *err)
{
    struct slice name;
    char xid[PENDING_XID_MAX];
    uint64_t pos;
    bool one_phase;
    switch (event->code) {
    case EVENT_FORMAT_DESCRIPTION:
        return event_format_parse(event, false, format, err);
    case EVENT_ROTATE:
        return event_read_rotate(event, &name, &pos, err);
    case EVENT_HEARTBEAT:
    case EVENT_HEARTBEAT_V2:
        return event_read_heartbeat(event, &name, &pos, err);
    case EVENT_INCIDENT:
        return event_refuse_incident(event, err);
    case EVENT_XA_PREPARE:
        return xa_read_prepare(event, xid, &one_phase, err);
    case EVENT_QUERY:
    case EVENT_MARIADB_QUERY_COMPRESSED:
        return read_query(event, format, err);
    case EVENT_GTID:
    case EVENT_ANONYMOUS_GTID:
    case EVENT_GTID_TAGGED:
    case EVENT_PREVIOUS_GTIDS:
    case EVENT_MARIADB_GTID:
    case EVENT_MARIADB_GTID_LIST:
        return read_gtids(event, format, err);
    default: // of the input's codes
        return true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event_format format;
    struct event event = {0};
    struct err err = {0};
    if (size == 0)
        return 0;
    fill_format(&format, data[0]);
    struct slice bytes = slice_of(data + 1, size - 1);
    bool parsed = event_parse(bytes, &format, false, &event, &err);
    if (!parsed && err.has_offset && err.offset > size)
        abort();
    if (parsed && !read_own(&event, &format, &err) && err.class == ERR_NONE)
        abort();
    fill_format(&format, data[0]);
    bool verified = event_parse(bytes, &format, true, &event, &err);
    if (verified && !parsed)
        abort();
    return 0;
}
