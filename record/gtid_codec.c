// SPDX-License-Identifier: Apache-2.0
// GTIDs as text and in MySQL's binary form.
//
// Text of a set, spaces between any two of its parts:
//   MySQL    uuid [:tag] :range [:range …] [:tag :range …] [, …]
//            a tag holds for the ranges up to the next tag
//   MariaDB  domain-server-sequence [, …]
//            each domain once
// Binary, little-endian:
//   count 8            plain: the number of entries; tagged: 1 << 56 | number << 8 | 1
//   each entry:
//     uuid 16
//     tag length, tag  tagged only: the length times two in one byte, at most 64
//     ranges 8         their number, each: first 8, last + 1 8, in ascending order
#include "common/cursor.h"
#include "record/gtid_member.h"
#include "record/number_text.h"

#define UUID_TEXT_LENGTH 36
#define FORMAT_TAGGED 1

// Text being read; `at` moves over it. The first fault is kept in err.
struct scan {
    struct slice text;
    size_t at;
    struct err *err;
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_spaces(struct scan *scan)
{
    while (scan->at < scan->text.len && is_space(scan->text.ptr[scan->at]))
        scan->at++;
}

// The next byte that is no space, not taken; NUL at the end.
static uint8_t peek(struct scan *scan)
{
    skip_spaces(scan);
    return scan->at < scan->text.len ? scan->text.ptr[scan->at] : '\0';
}

static bool take(struct scan *scan, char c)
{
    if (peek(scan) != (uint8_t)c)
        return false;
    scan->at++;
    return true;
}

static bool expected(const struct scan *scan, const char *what)
{
    size_t left = scan->text.len - scan->at;
    return err_at(scan->err, ERR_USAGE, scan->at, "GTID: %s expected at \"" SLICE_FMT "\"", what,
                  (int)(left < 40 ? left : 40), (const char *)scan->text.ptr + scan->at);
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool take_number(struct scan *scan, uint64_t least, uint64_t most, uint64_t *v)
{
    uint8_t first = peek(scan);
    size_t start = scan->at;
    *v = 0;
    while (scan->at < scan->text.len && is_digit(scan->text.ptr[scan->at])) {
        uint64_t digit = (uint64_t)(scan->text.ptr[scan->at++] - '0');
        if (*v > (most - digit) / 10) {
            scan->at = start;
            return expected(scan, "a smaller number");
        }
        *v = *v * 10 + digit;
    }
    if (is_digit(first) && *v >= least)
        return true;
    scan->at = start;
    return expected(scan, "a number from 1");
}

static int hex_digit(uint8_t c)
{
    c = lower(c);
    if (is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_uuid(struct scan *scan, uint8_t uuid[16])
{
    skip_spaces(scan);
    memset(uuid, 0, 16);
    if (scan->text.len - scan->at < UUID_TEXT_LENGTH)
        return expected(scan, "a UUID");
    const uint8_t *text = scan->text.ptr + scan->at;
    size_t nibble = 0;
    for (size_t i = 0; i < UUID_TEXT_LENGTH; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return expected(scan, "a UUID");
            continue;
        }
        int v = hex_digit(text[i]);
        if (v < 0)
            return expected(scan, "a UUID");
        uuid[nibble / 2] |= (uint8_t)(nibble % 2 ? v : v << 4);
        nibble++;
    }
    scan->at += UUID_TEXT_LENGTH;
    return true;
}

static bool is_tag_start(uint8_t c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'z') || c == '_';
}

static bool take_tag(struct scan *scan, char tag[GTID_TAG_MAX + 1])
{
    size_t n = 0;
    size_t start = scan->at;
    for (; scan->at < scan->text.len; scan->at++) {
        uint8_t c = scan->text.ptr[scan->at];
        if (!is_tag_start(c) && !is_digit(c))
            break;
        if (n == GTID_TAG_MAX) {
            scan->at = start;
            return expected(scan, "a tag of at most 32 characters");
        }
        tag[n++] = (char)lower(c);
    }
    tag[n] = '\0';
    return true;
}

// "5" or "1-5"
static bool take_range(struct scan *scan, struct gtid_range *range)
{
    if (!take_number(scan, 1, GTID_SEQUENCE_MAX, &range->first))
        return false;
    range->last = range->first;
    if (!take(scan, '-'))
        return true;
    skip_spaces(scan);
    size_t start = scan->at;
    if (!take_number(scan, 1, GTID_SEQUENCE_MAX, &range->last))
        return false;
    if (range->last >= range->first)
        return true;
    scan->at = start;
    return expected(scan, "the end of a range, not before its start");
}

// uuid, then ":tag" and ":range" in any order, at least one range behind each tag.
static bool take_mysql_item(struct scan *scan, struct gtid_set *set)
{
    struct gtid id = {.kind = GTID_MYSQL};
    struct gtid_range range;
    bool tag_used = false;
    if (!take_uuid(scan, id.uuid))
        return false;
    while (take(scan, ':')) {
        if (is_tag_start(peek(scan)) && (tag_used || id.tag[0] == '\0')) {
            if (!take_tag(scan, id.tag))
                return false;
            tag_used = false;
            continue;
        }
        if (!take_range(scan, &range) || !gtid_set_add_range(set, &id, range, scan->err))
            return false;
        tag_used = true;
    }
    return tag_used || expected(scan, "\":\" and a number");
}

static bool take_mariadb_gtid(struct scan *scan, struct gtid *gtid)
{
    uint64_t domain;
    uint64_t server;
    *gtid = (struct gtid){.kind = GTID_MARIADB};
    if (!take_number(scan, 0, UINT32_MAX, &domain))
        return false;
    if (!take(scan, '-'))
        return expected(scan, "\"-\"");
    if (!take_number(scan, 0, UINT32_MAX, &server))
        return false;
    if (!take(scan, '-'))
        return expected(scan, "\"-\"");
    gtid->domain = (uint32_t)domain;
    gtid->server = (uint32_t)server;
    return take_number(scan, 1, GTID_SEQUENCE_MAX, &gtid->sequence);
}

static bool take_mariadb_item(struct scan *scan, struct gtid_set *set)
{
    struct gtid gtid;
    size_t start = scan->at;
    size_t before = set->n_members;
    if (!take_mariadb_gtid(scan, &gtid) || !gtid_set_add(set, &gtid, scan->err))
        return false;
    if (set->n_members > before)
        return true;
    scan->at = start;
    return expected(scan, "another domain");
}

// MySQL's have a colon, MariaDB's have none.
static bool is_mysql(struct slice text)
{
    return text.len > 0 && memchr(text.ptr, ':', text.len);
}

static bool parse_items(struct scan *scan, struct gtid_set *set)
{
    bool mysql = is_mysql(scan->text);
    do {
        while (take(scan, ',')) {
            // MySQL and MariaDB both let empty items pass.
        }
        if (peek(scan) == '\0')
            break;
        if (!(mysql ? take_mysql_item(scan, set) : take_mariadb_item(scan, set)))
            return false;
    } while (take(scan, ','));
    skip_spaces(scan);
    return scan->at == scan->text.len || expected(scan, "\",\" or the end");
}

bool gtid_set_parse(struct gtid_set *set, struct slice text, struct err *err)
{
    struct scan scan = {text, 0, err};
    struct gtid_set parsed = {0};
    if (!parse_items(&scan, &parsed)) {
        gtid_set_deinit(&parsed);
        return false;
    }
    gtid_set_deinit(set);
    *set = parsed;
    return true;
}

static bool take_mysql_gtid(struct scan *scan, struct gtid *gtid)
{
    *gtid = (struct gtid){.kind = GTID_MYSQL};
    if (!take_uuid(scan, gtid->uuid))
        return false;
    if (!take(scan, ':'))
        return expected(scan, "\":\"");
    if (is_tag_start(peek(scan))) {
        if (!take_tag(scan, gtid->tag))
            return false;
        if (!take(scan, ':'))
            return expected(scan, "\":\"");
    }
    return take_number(scan, 1, GTID_SEQUENCE_MAX, &gtid->sequence);
}

bool gtid_parse(struct gtid *gtid, struct slice text, struct err *err)
{
    struct scan scan = {text, 0, err};
    bool ok = is_mysql(text) ? take_mysql_gtid(&scan, gtid) : take_mariadb_gtid(&scan, gtid);
    if (!ok)
        return false;
    skip_spaces(&scan);
    return scan.at == text.len || expected(&scan, "the end");
}

static uint8_t *put_uuid(uint8_t *to, const uint8_t uuid[16])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = (uint8_t)hex[uuid[i] >> 4];
        *to++ = (uint8_t)hex[uuid[i] & 15];
    }
    return to;
}

