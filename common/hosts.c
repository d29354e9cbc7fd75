// SPDX-License-Identifier: Apache-2.0
// Hosts: see hosts.h.
#include "common/hosts.h"

#include "common/slice.h"

#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535
#define PORT_DIGITS 5

static struct slice trim(struct slice text)
{
    while (text.len > 0 && text.ptr[0] == ' ')
        text = (struct slice){text.ptr + 1, text.len - 1};
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

// The colon before a port, or NULL.
static const uint8_t *find_port(struct slice entry)
{
    const uint8_t *colon = NULL;
    size_t n_colons = 0;
    for (size_t i = entry.len; i > 0 && entry.ptr[i - 1] != ']'; i--)
        if (entry.ptr[i - 1] == ':') {
            colon = entry.ptr + i - 1;
            n_colons++;
        }
    return n_colons == 1 ? colon : NULL;
}

static bool parse_port(struct slice text, unsigned *port)
{
    *port = 0;
    if (text.len == 0 || text.len > PORT_DIGITS)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *port = *port * 10 + (unsigned)(text.ptr[i] - '0');
    }
    return *port > 0 && *port <= PORT_MAX;
}

static bool parse_host(struct host *host, struct slice entry, unsigned default_port)
{
    const uint8_t *colon = find_port(entry);
    struct slice name = entry;
    host->port = default_port;
    if (colon) {
        name.len = (size_t)(colon - entry.ptr);
        if (!parse_port(slice_of(colon + 1, entry.len - name.len - 1), &host->port))
            return false;
    }
    if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
        name = (struct slice){name.ptr + 1, name.len - 2};
    if (name.len == 0 || name.len >= sizeof host->name || memchr(name.ptr, '[', name.len) ||
        memchr(name.ptr, ']', name.len) || memchr(name.ptr, ' ', name.len))
        return false;
    memcpy(host->name, name.ptr, name.len);
    host->name[name.len] = '\0';
    return true;
}

bool hosts_parse(struct hosts *hosts, const char *text, unsigned default_port, struct err *err)
{
    hosts->n = 0;
    for (const char *at = text; at;) {
        const char *comma = strchr(at, ',');
        struct slice entry = trim(slice_of(at, comma ? (size_t)(comma - at) : strlen(at)));
        if (hosts->n == HOSTS_MAX)
            return err_set(err, ERR_CONFIG, "[source] host: more than %d servers", HOSTS_MAX);
        if (!parse_host(&hosts->items[hosts->n++], entry, default_port))
            return err_set(err, ERR_CONFIG,
                           "[source] host: \"" SLICE_FMT "\" is no HOST, HOST:PORT or "
                           "[IPV6]:PORT",
                           SLICE_ARG(entry));
        at = comma ? comma + 1 : NULL;
    }
    return true;
}
