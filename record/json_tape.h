// SPDX-License-Identifier: Apache-2.0
// JSON tape: a JSON text as a flat list of its tokens, each with the place of its bytes, so that a
// reader asks for members, numbers stay text, and an error knows its offset. A container's members
// follow it; `next` leads behind them. Containers below `levels` are one token, whatever is in
// them: their bytes can be copied, or parsed by another tape.
#ifndef TAILRACE_RECORD_JSON_TAPE_H
#define TAILRACE_RECORD_JSON_TAPE_H

#include "common/arena.h"
#include "common/err.h"

#define JSON_TEXT_MAX (1u << 30)
#define JSON_TOKENS_MAX 65536
#define JSON_DEPTH_MAX 128 // MySQL stores up to 100 levels; the record puts 2 around them
#define JSON_LEVELS_MAX 2

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_OBJECT, JSON_ARRAY };

struct json_token {
    enum json_kind kind;
    bool escaped;       // a string with escapes
    bool key_escaped;   // of the member that this is the value of
    uint32_t key_start; // the member's name without its quotes; equal to key_end in an array
    uint32_t key_end;
    uint32_t start; // the whole value, a string's quotes included
    uint32_t end;
    uint32_t next; // number of the first token behind this one and what is in it
};

struct json_tape {
    struct slice text;
    size_t base; // offset of text in what errors speak of
    struct json_token *tokens;
    size_t n_tokens;
    size_t cap_tokens;
};

// {0} is an empty tape; deinit frees it. Parsing again keeps the memory.
void json_tape_deinit(struct json_tape *tape);

// Tokens of `text` (an object or array; borrowed, not copied) and of what is in it down to
// `levels`: 1 = its members, 2 = their members too. ERR_CORRUPT with offset (base is added) when it
// is no JSON, is not UTF-8, or ends late.
MUST_CHECK bool json_tape_parse(struct json_tape *tape, struct slice text, size_t base,
                                unsigned levels, struct err *err);

// The bytes of the value as they stand.
struct slice json_raw(const struct json_tape *tape, const struct json_token *token);

// ERR_CORRUPT at the token, with what was expected.
bool json_expected(const struct json_tape *tape, const struct json_token *token, const char *what,
                   struct err *err);

// The content of a string, of a member's name: borrowed from the text, or in the arena where it has
// escapes.
MUST_CHECK bool json_string(const struct json_tape *tape, const struct json_token *token,
                            struct arena *arena, struct slice *content, struct err *err);
MUST_CHECK bool json_key(const struct json_tape *tape, const struct json_token *token,
                         struct arena *arena, struct slice *content, struct err *err);

// A number without fraction and exponent, within the limits.
MUST_CHECK bool json_u64(const struct json_tape *tape, const struct json_token *token,
                         uint64_t most, uint64_t *v, struct err *err);
MUST_CHECK bool json_i64(const struct json_tape *tape, const struct json_token *token,
                         int64_t least, int64_t most, int64_t *v, struct err *err);

// Finds the members of an object by name: members[i] is the one called names[i]. Each has to be
// there once, and no other.
MUST_CHECK bool json_members(const struct json_tape *tape, const struct json_token *object,
                             const char *const *names, size_t n_names,
                             const struct json_token **members, struct err *err);

#endif
