// SPDX-License-Identifier: Apache-2.0
// Query: see query.h. MySQL manual: "Binary Log Event", Query_event.
//
//   post-header   thread 4 · seconds 4 · length of db 1 · error 2 · length of the status variables
//                 2
//   body          status variables (code 1, value of a length that the code gives) · db, NUL ·
//                 statement, to the end;
//                 MariaDB's QUERY_COMPRESSED_EVENT: the statement compressed (see payload.c)
//
// Statements are cut into words, quoted names and single characters; comments are space, but what
// stands in an executable comment (/*!50000 … */, /*M! … */) counts. Classified by the first words,
// never parsed any further than the table's name. A first word that stands in no list is
// QUERY_UNKNOWN: it is refused, not guessed.
#include "binlog/query.h"

#include "binlog/charset.h"
#include "common/utf8.h"

#include <strings.h>

#define QUERY_POST_HEADER_BYTES 13
#define LATIN1_COLLATION 8

enum status_code {
    STATUS_FLAGS2 = 0,
    STATUS_SQL_MODE = 1,
    STATUS_CATALOG = 2,
    STATUS_AUTO_INCREMENT = 3,
    STATUS_CHARSET = 4,
    STATUS_TIME_ZONE = 5,
    STATUS_CATALOG_NZ = 6,
};

// Skips one status variable; false for one that stands behind the character set in every server's
// order.
static bool skip_status(uint8_t code, struct cursor *cur)
{
    switch (code) {
    case STATUS_FLAGS2:
    case STATUS_AUTO_INCREMENT:
        cursor_skip(cur, 4);
        return true;
    case STATUS_SQL_MODE:
        cursor_skip(cur, 8);
        return true;
    case STATUS_CATALOG:
        cursor_skip(cur, (size_t)cursor_u8(cur) + 1);
        return true;
    case STATUS_TIME_ZONE:
    case STATUS_CATALOG_NZ:
        cursor_skip(cur, cursor_u8(cur));
        return true;
    default: // of the server's codes
        return false;
    }
}

// Nothing but the client's character set matters here; what comes behind it is left unread.
static unsigned read_collation(struct cursor status)
{
    while (!status.failed && cursor_left(&status)) {
        uint8_t code = cursor_u8(&status);
        if (code == STATUS_CHARSET) {
            unsigned collation = cursor_u16(&status);
            return status.failed ? 0 : collation;
        }
        if (!skip_status(code, &status))
            return 0;
    }
    return 0;
}

bool query_parse(struct query *query, const struct event *event, const struct event_format *format,
                 struct plain *plain, struct err *err)
{
    struct cursor cur = event_cursor(event);
    size_t post_header = format->post_header_bytes[event->code];
    if (post_header < QUERY_POST_HEADER_BYTES)
        return err_at(err, ERR_UNSUPPORTED, EVENT_HEADER_BYTES,
                      "QUERY_EVENT with a post-header of %zu bytes: servers before 5.0 are not "
                      "supported",
                      post_header);
    query->thread = cursor_u32(&cur);
    cursor_skip(&cur, 4); // seconds that it took
    size_t db_bytes = cursor_u8(&cur);
    cursor_skip(&cur, 2); // error that it ended with
    size_t status_bytes = cursor_u16(&cur);
    cursor_skip(&cur, post_header - QUERY_POST_HEADER_BYTES);
    struct cursor status = cursor_sub(&cur, status_bytes);
    query->db = cursor_bytes(&cur, db_bytes);
    uint8_t nul = cursor_u8(&cur);
    if (cur.failed)
        return event_too_short(event, &cur, err);
    if (nul != 0 || !utf8_is_valid(query->db))
        return err_at(err, ERR_CORRUPT, cursor_offset(&cur), "QUERY_EVENT: no valid database name");
    query->collation = read_collation(status);
    if (event->code == EVENT_MARIADB_QUERY_COMPRESSED && !plain_inflate(plain, &cur, err))
        return false;
    query->statement = cursor_rest(&cur);
    return true;
}

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_NAME, TOKEN_STRING, TOKEN_SIGN };

struct token {
    enum token_kind kind;
    struct slice text; // without quotes
    uint8_t quote;     // of a TOKEN_NAME that was quoted; 0: none
};

