// SPDX-License-Identifier: Apache-2.0
// Event: header, checksum, format description, and the table of all types.
//
//   header     timestamp 4 · type 1 · server id 4 · size 4 · end position 4 · flags 2,
//              little-endian; then as many bytes
//              more as the format description's header length says beyond 19
//   body       a post-header of the length that the format description gives for the type, then the
//              rest
//   checksum   CRC-32 (zlib's) of all before it, 4 bytes, where the format description says so
//
// Invariant: every event of a log is decoded, or ignored for the reason in the table, or refused
// with it. A type that is not in the table passes only with the ignorable flag (MySQL manual:
// "Binary Log Event", LOG_EVENT_IGNORABLE_F).
#include "binlog/event.h"

#include <libdeflate.h>
#include <stdio.h>

#define EVENT_FLAGS_OFFSET 17
#define EVENT_BINLOG_VERSION 4
#define FIRST_POS 4        // behind the magic
#define EVENT_CODES_OLD 32 // more than any server before checksums had

enum { CHECKSUM_NONE = 0, CHECKSUM_CRC32 = 1 };

#define DECODE(name_)                                                                              \
    {                                                                                              \
        .name = name_, .action = EVENT_ACTION_DECODE                                               \
    }
#define IGNORE(name_, reason_)                                                                     \
    {                                                                                              \
        .name = name_, .action = EVENT_ACTION_IGNORE, .reason = reason_                            \
    }
#define REFUSE(name_, reason_)                                                                     \
    {                                                                                              \
        .name = name_, .action = EVENT_ACTION_REFUSE, .reason = reason_                            \
    }

#define NEEDS_ROW                                                                                  \
    "it belongs to a statement that was logged as text; binlog_format=ROW is needed: "             \
    "SET GLOBAL binlog_format = 'ROW', then start from a position behind this transaction"
#define TOO_OLD "it was written by a server before 5.1.18, whose row format this version lacks"

