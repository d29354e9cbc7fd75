// SPDX-License-Identifier: Apache-2.0
// Wire, the part that both client libraries share: connecting, statements and their results, the
// session variables in front of a dump, and the class of every error.
//
// Interrupting: wire->socket is a duplicate of the library's descriptor, made once when the
// connection stands and closed by wire_close only. shutdown(2) acts on the connection behind it, so
// a blocked read in another thread returns, and a descriptor that the library closed meanwhile (and
// the system gave to someone else) is never touched.
//
// MySQL manual: "Replication Protocol", COM_BINLOG_DUMP; "Error Message Reference".
#define _POSIX_C_SOURCE 200809L
#include "binlog/wire_common.h"

#include "common/buf.h"
#include "common/mem.h"
#include "record/gtid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ERRNO_SOURCE_FATAL 1236 // the server ended a dump; the reason is in the text
#define ERRNO_TLS 2026
#define ERRNO_SAME_ID 4052 // MariaDB: another replica with this server id came

// Numbers below 2000 and from 3000 on are the server's, 2000 to 2999 and 5000 on the libraries'.
static const struct {
    unsigned number;
    enum err_class class;
} error_classes[] = {
    {1040, ERR_RETRY},       // too many connections
    {1041, ERR_RETRY},       // out of memory
    {1053, ERR_RETRY},       // server shutdown in progress
    {1077, ERR_RETRY},       // normal shutdown
    {1079, ERR_RETRY},       // shutdown complete
    {1152, ERR_RETRY},       // aborted connection
    {1158, ERR_RETRY},       // error reading communication packets
    {1159, ERR_RETRY},       // timeout reading them
    {1160, ERR_RETRY},       // error writing them
    {1161, ERR_RETRY},       // timeout writing them
    {1184, ERR_RETRY},       // aborted connection (new)
    {1203, ERR_RETRY},       // too many connections of this user
    {1205, ERR_RETRY},       // lock wait timeout
    {1213, ERR_RETRY},       // deadlock
    {1226, ERR_RETRY},       // max_user_connections and the like
    {1317, ERR_RETRY},       // query execution was interrupted
    {1927, ERR_RETRY},       // MariaDB: connection was killed
    {3032, ERR_RETRY},       // server is in offline mode
    {3168, ERR_RETRY},       // server is not available
    {3169, ERR_RETRY},       // session was killed
    {4031, ERR_RETRY},       // disconnected because of inactivity
    {1251, ERR_CONFIG},      // client does not support the authentication protocol
    {3159, ERR_CONFIG},      // require_secure_transport
    {2000, ERR_INTERNAL},    // unknown error of the library
    {2001, ERR_INTERNAL},    // cannot create a Unix socket
    {2002, ERR_RETRY},       // cannot connect through the socket
    {2003, ERR_RETRY},       // cannot connect
    {2005, ERR_UNAVAILABLE}, // unknown host
    {2006, ERR_RETRY},       // server has gone away
    {2007, ERR_UNSUPPORTED}, // protocol mismatch
    {2012, ERR_RETRY},       // error in the handshake
    {2013, ERR_RETRY},       // lost connection
    {2020, ERR_UNSUPPORTED}, // packet larger than max_allowed_packet
    {ERRNO_TLS, ERR_CONFIG}, // while connecting
    {2027, ERR_CORRUPT},     // malformed packet
    {2047, ERR_CONFIG},      // wrong or unknown protocol
    {2048, ERR_INTERNAL},    // invalid handle
    {2054, ERR_UNSUPPORTED}, // unsupported character set of the server
    {2055, ERR_RETRY},       // lost connection, with the system's error
    {2058, ERR_CONFIG},      // authentication plugin
    {2059, ERR_CONFIG},      // authentication plugin cannot be loaded
    {2061, ERR_CONFIG},      // authentication plugin reported an error
};

// What the server says no to, whatever the reason, is not in the table.
static enum err_class error_class(unsigned number)
{
    for (size_t i = 0; i < sizeof error_classes / sizeof *error_classes; i++)
        if (error_classes[i].number == number)
            return error_classes[i].class;
    return ERR_REFUSED;
}

