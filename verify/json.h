// SPDX-License-Identifier: Apache-2.0
// JSON: texts in one form, so that equal documents have equal bytes: no spaces, numbers as they
// stand, keys in their order, strings with the fewest escapes. Read by yajl, which hands numbers
// over as text; nothing of record/ has a part in it.
#ifndef TAILRACE_VERIFY_JSON_H
#define TAILRACE_VERIFY_JSON_H

#include "common/buf.h"

// Appends it; false where the text is no JSON (what was appended then is of no use).
bool json_canonical(struct buf *out, struct slice text);

// Appends a JSON text as it stands, but without the spaces between its parts.
void json_squeeze(struct buf *out, struct slice text);

void json_put_string(struct buf *out, struct slice text);

enum json_type { JSON_IS_NULL, JSON_IS_BOOL, JSON_IS_NUMBER, JSON_IS_STRING, JSON_IS_NESTED };

// The members of an object, in its order. A string's content comes without quotes and escapes, a
// number as it stands, what is nested in its one form. false: it is no object.
typedef void json_member_fn(void *into, struct slice name, enum json_type type,
                            struct slice content);
bool json_each_member(struct slice text, json_member_fn *fn, void *into);

// Whether it is a number as JSON has them.
bool json_is_number(struct slice text);

// A valid text of UTF-8 (RFC 3629); `most` is the length of the longest character, 3 or 4, or 1 for
// ASCII.
bool json_is_utf8(struct slice text, unsigned most);

#endif
