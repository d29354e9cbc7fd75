// SPDX-License-Identifier: Apache-2.0
// JSON tape: see json_tape.h. yajl does the grammar and calls back for each token with the bytes
// consumed so far, which is where the token ends; it starts behind the token before it, past
// spaces, commas and colons. yajl puts '?' for half a surrogate pair and lets some invalid UTF-8
// pass, so strings are decoded and checked here.
#include "record/json_tape.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#define FIRST_TOKENS 64

struct parse {
    struct json_tape *tape;
    struct err *err;
    yajl_handle yajl;
    unsigned levels;
    unsigned depth;                     // open containers
    size_t last_end;                    // of the last token down to `levels`
    uint32_t open[JSON_LEVELS_MAX + 1]; // token numbers of the open containers
    struct json_token key;              // only the key's fields: the name read last
};

// The allocator of yajl: from the tape's arena, the size in front because realloc has to know it.
struct piece {
    _Alignas(max_align_t) size_t size;
};

static void *piece_alloc(void *ctx, size_t size)
{
    struct piece *piece = arena_alloc(ctx, sizeof *piece + size);
    piece->size = size;
    return piece + 1;
}

static void *piece_realloc(void *ctx, void *ptr, size_t size)
{
    void *more = piece_alloc(ctx, size);
    size_t old = ptr ? ((struct piece *)ptr - 1)->size : 0;
    if (ptr)
        memcpy(more, ptr, old < size ? old : size);
    return more;
}