// Access denied, in its several forms.
static bool is_denied(unsigned number)
{
    return number == 1044 || number == 1045 || number == 1142 || number == 1227 || number == 1698;
}

static bool fail_denied(const struct wire *wire, const char *what, unsigned number,
                        const char *text, struct err *err)
{
    if (number == 1045 || number == 1698)
        return err_set(err, ERR_REFUSED,
                       "%s: %s (error %u): user, host or password is not the one the server has; "
                       "see SELECT user, host FROM mysql.user, and mend it with "
                       "ALTER USER … IDENTIFIED BY '…' or the password in [source]",
                       what, text, number);
    return err_set(err, ERR_REFUSED,
                   "%s: %s (error %u): the account needs "
                   "GRANT REPLICATION SLAVE, %s ON *.* TO the user",
                   what, text, number, wire->is_mariadb ? "BINLOG MONITOR" : "REPLICATION CLIENT");
}

static bool has_word(const char *text, const char *word)
{
    return strstr(text, word) != NULL;
}

// The server ended the dump. What it means stands in the text only; the texts are those of
// MySQL 5.7 to 9.7 and of MariaDB 10 and 11. Where none fits, the text speaks for itself.
static bool fail_dump(const struct wire *wire, const char *what, const char *text, struct err *err)
{
    if (has_word(text, "server_uuid/server_id"))
        return err_set(err, ERR_CONFIG,
                       "%s: server_id %" PRIu32 " is in use by another replica of this server, "
                       "which ended this dump; give each its own server_id in [source] "
                       "(the server: %s)",
                       what, wire->server_id, text);
    if (has_word(text, "purged") || has_word(text, "Could not find first log") ||
        has_word(text, "not in the master's binlog") || has_word(text, "Could not find GTID state"))
        return err_set(err, ERR_REFUSED,
                       "%s: the position is gone from the server, its binlog was purged or belongs "
                       "to another history; start from what is left with "
                       "`tailrace offsets reset publisher --to earliest`, then copy the tables "
                       "again with `tailrace snapshot` (the server: %s)",
                       what, text);
    return err_set(err, ERR_REFUSED, "%s: the server ended the dump: %s (error %d)", what, text,
                   ERRNO_SOURCE_FATAL);
}

// On a connection that stood, an error of TLS is its loss and not a wrong setting; while connecting
// its text tells. The texts are OpenSSL's and the system's.
static bool is_lost_tls(const struct wire *wire, unsigned number, const char *text)
{
    static const char *const losses[] = {"unexpected eof", "reset by peer", "roken pipe",
                                         "imed out",       "imeout",        "SYSCALL",
                                         "reason(0)",      "Success"};
    bool is_lost = wire->socket >= 0;
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        is_lost = is_lost || has_word(text, losses[i]);
    return number == ERRNO_TLS && is_lost;
}

bool wire_fail_with(struct wire *wire, const char *what, unsigned number, const char *text,
                    struct err *err)
{
    wire->last_errno = number < 2000 || (number >= 3000 && number < 5000) ? number : 0;
    if (is_denied(number))
        return fail_denied(wire, what, number, text, err);
    if (number == ERRNO_SOURCE_FATAL || number == ERRNO_SAME_ID)
        return fail_dump(wire, what, text, err);
    bool is_lost = is_lost_tls(wire, number, text);
    return err_set(err, is_lost ? ERR_RETRY : error_class(number), "%s: %s (error %u)", what, text,
                   number);
}

bool wire_fail(struct wire *wire, const char *what, struct err *err)
{
    unsigned number = mysql_errno(wire->mysql);
    return wire_fail_with(wire, what, number, mysql_error(wire->mysql), err);
}

static unsigned seconds_of(unsigned ms)
{
    return ms / 1000 + (ms % 1000 != 0);
}

static bool option(struct wire *wire, enum mysql_option name, const void *value, struct err *err)
{
    if (mysql_options(wire->mysql, name, value) == 0)
        return true;
    return err_set(err, ERR_INTERNAL, "%s does not take its option %d", wire_library(), (int)name);
}

