// SPDX-License-Identifier: Apache-2.0
// Pending: XA transactions that were prepared and are neither committed nor rolled back yet. Their
// rows are in the log, and are changes only when the commit comes: until then a position names the
// place where they lie, so that they can be read again.
#ifndef TAILRACE_RECORD_PENDING_H
#define TAILRACE_RECORD_PENDING_H

#include "record/gtid.h"

#define PENDING_FILE_MAX 512
#define PENDING_XID_MAX 288 // X'…',X'…',N with 128 bytes in the two parts, and the NUL
#define PENDING_MAX 1000    // at one time; more are refused

struct pending_xa {
    char xid[PENDING_XID_MAX];   // as the server writes it: X'61',X'',1
    struct gtid gtid;            // of its prepare; GTID_NONE: it has none
    char file[PENDING_FILE_MAX]; // where its prepare starts in the log
    uint64_t pos;
    struct gtid_set before; // MariaDB: executed when it started, as a dump cannot leave gaps there
};

// In the order of the log.
struct pending_list {
    struct pending_xa *items;
    size_t n;
};

// {0} is the empty list. copy replaces what `to` had.
void pending_deinit(struct pending_list *list);
void pending_copy(struct pending_list *to, const struct pending_list *from);

// NULL where there is none.
struct pending_xa *pending_find(const struct pending_list *list, const char *xid);

// Adds one at the end, empty but for its name.
struct pending_xa *pending_add(struct pending_list *list, const char *xid);
void pending_remove(struct pending_list *list, const char *xid); // nothing where there is none

// As a JSON array: [{"xid":"X'61',X'',1","gtid":"…","file":"binlog.000002","pos":1234,"before":""}]
void pending_write(struct buf *out, const struct pending_list *list);
// Replaces the list. ERR_CORRUPT.
MUST_CHECK bool pending_read(struct pending_list *list, struct slice json, struct err *err);

#endif
