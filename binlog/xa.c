// SPDX-License-Identifier: Apache-2.0
// XA: see xa.h. MySQL manual: "XA Transactions".
//
//   XA_PREPARE_LOG_EVENT   one phase 1 · format 4 · length of the first part 4 · of the second 4 ·
//                          both parts, each of at most 64 bytes
//
// Of MySQL the prepared part is GTID, XA START (a query), rows, XA END (a query), the event above;
// of MariaDB the GTID event says that it is one. XA COMMIT and XA ROLLBACK are queries with a GTID
// of their own. ONE PHASE means that no XA COMMIT follows.
#include "binlog/xa.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define PART_BYTES_MAX 64
#define SHOWN_BYTES 80

static size_t put_part(char *to, struct slice part)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    to[n++] = 'X';
    to[n++] = '\'';
    for (size_t i = 0; i < part.len; i++) {
        to[n++] = digits[part.ptr[i] >> 4];
        to[n++] = digits[part.ptr[i] & 15];
    }
    to[n++] = '\'';
    to[n++] = ',';
    return n;
}

bool xa_read_prepare(const struct event *event, char xid[PENDING_XID_MAX], bool *one_phase,
                     struct err *err)
{
    struct cursor cur = event_cursor(event);
    *one_phase = cursor_u8(&cur) != 0;
    uint32_t format = cursor_u32(&cur);
    uint32_t first_bytes = cursor_u32(&cur);
    uint32_t second_bytes = cursor_u32(&cur);
    if (!cur.failed && (first_bytes > PART_BYTES_MAX || second_bytes > PART_BYTES_MAX))
        return err_at(err, ERR_CORRUPT, cursor_offset(&cur),
                      "XA names of %u and %u bytes cannot be", first_bytes, second_bytes);
    struct slice first = cursor_bytes(&cur, first_bytes);
    struct slice second = cursor_bytes(&cur, second_bytes);
    if (cur.failed)
        return event_too_short(event, &cur, err);
    size_t n = put_part(xid, first);
    n += put_part(xid + n, second);
    (void)snprintf(xid + n, PENDING_XID_MAX - n, "%u", format);
    return true;
}

static bool skip(struct slice *text, const char *prefix)
{
    size_t n = strlen(prefix);
    if (text->len < n || strncasecmp((const char *)text->ptr, prefix, n) != 0)
        return false;
    *text = slice_of(text->ptr + n, text->len - n);
    return true;
}

static int lower_hex(uint8_t c)
{
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 'a';
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? c : 0;
}

// X'…', and copies it with digits in lower case.
static bool take_part(struct slice *text, char *to, size_t *n)
{
    size_t digits = 0;
    if (!skip(text, "X'"))
        return false;
    to[(*n)++] = 'X';
    to[(*n)++] = '\'';
    while (text->len && lower_hex(*text->ptr) && digits < (size_t)2 * PART_BYTES_MAX) {
        to[(*n)++] = (char)lower_hex(*text->ptr);
        *text = slice_of(text->ptr + 1, text->len - 1);
        digits++;
    }
    to[(*n)++] = '\'';
    to[(*n)++] = ',';
    return digits % 2 == 0 && skip(text, "',");
}

static bool take_number(struct slice *text, char *to, size_t *n)
{
    size_t digits = 0;
    while (text->len && *text->ptr >= '0' && *text->ptr <= '9' && digits < 10) {
        to[(*n)++] = (char)*text->ptr;
        *text = slice_of(text->ptr + 1, text->len - 1);
        digits++;
    }
    to[*n] = '\0';
    return digits > 0 && text->len == 0;
}

static bool take_verb(struct slice *text, enum xa_verb *verb)
{
    static const char *const verbs[] = {
        [XA_START] = "XA START ",
        [XA_END] = "XA END ",
        [XA_COMMIT] = "XA COMMIT ",
        [XA_ROLLBACK] = "XA ROLLBACK ",
    };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        *verb = (enum xa_verb)i;
        if (skip(text, verbs[i]))
            return true;
    }
    return false;
}

bool xa_parse(struct xa_statement *xa, struct slice statement, struct err *err)
{
    struct slice text = statement;
    size_t n = 0;
    if (take_verb(&text, &xa->verb) && take_part(&text, xa->xid, &n) &&
        take_part(&text, xa->xid, &n) && take_number(&text, xa->xid, &n))
        return true;
    int shown = statement.len < SHOWN_BYTES ? (int)statement.len : SHOWN_BYTES;
    return err_set(err, ERR_UNSUPPORTED,
                   "the XA statement \"%.*s\" is of no known form (XA START X'…',X'…',N and so on)",
                   shown, (const char *)statement.ptr);
}

void xa_list_add_take(struct xa_list *list, const char *xid, struct hold *hold)
{
    struct xa_held *held = mem_zalloc(sizeof *held);
    (void)snprintf(held->xid, sizeof held->xid, "%s", xid);
    held->hold = *hold;
    *hold = (struct hold){0};
    held->next = list->first;
    list->first = held;
}

struct xa_held *xa_list_find(const struct xa_list *list, const char *xid)
{
    struct xa_held *held = list->first;
    while (held && strcmp(held->xid, xid) != 0)
        held = held->next;
    return held;
}

static void drop(struct xa_held *held, struct spill *spill)
{
    spill_drop(spill, &held->hold.log);
    free(held);
}

void xa_list_remove(struct xa_list *list, struct spill *spill, const char *xid)
{
    struct xa_held **at = &list->first;
    while (*at && strcmp((*at)->xid, xid) != 0)
        at = &(*at)->next;
    struct xa_held *found = *at;
    if (!found)
        return;
    *at = found->next;
    drop(found, spill);
}

void xa_list_clear(struct xa_list *list, struct spill *spill)
{
    while (list->first) {
        struct xa_held *held = list->first;
        list->first = held->next;
        drop(held, spill);
    }
}