// Timeouts are whole seconds in both libraries. A host, localhost too, is reached through TCP.
static bool configure(struct wire *wire, const struct wire_options *options, struct err *err)
{
    unsigned connect_s = seconds_of(options->connect_timeout_ms);
    unsigned read_s = seconds_of(options->read_timeout_ms);
    unsigned protocol = options->socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    unsigned long packet_bytes = WIRE_PACKET_BYTES_MAX;
    if (!option(wire, MYSQL_OPT_PROTOCOL, &protocol, err) ||
        !option(wire, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_bytes, err) ||
        !option(wire, MYSQL_SET_CHARSET_NAME, "utf8mb4", err))
        return false;
    if (connect_s && !option(wire, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s, err))
        return false;
    if (read_s && (!option(wire, MYSQL_OPT_READ_TIMEOUT, &read_s, err) ||
                   !option(wire, MYSQL_OPT_WRITE_TIMEOUT, &read_s, err)))
        return false;
    if (options->tls == WIRE_TLS_VERIFY && !options->tls_ca)
        return err_set(err, ERR_CONFIG,
                       "tls = verify needs tls_ca, the file with the authority's certificate");
    return wire_driver_configure(wire, options, err);
}

// A server may have been built without TLS, and libmariadb then goes on in the clear.
static bool check_tls(const struct wire *wire, const struct wire_options *options, struct err *err)
{
    if (options->tls != WIRE_TLS_REQUIRED && options->tls != WIRE_TLS_VERIFY)
        return true;
    if (mysql_get_ssl_cipher(wire->mysql))
        return true;
    return err_set(err, ERR_CONFIG,
                   "connecting as %s: TLS is required, but the server does not offer it; set "
                   "ssl_cert and ssl_key on the server, or tls = preferred in [source]",
                   wire->name);
}

// MariaDB puts "5.5.5-" in front of its version for the sake of old replicas.
static void note_version(struct wire *wire)
{
    const char *version = mysql_get_server_info(wire->mysql);
    wire->is_mariadb = has_word(version, "MariaDB");
    if (wire->is_mariadb && strncmp(version, "5.5.5-", 6) == 0)
        version += 6;
    snprintf(wire->version, sizeof wire->version, "%s", version);
}

static bool connect_as(struct wire *wire, const struct wire_options *options, struct err *err)
{
    char what[sizeof wire->name + 32];
    snprintf(what, sizeof what, "connecting as %s", wire->name);
    if (!mysql_real_connect(wire->mysql, options->socket ? NULL : options->host, options->user,
                            options->password, NULL, options->port, options->socket, 0))
        return wire_fail(wire, what, err);
    if (!check_tls(wire, options, err))
        return false;
    note_version(wire);
    wire->socket = dup((int)wire->mysql->net.fd);
    if (wire->socket < 0)
        return err_set(err, ERR_INTERNAL, "%s: no file descriptor left", what);
    return true;
}

static void note_name(struct wire *wire, const struct wire_options *options)
{
    const char *user = options->user ? options->user : "";
    if (options->socket)
        snprintf(wire->name, sizeof wire->name, "%s@%s", user, options->socket);
    else
        snprintf(wire->name, sizeof wire->name, "%s@%s:%u", user,
                 options->host ? options->host : "", options->port);
}

bool wire_connect(const struct wire_options *options, struct wire **wire, struct err *err)
{
    struct wire *new = mem_zalloc(sizeof *new);
    new->socket = -1;
    new->mysql = mysql_init(NULL);
    note_name(new, options);
    bool ok = new->mysql
                  ? configure(new, options, err) && connect_as(new, options, err)
                  : err_set(err, ERR_INTERNAL, "%s does not start: no memory", wire_library());
    if (ok)
        *wire = new;
    else
        wire_close(new);
    return ok;
}

void wire_close(struct wire *wire)
{
    if (!wire)
        return;
    if (wire->rows) {
        wire_interrupt(wire); // else the rest of the result would be read
        wire_rows_close(wire);
    }
    wire_driver_close(wire);
    if (wire->mysql)
        mysql_close(wire->mysql);
    if (wire->socket >= 0)
        close(wire->socket);
    free(wire);
}