static void piece_free(void *ctx, void *ptr)
{
    (void)ctx;
    (void)ptr; // goes with the arena
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t next_start(const struct parse *parse)
{
    struct slice text = parse->tape->text;
    size_t at = parse->last_end;
    while (at < text.len && (text.ptr[at] == ',' || text.ptr[at] == ':' || is_space(text.ptr[at])))
        at++;
    return at;
}

// Adds a token that ends where yajl is; a container's end is set later. 1 as yajl's "go on", 0 on
// too many.
static int add_token(struct parse *parse, enum json_kind kind)
{
    struct json_tape *tape = parse->tape;
    if (parse->depth > parse->levels)
        return 1;
    if (tape->n_tokens == JSON_TOKENS_MAX) {
        err_at(parse->err, ERR_CORRUPT, tape->base + parse->last_end,
               "JSON text with more than %d members", JSON_TOKENS_MAX);
        return 0;
    }
    if (tape->n_tokens == tape->cap_tokens) {
        tape->cap_tokens = tape->cap_tokens ? 2 * tape->cap_tokens : FIRST_TOKENS;
        tape->tokens = mem_realloc(tape->tokens, tape->cap_tokens * sizeof *tape->tokens);
    }
    struct json_token *token = &tape->tokens[tape->n_tokens++];
    *token = parse->key;
    token->kind = kind;
    token->start = (uint32_t)next_start(parse);
    token->end = (uint32_t)yajl_get_bytes_consumed(parse->yajl);
    token->next = (uint32_t)tape->n_tokens;
    parse->last_end = token->end;
    parse->key = (struct json_token){0};
    return 1;
}

static int on_null(void *ctx)
{
    return add_token(ctx, JSON_NULL);
}

static int on_bool(void *ctx, int v)
{
    (void)v;
    return add_token(ctx, JSON_BOOL);
}

static int on_number(void *ctx, const char *text, size_t len)
{
    (void)text;
    (void)len;
    return add_token(ctx, JSON_NUMBER);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    struct parse *parse = ctx;
    struct json_tape *tape = parse->tape;
    (void)len;
    if (!add_token(parse, JSON_STRING))
        return 0;
    if (parse->depth <= parse->levels) {
        struct json_token *token = &tape->tokens[tape->n_tokens - 1];
        token->escaped = text != tape->text.ptr + token->start + 1;
    }
    return 1;
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
    struct parse *parse = ctx;
    (void)len;
    if (parse->depth > parse->levels)
        return 1;
    parse->key.key_start = (uint32_t)next_start(parse) + 1;
    parse->last_end = yajl_get_bytes_consumed(parse->yajl);
    parse->key.key_end = (uint32_t)parse->last_end - 1;
    parse->key.key_escaped = text != parse->tape->text.ptr + parse->key.key_start;
    return 1;
}

static int on_start(struct parse *parse, enum json_kind kind)
{
    if (!add_token(parse, kind))
        return 0;
    if (parse->depth == JSON_DEPTH_MAX) {
        err_at(parse->err, ERR_CORRUPT,
               parse->tape->base + yajl_get_bytes_consumed(parse->yajl) - 1,
               "JSON text deeper than %d levels", JSON_DEPTH_MAX);
        return 0;
    }
    if (parse->depth <= parse->levels)
        parse->open[parse->depth] = (uint32_t)parse->tape->n_tokens - 1;
    parse->depth++;
    return 1;
}

static int on_map_start(void *ctx)
{
    return on_start(ctx, JSON_OBJECT);
}

static int on_array_start(void *ctx)
{
    return on_start(ctx, JSON_ARRAY);
}

static int on_end(void *ctx)
{
    struct parse *parse = ctx;
    struct json_tape *tape = parse->tape;
    parse->depth--;
    if (parse->depth > parse->levels)
        return 1;
    struct json_token *token = &tape->tokens[parse->open[parse->depth]];
    token->end = (uint32_t)yajl_get_bytes_consumed(parse->yajl);
    token->next = (uint32_t)tape->n_tokens;
    parse->last_end = token->end;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_map_start,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_array_start,
    .yajl_end_array = on_end,
};

// Length of the UTF-8 sequence at ptr, 0 when it is none: RFC 3629's table, without surrogates and
// over-long forms.
static size_t utf8_length(const uint8_t *ptr, size_t left)
{
    uint8_t c = ptr[0];
    size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((ptr[i] & 0xc0) != 0x80)
            return 0;
    bool too_low = (c == 0xe0 && ptr[1] < 0xa0) || (c == 0xf0 && ptr[1] < 0x90);
    bool too_high = (c == 0xed && ptr[1] > 0x9f) || (c == 0xf4 && ptr[1] > 0x8f);
    return too_low || too_high ? 0 : n;
}

// How many bytes in front are valid UTF-8.
static size_t utf8_valid_length(struct slice text)
{
    size_t at = 0;
    while (at < text.len) {
        uint64_t bytes;
        if (text.len - at >= sizeof bytes) {
            memcpy(&bytes, text.ptr + at, sizeof bytes);
            if ((bytes & 0x8080808080808080) == 0) {
                at += sizeof bytes;
                continue;
            }
        }
        size_t n = utf8_length(text.ptr + at, text.len - at);
        if (n == 0)
            break;
        at += n;
    }
    return at;
}

static bool check_text(const struct json_tape *tape, struct err *err)
{
    struct slice text = tape->text;
    if (text.len > JSON_TEXT_MAX)
        return err_at(err, ERR_CORRUPT, tape->base, "JSON text of %zu bytes, more than %u",
                      text.len, JSON_TEXT_MAX);
    size_t valid = utf8_valid_length(text);
    if (valid < text.len)
        return err_at(err, ERR_CORRUPT, tape->base + valid, "byte 0x%02x is not valid UTF-8",
                      text.ptr[valid]);
    size_t first = 0;
    while (first < text.len && is_space(text.ptr[first]))
        first++;
    if (first == text.len)
        return err_at(err, ERR_CORRUPT, tape->base + first, "JSON text ends early");
    if (text.ptr[first] != '{' && text.ptr[first] != '[')
        return err_at(err, ERR_CORRUPT, tape->base + first, "a JSON object or array expected");
    return true;
}

// yajl stands behind the token that is wrong; what follows the end of the whole text is found by
// that.
static bool parse_failed(struct parse *parse)
{
    const char *text = (const char *)yajl_get_error(parse->yajl, 0, NULL, 0);
    bool trailing = parse->depth == 0 && parse->tape->n_tokens > 0;
    size_t offset = trailing ? next_start(parse) : yajl_get_bytes_consumed(parse->yajl);
    return err_at(parse->err, ERR_CORRUPT, parse->tape->base + offset, "no JSON: " SLICE_FMT,
                  (int)strcspn(text, "\n"), text);
}

bool json_tape_parse(struct json_tape *tape, struct slice text, size_t base, unsigned levels,
                     struct err *err)
{
    struct parse parse = {.tape = tape, .err = err, .levels = levels};
    yajl_alloc_funcs alloc = {piece_alloc, piece_realloc, piece_free, &tape->memory};
    tape->text = text;
    tape->base = base;
    tape->n_tokens = 0;
    if (!check_text(tape, err))
        return false;
    arena_reset(&tape->memory);
    parse.yajl = yajl_alloc(&callbacks, &alloc, &parse);
    yajl_config(parse.yajl, yajl_dont_validate_strings, 1);
    yajl_status status = yajl_parse(parse.yajl, text.ptr, text.len);
    if (status == yajl_status_client_canceled)
        return false;
    if (status == yajl_status_error)
        return parse_failed(&parse);
    if (yajl_complete_parse(parse.yajl) != yajl_status_ok)
        return err_at(err, ERR_CORRUPT, base + text.len, "JSON text ends early");
    return true;
}

void json_tape_deinit(struct json_tape *tape)
{
    free(tape->tokens);
    arena_deinit(&tape->memory);
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

// Decodes escapes that yajl found well-formed. The content is never longer than its text.
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
        size_t at = (hint + i) % n_names;
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
