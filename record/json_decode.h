// SPDX-License-Identifier: Apache-2.0
// JSON decode: one column's value, out of its JSON, by the column's type. The reverse of
// json_write_value.
#ifndef TAILRACE_RECORD_JSON_DECODE_H
#define TAILRACE_RECORD_JSON_DECODE_H

#include "record/json_tape.h"
#include "record/table.h"
#include "record/value.h"

struct json_decode {
    const struct json_tape *tape;
    struct json_tape *part; // for what lies inside a value
    struct arena *arena;    // for what cannot be borrowed from the text
};

// ERR_CORRUPT, with the offset and the column's name, for JSON that is no value of that type.
MUST_CHECK bool json_decode_value(const struct json_decode *decode, const struct json_token *token,
                                  const struct column *column, struct value *value,
                                  struct err *err);

#endif
