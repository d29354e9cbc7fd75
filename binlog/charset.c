// SPDX-License-Identifier: Apache-2.0
// Charset: see charset.h. Four ways to UTF-8, one for each family of sets:
//   utf8mb4, utf8mb3, ascii   checked and borrowed
//   single-byte sets          a table of code points that the server itself gave (charset_table.c)
//   ucs2, utf16, utf16le, utf32   by arithmetic
//   multi-byte sets of East Asia  iconv(3), but for the characters that the server reads otherwise
// Text that is pure ASCII is borrowed in every set that contains ASCII as it is.
//
// Text is read through plain pointers here, byte by byte and always against its length: it has no
// inner structure. iconv descriptors are kept for each thread and set and live as long as the
// process: one reader is one thread.
#include "binlog/charset.h"

#include "binlog/charset_table.h"
#include "common/cursor.h"
#include "common/utf8.h"

#include <iconv.h>
#include <stdlib.h>

#define CODE_POINT_MAX 0x10FFFF

typedef bool to_utf8_fn(const struct charset *charset, struct slice bytes, struct arena *arena,
                        struct value *value, struct err *err);

struct charset {
    const char *name;
    to_utf8_fn *to_utf8;
    bool has_ascii;     // bytes below 0x80 are ASCII, also within text of other characters
    uint8_t unit;       // UTF-16 and UTF-32: bytes of a code unit; UTF-8: most bytes of a character
    bool little_endian; // UTF-16
    bool has_surrogates;                              // UTF-16
    const char *iconv;                                // iconv's name
    uint8_t (*length)(uint8_t first, uint8_t second); // bytes of a multi-byte character, 0: none
};

static bool set_text(struct value *value, struct slice text)
{
    value->kind = VALUE_TEXT;
    value->text = text;
    return true;
}

static bool set_bad(struct value *value, struct slice bytes)
{
    value->kind = VALUE_BAD_TEXT;
    value->text = bytes;
    return true;
}

static uint8_t *put_utf8(uint8_t *to, uint32_t point)
{
    if (point < 0x80) {
        *to++ = (uint8_t)point;
    } else if (point < 0x800) {
        *to++ = (uint8_t)(0xC0 | point >> 6);
        *to++ = (uint8_t)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *to++ = (uint8_t)(0xE0 | point >> 12);
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        *to++ = (uint8_t)(0x80 | (point & 0x3F));
    } else {
        *to++ = (uint8_t)(0xF0 | point >> 18);
        *to++ = (uint8_t)(0x80 | (point >> 12 & 0x3F));
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        *to++ = (uint8_t)(0x80 | (point & 0x3F));
    }
    return to;
}

static bool from_utf8(const struct charset *charset, struct slice bytes, struct arena *arena,
                      struct value *value, struct err *err)
{
    (void)arena;
    (void)err;
    bool is_valid = utf8_valid_length(bytes, charset->unit) == bytes.len;
    return is_valid ? set_text(value, bytes) : set_bad(value, bytes);
}

static const struct charset charsets[CHARSET_COUNT];

static enum charset_id id_of(const struct charset *charset)
{
    return (enum charset_id)(charset - charsets);
}

static bool from_single(const struct charset *charset, struct slice bytes, struct arena *arena,
                        struct value *value, struct err *err)
{
    (void)err;
    const uint16_t *points = charset_code_points[id_of(charset)];
    uint8_t *start = arena_alloc(arena, 3 * bytes.len);
    uint8_t *to = start;
    for (size_t i = 0; i < bytes.len; i++) {
        uint16_t point = points[bytes.ptr[i]];
        if (point == CHARSET_INVALID)
            return set_bad(value, bytes);
        to = put_utf8(to, point);
    }
    return set_text(value, slice_of(start, (size_t)(to - start)));
}

static bool is_surrogate(uint32_t unit)
{
    return unit >= 0xD800 && unit < 0xE000;
}

// One code point of UTF-16 or UTF-32; the cursor fails on what is none.
static uint32_t next_point(const struct charset *charset, struct cursor *cur)
{
    size_t n = charset->unit;
    uint32_t point = (uint32_t)(charset->little_endian ? cursor_le(cur, n) : cursor_be(cur, n));
    if (charset->has_surrogates && point >= 0xD800 && point < 0xDC00) {
        uint32_t low = (uint32_t)(charset->little_endian ? cursor_le(cur, n) : cursor_be(cur, n));
        if (low < 0xDC00 || low > 0xDFFF)
            cur->failed = true;
        return 0x10000 + ((point - 0xD800) << 10) + (low & 0x3FF);
    }
    if (is_surrogate(point) || point > CODE_POINT_MAX)
        cur->failed = true;
    return point;
}

static bool from_units(const struct charset *charset, struct slice bytes, struct arena *arena,
                       struct value *value, struct err *err)
{
    (void)err;
    struct cursor cur = cursor_of(bytes);
    uint8_t *start = arena_alloc(arena, bytes.len / charset->unit * UTF8_BYTES_MAX);
    uint8_t *to = start;
    while (cursor_left(&cur) > 0) {
        uint32_t point = next_point(charset, &cur);
        if (cur.failed)
            return set_bad(value, bytes);
        to = put_utf8(to, point);
    }
    return set_text(value, slice_of(start, (size_t)(to - start)));
}