static bool is_word_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || c >= 0x80;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool starts_with(struct slice text, const char *prefix)
{
    size_t n = strlen(prefix);
    return text.len >= n && memcmp(text.ptr, prefix, n) == 0;
}

static void advance(struct slice *text, size_t n)
{
    text->ptr += n;
    text->len -= n;
}

static void skip_through(struct slice *text, const char *end)
{
    while (text->len && !starts_with(*text, end))
        advance(text, 1);
    if (text->len)
        advance(text, strlen(end));
}

static bool skip_one_comment(struct slice *text)
{
    if (starts_with(*text, "/*!") || starts_with(*text, "/*M!")) {
        advance(text, text->ptr[2] == 'M' ? 4 : 3);
        while (text->len && text->ptr[0] >= '0' && text->ptr[0] <= '9')
            advance(text, 1);
        return true;
    }
    if (starts_with(*text, "*/")) {
        advance(text, 2);
        return true;
    }
    if (starts_with(*text, "/*")) {
        advance(text, 2);
        skip_through(text, "*/");
        return true;
    }
    bool is_dashes = starts_with(*text, "--") && (text->len == 2 || is_space(text->ptr[2]));
    if (is_dashes || starts_with(*text, "#")) {
        skip_through(text, "\n");
        return true;
    }
    return false;
}

static void skip_spaces(struct slice *text)
{
    while (text->len) {
        if (is_space(text->ptr[0]))
            advance(text, 1);
        else if (!skip_one_comment(text))
            return;
    }
}

// Length of what stands before the closing quote; a doubled quote is part of it, and so is what a
// backslash escapes in a string.
static size_t quoted_length(struct slice text, uint8_t quote)
{
    size_t i = 0;
    while (i < text.len) {
        if (text.ptr[i] == '\\' && quote != '`' && i + 1 < text.len) {
            i += 2;
        } else if (text.ptr[i] != quote) {
            i++;
        } else if (i + 1 < text.len && text.ptr[i + 1] == quote) {
            i += 2;
        } else {
            return i;
        }
    }
    return text.len;
}

static struct token next_token(struct slice *text)
{
    skip_spaces(text);
    if (!text->len)
        return (struct token){.kind = TOKEN_END};
    struct token token = {.kind = TOKEN_SIGN, .text = slice_of(text->ptr, 1)};
    uint8_t c = text->ptr[0];
    if (c == '`' || c == '"' || c == '\'') {
        advance(text, 1);
        token.kind = c == '\'' ? TOKEN_STRING : TOKEN_NAME;
        token.quote = c;
        token.text = slice_of(text->ptr, quoted_length(*text, c));
        advance(text, token.text.len);
        if (text->len)
            advance(text, 1);
        return token;
    }
    if (is_word_byte(c)) {
        token.kind = TOKEN_WORD;
        token.text.len = 0;
        while (token.text.len < text->len && is_word_byte(text->ptr[token.text.len]))
            token.text.len++;
    }
    advance(text, token.text.len);
    return token;
}

static bool is_word(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && token->text.len == strlen(word) &&
           strncasecmp((const char *)token->text.ptr, word, token->text.len) == 0;
}

static bool is_any_word(const struct token *token, const char *const *words)
{
    for (; *words; words++)
        if (is_word(token, *words))
            return true;
    return false;
}

static bool next_is(struct slice *text, const char *word)
{
    struct slice ahead = *text;
    struct token token = next_token(&ahead);
    if (!is_word(&token, word))
        return false;
    *text = ahead;
    return true;
}

static struct slice unquote(const struct token *token, struct arena *arena)
{
    if (!token->quote || !memchr(token->text.ptr, token->quote, token->text.len))
        return token->text;
    uint8_t *name = arena_alloc(arena, token->text.len);
    size_t n = 0;
    for (size_t i = 0; i < token->text.len; i++) {
        name[n++] = token->text.ptr[i];
        if (token->text.ptr[i] == token->quote)
            i++; // the second of a pair
    }
    return slice_of(name, n);
}

static bool read_name(struct slice *text, struct arena *arena, struct slice *name)
{
    struct token token = next_token(text);
    if (token.kind != TOKEN_WORD && token.kind != TOKEN_NAME)
        return false;
    *name = unquote(&token, arena);
    return true;
}

