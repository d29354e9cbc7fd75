// SPDX-License-Identifier: Apache-2.0
// MySQL: see mysql.h.
#include "verify/mysql.h"

#include "common/hosts.h"
#include "common/mem.h"
#include "common/stop.h"

#include <mysql.h>
#include <stdlib.h>

#define COLUMNS_MAX 4200
#define READ_TIMEOUT_S 600
#define PACKET_BYTES_MAX (1024ul << 20)
#define TEXT_LIMIT 300

struct mysql {
    MYSQL *handle;
    bool is_mariadb;
};

static bool fail(const struct mysql *mysql, const char *what, struct err *err)
{
    unsigned number = mysql_errno(mysql->handle);
    bool is_lost = (number >= 2000 && number < 3000) || number == 1053 || number == 1317 ||
                   number == 1205 || number == 1213;
    return err_set(err, is_lost ? ERR_RETRY : ERR_REFUSED, "source: %s (error %u), in: %.*s",
                   mysql_error(mysql->handle), number, TEXT_LIMIT, what);
}

#ifdef MARIADB_PACKAGE_VERSION
static bool set_tls(MYSQL *handle, const struct config_source *source)
{
    my_bool use = strcmp(source->tls, "off") != 0;
    my_bool verify = strcmp(source->tls, "verify") == 0;
    my_bool reconnect = 0;
    if (use)
        mysql_ssl_set(handle, source->tls_key[0] ? source->tls_key : NULL,
                      source->tls_cert[0] ? source->tls_cert : NULL,
                      source->tls_ca[0] ? source->tls_ca : NULL, NULL, NULL);
    return !mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &use) &&
           !mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify) &&
           !mysql_optionsv(handle, MYSQL_OPT_RECONNECT, &reconnect);
}
#else
static enum mysql_ssl_mode ssl_mode(const char *tls)
{
    if (strcmp(tls, "off") == 0)
        return SSL_MODE_DISABLED;
    if (strcmp(tls, "required") == 0)
        return SSL_MODE_REQUIRED;
    return strcmp(tls, "verify") == 0 ? SSL_MODE_VERIFY_IDENTITY : SSL_MODE_PREFERRED;
}

static bool set_tls(MYSQL *handle, const struct config_source *source)
{
    enum mysql_ssl_mode mode = ssl_mode(source->tls);
    bool get_key = true;
#ifdef WIRE_PLUGIN_DIR
    if (!getenv("LIBMYSQL_PLUGIN_DIR") && mysql_options(handle, MYSQL_PLUGIN_DIR, WIRE_PLUGIN_DIR))
        return false;
#endif
    if (source->tls_ca[0] && mysql_options(handle, MYSQL_OPT_SSL_CA, source->tls_ca))
        return false;
    if (source->tls_cert[0] && (mysql_options(handle, MYSQL_OPT_SSL_CERT, source->tls_cert) ||
                                mysql_options(handle, MYSQL_OPT_SSL_KEY, source->tls_key)))
        return false;
    return !mysql_options(handle, MYSQL_OPT_SSL_MODE, &mode) &&
           !mysql_options(handle, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &get_key);
}
#endif

static bool configure(MYSQL *handle, const struct config_source *source)
{
    unsigned connect_s = (unsigned)(source->connect_timeout_ms + 999) / 1000;
    unsigned read_s = READ_TIMEOUT_S;
    unsigned protocol = source->socket[0] ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    unsigned long packet_bytes = PACKET_BYTES_MAX;
    return !mysql_options(handle, MYSQL_OPT_PROTOCOL, &protocol) &&
           !mysql_options(handle, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_bytes) &&
           !mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4") &&
           !mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s) &&
           !mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &read_s) && set_tls(handle, source);
}

// Without TLS where it is asked for nothing is read: libmariadb would go on in the clear.
static bool check_tls(struct mysql *mysql, const struct config_source *source, struct err *err)
{
    bool must = strcmp(source->tls, "required") == 0 || strcmp(source->tls, "verify") == 0;
    return !must || mysql_get_ssl_cipher(mysql->handle) ||
           err_set(err, ERR_CONFIG, "source: [source] tls is required, and the server offers none");
}

// What the statements rely on: no conversion of texts, UTC, no padding; each statement sees what is
// committed when it begins.
static bool start_session(struct mysql *mysql, struct err *err)
{
    return mysql_each(
               mysql,
               "SET SESSION character_set_results = NULL, time_zone = '+00:00', "
               "sql_mode = '' /*!80030 , show_gipk_in_create_table_and_information_schema = ON */",
               NULL, NULL, err) &&
           mysql_each(mysql, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", NULL, NULL,
                      err);
}