static const struct event_kind kinds[EVENT_CODES] = {
    [EVENT_UNKNOWN] = REFUSE("UNKNOWN_EVENT", "the server itself did not know what it was"),
    [EVENT_START_V3] = REFUSE("START_EVENT_V3", "binlog versions before 4 are not supported"),
    [EVENT_QUERY] = DECODE("QUERY_EVENT"),
    [EVENT_STOP] = IGNORE("STOP_EVENT", "the server was shut down; nothing follows in this file"),
    [EVENT_ROTATE] = DECODE("ROTATE_EVENT"),
    [EVENT_INTVAR] = REFUSE("INTVAR_EVENT", NEEDS_ROW),
    [EVENT_LOAD] = REFUSE("LOAD_EVENT", NEEDS_ROW),
    [EVENT_SLAVE] = IGNORE("SLAVE_EVENT", "never written to a log that is read"),
    [EVENT_CREATE_FILE] = REFUSE("CREATE_FILE_EVENT", NEEDS_ROW),
    [EVENT_APPEND_BLOCK] = REFUSE("APPEND_BLOCK_EVENT", NEEDS_ROW),
    [EVENT_EXEC_LOAD] = REFUSE("EXEC_LOAD_EVENT", NEEDS_ROW),
    [EVENT_DELETE_FILE] = REFUSE("DELETE_FILE_EVENT", NEEDS_ROW),
    [EVENT_NEW_LOAD] = REFUSE("NEW_LOAD_EVENT", NEEDS_ROW),
    [EVENT_RAND] = REFUSE("RAND_EVENT", NEEDS_ROW),
    [EVENT_USER_VAR] = REFUSE("USER_VAR_EVENT", NEEDS_ROW),
    [EVENT_FORMAT_DESCRIPTION] = DECODE("FORMAT_DESCRIPTION_EVENT"),
    [EVENT_XID] = DECODE("XID_EVENT"),
    [EVENT_BEGIN_LOAD_QUERY] = REFUSE("BEGIN_LOAD_QUERY_EVENT", NEEDS_ROW),
    [EVENT_EXECUTE_LOAD_QUERY] = REFUSE("EXECUTE_LOAD_QUERY_EVENT", NEEDS_ROW),
    [EVENT_TABLE_MAP] = DECODE("TABLE_MAP_EVENT"),
    [EVENT_WRITE_ROWS_V0] = REFUSE("PRE_GA_WRITE_ROWS_EVENT", TOO_OLD),
    [EVENT_UPDATE_ROWS_V0] = REFUSE("PRE_GA_UPDATE_ROWS_EVENT", TOO_OLD),
    [EVENT_DELETE_ROWS_V0] = REFUSE("PRE_GA_DELETE_ROWS_EVENT", TOO_OLD),
    [EVENT_WRITE_ROWS_V1] = DECODE("WRITE_ROWS_EVENT_V1"),
    [EVENT_UPDATE_ROWS_V1] = DECODE("UPDATE_ROWS_EVENT_V1"),
    [EVENT_DELETE_ROWS_V1] = DECODE("DELETE_ROWS_EVENT_V1"),
    [EVENT_INCIDENT] = DECODE("INCIDENT_EVENT"), // into a refusal with its message
    [EVENT_HEARTBEAT] = DECODE("HEARTBEAT_LOG_EVENT"),
    [EVENT_IGNORABLE] = IGNORE("IGNORABLE_LOG_EVENT", "made to be ignored"),
    [EVENT_ROWS_QUERY] = DECODE("ROWS_QUERY_LOG_EVENT"),
    [EVENT_WRITE_ROWS] = DECODE("WRITE_ROWS_EVENT"),
    [EVENT_UPDATE_ROWS] = DECODE("UPDATE_ROWS_EVENT"),
    [EVENT_DELETE_ROWS] = DECODE("DELETE_ROWS_EVENT"),
    [EVENT_GTID] = DECODE("GTID_LOG_EVENT"),
    [EVENT_ANONYMOUS_GTID] = DECODE("ANONYMOUS_GTID_LOG_EVENT"),
    [EVENT_PREVIOUS_GTIDS] = DECODE("PREVIOUS_GTIDS_LOG_EVENT"),
    [EVENT_TRANSACTION_CONTEXT] =
        IGNORE("TRANSACTION_CONTEXT_EVENT", "group replication's own; the rows follow as ever"),
    [EVENT_VIEW_CHANGE] = IGNORE("VIEW_CHANGE_EVENT", "members of a group came or went"),
    [EVENT_XA_PREPARE] = DECODE("XA_PREPARE_LOG_EVENT"),
    [EVENT_PARTIAL_UPDATE_ROWS] = DECODE("PARTIAL_UPDATE_ROWS_EVENT"),
    [EVENT_TRANSACTION_PAYLOAD] = DECODE("TRANSACTION_PAYLOAD_EVENT"),
    [EVENT_HEARTBEAT_V2] = DECODE("HEARTBEAT_LOG_EVENT_V2"),
    [EVENT_GTID_TAGGED] = DECODE("GTID_TAGGED_LOG_EVENT"),
    [EVENT_MARIADB_ANNOTATE_ROWS] = DECODE("ANNOTATE_ROWS_EVENT"),
    [EVENT_MARIADB_BINLOG_CHECKPOINT] =
        IGNORE("BINLOG_CHECKPOINT_EVENT", "the server's own crash recovery"),
    [EVENT_MARIADB_GTID] = DECODE("GTID_EVENT"),
    [EVENT_MARIADB_GTID_LIST] = DECODE("GTID_LIST_EVENT"),
    [EVENT_MARIADB_START_ENCRYPTION] =
        REFUSE("START_ENCRYPTION_EVENT",
               "the file is encrypted: read it from the running server, which decrypts it, or with "
               "mariadb-binlog --read-from-remote-server --raw"),
    [EVENT_MARIADB_QUERY_COMPRESSED] = DECODE("QUERY_COMPRESSED_EVENT"),
    [EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1] = DECODE("WRITE_ROWS_COMPRESSED_EVENT_V1"),
    [EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1] = DECODE("UPDATE_ROWS_COMPRESSED_EVENT_V1"),
    [EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1] = DECODE("DELETE_ROWS_COMPRESSED_EVENT_V1"),
    [EVENT_MARIADB_WRITE_ROWS_COMPRESSED] = DECODE("WRITE_ROWS_COMPRESSED_EVENT"),
    [EVENT_MARIADB_UPDATE_ROWS_COMPRESSED] = DECODE("UPDATE_ROWS_COMPRESSED_EVENT"),
    [EVENT_MARIADB_DELETE_ROWS_COMPRESSED] = DECODE("DELETE_ROWS_COMPRESSED_EVENT"),
};

const struct event_kind *event_kind_of(uint8_t code)
{
    static const struct event_kind unknown = {.name = "unknown event"};
    return kinds[code].name ? &kinds[code] : &unknown;
}

