// SPDX-License-Identifier: Apache-2.0
// Wire on libmariadb (3.1 and later): what it does in its own way.
//
// The dump command is sent through the library's command function, because mariadb_rpl_open knows
// file:pos only:
//   COM_BINLOG_DUMP       pos 4, flags 2, server id 4, file name to the end
//   COM_BINLOG_DUMP_GTID  flags 2, server id 4, name length 4, name, pos 8, set length 4, set
//   (integers little-endian; MySQL manual, "COM_BINLOG_DUMP_GTID")
// Packets are read by mariadb_rpl_fetch, which also takes each event apart. Of that nothing is
// used: the event is the packet itself, which still lies in the connection's buffer behind its OK
// byte. So events that the library does not know (CR_UNKNOWN_BINLOG_EVENT) or finds wrong
// (CR_BINLOG_ERROR) pass like all others; the reader judges them.
#include "binlog/wire_common.h"

#include "common/buf.h"
#include "common/cursor.h"
#include "common/mem.h"
#include "record/gtid.h"

#include <errmsg.h>
#include <inttypes.h>
#include <mariadb_rpl.h>
#include <stdlib.h>

#define COMMAND_DUMP 0x12
#define COMMAND_DUMP_GTID 0x1e

#define DUMP_THROUGH_GTID 4

#define EVENT_HEADER_BYTES 19
#define EVENT_LENGTH_OFFSET 9 // of the event's length in its header

struct wire_stream {
    MARIADB_RPL *rpl;
    MARIADB_RPL_EVENT *event; // kept for its memory
};

const char *wire_library(void)
{
    return "libmariadb " MARIADB_PACKAGE_VERSION;
}

// MYSQL_OPT_SSL_ENFORCE switches TLS on where the server offers it; wire_common.c checks what came
// of it.
bool wire_driver_configure(struct wire *wire, const struct wire_options *options, struct err *err)
{
    my_bool use = options->tls != WIRE_TLS_OFF;
    my_bool verify = options->tls == WIRE_TLS_VERIFY;
    my_bool reconnect = 0;
    MYSQL *mysql = wire->mysql;
    if (use)
        mysql_ssl_set(mysql, options->tls_key, options->tls_cert, options->tls_ca, NULL, NULL);
    if (mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &use) ||
        mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify) ||
        mysql_optionsv(mysql, MYSQL_OPT_RECONNECT, &reconnect))
        return err_set(err, ERR_INTERNAL, "%s does not take the options of TLS", wire_library());
    return true;
}

static void put_le(struct buf *out, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_char(out, (char)(value >> (8 * i) & 0xff));
}

static void put_dump(struct buf *out, const struct wire_start *start)
{
    put_le(out, start->pos, 4);
    put_le(out, start->annotate ? WIRE_DUMP_ANNOTATE : 0, 2);
    put_le(out, start->server_id, 4);
    buf_str(out, start->file);
}

static void put_dump_gtid(struct buf *out, const struct wire_start *start)
{
    struct buf set = {0};
    gtid_set_encode(&set, start->gtid);
    put_le(out, DUMP_THROUGH_GTID, 2);
    put_le(out, start->server_id, 4);
    put_le(out, strlen(start->file), 4);
    buf_str(out, start->file);
    put_le(out, start->pos, 8);
    put_le(out, set.len, 4);
    buf_slice(out, buf_bytes(&set));
    buf_deinit(&set);
}

bool wire_driver_dump(struct wire *wire, const struct wire_start *start, struct err *err)
{
    wire->stream = mem_zalloc(sizeof *wire->stream);
    wire->stream->rpl = mariadb_rpl_init(wire->mysql);
    if (!wire->stream->rpl)
        return wire_fail(wire, "starting the dump", err);
    struct buf payload = {0};
    if (start->gtid)
        put_dump_gtid(&payload, start);
    else
        put_dump(&payload, start);
    enum enum_server_command command =
        (enum enum_server_command)(start->gtid ? COMMAND_DUMP_GTID : COMMAND_DUMP);
    bool ok = wire->mysql->methods->db_command(wire->mysql, command, (const char *)payload.ptr,
                                               payload.len, 1, NULL) == 0;
    buf_deinit(&payload);
    return ok || wire_fail(wire, "starting the dump", err);
}

// The event in the packet that was read last. The buffer ends at buff_end; how much of it the
// packet fills the library does not tell for events that it does not know, so the event's own
// length is taken, and its checksum proves it.
static bool take_event(const struct wire *wire, struct slice *event, struct err *err)
{
    const NET *net = &wire->mysql->net;
    struct cursor cur = cursor_of(slice_of(net->read_pos, (size_t)(net->buff_end - net->read_pos)));
    cursor_skip(&cur, 1);
    struct cursor header = cur;
    cursor_skip(&header, EVENT_LENGTH_OFFSET);
    uint32_t length = cursor_u32(&header);
    *event = cursor_bytes(&cur, length);
    if (header.failed || cur.failed || length < EVENT_HEADER_BYTES)
        return err_set(err, ERR_CORRUPT,
                       "the server sent an event that says it is %" PRIu32 " bytes long", length);
    return true;
}

// Whether mariadb_rpl_fetch read a packet and only could not make sense of it.
static bool is_only_unknown(unsigned number)
{
    return number == CR_UNKNOWN_BINLOG_EVENT || number == CR_BINLOG_ERROR;
}

bool wire_fetch(struct wire *wire, struct slice *event, struct err *err)
{
    struct wire_stream *stream = wire->stream;
    *event = (struct slice){0};
    stream->rpl->error_no = 0;
    wire->mysql->net.last_errno = 0;
    stream->event = mariadb_rpl_fetch(stream->rpl, stream->event);
    if (stream->event)
        return take_event(wire, event, err);
    unsigned number = mysql_errno(wire->mysql);
    if (is_only_unknown(stream->rpl->error_no) || is_only_unknown(number))
        return take_event(wire, event, err);
    if (number)
        return wire_fail(wire, "reading the binlog", err);
    if (stream->rpl->error_no)
        return wire_fail_with(wire, "reading the binlog", stream->rpl->error_no,
                              stream->rpl->error_msg, err);
    return wire_dump_ended(wire, err);
}

void wire_driver_close(struct wire *wire)
{
    if (!wire->stream)
        return;
    if (wire->stream->event)
        mariadb_free_rpl_event(wire->stream->event);
    if (wire->stream->rpl)
        mariadb_rpl_close(wire->stream->rpl);
    free(wire->stream);
}
