// SPDX-License-Identifier: Apache-2.0
// Canon: a row in the form in which both sides are compared: an entry for each column in column
// order, then one for each thing that should not be there. Equal rows have equal bytes.
//   entry   tag 1 byte, length 4 bytes, content
// The content is in the target's own terms: what the source's value has to be there (written by
// text.c or bson.c from the server's text) against what is there. For an extra thing it is the
// name, a NUL byte and the content.
#ifndef TAILRACE_VERIFY_CANON_H
#define TAILRACE_VERIFY_CANON_H

#include "common/buf.h"

enum canon_tag {
    CANON_NULL = 'N',
    CANON_VALUE = 'V',
    CANON_BAD_TEXT = 'B', // bytes that are no text of the column's character set
    CANON_ABSENT = 'A',   // no such field
    CANON_WRONG = 'W',    // there, but no value that the column could have: its text
    CANON_EXTRA = 'X',
};

struct canon_entry {
    enum canon_tag tag;
    struct slice content;
};

// Begins an entry; its content is appended to `out`, then canon_end is called with what this
// returned.
static inline size_t canon_begin(struct buf *out, enum canon_tag tag)
{
    uint8_t *to = buf_reserve(out, 5);
    to[0] = (uint8_t)tag;
    out->len += 5;
    return out->len;
}

static inline void canon_end(struct buf *out, size_t start)
{
    uint32_t len = (uint32_t)(out->len - start);
    memcpy(out->ptr + start - 4, &len, sizeof len);
}

static inline void canon_put(struct buf *out, enum canon_tag tag, struct slice content)
{
    size_t start = canon_begin(out, tag);
    buf_slice(out, content);
    canon_end(out, start);
}

// Takes the next entry off; false at the end.
static inline bool canon_next(struct slice *row, struct canon_entry *entry)
{
    uint32_t len;
    if (row->len < 5)
        return false;
    memcpy(&len, row->ptr + 1, sizeof len);
    if (len > row->len - 5)
        return false;
    *entry = (struct canon_entry){(enum canon_tag)row->ptr[0], slice_of(row->ptr + 5, len)};
    *row = slice_of(row->ptr + 5 + len, row->len - 5 - len);
    return true;
}

#endif
