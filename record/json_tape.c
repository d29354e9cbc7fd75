// SPDX-License-Identifier: Apache-2.0
// JSON tape: see json_tape.h.
#include "record/json_tape.h"

#include "common/utf8.h"
#include "record/json_scan.h"

#include <stdio.h>
#include <stdlib.h>

static bool check_text(const struct json_tape *tape, struct err *err)
{
    struct slice text = tape->text;
    if (text.len > JSON_TEXT_MAX)
        return err_at(err, ERR_CORRUPT, tape->base, "JSON text of %zu bytes, more than %u",
                      text.len, JSON_TEXT_MAX);
    size_t valid = utf8_valid_length(text, UTF8_BYTES_MAX);
    if (valid < text.len)
        return err_at(err, ERR_CORRUPT, tape->base + valid, "byte 0x%02x is not valid UTF-8",
                      text.ptr[valid]);
    size_t first = 0;
    while (first < text.len && json_is_space(text.ptr[first]))
        first++;
    if (first == text.len)
        return err_at(err, ERR_CORRUPT, tape->base + first, "JSON text ends early");
    if (text.ptr[first] != '{' && text.ptr[first] != '[')
        return err_at(err, ERR_CORRUPT, tape->base + first, "a JSON object or array expected");
    return true;
}

bool json_tape_parse(struct json_tape *tape, struct slice text, size_t base, unsigned levels,
                     struct err *err)
{
    tape->text = text;
    tape->base = base;
    return check_text(tape, err) && json_scan(tape, levels, err);
}

void json_tape_deinit(struct json_tape *tape)
{
    free(tape->tokens);
    *tape = (struct json_tape){0};
}

struct slice json_raw(const struct json_tape *tape, const struct json_token *token)
{
    return slice_of(tape->text.ptr + token->start, token->end - token->start);
}

bool json_expected(const struct json_tape *tape, const struct json_token *token, const char *what,
                   struct err *err)
{
    static const char *const kinds[] = {
        [JSON_NULL] = "null",     [JSON_BOOL] = "true or false", [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a text", [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array",
    };
    struct slice raw = json_raw(tape, token);
    size_t shown = raw.len < 64 ? raw.len : 64;
    return err_at(err, ERR_CORRUPT, tape->base + token->start,
                  "%s expected, got %s: " SLICE_FMT "%s", what, kinds[token->kind], (int)shown,
                  (const char *)raw.ptr, shown < raw.len ? "…" : "");
}

static uint32_t hex4(const uint8_t *ptr)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = ptr[i];
        v = v << 4 | (c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10));
    }
    return v;
}

static uint8_t *put_utf8(uint8_t *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (uint8_t)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (uint8_t)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        *to++ = (uint8_t)(0xe0 | c >> 12);
        *to++ = (uint8_t)(0x80 | (c >> 6 & 63));
    } else {
        *to++ = (uint8_t)(0xf0 | c >> 18);
        *to++ = (uint8_t)(0x80 | (c >> 12 & 63));
        *to++ = (uint8_t)(0x80 | (c >> 6 & 63));
    }
    *to++ = (uint8_t)(0x80 | (c & 63));
    return to;
}

