// SPDX-License-Identifier: Apache-2.0
// Charset table: what the servers say of collations and of single-byte sets. charset_table.c is
// written by tools/charset_table.py from live servers; charset.c is the only user.
#ifndef TAILRACE_BINLOG_CHARSET_TABLE_H
#define TAILRACE_BINLOG_CHARSET_TABLE_H

#include <stddef.h>
#include <stdint.h>

// Every character set of MySQL 9.7 and MariaDB 10.11, in the order of their names.
enum charset_id {
    CHARSET_ARMSCII8,
    CHARSET_ASCII,
    CHARSET_BIG5,
    CHARSET_BINARY,
    CHARSET_CP1250,
    CHARSET_CP1251,
    CHARSET_CP1256,
    CHARSET_CP1257,
    CHARSET_CP850,
    CHARSET_CP852,
    CHARSET_CP866,
    CHARSET_CP932,
    CHARSET_DEC8,
    CHARSET_EUCJPMS,
    CHARSET_EUCKR,
    CHARSET_GB18030,
    CHARSET_GB2312,
    CHARSET_GBK,
    CHARSET_GEOSTD8,
    CHARSET_GREEK,
    CHARSET_HEBREW,
    CHARSET_HP8,
    CHARSET_KEYBCS2,
    CHARSET_KOI8R,
    CHARSET_KOI8U,
    CHARSET_LATIN1,
    CHARSET_LATIN2,
    CHARSET_LATIN5,
    CHARSET_LATIN7,
    CHARSET_MACCE,
    CHARSET_MACROMAN,
    CHARSET_SJIS,
    CHARSET_SWE7,
    CHARSET_TIS620,
    CHARSET_UCS2,
    CHARSET_UJIS,
    CHARSET_UTF16,
    CHARSET_UTF16LE,
    CHARSET_UTF32,
    CHARSET_UTF8MB3,
    CHARSET_UTF8MB4,
    CHARSET_COUNT,
};

// Collation numbers first to last belong to one set. Sorted, without overlaps; gaps are numbers
// nobody has given out.
struct collation_run {
    uint16_t first;
    uint16_t last;
    uint8_t charset; // enum charset_id
};

// A character that the server reads otherwise than iconv(3) does. Sorted by `bytes`.
struct charset_exception {
    uint32_t bytes;      // the character, the first byte on top
    uint32_t code_point; // CHARSET_INVALID: the server knows no such character
};

#define CHARSET_INVALID 0xFFFF

extern const struct collation_run charset_collation_runs[];
extern const size_t charset_n_collation_runs;

// Code points of the 256 bytes of each single-byte set (CHARSET_INVALID where there is none); NULL
// for other sets.
extern const uint16_t *const charset_code_points[CHARSET_COUNT];

struct charset_exceptions {
    const struct charset_exception *list;
    size_t n;
};

extern const struct charset_exceptions charset_exceptions_of[CHARSET_COUNT];

#endif
