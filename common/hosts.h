// SPDX-License-Identifier: Apache-2.0
// Hosts: the list in [source] host, "db1, db2:3307, [2001:db8::1]:3306", in its order. An entry
// with more than one colon and no brackets is an IPv6 address without a port.
#ifndef TAILRACE_COMMON_HOSTS_H
#define TAILRACE_COMMON_HOSTS_H

#include "common/err.h"

#define HOSTS_MAX 16
#define HOST_NAME_BYTES 256 // with the NUL

struct host {
    char name[HOST_NAME_BYTES]; // without brackets
    unsigned port;
};

struct hosts {
    struct host items[HOSTS_MAX];
    size_t n; // from 1
};

// ERR_CONFIG for an empty list or entry, a port that is none, or too many.
MUST_CHECK bool hosts_parse(struct hosts *hosts, const char *text, unsigned default_port,
                            struct err *err);

#endif