static bool parse_header(struct slice bytes, struct event *event, struct err *err)
{
    struct cursor cur = cursor_of(bytes);
    event->bytes = bytes;
    event->body_beyond = 0;
    event->timestamp = cursor_u32(&cur);
    event->code = cursor_u8(&cur);
    event->server_id = cursor_u32(&cur);
    event->size = cursor_u32(&cur);
    event->end_pos = cursor_u32(&cur);
    event->flags = cursor_u16(&cur);
    if (cur.failed)
        return err_at(err, ERR_CORRUPT, cursor_offset(&cur), "an event of %zu bytes has no header",
                      bytes.len);
    return true;
}

// CRC-32 of the event without its last four bytes. A format description is summed as if it had
// never been in use: the server clears that flag in place when it closes the file.
static uint32_t checksum_of(const struct event *event)
{
    struct slice bytes = event->bytes;
    size_t n = bytes.len - EVENT_CHECKSUM_BYTES;
    if (event->code != EVENT_FORMAT_DESCRIPTION)
        return libdeflate_crc32(0, bytes.ptr, n);
    unsigned flags = event->flags & ~(unsigned)EVENT_FLAG_IN_USE;
    uint8_t field[2] = {(uint8_t)flags, (uint8_t)(flags >> 8)};
    uint32_t crc = libdeflate_crc32(0, bytes.ptr, EVENT_FLAGS_OFFSET);
    crc = libdeflate_crc32(crc, field, sizeof field);
    size_t done = EVENT_FLAGS_OFFSET + sizeof field;
    return libdeflate_crc32(crc, bytes.ptr + done, n - done);
}

static uint32_t stored_checksum(const struct event *event)
{
    struct cursor cur = cursor_of(event->bytes);
    cursor_skip(&cur, event->bytes.len - EVENT_CHECKSUM_BYTES);
    return cursor_u32(&cur);
}

static bool compare_checksums(const struct event *event, uint32_t want, uint32_t got,
                              struct err *err)
{
    if (want == got)
        return true;
    return err_at(err, ERR_CORRUPT, event->size - EVENT_CHECKSUM_BYTES,
                  "%s: checksum %08x expected, the bytes have %08x",
                  event_kind_of(event->code)->name, want, got);
}

static bool verify_checksum(const struct event *event, struct err *err)
{
    return compare_checksums(event, stored_checksum(event), checksum_of(event), err);
}

// A rotation that heads a dump is made before its sender has read the file's format: whether it has
// a checksum shows in the bytes alone.
static bool artificial_rotate_has_checksum(const struct event *event, size_t header_bytes)
{
    return event->bytes.len >= header_bytes + EVENT_CHECKSUM_BYTES &&
           stored_checksum(event) == checksum_of(event);
}

static bool is_artificial_rotate(const struct event *event)
{
    return event->code == EVENT_ROTATE &&
           (event->end_pos == 0 || event->flags & EVENT_FLAG_ARTIFICIAL);
}

static size_t header_bytes_of(const struct event_format *format)
{
    return format->is_known ? format->header_bytes : EVENT_HEADER_BYTES;
}

bool event_parse(struct slice bytes, const struct event_format *format, bool verify,
                 struct event *event, struct err *err)
{
    if (!parse_header(bytes, event, err))
        return false;
    if (event->size != bytes.len)
        return err_at(err, ERR_CORRUPT, 9, "the header says %u bytes, the event has %zu",
                      event->size, bytes.len);
    size_t header = header_bytes_of(format);
    bool has_checksum = format->has_checksum;
    if (is_artificial_rotate(event) && !format->is_known)
        has_checksum = artificial_rotate_has_checksum(event, header);
    if (event->code == EVENT_FORMAT_DESCRIPTION) {
        header = EVENT_HEADER_BYTES;
        has_checksum = false;
    }
    size_t framing = header + (has_checksum ? EVENT_CHECKSUM_BYTES : 0);
    if (bytes.len < framing)
        return err_at(err, ERR_CORRUPT, 9, "%s: %zu bytes are less than header and checksum",
                      event_kind_of(event->code)->name, bytes.len);
    event->body = slice_of(bytes.ptr + header, bytes.len - framing);
    return !has_checksum || !verify || verify_checksum(event, err);
}

static bool verify_long(struct source *source, const struct event *event, struct err *err)
{
    uint64_t at = event->bytes.len;
    size_t left = event->body_beyond;
    struct slice piece;
    uint32_t crc = libdeflate_crc32(0, event->bytes.ptr, event->bytes.len);
    while (left) {
        if (!source_read_piece(source, &at, &left, &piece, err))
            return false;
        crc = libdeflate_crc32(crc, piece.ptr, piece.len);
    }
    if (!source->read(source, at, EVENT_CHECKSUM_BYTES, &piece, err))
        return false;
    struct cursor cur = cursor_of(piece);
    return compare_checksums(event, cursor_u32(&cur), crc, err);
}

