// SPDX-License-Identifier: Apache-2.0
// XA: the statements and events of XA transactions, and the list of those that are prepared and not
// decided yet, with their events.
#ifndef TAILRACE_BINLOG_XA_H
#define TAILRACE_BINLOG_XA_H

#include "binlog/hold.h"

enum xa_verb { XA_START, XA_END, XA_COMMIT, XA_ROLLBACK };

struct xa_statement {
    enum xa_verb verb;
    char xid[PENDING_XID_MAX]; // as the server writes it: X'61',X'',1, digits in lower case
};

// Reads "XA START X'61',X'',1". ERR_UNSUPPORTED for any other form.
MUST_CHECK bool xa_parse(struct xa_statement *xa, struct slice statement, struct err *err);

// Reads an XA_PREPARE_LOG_EVENT: the name, and whether it is XA COMMIT … ONE PHASE. ERR_CORRUPT.
MUST_CHECK bool xa_read_prepare(const struct event *event, char xid[PENDING_XID_MAX],
                                bool *one_phase, struct err *err);

struct xa_held {
    char xid[PENDING_XID_MAX];
    struct hold hold;
    struct xa_held *next;
};

struct xa_list {
    struct xa_held *first;
};

// Takes the hold over and leaves {0}.
void xa_list_add_take(struct xa_list *list, const char *xid, struct hold *hold);
struct xa_held *xa_list_find(const struct xa_list *list, const char *xid); // NULL: none
void xa_list_remove(struct xa_list *list, struct spill *spill, const char *xid);
void xa_list_clear(struct xa_list *list, struct spill *spill);

#endif
