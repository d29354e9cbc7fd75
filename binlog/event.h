// SPDX-License-Identifier: Apache-2.0
// Event: one entry of a binlog: header, body, checksum; and the log's format, which says how long
// these are. What this version does with each type stands in one table in event.c.
#ifndef TAILRACE_BINLOG_EVENT_H
#define TAILRACE_BINLOG_EVENT_H

#include "binlog/source.h"
#include "common/cursor.h"
#include "common/err.h"
#include "common/slice.h"

#define EVENT_HEADER_BYTES 19 // of every server that writes binlog version 4
#define EVENT_CHECKSUM_BYTES 4
#define EVENT_VERSION_BYTES 50 // of the server, in the format description

enum event_code {
    EVENT_UNKNOWN = 0,
    EVENT_START_V3 = 1,
    EVENT_QUERY = 2,
    EVENT_STOP = 3,
    EVENT_ROTATE = 4,
    EVENT_INTVAR = 5,
    EVENT_LOAD = 6,
    EVENT_SLAVE = 7,
    EVENT_CREATE_FILE = 8,
    EVENT_APPEND_BLOCK = 9,
    EVENT_EXEC_LOAD = 10,
    EVENT_DELETE_FILE = 11,
    EVENT_NEW_LOAD = 12,
    EVENT_RAND = 13,
    EVENT_USER_VAR = 14,
    EVENT_FORMAT_DESCRIPTION = 15,
    EVENT_XID = 16,
    EVENT_BEGIN_LOAD_QUERY = 17,
    EVENT_EXECUTE_LOAD_QUERY = 18,
    EVENT_TABLE_MAP = 19,
    EVENT_WRITE_ROWS_V0 = 20,
    EVENT_UPDATE_ROWS_V0 = 21,
    EVENT_DELETE_ROWS_V0 = 22,
    EVENT_WRITE_ROWS_V1 = 23,
    EVENT_UPDATE_ROWS_V1 = 24,
    EVENT_DELETE_ROWS_V1 = 25,
    EVENT_INCIDENT = 26,
    EVENT_HEARTBEAT = 27,
    EVENT_IGNORABLE = 28,
    EVENT_ROWS_QUERY = 29,
    EVENT_WRITE_ROWS = 30,
    EVENT_UPDATE_ROWS = 31,
    EVENT_DELETE_ROWS = 32,
    EVENT_GTID = 33,
    EVENT_ANONYMOUS_GTID = 34,
    EVENT_PREVIOUS_GTIDS = 35,
    EVENT_TRANSACTION_CONTEXT = 36,
    EVENT_VIEW_CHANGE = 37,
    EVENT_XA_PREPARE = 38,
    EVENT_PARTIAL_UPDATE_ROWS = 39,
    EVENT_TRANSACTION_PAYLOAD = 40,
    EVENT_HEARTBEAT_V2 = 41,
    EVENT_GTID_TAGGED = 42,
    EVENT_MARIADB_ANNOTATE_ROWS = 160,
    EVENT_MARIADB_BINLOG_CHECKPOINT = 161,
    EVENT_MARIADB_GTID = 162,
    EVENT_MARIADB_GTID_LIST = 163,
    EVENT_MARIADB_START_ENCRYPTION = 164,
    EVENT_MARIADB_QUERY_COMPRESSED = 165,
    EVENT_MARIADB_WRITE_ROWS_COMPRESSED_V1 = 166,
    EVENT_MARIADB_UPDATE_ROWS_COMPRESSED_V1 = 167,
    EVENT_MARIADB_DELETE_ROWS_COMPRESSED_V1 = 168,
    EVENT_MARIADB_WRITE_ROWS_COMPRESSED = 169,
    EVENT_MARIADB_UPDATE_ROWS_COMPRESSED = 170,
    EVENT_MARIADB_DELETE_ROWS_COMPRESSED = 171,
};

#define EVENT_CODES 256 // a type is one byte