bool event_parse_long(struct source *source, struct slice head, const struct event_format *format,
                      bool verify, struct event *event, struct err *err)
{
    if (!parse_header(head, event, err))
        return false;
    size_t header = header_bytes_of(format);
    size_t tail = format->has_checksum ? EVENT_CHECKSUM_BYTES : 0;
    if (head.len < header || event->size < head.len + tail)
        return err_at(err, ERR_CORRUPT, 9, "%s: the header says %u bytes",
                      event_kind_of(event->code)->name, event->size);
    event->body = slice_of(head.ptr + header, head.len - header);
    event->body_beyond = event->size - head.len - tail;
    return !format->has_checksum || !verify || verify_long(source, event, err);
}

static unsigned version_number(const struct event_format *format)
{
    unsigned major = 0;
    unsigned minor = 0;
    unsigned patch = 0;
    if (sscanf(format->server_version, "%3u.%3u.%3u", &major, &minor, &patch) < 2)
        return 0;
    return major * 1000000 + minor * 1000 + patch;
}

// Row events and table maps of before have another form, and some versions that were given out for
// trial ("-a_drop") other numbers for the types. Servers before 5.1 logged no rows.
static bool check_server(const struct event_format *format, struct err *err)
{
    unsigned version = version_number(format);
    if ((version < 5001000 || version >= 5001018) && !strstr(format->server_version, "-a_drop"))
        return true;
    return err_at(err, ERR_UNSUPPORTED, EVENT_HEADER_BYTES,
                  "server %s is not supported: the row events of MySQL before 5.1.18 have another "
                  "form",
                  format->server_version);
}

// Servers that know checksums say so in every format description, and put one on it whatever they
// say: MySQL since 5.6.1, MariaDB since 5.3.0.
static bool server_knows_checksums(const struct event_format *format)
{
    return version_number(format) >= (format->is_mariadb ? 5003000 : 5006001);
}

static bool parse_checksum_kind(struct cursor *cur, struct event_format *format, struct err *err)
{
    uint8_t kind = cursor_u8(cur);
    cursor_skip(cur, EVENT_CHECKSUM_BYTES);
    if (kind != CHECKSUM_NONE && kind != CHECKSUM_CRC32)
        return err_at(err, ERR_UNSUPPORTED, cursor_offset(cur) - EVENT_CHECKSUM_BYTES - 1,
                      "checksum algorithm %u is not known: NONE and CRC32 are", kind);
    format->has_checksum = kind == CHECKSUM_CRC32;
    return true;
}

// One byte for each type from 1 on, up to the types that the server knows.
static bool parse_post_headers(struct cursor *cur, struct event_format *format, struct err *err)
{
    size_t tail = server_knows_checksums(format) ? 1 + EVENT_CHECKSUM_BYTES : 0;
    if (cur->failed || cursor_left(cur) < tail)
        return err_at(err, ERR_CORRUPT, cursor_offset(cur), "the format description is too short");
    struct slice lengths = cursor_bytes(cur, cursor_left(cur) - tail);
    if (lengths.len >=
        (tail ? EVENT_CODES : EVENT_CODES_OLD)) // a damaged version would turn checksums off
        return err_at(err, ERR_CORRUPT, cursor_offset(cur), "server %s cannot have %zu event types",
                      format->server_version, lengths.len);
    if (lengths.len)
        memcpy(format->post_header_bytes + 1, lengths.ptr, lengths.len);
    return tail == 0 || parse_checksum_kind(cur, format, err);
}

bool event_format_parse(const struct event *event, bool verify, struct event_format *format,
                        struct err *err)
{
    struct event_format found = {.is_known = true};
    struct cursor cur = event_cursor(event);
    uint16_t version = cursor_u16(&cur);
    struct slice name = cursor_bytes(&cur, EVENT_VERSION_BYTES);
    cursor_skip(&cur, 4); // when the file was made
    found.header_bytes = cursor_u8(&cur);
    if (cur.failed)
        return event_too_short(event, &cur, err);
    if (version != EVENT_BINLOG_VERSION)
        return err_at(err, ERR_UNSUPPORTED, EVENT_HEADER_BYTES,
                      "binlog version %u is not supported, 4 is (MySQL 5.0 and later)", version);
    if (found.header_bytes < EVENT_HEADER_BYTES)
        return err_at(err, ERR_CORRUPT, cursor_offset(&cur) - 1, "event headers of %u bytes",
                      found.header_bytes);
    memcpy(found.server_version, name.ptr, name.len);
    found.is_mariadb = strstr(found.server_version, "MariaDB") != NULL;
    if (server_knows_checksums(&found) && verify && !verify_checksum(event, err))
        return false;
    if (!check_server(&found, err) || !parse_post_headers(&cur, &found, err))
        return false;
    *format = found;
    return true;
}

