// SPDX-License-Identifier: Apache-2.0
// Wire on libmariadb (3.1 and later): what it does in its own way.
//
// The dump command is sent through the library's command function, because mariadb_rpl_open knows
// file:pos only:
//   COM_BINLOG_DUMP       pos 4, flags 2, server id 4, file name to the end
//   COM_BINLOG_DUMP_GTID  flags 2, server id 4, name length 4, name, pos 8, set length 4, set
//   (integers little-endian; MySQL manual, "COM_BINLOG_DUMP_GTID")
// Packets are read by mysql_net_read_packet, as by the library's own mariadb_rpl_fetch, which then
// takes each event apart, refuses what it does not know, and costs more than decoding does. A
// packet is an OK byte and the event, or ends the dump (0xfe, shorter than any event), or is an
// error, of which the library takes care.
#include "binlog/wire_common.h"

#include "common/buf.h"
#include "record/gtid.h"

#define COMMAND_DUMP 0x12
#define COMMAND_DUMP_GTID 0x1e

#define DUMP_THROUGH_GTID 4

#define PACKET_OK 0
#define PACKET_EOF 0xfe
#define PACKET_EOF_MAX 8 // bytes

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

static void put_dump(struct buf *out, const struct wire_start *start)
{
    buf_le(out, start->pos, 4);
    buf_le(out, start->annotate ? WIRE_DUMP_ANNOTATE : 0, 2);
    buf_le(out, start->server_id, 4);
    buf_str(out, start->file);
}

static void put_dump_gtid(struct buf *out, const struct wire_start *start)
{
    struct buf set = {0};
    gtid_set_encode(&set, start->gtid);
    buf_le(out, DUMP_THROUGH_GTID, 2);
    buf_le(out, start->server_id, 4);
    buf_le(out, strlen(start->file), 4);
    buf_str(out, start->file);
    buf_le(out, start->pos, 8);
    buf_le(out, set.len, 4);
    buf_slice(out, buf_bytes(&set));
    buf_deinit(&set);
}

bool wire_driver_dump(struct wire *wire, const struct wire_start *start, struct err *err)
{
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

bool wire_fetch(struct wire *wire, struct slice *event, struct err *err)
{
    *event = (struct slice){0};
    unsigned long length = mysql_net_read_packet(wire->mysql);
    if (length == packet_error)
        return wire_fail(wire, "reading the binlog", err);
    const uint8_t *packet = wire->mysql->net.read_pos;
    if (length > 0 && length < PACKET_EOF_MAX && packet[0] == PACKET_EOF)
        return wire_dump_ended(wire, err);
    if (length == 0 || packet[0] != PACKET_OK)
        return err_set(err, ERR_CORRUPT, "the server sent a packet of %lu bytes that is no event",
                       length);
    *event = slice_of(packet + 1, length - 1);
    return true;
}

// Nothing is kept for a dump.
void wire_driver_close(struct wire *wire)
{
    (void)wire;
}