enum event_flag {
    EVENT_FLAG_IN_USE = 0x01,     // format description: the file was not closed in good order
    EVENT_FLAG_ARTIFICIAL = 0x20, // made for this reader, not in the log
    EVENT_FLAG_IGNORABLE = 0x80,  // whoever does not know the type may pass over it
};

enum event_action {
    EVENT_ACTION_NONE = 0, // not in the table: unknown to this version
    EVENT_ACTION_DECODE,
    EVENT_ACTION_IGNORE, // carries no change, for `reason`
    EVENT_ACTION_REFUSE, // cannot be decoded, for `reason`, which says what to do
};

struct event_kind {
    const char *name;
    enum event_action action;
    const char *reason;
};

// What is known of a type; action EVENT_ACTION_NONE and a name for the unknown. Static.
const struct event_kind *event_kind_of(uint8_t code);

// From the format description event, which heads each file and each dump. {0} until one was read.
struct event_format {
    bool is_known;
    bool is_mariadb;
    bool has_checksum;
    uint8_t header_bytes;
    uint8_t post_header_bytes[EVENT_CODES]; // 0 for types that the server does not know
    char server_version[EVENT_VERSION_BYTES + 1];
};

struct event {
    uint32_t timestamp; // seconds since 1970
    uint32_t server_id; // where the change was made first
    uint32_t size;      // header and checksum included
    uint32_t end_pos;   // low 32 bits of the position behind it in its file; 0: not in a file
    uint16_t flags;
    uint8_t code;
    struct slice bytes; // all of it, borrowed; of a long one (event_parse_long) the first part
    struct slice body;  // behind the header, before the checksum: what `bytes` has of that
    size_t body_beyond; // bytes of the body that `bytes` lacks: 0 but for a long event
};

// Reads the header, finds the body and, with `verify`, proves the checksum. ERR_CORRUPT, with
// offsets from the start of the event. A format description is left to event_format_parse, checksum
// included: it brings its own format.
MUST_CHECK bool event_parse(struct slice bytes, const struct event_format *format, bool verify,
                            struct event *event, struct err *err);

// The same for an event of which the source gave the first bytes only (source.h): the checksum is
// proven over what is read from the source, so that nothing is decoded before all of it is known to
// be sound.
MUST_CHECK bool event_parse_long(struct source *source, struct slice head,
                                 const struct event_format *format, bool verify,
                                 struct event *event, struct err *err);

// Reads a format description. ERR_UNSUPPORTED for binlog versions before 4, servers
// before 5.1.18 that logged rows, and unknown checksums.
MUST_CHECK bool event_format_parse(const struct event *event, bool verify,
                                   struct event_format *format, struct err *err);

// Moves *end from where the event before ended to where this one does, and *start to where it
// starts. What was only made for this reader lies between events and takes no room.
void event_locate(const struct event *event, uint64_t *start, uint64_t *end);

// A cursor over the body whose offsets count from the start of the event.
struct cursor event_cursor(const struct event *event);

// ERR_CORRUPT: the event ends too early, at the cursor's offset. Always returns false.
bool event_too_short(const struct event *event, const struct cursor *cur, struct err *err);

// ERR_UNSUPPORTED with the reason of the table, or that the type is unknown. Always returns false.
bool event_refuse(const struct event *event, struct err *err);

// INCIDENT_EVENT: ERR_UNSUPPORTED with the server's message. Always returns false.
bool event_refuse_incident(const struct event *event, struct err *err);

// The file that follows, borrowed, and the position in it. ERR_CORRUPT.
MUST_CHECK bool event_read_rotate(const struct event *event, struct slice *name, uint64_t *pos,
                                  struct err *err);

// Where the server is, of both kinds of heartbeats; v1 has the low 32 bits of the position.
// ERR_CORRUPT.
MUST_CHECK bool event_read_heartbeat(const struct event *event, struct slice *name, uint64_t *pos,
                                     struct err *err);

#endif
