// SPDX-License-Identifier: Apache-2.0
// Table filter: see table_filter.h. A list is walked each time it is asked; who asks for every
// event keeps the answer.
#include "record/table_filter.h"

#define FNV_START 0xcbf29ce484222325
#define FNV_PRIME 0x100000001b3

static const char *const own_databases[] = {"mysql", "information_schema", "performance_schema",
                                            "sys"};

// The text "db.table" without putting it together.
struct full_name {
    struct slice db;
    struct slice table;
};

static size_t name_length(const struct full_name *name)
{
    return name->db.len + 1 + name->table.len;
}

static uint8_t name_byte(const struct full_name *name, size_t at)
{
    if (at < name->db.len)
        return name->db.ptr[at];
    return at == name->db.len ? '.' : name->table.ptr[at - name->db.len - 1];
}

bool table_filter_next(const char **list, struct slice *item)
{
    while (*list && **list) {
        *list += strspn(*list, ", \t\r\n");
        size_t n = strcspn(*list, ",");
        *item = slice_of(*list, n);
        *list += n;
        while (item->len > 0 && strchr(" \t\r\n", item->ptr[item->len - 1]))
            item->len--;
        if (item->len > 0)
            return true;
    }
    return false;
}

void table_filter_split(struct slice glob, struct slice *db, struct slice *table)
{
    const uint8_t *point = glob.len > 0 ? memchr(glob.ptr, '.', glob.len) : NULL;
    size_t n = point ? (size_t)(point - glob.ptr) : glob.len;
    *db = slice_of(glob.ptr, n);
    *table = slice_of(glob.ptr + n + (point != NULL), glob.len - n - (point != NULL));
}

bool table_filter_is_plain(struct slice part)
{
    for (size_t i = 0; i < part.len; i++)
        if (strchr("*?[", part.ptr[i]))
            return false;
    return part.len > 0;
}

// Length of the "[a-z]" at the front of the glob; 0 when it is not closed and so an ordinary byte.
static size_t class_length(struct slice glob)
{
    const uint8_t *close = glob.len > 2 ? memchr(glob.ptr + 2, ']', glob.len - 2) : NULL;
    return close ? (size_t)(close - glob.ptr) + 1 : 0;
}

// `class` is what stands between the brackets.
static bool class_has(struct slice class, uint8_t c)
{
    for (size_t i = 0; i < class.len; i++) {
        bool range = class.len - i > 2 && class.ptr[i + 1] == '-';
        if (range ? c >= class.ptr[i] && c <= class.ptr[i + 2] : c == class.ptr[i])
            return true;
        i += range ? 2 : 0;
    }
    return false;
}

// How many bytes of the glob stand for the byte c, which they match; 0 when they do not.
static size_t match_one(struct slice glob, uint8_t c)
{
    size_t n = glob.len > 0 && glob.ptr[0] == '[' ? class_length(glob) : 0;
    if (n > 0)
        return class_has(slice_of(glob.ptr + 1, n - 2), c) ? n : 0;
    return glob.len > 0 && (glob.ptr[0] == '?' || glob.ptr[0] == c) ? 1 : 0;
}

// Walks both; where it does not fit, the last * takes one byte more.
static bool glob_matches(struct slice glob, const struct full_name *name)
{
    size_t g = 0;
    size_t star = SIZE_MAX; // behind the last *
    size_t star_at = 0;     // where in the name it gave way
    for (size_t at = 0; at < name_length(name);) {
        if (g < glob.len && glob.ptr[g] == '*') {
            star = ++g;
            star_at = at;
            continue;
        }
        size_t n = match_one(slice_of(glob.ptr + g, glob.len - g), name_byte(name, at));
        if (n > 0) {
            g += n;
            at++;
        } else if (star == SIZE_MAX) {
            return false;
        } else {
            g = star;
            at = ++star_at;
        }
    }
    while (g < glob.len && glob.ptr[g] == '*')
        g++;
    return g == glob.len;
}

static bool is_own(struct slice db)
{
    for (size_t i = 0; i < sizeof own_databases / sizeof *own_databases; i++)
        if (slice_eq_str(db, own_databases[i]))
            return true;
    return false;
}

static bool names_database(struct slice glob, struct slice db)
{
    return glob.len > db.len && glob.ptr[db.len] == '.' && slice_eq(slice_of(glob.ptr, db.len), db);
}

bool table_filter_wants(const struct table_filter *filter, struct slice db, struct slice table)
{
    const struct full_name name = {db, table};
    const char *include = filter->include;
    const char *exclude = filter->exclude;
    struct slice glob;
    bool own = is_own(db);
    bool any = false;
    bool wanted = false;
    while (!wanted && table_filter_next(&include, &glob)) {
        any = true;
        wanted = glob_matches(glob, &name) && (!own || names_database(glob, db));
    }
    if (!any)
        wanted = !own;
    while (wanted && table_filter_next(&exclude, &glob))
        wanted = !glob_matches(glob, &name);
    return wanted;
}

// FNV-1a over the items, each ended by a comma, and the list by a line end.
static uint64_t digest_list(uint64_t h, const char *list)
{
    struct slice item;
    while (table_filter_next(&list, &item)) {
        for (size_t i = 0; i < item.len; i++)
            h = (h ^ item.ptr[i]) * FNV_PRIME;
        h = (h ^ ',') * FNV_PRIME;
    }
    return (h ^ '\n') * FNV_PRIME;
}

uint64_t table_filter_digest(const struct table_filter *filter)
{
    uint64_t h = digest_list(digest_list(FNV_START, filter->include), filter->exclude);
    return h ? h : 1;
}
