// SPDX-License-Identifier: Apache-2.0
// Wire on Oracle's libmysqlclient (8.0 and later): what it does in its own way.
//
// mysql_binlog_open sends COM_BINLOG_DUMP or COM_BINLOG_DUMP_GTID; mysql_binlog_fetch hands out the
// packet, in which one OK byte stands before the event (MySQL manual, "C API Binary Log Data
// Structures"). The plug-in mysql_native_password, which MariaDB accounts use, is a file of its own
// since 9.0: WIRE_PLUGIN_DIR says at build time where, the environment's LIBMYSQL_PLUGIN_DIR wins.
#include "binlog/wire_common.h"

#include "common/buf.h"
#include "common/mem.h"
#include "record/gtid.h"

#include <stdlib.h>

struct wire_stream {
    MYSQL_RPL rpl;
    struct buf gtid; // the encoded set, which the library asks for through add_gtid
    bool is_open;
};

const char *wire_library(void)
{
    return "libmysqlclient " LIBMYSQL_VERSION;
}

static bool set_plugin_dir(MYSQL *mysql)
{
#ifdef WIRE_PLUGIN_DIR
    if (!getenv("LIBMYSQL_PLUGIN_DIR"))
        return mysql_options(mysql, MYSQL_PLUGIN_DIR, WIRE_PLUGIN_DIR) == 0;
#endif
    (void)mysql;
    return true;
}

// Without TLS caching_sha2_password needs the server's public key, which is fetched from it.
bool wire_driver_configure(struct wire *wire, const struct wire_options *options, struct err *err)
{
    static const enum mysql_ssl_mode modes[] = {
        [WIRE_TLS_OFF] = SSL_MODE_DISABLED,
        [WIRE_TLS_PREFERRED] = SSL_MODE_PREFERRED,
        [WIRE_TLS_REQUIRED] = SSL_MODE_REQUIRED,
        [WIRE_TLS_VERIFY] = SSL_MODE_VERIFY_IDENTITY,
    };
    enum mysql_ssl_mode mode = modes[options->tls];
    bool get_key = true;
    MYSQL *mysql = wire->mysql;
    // A CA raises the mode to VERIFY_CA, so the mode comes last.
    if (mysql_options(mysql, MYSQL_OPT_SSL_CA, options->tls_ca) ||
        mysql_options(mysql, MYSQL_OPT_SSL_CERT, options->tls_cert) ||
        mysql_options(mysql, MYSQL_OPT_SSL_KEY, options->tls_key) ||
        mysql_options(mysql, MYSQL_OPT_SSL_MODE, &mode) ||
        mysql_options(mysql, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &get_key) || !set_plugin_dir(mysql))
        return err_set(err, ERR_INTERNAL, "%s does not take the options of TLS", wire_library());
    return true;
}

static void copy_gtid(MYSQL_RPL *rpl, unsigned char *packet)
{
    const struct buf *gtid = rpl->gtid_set_arg;
    memcpy(packet, gtid->ptr, gtid->len);
}

bool wire_driver_dump(struct wire *wire, const struct wire_start *start, struct err *err)
{
    struct wire_stream *stream = mem_zalloc(sizeof *stream);
    wire->stream = stream;
    stream->rpl = (MYSQL_RPL){.file_name_length = strlen(start->file),
                              .file_name = start->file,
                              .start_position = start->pos,
                              .server_id = start->server_id,
                              .flags = start->annotate ? WIRE_DUMP_ANNOTATE : 0};
    if (start->gtid) {
        gtid_set_encode(&stream->gtid, start->gtid);
        stream->rpl.flags = MYSQL_RPL_GTID;
        stream->rpl.gtid_set_encoded_size = stream->gtid.len;
        stream->rpl.fix_gtid_set = copy_gtid;
        stream->rpl.gtid_set_arg = &stream->gtid;
    }
    if (mysql_binlog_open(wire->mysql, &stream->rpl))
        return wire_fail(wire, "starting the dump", err);
    stream->is_open = true;
    return true;
}

bool wire_fetch(struct wire *wire, struct slice *event, struct err *err)
{
    MYSQL_RPL *rpl = &wire->stream->rpl;
    *event = (struct slice){0};
    if (mysql_binlog_fetch(wire->mysql, rpl))
        return wire_fail(wire, "reading the binlog", err);
    if (rpl->size <= 1)
        return wire_dump_ended(wire, err);
    *event = slice_of(rpl->buffer + 1, rpl->size - 1);
    return true;
}

void wire_driver_close(struct wire *wire)
{
    if (!wire->stream)
        return;
    if (wire->stream->is_open)
        mysql_binlog_close(wire->mysql, &wire->stream->rpl);
    buf_deinit(&wire->stream->gtid);
    free(wire->stream);
}
