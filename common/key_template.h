// SPDX-License-Identifier: Apache-2.0
// Key template: [redis] key, how the keys of the rows are made:
//   text {db} text {table} text {key}
// {key} stands at the end, behind a colon, and between {db} and {table} there is a colon. The names
// and the parts of a key are written without colons in them (%3A), so two rows never have one key,
// and no table's prefix begins with another's. {db} and {table} may be left out only where [tables]
// include names a single one.
#ifndef TAILRACE_COMMON_KEY_TEMPLATE_H
#define TAILRACE_COMMON_KEY_TEMPLATE_H

#include "common/config.h"
#include "common/slice.h"

#define KEY_TEMPLATE_PIECES 5

enum key_piece_kind { KEY_PIECE_TEXT, KEY_PIECE_DB, KEY_PIECE_TABLE };

struct key_piece {
    enum key_piece_kind kind;
    struct slice text; // of KEY_PIECE_TEXT
};

// Borrows from the configuration.
struct key_template {
    struct key_piece pieces[KEY_TEMPLATE_PIECES]; // what stands before {key}
    size_t n_pieces;
    size_t n_colons;    // of the text in them
    struct slice db;    // where {db} is left out: the only one there is; else empty
    struct slice table; // the same
};

// ERR_CONFIG: what is wrong with it.
MUST_CHECK bool key_template_parse(struct key_template *template, const struct config *config,
                                   struct err *err);

// False: a row of this table could get the key of another table's.
bool key_template_takes(const struct key_template *template, struct slice db, struct slice table);

#endif