static bool connect_to(const struct config *config, const struct host *host, struct mysql **mysql,
                       struct err *err)
{
    const struct config_source *source = &config->source;
    struct mysql *made = mem_zalloc(sizeof *made);
    bool by_socket = source->socket[0] != '\0';
    made->handle = mysql_init(NULL);
    bool done = made->handle && configure(made->handle, source);
    if (!done)
        err_set(err, ERR_INTERNAL, "source: the client library refuses its options");
    if (done && !mysql_real_connect(made->handle, by_socket ? NULL : host->name, source->user,
                                    source->password, NULL, host->port,
                                    by_socket ? source->socket : NULL, 0))
        done = fail(made, "connecting", err);
    done = done && check_tls(made, source, err);
    if (done) {
        made->is_mariadb = strstr(mysql_get_server_info(made->handle), "MariaDB") != NULL;
        done = start_session(made, err);
    }
    if (!done) {
        mysql_shut(made);
        made = NULL;
    }
    *mysql = made;
    return done;
}

static bool is_server(struct mysql *mysql, const char *server, struct err *err)
{
    struct buf name = {0};
    bool is = mysql_server(mysql, &name, err) && slice_eq_str(buf_bytes(&name), server);
    buf_deinit(&name);
    return is;
}

bool mysql_open(const struct config *config, const char *server, struct mysql **mysql,
                struct err *err)
{
    struct hosts hosts;
    *mysql = NULL;
    if (!hosts_parse(&hosts, config->source.host, (unsigned)config->source.port, err))
        return false;
    if (hosts.n == 1 || config->source.socket[0])
        return connect_to(config, &hosts.items[0], mysql, err);
    for (size_t i = 0; i < hosts.n; i++) {
        if (!connect_to(config, &hosts.items[i], mysql, err))
            continue;
        if (!server || !server[0] || is_server(*mysql, server, err))
            return true;
        mysql_shut(*mysql);
        *mysql = NULL;
    }
    return err_set(err, ERR_UNAVAILABLE,
                   "source: none of %s that answers is the server that the publisher reads (%s)",
                   config->source.host, server ? server : "any");
}

void mysql_shut(struct mysql *mysql)
{
    if (!mysql)
        return;
    if (mysql->handle)
        mysql_close(mysql->handle);
    free(mysql);
}

static bool hand_over(MYSQL_RES *result, mysql_row_fn *fn, void *into, struct err *err)
{
    unsigned n = mysql_num_fields(result);
    struct cell cells[COLUMNS_MAX];
    if (n > COLUMNS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "source: a result of %u columns", n);
    for (MYSQL_ROW row; (row = mysql_fetch_row(result));) {
        const unsigned long *lengths = mysql_fetch_lengths(result);
        for (unsigned i = 0; i < n; i++)
            cells[i] = (struct cell){slice_of(row[i], row[i] ? lengths[i] : 0), !row[i]};
        if (!fn(into, cells, err))
            return false;
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped");
    }
    return true;
}

bool mysql_each(struct mysql *mysql, const char *sql, mysql_row_fn *fn, void *into, struct err *err)
{
    if (mysql_real_query(mysql->handle, sql, (unsigned long)strlen(sql)) != 0)
        return fail(mysql, sql, err);
    MYSQL_RES *result = mysql_use_result(mysql->handle);
    if (!result)
        return !mysql_errno(mysql->handle) || fail(mysql, sql, err);
    bool done = !fn || hand_over(result, fn, into, err);
    // What was read says nothing when the connection broke on the way.
    if (done && mysql_errno(mysql->handle))
        done = fail(mysql, sql, err);
    mysql_free_result(result);
    return done;
}

struct first {
    struct buf *out;
    bool is_done;
};

static bool take_first(void *into, const struct cell *cells, struct err *err)
{
    struct first *first = into;
    (void)err;
    if (!first->is_done)
        buf_slice(first->out, cells[0].text);
    first->is_done = true;
    return true;
}

bool mysql_text(struct mysql *mysql, const char *sql, struct buf *out, struct err *err)
{
    struct first first = {out, false};
    return mysql_each(mysql, sql, take_first, &first, err);
}

bool mysql_server(struct mysql *mysql, struct buf *out, struct err *err)
{
    if (!mysql->is_mariadb)
        return mysql_text(mysql, "SELECT @@server_uuid", out, err);
    buf_str(out, "server_id ");
    return mysql_text(mysql, "SELECT @@server_id", out, err);
}

bool mysql_is_mariadb(const struct mysql *mysql)
{
    return mysql->is_mariadb;
}

void mysql_quote_name(struct buf *out, struct slice name)
{
    buf_char(out, '`');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '`')
            buf_char(out, '`');
        buf_char(out, (char)name.ptr[i]);
    }
    buf_char(out, '`');
}

void mysql_hex(struct buf *out, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    buf_str(out, "x'");
    for (size_t i = 0; i < bytes.len; i++) {
        buf_char(out, digits[bytes.ptr[i] >> 4]);
        buf_char(out, digits[bytes.ptr[i] & 15]);
    }
    buf_char(out, '\'');
}
