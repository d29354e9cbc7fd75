// SPDX-License-Identifier: Apache-2.0
// Pick: see pick.h.
#include "publisher/pick.h"

#include "common/log.h"
#include "common/stop.h"
#include "publisher/session.h"

#include <stdio.h>
#include <string.h>

// Servers that replicate to each other have the same transactions a moment later.
#define TRIES 10
#define PAUSE_MS 200

static void close_server(struct pick_server *one)
{
    if (one->wire)
        wire_close(one->wire);
    one->wire = NULL;
    server_deinit(&one->server);
}

// Failing it is left out, with its reason.
static bool ask(struct pick_server *one)
{
    server_deinit(&one->server);
    one->err = (struct err){0};
    if (server_read(one->wire, &one->server, &one->err))
        return true;
    close_server(one);
    return false;
}

static void open_server(struct pick *pick, size_t i, const struct config *config)
{
    struct pick_server *one = &pick->servers[i];
    const struct host *host = &pick->hosts.items[i];
    session_wire_options(config, &one->options);
    one->options.host = host->name;
    one->options.port = host->port;
    snprintf(one->name, sizeof one->name, "%s:%u", host->name, host->port);
    if (wire_connect(&one->options, &one->wire, &one->err))
        ask(one);
    if (!one->wire && pick->hosts.n > 1)
        log_warn("a server of [source] host cannot be read from",
                 LOG_FIELDS(log_str("server", one->name), log_str("reason", one->err.text)));
}

// A server that takes writes says what counts, whatever the others may still bring.
static bool is_final(const struct pick_server *one)
{
    return one->wire && !one->server.is_replica && one->err.class == ERR_REFUSED;
}

static enum err_class class_of_all(const struct pick *pick)
{
    enum err_class class = pick->servers[0].err.class;
    for (size_t i = 0; i < pick->hosts.n; i++)
        if (is_final(&pick->servers[i]))
            return ERR_REFUSED;
    for (size_t i = 0; i < pick->hosts.n; i++)
        if (pick->servers[i].err.class == ERR_RETRY)
            class = ERR_RETRY;
    return class;
}

static bool fail_none(const struct pick *pick, struct err *err)
{
    struct buf reasons = {0};
    if (pick->hosts.n == 1) {
        *err = pick->servers[0].err;
        return false;
    }
    for (size_t i = 0; i < pick->hosts.n; i++)
        buf_printf(&reasons, " (%zu) %s: %s", i + 1, pick->servers[i].name,
                   pick->servers[i].err.text);
    err_set(err, class_of_all(pick), "no server of [source] host can be read from:%s",
            buf_cstr(&reasons));
    buf_deinit(&reasons);
    return false;
}

bool pick_open(struct pick *pick, const struct config *config, struct err *err)
{
    const struct config_source *source = &config->source;
    *pick = (struct pick){0};
    if (*source->socket) {
        pick->hosts.n = 1;
        snprintf(pick->hosts.items[0].name, HOST_NAME_BYTES, "localhost");
    } else if (!hosts_parse(&pick->hosts, source->host, (unsigned)source->port, err)) {
        pick->hosts.n = 0;
        return false;
    }
    for (size_t i = 0; i < pick->hosts.n; i++)
        open_server(pick, i, config);
    return pick_first(pick) || fail_none(pick, err);
}

struct pick_server *pick_first(struct pick *pick)
{
    for (size_t i = 0; i < pick->hosts.n; i++)
        if (pick->servers[i].wire)
            return &pick->servers[i];
    return NULL;
}

// Has `other` what `one` lacks? `one` is asked again, as it may have got it since.
static bool is_behind(struct pick_server *one, const struct pick_server *other, struct buf *gap)
{
    if (other->server.is_replica && !one->server.is_replica)
        return false;
    buf_clear(gap);
    server_lacks(&one->server, &other->server.executed, gap);
    if (gap->len == 0 || !ask(one))
        return false;
    buf_clear(gap);
    server_lacks(&one->server, &other->server.executed, gap);
    return gap->len > 0;
}

// A server without what is published goes on with another history, or is behind: what it has
// besides does not count.
static bool counts(const struct pick *pick, const struct pick_server *one,
                   const struct position *position)
{
    struct buf gap = {0};
    if (position)
        server_lacks(&one->server, &position->executed, &gap);
    if (pick->shown)
        server_lacks(&one->server, pick->shown, &gap);
    bool has_all = gap.len == 0;
    buf_deinit(&gap);
    return has_all;
}

// A row that was copied from a primary may show what died with it.
static bool has_shown(const struct pick *pick, struct pick_server *one)
{
    struct buf gap = {0};
    if (pick->shown)
        server_lacks(&one->server, pick->shown, &gap);
    bool has = gap.len == 0;
    if (!has)
        err_set(&one->err, one->server.is_replica ? ERR_RETRY : ERR_REFUSED,
                "%s: rows of a snapshot that are published show transactions which this server %s "
                "executed: %s; connect to the one that has, or start over with `tailrace offsets "
                "reset publisher --to earliest` and copy the tables again with `tailrace snapshot`",
                wire_name(one->wire), one->server.is_replica ? "has not" : "never", buf_cstr(&gap));
    buf_deinit(&gap);
    return has;
}

// Sets its err where it is not the one.
static bool is_good(struct pick *pick, struct pick_server *one, const struct position *position)
{
    struct buf gap = {0};
    bool good = (!position || server_has(one->wire, &one->server, position, &one->err)) &&
                has_shown(pick, one);
    for (size_t i = 0; good && i < pick->hosts.n; i++) {
        const struct pick_server *other = &pick->servers[i];
        if (other == one || !other->wire || !counts(pick, other, position) ||
            !is_behind(one, other, &gap))
            continue;
        good = err_set(&one->err, one->server.is_replica ? ERR_RETRY : ERR_REFUSED,
                       "it lacks transactions that %s has: %s; if both take writes, take the one "
                       "that does not count out of the list",
                       other->name, buf_cstr(&gap));
    }
    buf_deinit(&gap);
    return good && one->wire;
}

static struct pick_server *choose(struct pick *pick, const struct position *position)
{
    for (size_t i = 0; i < pick->hosts.n; i++)
        if (pick->servers[i].wire)
            ask(&pick->servers[i]);
    for (size_t i = 0; i < pick->hosts.n; i++)
        if (pick->servers[i].wire && is_good(pick, &pick->servers[i], position))
            return &pick->servers[i];
    return NULL;
}

bool pick_choose(struct pick *pick, const struct position *position, struct pick_server **chosen,
                 struct err *err)
{
    size_t tries = pick->hosts.n > 1 ? TRIES : 1;
    *chosen = choose(pick, position);
    while (!*chosen && --tries > 0 && pick_first(pick)) {
        if (!stop_sleep_ms(PAUSE_MS))
            return err_set(err, ERR_STOPPED, "stopped while a server was chosen");
        *chosen = choose(pick, position);
    }
    if (!*chosen)
        return fail_none(pick, err);
    if (pick->hosts.n > 1)
        log_info("reading from", LOG_FIELDS(log_str("server", (*chosen)->name)));
    return true;
}

void pick_deinit(struct pick *pick)
{
    for (size_t i = 0; i < pick->hosts.n; i++)
        close_server(&pick->servers[i]);
}
