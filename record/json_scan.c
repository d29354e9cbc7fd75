// SPDX-License-Identifier: Apache-2.0
// JSON scan: text to tape, by RFC 8259's grammar, in one pass and without recursion. What lies
// below `levels` is checked by the same rules and leaves no tokens. The text is valid UTF-8 already
// and begins with { or [ (json_tape_parse).
#include "record/json_scan.h"

#include "common/mem.h"
#include "record/json_plain.h"

#define FIRST_TOKENS 64 // doubled time and again it is JSON_TOKENS_MAX

// What may come next.
enum expect {
    EXPECT_VALUE_OR_END, // behind [
    EXPECT_NAME_OR_END,  // behind {
    EXPECT_MORE,         // behind a value: a comma or the end of its container
    EXPECT_NOTHING,      // behind the whole text
};

struct scan {
    struct json_tape *tape;
    struct err *err;
    const uint8_t *pos;
    const uint8_t *end;
    enum expect expect;
    unsigned levels;
    unsigned depth;                     // open containers
    bool is_object[JSON_DEPTH_MAX];     // of each
    uint32_t open[JSON_LEVELS_MAX + 1]; // token numbers of those that have one
    uint32_t key_start;                 // the name read last, which the next token takes
    uint32_t key_end;
    bool key_escaped;
};

static size_t offset_of(const struct scan *scan, const uint8_t *at)
{
    return (size_t)(at - scan->tape->text.ptr);
}

static bool fail(const struct scan *scan, const uint8_t *at, const char *expected)
{
    size_t offset = scan->tape->base + offset_of(scan, at);
    if (at == scan->end)
        return err_at(scan->err, ERR_CORRUPT, offset, "JSON text ends early");
    return err_at(scan->err, ERR_CORRUPT, offset, "no JSON: %s expected", expected);
}

static bool fail_trailing(const struct scan *scan)
{
    return err_at(scan->err, ERR_CORRUPT, scan->tape->base + offset_of(scan, scan->pos),
                  "no JSON: trailing bytes");
}

static bool is_at(const struct scan *scan, char c)
{
    return scan->pos < scan->end && *scan->pos == (uint8_t)c;
}