static void skip_if_exists(struct slice *text)
{
    if (next_is(text, "IF")) {
        (void)next_is(text, "NOT");
        (void)next_is(text, "EXISTS");
    }
}

static bool next_is_sign(struct slice *text, uint8_t sign)
{
    struct slice ahead = *text;
    struct token token = next_token(&ahead);
    if (token.kind != TOKEN_SIGN || token.text.ptr[0] != sign)
        return false;
    *text = ahead;
    return true;
}

// [db .] table
static bool take_table(struct slice *text, struct arena *arena, struct slice current_db,
                       struct ddl_table *table)
{
    *table = (struct ddl_table){.db = current_db};
    if (!read_name(text, arena, &table->name))
        return false;
    struct slice first = table->name;
    if (next_is_sign(text, '.') && read_name(text, arena, &table->name))
        table->db = first;
    return true;
}

// [IF [NOT] EXISTS] [db .] table
static void read_table(struct slice *text, struct arena *arena, struct ddl *ddl)
{
    struct ddl_table table;
    skip_if_exists(text);
    if (!take_table(text, arena, ddl->db, &table))
        return;
    ddl->db = table.db;
    ddl->table = table.name;
}

// The array has room up to the next power of two.
static void add_table(struct arena *arena, struct ddl *ddl, const struct ddl_table *table)
{
    size_t n = ddl->n_tables;
    if ((n & (n - 1)) == 0) {
        struct ddl_table *larger = arena_alloc(arena, (n ? 2 * n : 1) * sizeof *larger);
        if (n)
            memcpy(larger, ddl->tables, n * sizeof *larger);
        ddl->tables = larger;
    }
    ((struct ddl_table *)(uintptr_t)ddl->tables)[ddl->n_tables++] = *table;
}

// The table that was read is the one whose rows are meant.
static void add_own_table(struct arena *arena, struct ddl *ddl, enum ddl_rows rows)
{
    const struct ddl_table table = {ddl->db, ddl->table};
    ddl->rows = rows;
    if (table.name.len)
        add_table(arena, ddl, &table);
}

static void read_database(struct slice text, struct arena *arena, struct ddl *ddl)
{
    skip_if_exists(&text);
    struct slice name;
    if (read_name(&text, arena, &name))
        ddl->db = name;
}

static bool has_word(struct slice text, const char *word)
{
    struct token token;
    do {
        token = next_token(&text);
        if (is_word(&token, word))
            return true;
    } while (token.kind != TOKEN_END);
    return false;
}

// In row format the server logs CREATE TABLE … SELECT without its SELECT, and the rows behind it.
static enum query_kind classify_create(struct slice text, struct arena *arena, struct ddl *ddl)
{
    bool replaces = next_is(&text, "OR") && next_is(&text, "REPLACE");
    if (next_is(&text, "DATABASE") || next_is(&text, "SCHEMA")) {
        ddl->kind = DDL_CREATE_DATABASE;
        read_database(text, arena, ddl);
    } else if (next_is(&text, "TABLE")) {
        ddl->kind = DDL_CREATE_TABLE;
        read_table(&text, arena, ddl);
        if (replaces)
            add_own_table(arena, ddl, DDL_ROWS_GONE);
        if (has_word(text, "SELECT"))
            return QUERY_DML;
    }
    return QUERY_DDL;
}

// table [, table …]
static void read_dropped(struct slice text, struct arena *arena, struct ddl *ddl)
{
    struct slice current_db = ddl->db;
    struct ddl_table table;
    struct slice first = text;
    read_table(&first, arena, ddl);
    skip_if_exists(&text);
    ddl->rows = DDL_ROWS_GONE;
    do {
        if (!take_table(&text, arena, current_db, &table))
            return;
        add_table(arena, ddl, &table);
    } while (next_is_sign(&text, ','));
}

static enum query_kind classify_drop(struct slice text, struct arena *arena, struct ddl *ddl)
{
    if (next_is(&text, "DATABASE") || next_is(&text, "SCHEMA")) {
        ddl->kind = DDL_DROP_DATABASE;
        read_database(text, arena, ddl);
    } else if (next_is(&text, "TABLE") || next_is(&text, "TABLES")) {
        ddl->kind = DDL_DROP_TABLE;
        read_dropped(text, arena, ddl);
    }
    return QUERY_DDL;
}