void wire_interrupt(struct wire *wire)
{
    shutdown(wire->socket, SHUT_RDWR);
}

// All cells in one piece: the pointers first, then the texts, each with its NUL.
static void copy_rows(MYSQL_RES *rows, struct wire_result *result)
{
    struct buf texts = {0};
    result->n_rows = (size_t)mysql_num_rows(rows);
    result->n_columns = mysql_num_fields(rows);
    size_t n_cells = result->n_rows * result->n_columns;
    size_t *offsets = mem_alloc((n_cells + 1) * sizeof *offsets);
    size_t cell = 0;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));) {
        unsigned long *lengths = mysql_fetch_lengths(rows);
        for (size_t i = 0; i < result->n_columns; i++, cell++) {
            offsets[cell] = row[i] ? texts.len : SIZE_MAX;
            if (row[i]) {
                buf_append(&texts, row[i], lengths[i]);
                buf_char(&texts, 0);
            }
        }
    }
    result->memory = mem_alloc(n_cells * sizeof *result->cells + texts.len + 1);
    result->cells = result->memory;
    char *text = (char *)result->memory + n_cells * sizeof *result->cells;
    if (texts.len)
        memcpy(text, texts.ptr, texts.len);
    for (size_t i = 0; i < n_cells; i++)
        result->cells[i] = offsets[i] == SIZE_MAX ? NULL : text + offsets[i];
    free(offsets);
    buf_deinit(&texts);
}

// Before a statement: none is under way, none has failed.
static bool prepare(struct wire *wire, struct err *err)
{
    bool was_sent = wire->is_sent;
    wire->last_errno = 0;
    wire->is_sent = false;
    return !was_sent || mysql_read_query_result(wire->mysql) == 0 ||
           wire_fail(wire, "the statement before", err);
}

bool wire_send(struct wire *wire, const char *sql, struct err *err)
{
    if (!prepare(wire, err))
        return false;
    wire->is_sent = mysql_send_query(wire->mysql, sql, (unsigned long)strlen(sql)) == 0;
    return wire->is_sent || wire_fail(wire, sql, err);
}

bool wire_query(struct wire *wire, const char *sql, struct wire_result *result, struct err *err)
{
    if (result)
        *result = (struct wire_result){0};
    if (!prepare(wire, err))
        return false;
    if (mysql_real_query(wire->mysql, sql, (unsigned long)strlen(sql)) != 0)
        return wire_fail(wire, sql, err);
    MYSQL_RES *rows = mysql_store_result(wire->mysql);
    if (!rows && mysql_errno(wire->mysql))
        return wire_fail(wire, sql, err);
    if (rows && result)
        copy_rows(rows, result);
    if (rows)
        mysql_free_result(rows);
    return true;
}

void wire_result_deinit(struct wire_result *result)
{
    free(result->memory);
    *result = (struct wire_result){0};
}

// FNV-1a over what decides how a cell is to be read.
static uint64_t shape_of(MYSQL_RES *rows)
{
    const unsigned flags = UNSIGNED_FLAG | BINARY_FLAG | ENUM_FLAG | SET_FLAG | ZEROFILL_FLAG;
    const MYSQL_FIELD *fields = mysql_fetch_fields(rows);
    unsigned n = mysql_num_fields(rows);
    uint64_t digest = 0xcbf29ce484222325;
    for (unsigned i = 0; i < n; i++) {
        const uint64_t parts[] = {(uint64_t)fields[i].type, fields[i].charsetnr,
                                  fields[i].flags & flags, fields[i].decimals, fields[i].length};
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
            digest = (digest ^ parts[k]) * 0x100000001b3;
    }
    return digest;
}