static uint8_t length_big5(uint8_t first, uint8_t second)
{
    (void)second;
    return first >= 0xA1 && first <= 0xF9 ? 2 : 0;
}

static uint8_t length_gb2312(uint8_t first, uint8_t second)
{
    (void)second;
    return first >= 0xA1 && first <= 0xF7 ? 2 : 0;
}

static uint8_t length_gbk(uint8_t first, uint8_t second)
{
    (void)second;
    return first >= 0x81 && first <= 0xFE ? 2 : 0;
}

static uint8_t length_gb18030(uint8_t first, uint8_t second)
{
    if (first < 0x81 || first > 0xFE)
        return 0;
    return second >= 0x30 && second <= 0x39 ? 4 : 2;
}

static uint8_t length_sjis(uint8_t first, uint8_t second)
{
    (void)second;
    if (first >= 0xA1 && first <= 0xDF)
        return 1;
    return (first >= 0x81 && first <= 0x9F) || (first >= 0xE0 && first <= 0xFC) ? 2 : 0;
}

static uint8_t length_euc(uint8_t first, uint8_t second)
{
    (void)second;
    if (first == 0x8F)
        return 3;
    return first == 0x8E || (first >= 0xA1 && first <= 0xFE) ? 2 : 0;
}

// Bytes of the character at the cursor, 0 when there is none.
static size_t multi_length(const struct charset *charset, const uint8_t *ptr, size_t left)
{
    if (ptr[0] < 0x80)
        return 1;
    size_t n = charset->length(ptr[0], left > 1 ? ptr[1] : 0);
    return n <= left ? n : 0;
}

static int compare_exceptions(const void *a, const void *b)
{
    const struct charset_exception *left = a;
    const struct charset_exception *right = b;
    return left->bytes < right->bytes ? -1 : left->bytes > right->bytes;
}

static const struct charset_exception *find_exception(enum charset_id id, const uint8_t *ptr,
                                                      size_t n)
{
    const struct charset_exceptions *all = &charset_exceptions_of[id];
    struct cursor cur = cursor_of(slice_of(ptr, n));
    struct charset_exception key = {(uint32_t)cursor_be(&cur, n), 0};
    if (all->n == 0)
        return NULL;
    return bsearch(&key, all->list, all->n, sizeof key, compare_exceptions);
}

// The descriptor of this thread, opened at its first use; (iconv_t)-1 and *err when there is no
// such conversion.
static iconv_t iconv_of(const struct charset *charset, struct err *err)
{
    static _Thread_local iconv_t handles[CHARSET_COUNT];
    iconv_t handle = handles[id_of(charset)];
    if (handle)
        return handle;
    handle = iconv_open("UTF-8", charset->iconv);
    if (handle == (iconv_t)-1)
        (void)err_set(err, ERR_UNSUPPORTED,
                      "character set %s: iconv of this machine does not know %s", charset->name,
                      charset->iconv);
    else
        handles[id_of(charset)] = handle;
    return handle;
}

// One character of n bytes to *to; false when the set has no such character.
static bool put_multi(const struct charset *charset, iconv_t handle, struct slice character,
                      uint8_t **to)
{
    if (character.len == 1 && character.ptr[0] < 0x80) {
        *(*to)++ = character.ptr[0];
        return true;
    }
    const struct charset_exception *other =
        find_exception(id_of(charset), character.ptr, character.len);
    if (other && other->code_point != CHARSET_INVALID)
        *to = put_utf8(*to, other->code_point);
    if (other)
        return other->code_point != CHARSET_INVALID;
    char *in = (char *)(uintptr_t)character.ptr; // iconv does not write there
    char *out = (char *)*to;
    size_t in_left = character.len;
    size_t out_left = UTF8_BYTES_MAX;
    if (iconv(handle, &in, &in_left, &out, &out_left) != 0 || in_left != 0)
        return false;
    *to = (uint8_t *)out;
    return true;
}

static bool from_multi(const struct charset *charset, struct slice bytes, struct arena *arena,
                       struct value *value, struct err *err)
{
    iconv_t handle = iconv_of(charset, err);
    if (handle == (iconv_t)-1)
        return false;
    uint8_t *start = arena_alloc(arena, UTF8_BYTES_MAX * bytes.len);
    uint8_t *to = start;
    for (size_t at = 0; at < bytes.len;) {
        size_t n = multi_length(charset, bytes.ptr + at, bytes.len - at);
        if (n == 0 || !put_multi(charset, handle, slice_of(bytes.ptr + at, n), &to)) {
            iconv(handle, NULL, NULL, NULL, NULL);
            return set_bad(value, bytes);
        }
        at += n;
    }
    return set_text(value, slice_of(start, (size_t)(to - start)));
}

#define SINGLE(set)                                                                                \
    {                                                                                              \
        .name = set, .to_utf8 = from_single, .has_ascii = true                                     \
    }