// MariaDB: WAIT n, NOWAIT
static void skip_wait(struct slice *text)
{
    if (next_is(text, "WAIT"))
        (void)next_token(text);
    else
        (void)next_is(text, "NOWAIT");
}

static void set_untold(struct arena *arena, struct ddl *ddl, const char *how)
{
    add_own_table(arena, ddl, DDL_ROWS_UNTOLD);
    ddl->how = how;
}

// … WITH TABLE other, … TO TABLE other, … TABLE other TO PARTITION
static void add_other_table(struct slice text, struct arena *arena, struct ddl *ddl)
{
    struct ddl_table other;
    struct token token;
    do
        token = next_token(&text);
    while (token.kind != TOKEN_END && !is_word(&token, "TABLE"));
    if (take_table(&text, arena, ddl->db, &other))
        add_table(arena, ddl, &other);
}

// RENAME [TO | AS | =] name; not COLUMN, INDEX, KEY.
static bool read_new_name(struct slice text, struct arena *arena, struct slice current_db,
                          struct ddl *ddl)
{
    struct ddl_table to;
    if (next_is(&text, "COLUMN") || next_is(&text, "INDEX") || next_is(&text, "KEY"))
        return false;
    if (!next_is(&text, "TO") && !next_is(&text, "AS"))
        (void)next_is_sign(&text, '=');
    if (!take_table(&text, arena, current_db, &to))
        return false;
    add_own_table(arena, ddl, DDL_ROWS_RENAMED);
    add_table(arena, ddl, &to);
    return true;
}

// One clause of ALTER TABLE, whose first word was read. True: it says what happens to rows.
static bool read_clause(const struct token *word, struct slice text, struct arena *arena,
                        struct ddl *ddl)
{
    static const struct {
        const char *word, *second, *how;
    } untold[] = {{"TRUNCATE", "PARTITION", "TRUNCATE PARTITION"},
                  {"DROP", "PARTITION", "DROP PARTITION"},
                  {"EXCHANGE", "PARTITION", "EXCHANGE PARTITION"},
                  {"CONVERT", "PARTITION", "CONVERT PARTITION"},
                  {"CONVERT", "TABLE", "CONVERT TABLE"},
                  {"DISCARD", "PARTITION", "DISCARD TABLESPACE"},
                  {"DISCARD", "TABLESPACE", "DISCARD TABLESPACE"},
                  {"IMPORT", "PARTITION", "IMPORT TABLESPACE"},
                  {"IMPORT", "TABLESPACE", "IMPORT TABLESPACE"}};
    for (size_t i = 0; i < sizeof untold / sizeof untold[0]; i++) {
        struct slice ahead = text;
        if (!is_word(word, untold[i].word) || !next_is(&ahead, untold[i].second))
            continue;
        set_untold(arena, ddl, untold[i].how);
        if (is_word(word, "EXCHANGE") || is_word(word, "CONVERT"))
            add_other_table(text, arena, ddl);
        return true;
    }
    return false;
}

// ALTER TABLE name clause, clause, …: what stands in parentheses is none of its clauses.
static void read_clauses(struct slice text, struct slice current_db, struct arena *arena,
                         struct ddl *ddl)
{
    unsigned depth = 0;
    bool begins = true;
    for (struct token token = next_token(&text); token.kind != TOKEN_END;
         token = next_token(&text)) {
        bool is_sign = token.kind == TOKEN_SIGN;
        if (begins && token.kind == TOKEN_WORD &&
            (read_clause(&token, text, arena, ddl) ||
             (is_word(&token, "RENAME") && read_new_name(text, arena, current_db, ddl))))
            return;
        depth += is_sign && token.text.ptr[0] == '(';
        depth -= is_sign && token.text.ptr[0] == ')' && depth > 0;
        begins = is_sign && token.text.ptr[0] == ',' && depth == 0;
    }
}

