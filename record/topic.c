// SPDX-License-Identifier: Apache-2.0
// Topic names: see topic.h. "-x" stands only before the two lower-case hex digits of an escaped
// byte, because a '-' of the name before an 'x' is escaped itself; so a name has one text and a
// text one name.
#include "record/topic.h"

static bool is_alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void put_part(struct buf *out, struct slice part)
{
    for (size_t i = 0; i < part.len; i++) {
        uint8_t c = part.ptr[i];
        bool before_x = i + 1 < part.len && part.ptr[i + 1] == 'x';
        if (is_alphanumeric(c) || c == '_' || (c == '-' && !before_x))
            buf_char(out, (char)c);
        else
            buf_printf(out, "-x%02x", c);
    }
}

bool topic_write_table(struct buf *out, const char *name, struct slice db, struct slice table,
                       struct err *err)
{
    size_t start = out->len;
    buf_str(out, name);
    buf_char(out, '.');
    put_part(out, db);
    buf_char(out, '.');
    put_part(out, table);
    size_t len = out->len - start;
    if (len <= TOPIC_NAME_MAX)
        return true;
    out->len = start;
    return err_set(
        err, ERR_CONFIG,
        "the topic of table " SLICE_FMT "." SLICE_FMT
        " would have a name of %zu bytes; Kafka takes %d. Choose a shorter [source] name",
        SLICE_ARG(db), SLICE_ARG(table), len, TOPIC_NAME_MAX);
}

void topic_write_pattern(struct buf *out, const char *name)
{
    buf_char(out, '^');
    for (; *name; name++) {
        if (strchr(".[]{}()\\*+?|^$", *name))
            buf_char(out, '\\');
        buf_char(out, *name);
    }
    buf_str(out, "\\.[^.]+\\.[^.]+$");
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Appends the part without its escapes; false when it is not what put_part writes.
static bool take_part(struct buf *out, struct slice part)
{
    for (size_t i = 0; i < part.len; i++) {
        if (part.ptr[i] != '-' || part.len - i < 4 || part.ptr[i + 1] != 'x') {
            buf_char(out, (char)part.ptr[i]);
            continue;
        }
        int high = hex_digit(part.ptr[i + 2]);
        int low = hex_digit(part.ptr[i + 3]);
        if (high < 0 || low < 0)
            return false;
        buf_char(out, (char)(high << 4 | low));
        i += 3;
    }
    struct buf again = {0};
    put_part(&again, buf_bytes(out));
    bool same = part.len > 0 && slice_eq(buf_bytes(&again), part);
    buf_deinit(&again);
    return same;
}

bool topic_read_table(const char *topic, const char *name, struct buf *db, struct buf *table)
{
    size_t n = strlen(name);
    buf_clear(db);
    buf_clear(table);
    if (strncmp(topic, name, n) != 0 || topic[n] != '.')
        return false;
    const char *first = topic + n + 1;
    const char *dot = strchr(first, '.');
    return dot && take_part(db, slice_of(first, (size_t)(dot - first))) &&
           take_part(table, slice_of_str(dot + 1));
}