static void skip_space(struct scan *scan)
{
    while (scan->pos < scan->end && json_is_space(*scan->pos))
        scan->pos++;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

// Room for one more; false when there are too many.
static bool reserve_token(struct scan *scan, const uint8_t *start)
{
    struct json_tape *tape = scan->tape;
    if (tape->n_tokens == JSON_TOKENS_MAX)
        return err_at(scan->err, ERR_CORRUPT, tape->base + offset_of(scan, start),
                      "JSON text with more than %d members", JSON_TOKENS_MAX);
    tape->cap_tokens = tape->cap_tokens ? 2 * tape->cap_tokens : FIRST_TOKENS;
    tape->tokens = mem_realloc(tape->tokens, tape->cap_tokens * sizeof *tape->tokens);
    return true;
}

// A token from `start` to where the scan stands; a container's end is set later.
static bool add_token(struct scan *scan, enum json_kind kind, const uint8_t *start, bool escaped)
{
    struct json_tape *tape = scan->tape;
    if (scan->depth > scan->levels)
        return true;
    if (tape->n_tokens == tape->cap_tokens && !reserve_token(scan, start))
        return false;
    struct json_token *token = &tape->tokens[tape->n_tokens++];
    *token = (struct json_token){
        .kind = kind,
        .escaped = escaped,
        .key_escaped = scan->key_escaped,
        .key_start = scan->key_start,
        .key_end = scan->key_end,
        .start = (uint32_t)offset_of(scan, start),
        .end = (uint32_t)offset_of(scan, scan->pos),
        .next = (uint32_t)tape->n_tokens,
    };
    scan->key_start = scan->key_end = 0;
    scan->key_escaped = false;
    return true;
}

static void skip_plain(struct scan *scan)
{
    scan->pos += json_plain_length(scan->pos, (size_t)(scan->end - scan->pos));
}

static bool scan_escape(struct scan *scan)
{
    const uint8_t *at = scan->pos + 1; // behind the backslash
    if (at == scan->end)
        return fail(scan, at, "");
    if (*at != 'u') {
        if (*at == 0 || !strchr("\"\\/bfnrt", *at))
            return fail(scan, at, "an escape");
        scan->pos = at + 1;
        return true;
    }
    for (int i = 1; i <= 4; i++)
        if (at + i == scan->end || !is_hex(at[i]))
            return fail(scan, at + i, "a hexadecimal digit");
    scan->pos = at + 5;
    return true;
}

// From what is no plain byte to behind the closing quote.
static bool scan_escaped(struct scan *scan)
{
    while (!is_at(scan, '"')) {
        if (scan->pos == scan->end || *scan->pos < 0x20)
            return fail(scan, scan->pos, "a character or its escape");
        if (!scan_escape(scan))
            return false;
        skip_plain(scan);
    }
    scan->pos++;
    return true;
}

static bool scan_string(struct scan *scan, bool *escaped)
{
    scan->pos++;
    skip_plain(scan);
    *escaped = !is_at(scan, '"');
    if (*escaped)
        return scan_escaped(scan);
    scan->pos++;
    return true;
}

static bool skip_digits(struct scan *scan)
{
    const uint8_t *first = scan->pos;
    while (scan->pos < scan->end && is_digit(*scan->pos))
        scan->pos++;
    return scan->pos > first || fail(scan, scan->pos, "a digit");
}

static bool scan_number(struct scan *scan)
{
    if (is_at(scan, '-'))
        scan->pos++;
    if (is_at(scan, '0'))
        scan->pos++;
    else if (!skip_digits(scan))
        return false;
    if (is_at(scan, '.')) {
        scan->pos++;
        if (!skip_digits(scan))
            return false;
    }
    if (!is_at(scan, 'e') && !is_at(scan, 'E'))
        return true;
    scan->pos++;
    if (is_at(scan, '+') || is_at(scan, '-'))
        scan->pos++;
    return skip_digits(scan);
}

static bool scan_word(struct scan *scan, const char *word)
{
    for (; *word; word++, scan->pos++)
        if (!is_at(scan, *word))
            return fail(scan, scan->pos, "true, false or null");
    return true;
}

static bool open_container(struct scan *scan, bool is_object)
{
    const uint8_t *start = scan->pos++;
    if (!add_token(scan, is_object ? JSON_OBJECT : JSON_ARRAY, start, false))
        return false;
    if (scan->depth == JSON_DEPTH_MAX)
        return err_at(scan->err, ERR_CORRUPT, scan->tape->base + offset_of(scan, start),
                      "JSON text deeper than %d levels", JSON_DEPTH_MAX);
    if (scan->depth <= scan->levels)
        scan->open[scan->depth] = (uint32_t)scan->tape->n_tokens - 1;
    scan->is_object[scan->depth++] = is_object;
    scan->expect = is_object ? EXPECT_NAME_OR_END : EXPECT_VALUE_OR_END;
    return true;
}

static bool close_container(struct scan *scan)
{
    struct json_tape *tape = scan->tape;
    scan->pos++;
    scan->depth--;
    scan->expect = scan->depth > 0 ? EXPECT_MORE : EXPECT_NOTHING;
    if (scan->depth > scan->levels)
        return true;
    struct json_token *token = &tape->tokens[scan->open[scan->depth]];
    token->end = (uint32_t)offset_of(scan, scan->pos);
    token->next = (uint32_t)tape->n_tokens;
    return true;
}

static bool scan_scalar(struct scan *scan)
{
    const uint8_t *start = scan->pos;
    bool escaped = false;
    scan->expect = EXPECT_MORE;
    if (*start == '"')
        return scan_string(scan, &escaped) && add_token(scan, JSON_STRING, start, escaped);
    if (*start == '-' || is_digit(*start))
        return scan_number(scan) && add_token(scan, JSON_NUMBER, start, false);
    if (*start == 't')
        return scan_word(scan, "true") && add_token(scan, JSON_BOOL, start, false);
    if (*start == 'f')
        return scan_word(scan, "false") && add_token(scan, JSON_BOOL, start, false);
    if (*start == 'n')
        return scan_word(scan, "null") && add_token(scan, JSON_NULL, start, false);
    return fail(scan, start, "a value");
}

static bool scan_value(struct scan *scan)
{
    if (is_at(scan, '{') || is_at(scan, '['))
        return open_container(scan, is_at(scan, '{'));
    return scan->pos < scan->end ? scan_scalar(scan) : fail(scan, scan->pos, "");
}

// A name, its colon and its value.
static bool scan_member(struct scan *scan)
{
    const uint8_t *start = scan->pos;
    bool escaped;
    if (!is_at(scan, '"'))
        return fail(scan, start, "a member's name");
    if (!scan_string(scan, &escaped))
        return false;
    if (scan->depth <= scan->levels) {
        scan->key_start = (uint32_t)offset_of(scan, start) + 1;
        scan->key_end = (uint32_t)offset_of(scan, scan->pos) - 1;
        scan->key_escaped = escaped;
    }
    skip_space(scan);
    if (!is_at(scan, ':'))
        return fail(scan, scan->pos, "a colon");
    scan->pos++;
    skip_space(scan);
    return scan_value(scan);
}

static bool is_at_end_of_container(const struct scan *scan)
{
    return is_at(scan, scan->is_object[scan->depth - 1] ? '}' : ']');
}

static bool scan_more(struct scan *scan)
{
    bool is_object = scan->is_object[scan->depth - 1];
    if (is_at_end_of_container(scan))
        return close_container(scan);
    if (!is_at(scan, ','))
        return fail(scan, scan->pos, is_object ? "a comma or }" : "a comma or ]");
    scan->pos++;
    skip_space(scan);
    return is_object ? scan_member(scan) : scan_value(scan);
}

static bool step(struct scan *scan)
{
    skip_space(scan);
    switch (scan->expect) {
    case EXPECT_VALUE_OR_END:
        return is_at_end_of_container(scan) ? close_container(scan) : scan_value(scan);
    case EXPECT_NAME_OR_END:
        return is_at_end_of_container(scan) ? close_container(scan) : scan_member(scan);
    case EXPECT_MORE:
        return scan_more(scan);
    case EXPECT_NOTHING:
        break;
    }
    return fail_trailing(scan);
}

bool json_scan(struct json_tape *tape, unsigned levels, struct err *err)
{
    struct scan scan;
    scan.tape = tape;
    scan.err = err;
    scan.pos = tape->text.ptr;
    scan.end = tape->text.ptr + tape->text.len;
    scan.expect = EXPECT_NOTHING;
    scan.levels = levels;
    scan.depth = 0;
    scan.key_start = scan.key_end = 0;
    scan.key_escaped = false;
    tape->n_tokens = 0;
    skip_space(&scan);
    if (!scan_value(&scan))
        return false;
    while (scan.expect != EXPECT_NOTHING)
        if (!step(&scan))
            return false;
    skip_space(&scan);
    return scan.pos == scan.end || fail_trailing(&scan);
}