static enum query_kind classify_alter(struct slice text, struct arena *arena, struct ddl *ddl)
{
    struct slice current_db = ddl->db;
    (void)next_is(&text, "ONLINE");
    bool ignores = next_is(&text, "IGNORE"); // rows that would be there twice are removed
    if (!next_is(&text, "TABLE"))
        return QUERY_DDL;
    ddl->kind = DDL_ALTER_TABLE;
    read_table(&text, arena, ddl);
    skip_wait(&text);
    if (ignores)
        set_untold(arena, ddl, "ALTER IGNORE");
    else
        read_clauses(text, current_db, arena, ddl);
    return QUERY_DDL;
}

// table TO table [, table TO table …]
static void read_renamed(struct slice text, struct arena *arena, struct ddl *ddl)
{
    struct slice current_db = ddl->db;
    struct ddl_table from, to;
    struct slice first = text;
    read_table(&first, arena, ddl);
    skip_if_exists(&text);
    ddl->rows = DDL_ROWS_RENAMED;
    do {
        if (!take_table(&text, arena, current_db, &from))
            return;
        skip_wait(&text);
        if (!next_is(&text, "TO") || !take_table(&text, arena, current_db, &to))
            return;
        add_table(arena, ddl, &from);
        add_table(arena, ddl, &to);
    } while (next_is_sign(&text, ','));
}

static enum query_kind classify_rename(struct slice text, struct arena *arena, struct ddl *ddl)
{
    if (next_is(&text, "TABLE") || next_is(&text, "TABLES")) {
        ddl->kind = DDL_RENAME_TABLE;
        read_renamed(text, arena, ddl);
    }
    return QUERY_DDL;
}

static enum query_kind classify_truncate(struct slice text, struct arena *arena, struct ddl *ddl)
{
    (void)next_is(&text, "TABLE");
    ddl->kind = DDL_TRUNCATE_TABLE;
    read_table(&text, arena, ddl);
    add_own_table(arena, ddl, DDL_ROWS_GONE);
    return QUERY_DDL;
}

// MySQL's IMPORT TABLE FROM brings tables with their rows, which it names in files.
static enum query_kind classify_import(struct slice text, struct arena *arena, struct ddl *ddl)
{
    (void)text;
    (void)arena;
    ddl->rows = DDL_ROWS_UNTOLD;
    ddl->how = "IMPORT TABLE";
    return QUERY_DDL;
}

// ANALYZE TABLE is maintenance; MariaDB's ANALYZE <statement> runs the statement.
static enum query_kind classify_analyze(struct slice text, struct arena *arena, struct ddl *ddl)
{
    (void)arena;
    (void)ddl;
    static const char *const maintenance[] = {"TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG",
                                              NULL};
    struct token token = next_token(&text);
    return is_any_word(&token, maintenance) ? QUERY_DDL : QUERY_DML;
}

static enum query_kind classify_rollback(struct slice text, struct arena *arena, struct ddl *ddl)
{
    (void)arena;
    (void)ddl;
    (void)next_is(&text, "WORK");
    return next_is(&text, "TO") ? QUERY_ROLLBACK_TO : QUERY_ROLLBACK;
}

// MariaDB's SET STATEMENT variable = value, … FOR statement is that statement; any other SET
// (PASSWORD, DEFAULT ROLE, …) concerns users.
static enum query_kind classify_set(struct slice text, struct arena *arena, struct ddl *ddl)
{
    if (!next_is(&text, "STATEMENT"))
        return QUERY_DDL;
    struct token token;
    do
        token = next_token(&text);
    while (token.kind != TOKEN_END && !is_word(&token, "FOR"));
    if (next_is(&text, "SET")) // not again: no recursion on input
        return QUERY_UNKNOWN;
    return query_classify(text, ddl->db, arena, ddl);
}

typedef enum query_kind classifier(struct slice text, struct arena *arena, struct ddl *ddl);

struct verb {
    const char *word;
    enum query_kind kind;
    classifier *classify; // NULL: `kind` it is, DDL_OTHER where that is DDL
};

