// SPDX-License-Identifier: Apache-2.0
// Grants: see grants.h. Of the patterns that a database fits the server takes one, the most
// specific; here the one that is its very name, else all of them have to grant.
#include "publisher/grants.h"

#include "common/buf.h"
#include "record/table_filter.h"

#include <string.h>

enum scope {
    SCOPE_OTHER, // a routine, or not understood
    SCOPE_ALL,
    SCOPE_DATABASE,
    SCOPE_TABLE,
};

struct grant {
    bool is_revoked;
    bool has_select;
    enum scope scope;
    struct buf db; // a pattern, but for SCOPE_TABLE and what is revoked
    struct buf table;
};

static void grant_deinit(struct grant *grant)
{
    buf_deinit(&grant->db);
    buf_deinit(&grant->table);
}

// "SELECT, INSERT" has it, "SELECT (`a`)" has not.
static bool lists_select(struct slice privileges)
{
    const char *list = (const char *)privileges.ptr;
    const char *end = list + privileges.len;
    while (list < end) {
        size_t n = 0;
        while (list + n < end && list[n] != ',')
            n++;
        struct slice one = slice_of(list, n);
        if (slice_eq_str(one, "SELECT") || slice_eq_str(one, "ALL PRIVILEGES"))
            return true;
        list += n + 1;
        list += list < end && *list == ' ';
    }
    return false;
}

// A name in its quotes, which are doubled inside; `text` goes behind it.
static bool read_name(const char **text, struct buf *name)
{
    const char quote = **text;
    if (quote != '`' && quote != '"')
        return false;
    for (const char *at = *text + 1; *at; at++) {
        if (*at != quote) {
            buf_char(name, *at);
        } else if (at[1] == quote) {
            buf_char(name, quote);
            at++;
        } else {
            *text = at + 1;
            return true;
        }
    }
    return false;
}

static enum scope read_scope(const char *text, struct grant *grant)
{
    if (strncmp(text, "*.* ", 4) == 0)
        return SCOPE_ALL;
    if (!read_name(&text, &grant->db) || *text++ != '.')
        return SCOPE_OTHER;
    if (strncmp(text, "* ", 2) == 0)
        return SCOPE_DATABASE;
    return read_name(&text, &grant->table) && *text == ' ' ? SCOPE_TABLE : SCOPE_OTHER;
}

static void grant_read(struct grant *grant, const char *line)
{
    const char *on = strstr(line, " ON ");
    *grant = (struct grant){.is_revoked = strncmp(line, "REVOKE ", 7) == 0};
    size_t verb = grant->is_revoked ? 7 : 6;
    if (!on || (!grant->is_revoked && strncmp(line, "GRANT ", 6) != 0) || on < line + verb)
        return;
    grant->has_select = lists_select(slice_of(line + verb, (size_t)(on - line) - verb));
    grant->scope = read_scope(on + 4, grant);
}

// As LIKE does it: _ is one byte (of names beyond ASCII a part), % any, \ takes their meaning away.
static bool is_like(struct slice pattern, struct slice name)
{
    size_t p = 0;
    size_t percent = SIZE_MAX; // behind the last %
    size_t percent_at = 0;     // where in the name it gave way
    for (size_t at = 0; at < name.len;) {
        bool escaped = p + 1 < pattern.len && pattern.ptr[p] == '\\';
        if (!escaped && p < pattern.len && pattern.ptr[p] == '%') {
            percent = ++p;
            percent_at = at;
            continue;
        }
        uint8_t c = p < pattern.len ? pattern.ptr[p + escaped] : 0;
        bool fits = p < pattern.len && (c == name.ptr[at] || (!escaped && c == '_'));
        if (fits) {
            p += 1 + escaped;
            at++;
        } else if (percent == SIZE_MAX) {
            return false;
        } else {
            p = percent;
            at = ++percent_at;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '%')
        p++;
    return p == pattern.len;
}

// The very name, with or without the backslashes before _ and %.
static bool is_name(struct slice pattern, struct slice name)
{
    size_t p = 0;
    for (size_t i = 0; i < name.len; i++, p++) {
        bool escaped = p + 1 < pattern.len && pattern.ptr[p] == '\\' && name.ptr[i] != '\\';
        p += escaped;
        if (p >= pattern.len || pattern.ptr[p] != name.ptr[i])
            return false;
    }
    return p == pattern.len;
}

// What the lines say of one glob.
struct cover {
    struct slice db;
    struct slice table;
    bool one_db; // the glob is of one database only
    bool all;
    bool revoked;
    bool exact; // of the database's own grant
    bool exact_select;
    bool like_select;
    bool like_other;
    bool of_table;
};

static bool is_servers_own(struct slice db)
{
    const struct table_filter all = {.include = ""};
    return !table_filter_wants(&all, db, slice_of_str("t"));
}

static void take_database(struct cover *cover, const struct grant *grant, struct slice db)
{
    if (is_name(db, cover->db)) {
        cover->exact = true;
        cover->exact_select |= grant->has_select;
    } else if (is_like(db, cover->db)) {
        *(grant->has_select ? &cover->like_select : &cover->like_other) = true;
    }
}

static void take_grant(struct cover *cover, const struct grant *grant)
{
    struct slice db = buf_bytes(&grant->db);
    switch (grant->scope) {
    case SCOPE_OTHER:
        break;
    case SCOPE_ALL:
        cover->all |= grant->has_select && !grant->is_revoked;
        break;
    case SCOPE_DATABASE:
        if (grant->is_revoked)
            cover->revoked |= grant->has_select &&
                              (cover->one_db ? slice_eq(db, cover->db) : !is_servers_own(db));
        else
            take_database(cover, grant, db);
        break;
    case SCOPE_TABLE:
        cover->of_table |= grant->has_select && slice_eq(db, cover->db) &&
                           slice_eq(buf_bytes(&grant->table), cover->table);
        break;
    }
}

bool grants_cover(const char *const *lines, size_t n_lines, struct slice glob)
{
    struct cover cover = {.all = false};
    table_filter_split(glob, &cover.db, &cover.table);
    cover.one_db = table_filter_is_plain(cover.db);
    for (size_t i = 0; i < n_lines; i++) {
        struct grant grant;
        grant_read(&grant, lines[i]);
        take_grant(&cover, &grant);
        grant_deinit(&grant);
    }
    if (cover.all && !cover.revoked)
        return true;
    if (!cover.one_db)
        return false;
    bool of_db = cover.exact ? cover.exact_select : cover.like_select && !cover.like_other;
    return of_db || (cover.of_table && table_filter_is_plain(cover.table));
}