static uint8_t *put_mariadb(uint8_t *to, const struct gtid *gtid)
{
    to = number_put_u64(to, gtid->domain);
    *to++ = '-';
    to = number_put_u64(to, gtid->server);
    *to++ = '-';
    return number_put_u64(to, gtid->sequence);
}

static uint8_t *put_mysql(uint8_t *to, const struct gtid *gtid)
{
    size_t tag_length = strlen(gtid->tag);
    to = put_uuid(to, gtid->uuid);
    *to++ = ':';
    if (tag_length > 0) {
        memcpy(to, gtid->tag, tag_length);
        to += tag_length;
        *to++ = ':';
    }
    return number_put_u64(to, gtid->sequence);
}

// The longest, MySQL's with a tag, has 36 + 1 + 32 + 1 bytes before its number.
size_t gtid_write(char text[GTID_TEXT_MAX], const struct gtid *gtid)
{
    _Static_assert(UUID_TEXT_LENGTH + 1 + GTID_TAG_MAX + 1 + NUMBER_U64_MAX < GTID_TEXT_MAX, "");
    uint8_t *start = (uint8_t *)text;
    uint8_t *end = gtid->kind == GTID_MARIADB ? put_mariadb(start, gtid) : put_mysql(start, gtid);
    *end = '\0';
    return (size_t)(end - start);
}