// The code point of the \uXXXX (or pair of them) at *pos, which moves behind it; UINT32_MAX for
// half a pair.
static uint32_t take_unicode(const uint8_t **pos, const uint8_t *end)
{
    uint32_t c = hex4(*pos + 2);
    *pos += 6;
    if (c < 0xd800 || c > 0xdfff)
        return c;
    if (c > 0xdbff || end - *pos < 6 || (*pos)[0] != '\\' || (*pos)[1] != 'u')
        return UINT32_MAX;
    uint32_t low = hex4(*pos + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return UINT32_MAX;
    *pos += 6;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

// Decodes escapes that are well-formed. The content is never longer than its text.
static bool unescape(const struct json_tape *tape, struct slice raw, struct arena *arena,
                     struct slice *content, struct err *err)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    uint8_t *start = arena_alloc(arena, raw.len);
    uint8_t *to = start;
    const uint8_t *end = raw.ptr + raw.len;
    for (const uint8_t *pos = raw.ptr; pos < end;) {
        if (*pos != '\\') {
            *to++ = *pos++;
        } else if (pos[1] != 'u') {
            *to++ = (uint8_t)bytes[strchr(letters, pos[1]) - letters];
            pos += 2;
        } else {
            const uint8_t *at = pos;
            uint32_t c = take_unicode(&pos, end);
            if (c == UINT32_MAX)
                return err_at(err, ERR_CORRUPT, tape->base + (size_t)(at - tape->text.ptr),
                              "half a surrogate pair: " SLICE_FMT, 6, (const char *)at);
            to = put_utf8(to, c);
        }
    }
    *content = slice_of(start, (size_t)(to - start));
    return true;
}

bool json_string(const struct json_tape *tape, const struct json_token *token, struct arena *arena,
                 struct slice *content, struct err *err)
{
    if (token->kind != JSON_STRING)
        return json_expected(tape, token, "a text", err);
    *content = slice_of(tape->text.ptr + token->start + 1, token->end - token->start - 2);
    return !token->escaped || unescape(tape, *content, arena, content, err);
}

bool json_key(const struct json_tape *tape, const struct json_token *token, struct arena *arena,
              struct slice *content, struct err *err)
{
    *content = slice_of(tape->text.ptr + token->key_start, token->key_end - token->key_start);
    return !token->key_escaped || unescape(tape, *content, arena, content, err);
}

// Digits only, up to `most`.
static bool parse_digits(struct slice text, uint64_t most, uint64_t *v)
{
    *v = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.ptr[i] - '0');
        if (*v > most / 10 || digit > most - *v * 10)
            return false;
        *v = *v * 10 + digit;
    }
    return text.len > 0;
}

bool json_u64(const struct json_tape *tape, const struct json_token *token, uint64_t most,
              uint64_t *v, struct err *err)
{
    if (token->kind == JSON_NUMBER && parse_digits(json_raw(tape, token), most, v))
        return true;
    char what[64];
    snprintf(what, sizeof what, "an integer from 0 to %llu", (unsigned long long)most);
    return json_expected(tape, token, what, err);
}

bool json_i64(const struct json_tape *tape, const struct json_token *token, int64_t least,
              int64_t most, int64_t *v, struct err *err)
{
    struct slice raw = json_raw(tape, token);
    bool negative = raw.len > 1 && raw.ptr[0] == '-' && raw.ptr[1] != '0'; // no -0
    struct slice digits = negative ? slice_of(raw.ptr + 1, raw.len - 1) : raw;
    uint64_t limit = negative ? 0 - (uint64_t)least : (uint64_t)most;
    uint64_t size;
    if (token->kind == JSON_NUMBER && parse_digits(digits, limit, &size)) {
        *v = negative ? -(int64_t)(size - 1) - 1 : (int64_t)size;
        return true;
    }
    char what[64];
    snprintf(what, sizeof what, "an integer from %lld to %lld", (long long)least, (long long)most);
    return json_expected(tape, token, what, err);
}

// The number of `name`, first looked for at `hint`, where it is as a rule; n_names when there is
// none.
static size_t find_name(struct slice name, const char *const *names, size_t n_names, size_t hint)
{
    for (size_t i = 0; i < n_names; i++) {
        size_t at = hint + i < n_names ? hint + i : hint + i - n_names;
        if (slice_eq_str(name, names[at]))
            return at;
    }
    return n_names;
}

bool json_members(const struct json_tape *tape, const struct json_token *object,
                  const char *const *names, size_t n_names, const struct json_token **members,
                  struct err *err)
{
    if (object->kind != JSON_OBJECT)
        return json_expected(tape, object, "an object", err);
    memset(members, 0, n_names * sizeof *members);
    const struct json_token *end = tape->tokens + object->next;
    size_t at = 0;
    for (const struct json_token *token = object + 1; token < end;
         token = tape->tokens + token->next) {
        struct slice name =
            slice_of(tape->text.ptr + token->key_start, token->key_end - token->key_start);
        at = find_name(name, names, n_names, at);
        if (at == n_names || members[at])
            return err_at(err, ERR_CORRUPT, tape->base + token->key_start,
                          "%s member \"" SLICE_FMT "\"", at == n_names ? "unknown" : "repeated",
                          SLICE_ARG(name));
        members[at++] = token;
    }
    for (size_t i = 0; i < n_names; i++)
        if (!members[i])
            return err_at(err, ERR_CORRUPT, tape->base + object->start, "member \"%s\" is missing",
                          names[i]);
    return true;
}