bool wire_rows_open(struct wire *wire, struct slice sql, uint64_t *shape, struct err *err)
{
    char what[200];
    slice_to_str(what, sizeof what, sql);
    if (!prepare(wire, err))
        return false;
    if (mysql_real_query(wire->mysql, (const char *)sql.ptr, (unsigned long)sql.len) != 0)
        return wire_fail(wire, what, err);
    wire->rows = mysql_use_result(wire->mysql);
    if (!wire->rows)
        return mysql_errno(wire->mysql) ? wire_fail(wire, what, err)
                                        : err_set(err, ERR_INTERNAL, "%s: no result", what);
    if (shape)
        *shape = shape_of(wire->rows);
    return true;
}

bool wire_rows_next(struct wire *wire, struct wire_row *row, bool *found, struct err *err)
{
    MYSQL_ROW cells = mysql_fetch_row(wire->rows);
    *found = cells != NULL;
    if (!cells)
        return mysql_errno(wire->mysql) == 0 || wire_fail(wire, "reading rows", err);
    row->n_columns = mysql_num_fields(wire->rows);
    row->cells = (const char *const *)cells;
    row->lengths = mysql_fetch_lengths(wire->rows);
    return true;
}

void wire_rows_close(struct wire *wire)
{
    if (wire->rows)
        mysql_free_result(wire->rows);
    wire->rows = NULL;
}

unsigned wire_last_errno(const struct wire *wire)
{
    return wire->last_errno;
}

bool wire_is_mariadb(const struct wire *wire)
{
    return wire->is_mariadb;
}

const char *wire_server_version(const struct wire *wire)
{
    return wire->version;
}

const char *wire_name(const struct wire *wire)
{
    return wire->name;
}

// The server reads what the replica can do from user variables; those of newer names mean nothing
// to older servers. The period is in nanoseconds. Checksums: as the server writes them, so that
// nothing is computed anew.
static bool prepare_session(struct wire *wire, unsigned heartbeat_ms, struct err *err)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SET @master_binlog_checksum = @@global.binlog_checksum, "
             "@source_binlog_checksum = @@global.binlog_checksum, "
             "@master_heartbeat_period = %" PRIu64 ", @source_heartbeat_period = %" PRIu64,
             (uint64_t)heartbeat_ms * 1000000, (uint64_t)heartbeat_ms * 1000000);
    return wire_query(wire, sql, NULL, err);
}

// Capability 4: GTID events as they are, not rewritten into queries. The starting GTIDs of MariaDB
// go with the session.
static bool prepare_mariadb(struct wire *wire, const struct gtid_set *executed, struct err *err)
{
    if (!wire_query(wire, "SET @mariadb_slave_capability = 4", NULL, err))
        return false;
    if (!executed)
        return true;
    struct buf sql = {0};
    buf_str(&sql, "SET @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0, "
                  "@slave_connect_state = '");
    gtid_set_write(&sql, executed);
    buf_char(&sql, '\'');
    bool ok = wire_query(wire, buf_cstr(&sql), NULL, err);
    buf_deinit(&sql);
    return ok;
}

bool wire_dump(struct wire *wire, const struct wire_dump *dump, struct err *err)
{
    struct wire_start start = {.file = dump->executed ? "" : dump->file,
                               .pos = WIRE_POS_FIRST,
                               .server_id = dump->server_id,
                               .annotate = wire->is_mariadb};
    wire->server_id = dump->server_id;
    if (!dump->executed && dump->pos > WIRE_POS_MAX)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s:%" PRIu64 ": the protocol asks for positions up to 4 GiB only; "
                       "start from a GTID set, or from the file's beginning",
                       dump->file, dump->pos);
    if (!dump->executed && dump->pos > WIRE_POS_FIRST)
        start.pos = (uint32_t)dump->pos;
    if (!wire->is_mariadb)
        start.gtid = dump->executed;
    if (!prepare_session(wire, dump->heartbeat_ms, err))
        return false;
    if (wire->is_mariadb && !prepare_mariadb(wire, dump->executed, err))
        return false;
    return wire_driver_dump(wire, &start, err);
}

bool wire_dump_ended(const struct wire *wire, struct err *err)
{
    if (wire->server_id == 0)
        return true;
    return err_set(err, ERR_RETRY, "reading the binlog: the server ended the dump, it shuts down");
}
