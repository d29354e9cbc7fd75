// SPDX-License-Identifier: Apache-2.0
// Charset: the character set behind a collation number, and its way to UTF-8. utf8mb4, utf8mb3 and
// ascii are checked and borrowed, not copied; the others go through iconv(3) into the arena. latin1
// is the server's (cp1252 with the five undefined bytes as C1 controls).
#ifndef TAILRACE_BINLOG_CHARSET_H
#define TAILRACE_BINLOG_CHARSET_H

#include "common/arena.h"
#include "common/err.h"
#include "record/value.h"

struct charset;

#define COLLATION_BINARY 63

// The character set of a collation number of MySQL or MariaDB, NULL where none has that number.
// Static.
const struct charset *charset_of_collation(unsigned collation);

// By the server's name ("utf8mb4", "latin1"), NULL where unknown. Static.
const struct charset *charset_by_name(struct slice name);

// The server's name of it.
const char *charset_name(const struct charset *charset);

// VALUE_TEXT in UTF-8, or VALUE_BAD_TEXT with the bytes as they are when they are invalid in the
// character set. ERR_UNSUPPORTED when this machine's iconv does not know the set.
MUST_CHECK bool charset_to_utf8(const struct charset *charset, struct slice bytes,
                                struct arena *arena, struct value *value, struct err *err);

#endif
