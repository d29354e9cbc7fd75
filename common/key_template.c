// SPDX-License-Identifier: Apache-2.0
// Key template: see key_template.h.
#include "common/key_template.h"

#include <string.h>

#define END "{key}"

static bool wrong(struct err *err, const char *template, const char *why)
{
    return err_set(err, ERR_CONFIG, "[redis] key = %s: %s", template, why);
}

// --- [tables] include ---

// The next glob of the list, without the spaces around it; false at the end.
static bool next_glob(const char **list, struct slice *glob)
{
    *list += strspn(*list, ", \t\r\n");
    size_t n = strcspn(*list, ",");
    *glob = slice_of(*list, n);
    *list += n;
    while (glob->len > 0 && strchr(" \t\r\n", glob->ptr[glob->len - 1]))
        glob->len--;
    return glob->len > 0;
}

static bool is_literal(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr("*?[", text.ptr[i]))
            return false;
    return text.len > 0;
}

// The one database that all globs name, and the one table; empty where there may be several.
static void find_only(const char *include, struct slice *db, struct slice *table)
{
    struct slice glob;
    bool is_first = true;
    *db = *table = slice_of(NULL, 0);
    for (; next_glob(&include, &glob); is_first = false) {
        const uint8_t *dot = memchr(glob.ptr, '.', glob.len);
        size_t n = dot ? (size_t)(dot - glob.ptr) : 0;
        struct slice its_db = slice_of(glob.ptr, n);
        struct slice its_table = dot ? slice_of(dot + 1, glob.len - n - 1) : slice_of(NULL, 0);
        bool same_db = is_literal(its_db) && (is_first || slice_eq(*db, its_db));
        bool same_table =
            same_db && is_literal(its_table) && (is_first || slice_eq(*table, its_table));
        *db = same_db ? its_db : slice_of(NULL, 0);
        *table = same_table ? its_table : slice_of(NULL, 0);
        if (!same_db)
            return;
    }
}

// --- the template ---

static size_t count_colons(struct slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == ':';
    return n;
}

static bool add_piece(struct key_template *template, enum key_piece_kind kind, struct slice text)
{
    if (kind == KEY_PIECE_TEXT && text.len == 0)
        return true;
    for (size_t i = 0; kind != KEY_PIECE_TEXT && i < template->n_pieces; i++)
        if (template->pieces[i].kind == kind)
            return false;
    if (template->n_pieces == KEY_TEMPLATE_PIECES)
        return false;
    template->n_colons += count_colons(text);
    template->pieces[template->n_pieces++] = (struct key_piece){kind, text};
    return true;
}

static bool take_pieces(struct key_template *template, struct slice head)
{
    static const struct {
        const char *name;
        enum key_piece_kind kind;
    } names[] = {{"{db}", KEY_PIECE_DB}, {"{table}", KEY_PIECE_TABLE}};
    size_t start = 0;
    for (size_t at = 0; at < head.len;) {
        size_t n = 0;
        for (size_t i = 0; n == 0 && i < sizeof names / sizeof *names; i++) {
            size_t len = strlen(names[i].name);
            if (head.len - at < len || memcmp(head.ptr + at, names[i].name, len) != 0)
                continue;
            n = len;
            if (!add_piece(template, KEY_PIECE_TEXT, slice_of(head.ptr + start, at - start)) ||
                !add_piece(template, names[i].kind, slice_of(NULL, 0)))
                return false;
            start = at + n;
        }
        if (n == 0 && strchr("{}", head.ptr[at]))
            return false;
        at += n ? n : 1;
    }
    return add_piece(template, KEY_PIECE_TEXT, slice_of(head.ptr + start, head.len - start));
}

static bool has(const struct key_template *template, enum key_piece_kind kind)
{
    for (size_t i = 0; i < template->n_pieces; i++)
        if (template->pieces[i].kind == kind)
            return true;
    return false;
}

// {db} and {table} with a colon in the text between them.
static bool are_apart(const struct key_template *template)
{
    bool is_behind_name = false;
    for (size_t i = 0; i < template->n_pieces; i++) {
        const struct key_piece *piece = &template->pieces[i];
        if (piece->kind != KEY_PIECE_TEXT && is_behind_name)
            return false;
        is_behind_name =
            piece->kind != KEY_PIECE_TEXT || (is_behind_name && count_colons(piece->text) == 0);
    }
    return true;
}

bool key_template_parse(struct key_template *template, const struct config *config, struct err *err)
{
    const char *text = config->redis.key;
    size_t n = strlen(text), n_end = strlen(END);
    *template = (struct key_template){.n_pieces = 0};
    if (n <= n_end || strcmp(text + n - n_end, END) != 0 || text[n - n_end - 1] != ':')
        return wrong(err, text, "it has to end with :{key}");
    if (!take_pieces(template, slice_of(text, n - n_end)))
        return wrong(err, text,
                     "{db} and {table}, each once, and {key} at the end are all that may stand in "
                     "braces");
    if (!are_apart(template))
        return wrong(err, text, "{db} and {table} need a colon between them");
    find_only(config->tables.include, &template->db, &template->table);
    bool has_db = has(template, KEY_PIECE_DB), has_table = has(template, KEY_PIECE_TABLE);
    if (!has_db && template->db.len == 0)
        return wrong(err, text,
                     "without {db} rows of two databases could have one key: [tables] include has "
                     "to name a single database, without a wildcard");
    if (!has_table && template->table.len == 0)
        return wrong(err, text,
                     "without {table} rows of two tables could have one key: [tables] include has "
                     "to name a single table, without a wildcard");
    if (has_db)
        template->db = slice_of(NULL, 0);
    if (has_table)
        template->table = slice_of(NULL, 0);
    return true;
}

bool key_template_takes(const struct key_template *template, struct slice db, struct slice table)
{
    return (template->db.len == 0 || slice_eq(template->db, db)) &&
           (template->table.len == 0 || slice_eq(template->table, table));
}
