// SPDX-License-Identifier: Apache-2.0
// JSON: see json.h.
#include "verify/json.h"

#include <string.h>
#include <yajl/yajl_parse.h>

struct walk {
    struct buf *out;
    size_t depth;
    // of json_each_member:
    json_member_fn *fn;
    void *into;
    struct buf name;
    size_t start; // of the member's value in out
    bool is_object;
};

void json_put_string(struct buf *out, struct slice text)
{
    buf_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\')
            buf_char(out, '\\');
        if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_char(out, (char)c);
    }
    buf_char(out, '"');
}

void json_squeeze(struct buf *out, struct slice text)
{
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (!in_string && strchr(" \t\r\n", c) && c)
            continue;
        buf_char(out, (char)c);
        if (c == '\\' && in_string && i + 1 < text.len)
            buf_char(out, (char)text.ptr[++i]);
        else if (c == '"')
            in_string = !in_string;
    }
}

// A comma where something stands before it on its level.
static void separate(struct walk *walk)
{
    if (walk->depth == 0 || walk->out->len == walk->start)
        return;
    uint8_t last = walk->out->ptr[walk->out->len - 1];
    if (last != '{' && last != '[' && last != ':')
        buf_char(walk->out, ',');
}

// Whether the value is a member's of the outermost object, whose members are asked for.
static bool is_member(const struct walk *walk)
{
    return walk->fn && walk->depth == 1;
}

static void hand_over(struct walk *walk, enum json_type type, struct slice content)
{
    walk->fn(walk->into, buf_bytes(&walk->name), type, content);
    buf_clear(walk->out);
    walk->start = 0;
}

static int scalar(struct walk *walk, enum json_type type, const char *text, size_t n)
{
    if (is_member(walk)) {
        hand_over(walk, type, slice_of(text, n));
        return 1;
    }
    separate(walk);
    if (type == JSON_IS_STRING)
        json_put_string(walk->out, slice_of(text, n));
    else
        buf_append(walk->out, text, n);
    return 1;
}

static int on_null(void *into)
{
    return scalar(into, JSON_IS_NULL, "null", 4);
}

static int on_bool(void *into, int v)
{
    return v ? scalar(into, JSON_IS_BOOL, "true", 4) : scalar(into, JSON_IS_BOOL, "false", 5);
}

static int on_number(void *into, const char *text, size_t n)
{
    return scalar(into, JSON_IS_NUMBER, text, n);
}

static int on_string(void *into, const unsigned char *text, size_t n)
{
    return scalar(into, JSON_IS_STRING, n ? (const char *)text : "", n);
}

static int on_key(void *into, const unsigned char *text, size_t n)
{
    struct walk *walk = into;
    if (is_member(walk)) {
        buf_clear(&walk->name);
        buf_append(&walk->name, text, n);
        return 1;
    }
    separate(walk);
    json_put_string(walk->out, slice_of(n ? (const char *)text : "", n));
    buf_char(walk->out, ':');
    return 1;
}

static int begin(struct walk *walk, char c)
{
    if (walk->fn && walk->depth == 0) {
        walk->is_object = c == '{';
        walk->depth++;
        return walk->is_object;
    }
    separate(walk);
    buf_char(walk->out, c);
    walk->depth++;
    return 1;
}

static int end(struct walk *walk, char c)
{
    walk->depth--;
    if (walk->fn && walk->depth == 0)
        return 1;
    buf_char(walk->out, c);
    if (is_member(walk))
        hand_over(walk, JSON_IS_NESTED, buf_bytes(walk->out));
    return 1;
}

static int on_map_begin(void *into)
{
    return begin(into, '{');
}

static int on_map_end(void *into)
{
    return end(into, '}');
}

static int on_array_begin(void *into)
{
    return begin(into, '[');
}

static int on_array_end(void *into)
{
    return end(into, ']');
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_map_begin,
    .yajl_map_key = on_key,
    .yajl_end_map = on_map_end,
    .yajl_start_array = on_array_begin,
    .yajl_end_array = on_array_end,
};

static bool parse(struct walk *walk, struct slice text)
{
    yajl_handle parser = yajl_alloc(&callbacks, NULL, walk);
    walk->start = walk->out->len;
    bool done = yajl_parse(parser, text.ptr, text.len) == yajl_status_ok &&
                yajl_complete_parse(parser) == yajl_status_ok;
    yajl_free(parser);
    return done;
}

bool json_canonical(struct buf *out, struct slice text)
{
    struct walk walk = {.out = out};
    return text.len > 0 && parse(&walk, text);
}

bool json_each_member(struct slice text, json_member_fn *fn, void *into)
{
    struct buf out = {0};
    struct walk walk = {.out = &out, .fn = fn, .into = into};
    bool done = text.len > 0 && parse(&walk, text) && walk.is_object;
    buf_deinit(&out);
    buf_deinit(&walk.name);
    return done;
}

// --- texts ---

static size_t count_digits(struct slice text, size_t from)
{
    size_t i = from;
    while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
        i++;
    return i - from;
}

bool json_is_number(struct slice text)
{
    size_t i = text.len > 0 && text.ptr[0] == '-';
    size_t n = count_digits(text, i);
    if (n == 0 || (n > 1 && text.ptr[i] == '0'))
        return false;
    i += n;
    if (i < text.len && text.ptr[i] == '.') {
        n = count_digits(text, i + 1);
        if (n == 0)
            return false;
        i += 1 + n;
    }
    if (i < text.len && (text.ptr[i] == 'e' || text.ptr[i] == 'E')) {
        i++;
        i += i < text.len && (text.ptr[i] == '+' || text.ptr[i] == '-');
        n = count_digits(text, i);
        if (n == 0)
            return false;
        i += n;
    }
    return i == text.len;
}

// Length of the character that begins here, 0 where none does.
static unsigned character(const uint8_t *ptr, size_t left)
{
    uint32_t c = ptr[0];
    unsigned n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 4;
    if (n == 1)
        return 1;
    if (n > left || c < 0xc2 || c > 0xf4)
        return 0;
    c &= 0xffU >> (n + 1);
    for (unsigned i = 1; i < n; i++) {
        if ((ptr[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (ptr[i] & 0x3f);
    }
    bool is_short = n == 3 ? c < 0x800 : n == 4 && c < 0x10000;
    bool is_surrogate = c >= 0xd800 && c < 0xe000;
    return is_short || is_surrogate || c > 0x10ffff ? 0 : n;
}

bool json_is_utf8(struct slice text, unsigned most)
{
    for (size_t i = 0; i < text.len;) {
        unsigned n = character(text.ptr + i, text.len - i);
        if (n == 0 || n > most)
            return false;
        i += n;
    }
    return true;
}