// The format description at the head of a dump that begins inside a file says so by its place.
static bool is_made_up(const struct event *event, uint64_t pos)
{
    return event->flags & EVENT_FLAG_ARTIFICIAL || event->code == EVENT_HEARTBEAT ||
           event->code == EVENT_HEARTBEAT_V2 ||
           (event->code == EVENT_FORMAT_DESCRIPTION && event->end_pos == 0 && pos != FIRST_POS);
}

// A header holds the low 32 bits of the position only, or none. Dumps leave events out, and relay
// logs count as the log that they came from: a larger position is believed. Servers of 5.1 counted
// from the start of the transaction: a smaller one is not.
void event_locate(const struct event *event, uint64_t *start, uint64_t *end)
{
    *start = *end;
    if (is_made_up(event, *start))
        return;
    *end = *start + event->size;
    uint32_t ahead = event->end_pos - (uint32_t)*end;
    if (event->end_pos == 0 || ahead > INT32_MAX)
        return;
    *end += ahead;
    *start = *end - event->size;
}

struct cursor event_cursor(const struct event *event)
{
    struct cursor cur = cursor_of(event->body);
    cur.base = event->bytes.ptr;
    return cur;
}

bool event_too_short(const struct event *event, const struct cursor *cur, struct err *err)
{
    return err_at(err, ERR_CORRUPT, cursor_offset(cur), "%s ends too early at byte %zu of %u",
                  event_kind_of(event->code)->name, cursor_offset(cur), event->size);
}

bool event_refuse(const struct event *event, struct err *err)
{
    const struct event_kind *kind = event_kind_of(event->code);
    if (kind->action == EVENT_ACTION_REFUSE)
        return err_at(err, ERR_UNSUPPORTED, 4, "%s (type %u): %s", kind->name, event->code,
                      kind->reason);
    return err_at(err, ERR_UNSUPPORTED, 4,
                  "event type %u is not known to this version and not marked as ignorable; use a "
                  "newer version, or start from a position behind it",
                  event->code);
}

bool event_read_rotate(const struct event *event, struct slice *name, uint64_t *pos,
                       struct err *err)
{
    struct cursor cur = event_cursor(event);
    *pos = cursor_u64(&cur);
    *name = cursor_rest(&cur);
    if (cur.failed || name->len == 0 || memchr(name->ptr, 0, name->len))
        return err_at(err, ERR_CORRUPT, cursor_offset(&cur), "ROTATE_EVENT without a file name");
    return true;
}

// v1: the file's name; the position is in the header. v2: fields type · length · value: 1 the name,
// 2 the position.
bool event_read_heartbeat(const struct event *event, struct slice *name, uint64_t *pos,
                          struct err *err)
{
    struct cursor cur = event_cursor(event);
    *name = slice_of(NULL, 0);
    *pos = event->end_pos;
    if (event->code == EVENT_HEARTBEAT) {
        *name = cursor_rest(&cur);
        return true;
    }
    for (;;) {
        uint64_t type = cursor_lenenc(&cur);
        if (type == 0)
            return !cur.failed || event_too_short(event, &cur, err);
        struct slice value = cursor_lenenc_bytes(&cur);
        struct cursor number = cursor_of(value);
        if (type == 1)
            *name = value;
        else if (type == 2)
            *pos = cursor_lenenc(&number);
        if (cur.failed || number.failed)
            return event_too_short(event, &cur, err);
    }
}

bool event_refuse_incident(const struct event *event, struct err *err)
{
    struct cursor cur = event_cursor(event);
    unsigned number = cursor_u16(&cur);
    struct slice message = cursor_bytes(&cur, cursor_u8(&cur));
    if (cur.failed)
        return event_too_short(event, &cur, err);
    return err_set(err, ERR_UNSUPPORTED,
                   "the server reports incident %u, \"%.*s\": changes may be missing from its log; "
                   "take a new snapshot and start behind it",
                   number, SLICE_ARG(message));
}