#define MULTI(set, name_of_iconv, length_of)                                                       \
    {                                                                                              \
        .name = set, .to_utf8 = from_multi, .has_ascii = true, .iconv = name_of_iconv,             \
        .length = length_of                                                                        \
    }

static const struct charset charsets[CHARSET_COUNT] = {
    [CHARSET_ARMSCII8] = SINGLE("armscii8"),
    [CHARSET_ASCII] = {.name = "ascii", .to_utf8 = from_utf8, .has_ascii = true, .unit = 1},
    [CHARSET_BIG5] = MULTI("big5", "BIG5", length_big5),
    [CHARSET_BINARY] = {.name = "binary", .to_utf8 = from_utf8, .has_ascii = true, .unit = 4},
    [CHARSET_CP1250] = SINGLE("cp1250"),
    [CHARSET_CP1251] = SINGLE("cp1251"),
    [CHARSET_CP1256] = SINGLE("cp1256"),
    [CHARSET_CP1257] = SINGLE("cp1257"),
    [CHARSET_CP850] = SINGLE("cp850"),
    [CHARSET_CP852] = SINGLE("cp852"),
    [CHARSET_CP866] = SINGLE("cp866"),
    [CHARSET_CP932] = MULTI("cp932", "CP932", length_sjis),
    [CHARSET_DEC8] = SINGLE("dec8"),
    [CHARSET_EUCJPMS] = MULTI("eucjpms", "EUC-JP-MS", length_euc),
    [CHARSET_EUCKR] = MULTI("euckr", "UHC", length_gbk),
    [CHARSET_GB18030] = MULTI("gb18030", "GB18030", length_gb18030),
    [CHARSET_GB2312] = MULTI("gb2312", "GB2312", length_gb2312),
    [CHARSET_GBK] = MULTI("gbk", "GBK", length_gbk),
    [CHARSET_GEOSTD8] = SINGLE("geostd8"),
    [CHARSET_GREEK] = SINGLE("greek"),
    [CHARSET_HEBREW] = SINGLE("hebrew"),
    [CHARSET_HP8] = SINGLE("hp8"),
    [CHARSET_KEYBCS2] = SINGLE("keybcs2"),
    [CHARSET_KOI8R] = SINGLE("koi8r"),
    [CHARSET_KOI8U] = SINGLE("koi8u"),
    [CHARSET_LATIN1] = SINGLE("latin1"),
    [CHARSET_LATIN2] = SINGLE("latin2"),
    [CHARSET_LATIN5] = SINGLE("latin5"),
    [CHARSET_LATIN7] = SINGLE("latin7"),
    [CHARSET_MACCE] = SINGLE("macce"),
    [CHARSET_MACROMAN] = SINGLE("macroman"),
    [CHARSET_SJIS] = MULTI("sjis", "SJIS", length_sjis),
    [CHARSET_SWE7] = {.name = "swe7", .to_utf8 = from_single},
    [CHARSET_TIS620] = SINGLE("tis620"),
    [CHARSET_UCS2] = {.name = "ucs2", .to_utf8 = from_units, .unit = 2},
    [CHARSET_UJIS] = MULTI("ujis", "EUC-JP-MS", length_euc),
    [CHARSET_UTF16] = {.name = "utf16", .to_utf8 = from_units, .unit = 2, .has_surrogates = true},
    [CHARSET_UTF16LE] = {.name = "utf16le",
                         .to_utf8 = from_units,
                         .unit = 2,
                         .little_endian = true,
                         .has_surrogates = true},
    [CHARSET_UTF32] = {.name = "utf32", .to_utf8 = from_units, .unit = 4},
    [CHARSET_UTF8MB3] = {.name = "utf8mb3", .to_utf8 = from_utf8, .has_ascii = true, .unit = 3},
    [CHARSET_UTF8MB4] = {.name = "utf8mb4", .to_utf8 = from_utf8, .has_ascii = true, .unit = 4},
};

const struct charset *charset_of_collation(unsigned collation)
{
    size_t low = 0;
    size_t high = charset_n_collation_runs;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct collation_run *run = &charset_collation_runs[mid];
        if (collation > run->last)
            low = mid + 1;
        else if (collation < run->first)
            high = mid;
        else
            return &charsets[run->charset];
    }
    return NULL;
}

const struct charset *charset_by_name(struct slice name)
{
    if (slice_eq_str(name, "utf8"))
        return &charsets[CHARSET_UTF8MB3];
    for (size_t i = 0; i < CHARSET_COUNT; i++)
        if (slice_eq_str(name, charsets[i].name))
            return &charsets[i];
    return NULL;
}

const char *charset_name(const struct charset *charset)
{
    return charset->name;
}

bool charset_to_utf8(const struct charset *charset, struct slice bytes, struct arena *arena,
                     struct value *value, struct err *err)
{
    if (charset->has_ascii && utf8_is_ascii(bytes))
        return set_text(value, bytes);
    return charset->to_utf8(charset, bytes, arena, value, err);
}
