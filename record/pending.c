// SPDX-License-Identifier: Apache-2.0
// Pending: see pending.h.
#include "record/pending.h"

#include "common/mem.h"
#include "record/json_tape.h"
#include "record/json_writer.h"
#include "record/number_text.h"

#include <stdlib.h>

void pending_deinit(struct pending_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        gtid_set_deinit(&list->items[i].before);
    free(list->items);
    *list = (struct pending_list){0};
}

void pending_copy(struct pending_list *to, const struct pending_list *from)
{
    if (to->n == 0 && from->n == 0)
        return;
    pending_deinit(to);
    if (from->n == 0)
        return;
    to->items = mem_zalloc(from->n * sizeof *to->items);
    for (size_t i = 0; i < from->n; i++) {
        to->items[i] = from->items[i];
        to->items[i].before = (struct gtid_set){0};
        gtid_set_copy(&to->items[i].before, &from->items[i].before);
    }
    to->n = from->n;
}

struct pending_xa *pending_find(const struct pending_list *list, const char *xid)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].xid, xid) == 0)
            return &list->items[i];
    return NULL;
}

struct pending_xa *pending_add(struct pending_list *list, const char *xid)
{
    list->items = mem_realloc(list->items, (list->n + 1) * sizeof *list->items);
    struct pending_xa *added = &list->items[list->n++];
    *added = (struct pending_xa){.gtid.kind = GTID_NONE};
    size_t n = strlen(xid);
    memcpy(added->xid, xid, n < sizeof added->xid ? n : sizeof added->xid - 1);
    return added;
}

void pending_remove(struct pending_list *list, const char *xid)
{
    struct pending_xa *found = pending_find(list, xid);
    if (!found)
        return;
    gtid_set_deinit(&found->before);
    size_t at = (size_t)(found - list->items);
    memmove(found, found + 1, (list->n - at - 1) * sizeof *found);
    list->n--;
}

static void write_one(struct buf *out, const struct pending_xa *pending)
{
    char gtid[GTID_TEXT_MAX];
    struct buf before = {0};
    size_t n = pending->gtid.kind == GTID_NONE ? 0 : gtid_write(gtid, &pending->gtid);
    gtid_set_write(&before, &pending->before);
    buf_str(out, "{\"xid\":");
    json_write_string(out, slice_of_str(pending->xid));
    buf_str(out, ",\"gtid\":");
    json_write_string(out, slice_of(gtid, n));
    buf_str(out, ",\"file\":");
    json_write_string(out, slice_of_str(pending->file));
    buf_str(out, ",\"pos\":");
    number_write_u64(out, pending->pos);
    buf_str(out, ",\"before\":");
    json_write_string(out, buf_bytes(&before));
    buf_char(out, '}');
    buf_deinit(&before);
}

void pending_write(struct buf *out, const struct pending_list *list)
{
    buf_char(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            buf_char(out, ',');
        write_one(out, &list->items[i]);
    }
    buf_char(out, ']');
}

enum { AT_XID, AT_GTID, AT_FILE, AT_POS, AT_BEFORE, N_FIELDS };
static const char *const fields[N_FIELDS] = {
    [AT_XID] = "xid", [AT_GTID] = "gtid",     [AT_FILE] = "file",
    [AT_POS] = "pos", [AT_BEFORE] = "before",
};

static bool read_text(const struct json_tape *tape, const struct json_token *token, char *to,
                      size_t size, struct err *err)
{
    struct arena arena = {0};
    struct slice text;
    bool ok = json_string(tape, token, &arena, &text, err);
    if (ok && (text.len >= size || (text.len > 0 && memchr(text.ptr, 0, text.len))))
        ok = json_expected(tape, token, "a shorter text", err);
    if (ok && text.len > 0)
        memcpy(to, text.ptr, text.len);
    if (ok)
        to[text.len] = '\0';
    arena_deinit(&arena);
    return ok;
}

static bool as_corrupt(struct err *err)
{
    err->class = ERR_CORRUPT;
    return err_wrap(err, "a pending XA transaction");
}

static bool read_one(struct pending_list *list, const struct json_tape *tape,
                     const struct json_token *object, struct err *err)
{
    const struct json_token *at[N_FIELDS];
    char xid[PENDING_XID_MAX];
    char gtid[GTID_TEXT_MAX];
    if (object->kind != JSON_OBJECT)
        return json_expected(tape, object, "an object", err);
    if (!json_members(tape, object, fields, N_FIELDS, at, err) ||
        !read_text(tape, at[AT_XID], xid, sizeof xid, err))
        return false;
    struct pending_xa *added = pending_add(list, xid);
    struct arena arena = {0};
    struct slice before;
    bool ok = read_text(tape, at[AT_GTID], gtid, sizeof gtid, err) &&
              read_text(tape, at[AT_FILE], added->file, sizeof added->file, err) &&
              json_u64(tape, at[AT_POS], UINT64_MAX, &added->pos, err) &&
              json_string(tape, at[AT_BEFORE], &arena, &before, err);
    if (ok && *gtid && !gtid_parse(&added->gtid, slice_of_str(gtid), err))
        ok = as_corrupt(err);
    if (ok && !gtid_set_parse(&added->before, before, err))
        ok = as_corrupt(err);
    arena_deinit(&arena);
    return ok;
}

bool pending_read(struct pending_list *list, struct slice json, struct err *err)
{
    struct json_tape tape = {0};
    pending_deinit(list);
    bool ok = json_tape_parse(&tape, json, 0, 2, err);
    if (ok && tape.tokens[0].kind != JSON_ARRAY)
        ok = json_expected(&tape, tape.tokens, "an array", err);
    for (size_t i = 1; ok && i < tape.n_tokens; i = tape.tokens[i].next)
        ok = list->n < PENDING_MAX ? read_one(list, &tape, &tape.tokens[i], err)
                                   : json_expected(&tape, &tape.tokens[i], "fewer members", err);
    if (!ok)
        pending_deinit(list);
    json_tape_deinit(&tape);
    return ok;
}
