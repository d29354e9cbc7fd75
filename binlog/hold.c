// SPDX-License-Identifier: Apache-2.0
// Hold: see hold.h.
//
//   entry   kind 4 · bytes n 4 · position 8, as the machine has them; then n bytes
//           event       its bytes; where it starts in its file
//           savepoint   its name; the offset of the entry of the one before it plus 1, 0: none
//
// Names of savepoints: the server compares them without regard to case and accents. Here equal
// bytes, and ASCII that differs in case only, are the same; ASCII that differs otherwise is not.
// Where anything else has to be compared it is refused and not guessed.
#include "binlog/hold.h"

#include <string.h>
#include <strings.h>

enum entry_kind { ENTRY_EVENT, ENTRY_SAVEPOINT };

struct entry {
    uint32_t kind;
    uint32_t n_bytes;
    uint64_t pos;
};

static bool append(struct spill *spill, struct hold *hold, const struct entry *entry,
                   struct slice bytes, struct err *err)
{
    return spill_append(spill, &hold->log, slice_of(entry, sizeof *entry), err) &&
           spill_append(spill, &hold->log, bytes, err);
}

bool hold_event(struct spill *spill, struct hold *hold, struct slice bytes, uint64_t pos,
                struct err *err)
{
    const struct entry entry = {ENTRY_EVENT, (uint32_t)bytes.len, pos};
    return append(spill, hold, &entry, bytes, err);
}

bool hold_savepoint(struct spill *spill, struct hold *hold, struct slice name, struct err *err)
{
    const struct entry entry = {ENTRY_SAVEPOINT, (uint32_t)name.len, hold->last_savepoint};
    hold->last_savepoint = spill_size(&hold->log) + 1;
    return append(spill, hold, &entry, name, err);
}

static bool read_entry(const struct spill *spill, const struct hold *hold, uint64_t *at,
                       struct buf *room, struct entry *entry, struct err *err)
{
    struct slice bytes;
    if (!spill_read(spill, &hold->log, *at, sizeof *entry, room, &bytes, err))
        return false;
    memcpy(entry, bytes.ptr, sizeof *entry);
    *at += sizeof *entry;
    return true;
}

static bool read_bytes(const struct spill *spill, const struct hold *hold, uint64_t *at, size_t n,
                       struct buf *room, struct slice *bytes, struct err *err)
{
    if (!spill_read(spill, &hold->log, *at, n, room, bytes, err))
        return false;
    *at += n;
    return true;
}

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 0x80)
            return false;
    return true;
}

enum same { SAME_NO, SAME_YES, SAME_UNSURE };

static enum same compare_names(struct slice a, struct slice b)
{
    if (slice_eq(a, b))
        return SAME_YES;
    if (!is_ascii(a) || !is_ascii(b))
        return SAME_UNSURE;
    bool same = a.len == b.len && strncasecmp((const char *)a.ptr, (const char *)b.ptr, a.len) == 0;
    return same ? SAME_YES : SAME_NO;
}

static bool refuse_savepoint(struct slice name, const char *why, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "ROLLBACK TO the savepoint " SLICE_FMT ": %s",
                   SLICE_ARG(name), why);
}

struct savepoint {
    enum same same;
    uint64_t offset; // of its entry
    uint64_t end;    // of its entry
    uint64_t next;   // offset plus 1 of the one that was set before it; 0: none
};

// From savepoint->next on back to the first that may have that name.
static bool find_savepoint(const struct spill *spill, const struct hold *hold, struct slice name,
                           struct savepoint *savepoint, struct err *err)
{
    struct buf room = {0};
    bool ok = true;
    savepoint->same = SAME_NO;
    while (ok && savepoint->next && savepoint->same == SAME_NO) {
        struct entry entry = {0};
        struct slice other = {0};
        savepoint->offset = savepoint->end = savepoint->next - 1;
        ok = read_entry(spill, hold, &savepoint->end, &room, &entry, err) &&
             read_bytes(spill, hold, &savepoint->end, entry.n_bytes, &room, &other, err);
        savepoint->same = ok ? compare_names(name, other) : SAME_NO;
        savepoint->next = entry.pos;
    }
    buf_deinit(&room);
    return ok;
}

// MySQL also logs savepoints that are set inside a stored function and end with it: then one of
// that name from before may be meant.
bool hold_rollback_to(struct spill *spill, struct hold *hold, struct slice name, struct err *err)
{
    struct savepoint found = {.next = hold->last_savepoint};
    if (!find_savepoint(spill, hold, name, &found, err))
        return false;
    struct savepoint other = found;
    if (found.same == SAME_YES && !hold->format.is_mariadb &&
        !find_savepoint(spill, hold, name, &other, err))
        return false;
    if (found.same == SAME_NO)
        return refuse_savepoint(name, "it was not set behind rows that are kept for it", err);
    if (found.same == SAME_UNSURE || (other.offset != found.offset && other.same != SAME_NO))
        return refuse_savepoint(name,
                                "the transaction has set another one that may have the same name "
                                "to the server; which one is meant is not in the log",
                                err);
    hold->last_savepoint = found.offset + 1;
    return spill_truncate(spill, &hold->log, found.end, err);
}

bool hold_next(const struct spill *spill, const struct hold *hold, uint64_t *at, struct buf *room,
               struct held_event *held, bool *given, struct err *err)
{
    struct entry entry;
    uint64_t size = spill_size(&hold->log);
    *given = false;
    while (*at < size && !*given) {
        if (!read_entry(spill, hold, at, room, &entry, err) ||
            !read_bytes(spill, hold, at, entry.n_bytes, room, &held->bytes, err))
            return false;
        held->pos = entry.pos;
        *given = entry.kind == ENTRY_EVENT;
    }
    return true;
}