static void write_ranges(struct buf *out, const struct gtid_member *member)
{
    for (size_t i = 0; i < member->n_ranges; i++) {
        struct gtid_range range = member->ranges[i];
        buf_char(out, ':');
        number_write_u64(out, range.first);
        if (range.last == range.first)
            continue;
        buf_char(out, '-');
        number_write_u64(out, range.last);
    }
}

void gtid_set_write(struct buf *out, const struct gtid_set *set)
{
    for (size_t i = 0; i < set->n_members; i++) {
        const struct gtid *id = &set->members[i].id;
        char text[GTID_TEXT_MAX];
        bool same_uuid = set->kind == GTID_MYSQL && i > 0 &&
                         memcmp(id->uuid, set->members[i - 1].id.uuid, sizeof id->uuid) == 0;
        if (i > 0 && !same_uuid)
            buf_char(out, ',');
        if (set->kind == GTID_MARIADB) {
            buf_append(out, text, gtid_write(text, id));
            continue;
        }
        if (!same_uuid) {
            put_uuid(buf_reserve(out, UUID_TEXT_LENGTH), id->uuid);
            out->len += UUID_TEXT_LENGTH;
        }
        if (id->tag[0]) {
            buf_char(out, ':');
            buf_str(out, id->tag);
        }
        write_ranges(out, &set->members[i]);
    }
}