static const struct verb verbs[] = {
    {"BEGIN", QUERY_BEGIN, NULL},
    {"COMMIT", QUERY_COMMIT, NULL},
    {"ROLLBACK", QUERY_ROLLBACK, classify_rollback},
    {"SAVEPOINT", QUERY_SAVEPOINT, NULL},
    {"RELEASE", QUERY_SAVEPOINT, NULL},
    {"XA", QUERY_XA, NULL},
    {"CREATE", QUERY_DDL, classify_create},
    {"ALTER", QUERY_DDL, classify_alter},
    {"DROP", QUERY_DDL, classify_drop},
    {"RENAME", QUERY_DDL, classify_rename},
    {"TRUNCATE", QUERY_DDL, classify_truncate},
    {"ANALYZE", QUERY_DDL, classify_analyze},
    {"SET", QUERY_DDL, classify_set},
    {"OPTIMIZE", QUERY_DDL, NULL},
    {"REPAIR", QUERY_DDL, NULL},
    {"CHECK", QUERY_DDL, NULL},
    {"FLUSH", QUERY_DDL, NULL},
    {"RESET", QUERY_DDL, NULL},
    {"GRANT", QUERY_DDL, NULL},
    {"REVOKE", QUERY_DDL, NULL},
    {"INSTALL", QUERY_DDL, NULL},
    {"UNINSTALL", QUERY_DDL, NULL},
    {"IMPORT", QUERY_DDL, classify_import},
    {"CACHE", QUERY_DDL, NULL},
    {"INSERT", QUERY_DML, NULL},
    {"UPDATE", QUERY_DML, NULL},
    {"DELETE", QUERY_DML, NULL},
    {"REPLACE", QUERY_DML, NULL},
    {"LOAD", QUERY_DML, NULL},
    {"WITH", QUERY_DML, NULL},
    {"SELECT", QUERY_DML, NULL},
    {"DO", QUERY_DML, NULL},
    {"CALL", QUERY_DML, NULL},
    {"EXECUTE", QUERY_DML, NULL},
};

enum query_kind query_classify(struct slice statement, struct slice current_db, struct arena *arena,
                               struct ddl *ddl)
{
    if (slice_eq_str(statement, "BEGIN")) // each transaction, as servers write it
        return QUERY_BEGIN;
    struct slice text = statement;
    struct token first = next_token(&text);
    if (first.kind == TOKEN_END)
        return QUERY_EMPTY;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!is_word(&first, verbs[i].word))
            continue;
        struct ddl found = {.kind = DDL_OTHER, .db = current_db, .how = ""};
        enum query_kind kind = verbs[i].kind;
        if (verbs[i].classify)
            kind = verbs[i].classify(text, arena, &found);
        if (kind == QUERY_DDL)
            *ddl = found;
        return kind;
    }
    return QUERY_UNKNOWN;
}

// [ROLLBACK [WORK] TO] [SAVEPOINT] name
struct slice query_savepoint(struct slice statement, struct arena *arena)
{
    struct slice text = statement;
    struct slice name;
    if (next_is(&text, "ROLLBACK")) {
        (void)next_is(&text, "WORK");
        (void)next_is(&text, "TO");
    }
    (void)next_is(&text, "SAVEPOINT");
    if (next_is(&text, "RELEASE") || !read_name(&text, arena, &name))
        return slice_of(NULL, 0);
    return name;
}

struct slice query_text(struct slice text, unsigned collation, struct arena *arena)
{
    if (utf8_is_valid(text))
        return text;
    const unsigned tries[] = {collation, LATIN1_COLLATION};
    for (size_t i = 0; i < 2; i++) {
        const struct charset *charset = charset_of_collation(tries[i]);
        struct value value;
        struct err ignored; // the next try is the answer to it
        if (charset && tries[i] != COLLATION_BINARY &&
            charset_to_utf8(charset, text, arena, &value, &ignored) && value.kind == VALUE_TEXT)
            return value.text;
    }
    return slice_of_str("");
}

bool query_refuse(const struct query *query, enum query_kind kind, struct err *err)
{
    const int shown = query->statement.len < 80 ? (int)query->statement.len : 80;
    const char *text = (const char *)query->statement.ptr;
    if (kind == QUERY_DML)
        return err_set(err, ERR_UNSUPPORTED, "\"%.*s\" changes rows but was logged as text; %s",
                       shown, text,
                       "binlog_format=ROW is needed: SET GLOBAL binlog_format = 'ROW', then start "
                       "from a position behind this transaction");
    return err_set(err, ERR_UNSUPPORTED, "the statement \"%.*s\" is of no known kind", shown, text);
}