void gtid_set_encode(struct buf *out, const struct gtid_set *set)
{
    bool tagged = false;
    for (size_t i = 0; i < set->n_members; i++)
        tagged = tagged || set->members[i].id.tag[0];
    uint64_t n = set->n_members;
    buf_le(out, tagged ? (uint64_t)FORMAT_TAGGED << 56 | n << 8 | FORMAT_TAGGED : n, 8);
    for (size_t i = 0; i < set->n_members; i++) {
        const struct gtid_member *member = &set->members[i];
        size_t tag_length = strlen(member->id.tag);
        buf_append(out, member->id.uuid, sizeof member->id.uuid);
        if (tagged) {
            buf_char(out, (char)(tag_length << 1));
            buf_append(out, member->id.tag, tag_length);
        }
        buf_le(out, member->n_ranges, 8);
        for (size_t range = 0; range < member->n_ranges; range++) {
            buf_le(out, member->ranges[range].first, 8);
            buf_le(out, member->ranges[range].last + 1, 8);
        }
    }
}

static bool malformed(const struct cursor *cur, const char *what, struct err *err)
{
    if (cur->failed)
        return err_at(err, ERR_CORRUPT, cursor_offset(cur), "GTID set ends early");
    return err_at(err, ERR_CORRUPT, cursor_offset(cur), "GTID set: %s", what);
}

static bool decode_tag(struct cursor *cur, char tag[GTID_TAG_MAX + 1], struct err *err)
{
    uint8_t twice = cursor_u8(cur);
    if (cur->failed || twice % 2 != 0 || twice / 2 > GTID_TAG_MAX)
        return malformed(cur, "a tag of more than 32 bytes", err);
    struct slice bytes = cursor_bytes(cur, twice / 2);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.ptr[i];
        if (c != lower(c) || !(is_tag_start(c) || (i > 0 && is_digit(c))))
            return malformed(cur, "a tag with another byte than a-z, 0-9 and _", err);
        tag[i] = (char)c;
    }
    tag[bytes.len] = '\0';
    return true;
}

static bool decode_ranges(struct cursor *cur, struct gtid_set *set, const struct gtid *id,
                          struct err *err)
{
    uint64_t n = cursor_u64(cur);
    uint64_t behind = 1; // the last range's end
    for (uint64_t i = 0; i < n && !cur->failed; i++) {
        uint64_t first = cursor_u64(cur);
        uint64_t end = cursor_u64(cur);
        if (cur->failed)
            break;
        bool apart = i == 0 ? first >= behind : first > behind;
        if (!apart || end <= first || end - 1 > GTID_SEQUENCE_MAX)
            return malformed(cur, "ranges that are not in ascending order", err);
        if (!gtid_set_add_range(set, id, (struct gtid_range){first, end - 1}, err))
            return false;
        behind = end;
    }
    return !cur->failed || malformed(cur, "", err);
}

static bool decode_members(struct cursor *cur, struct gtid_set *set, struct err *err)
{
    uint64_t count = cursor_u64(cur);
    uint64_t format = count >> 56;
    bool tagged = format == FORMAT_TAGGED;
    if (cur->failed || format > FORMAT_TAGGED || (tagged && (count & 0xff) != FORMAT_TAGGED))
        return malformed(cur, "a format that is neither plain nor tagged", err);
    uint64_t n = tagged ? count << 8 >> 16 : count;
    for (uint64_t i = 0; i < n; i++) {
        struct gtid id = {.kind = GTID_MYSQL};
        const uint8_t *uuid = cursor_take(cur, sizeof id.uuid);
        if (!uuid)
            return malformed(cur, "", err);
        memcpy(id.uuid, uuid, sizeof id.uuid);
        if ((tagged && !decode_tag(cur, id.tag, err)) || !decode_ranges(cur, set, &id, err))
            return false;
    }
    return cursor_left(cur) == 0 || malformed(cur, "bytes behind its end", err);
}

bool gtid_set_decode(struct gtid_set *set, struct slice bytes, struct err *err)
{
    struct cursor cur = cursor_of(bytes);
    struct gtid_set decoded = {0};
    if (!decode_members(&cur, &decoded, err)) {
        gtid_set_deinit(&decoded);
        return false;
    }
    gtid_set_deinit(set);
    *set = decoded;
    return true;
}
