// SPDX-License-Identifier: Apache-2.0
// Notices: see notices.h.
#define _DEFAULT_SOURCE // strncasecmp
#include "publisher/notices.h"

#include "publisher/topics.h"
#include "record/json_writer.h"

#include <strings.h>

static const char *const kinds[] = {
    [DDL_CREATE_TABLE] = "create_table",     [DDL_ALTER_TABLE] = "alter_table",
    [DDL_DROP_TABLE] = "drop_table",         [DDL_RENAME_TABLE] = "rename_table",
    [DDL_TRUNCATE_TABLE] = "truncate_table", [DDL_CREATE_DATABASE] = "create_database",
    [DDL_DROP_DATABASE] = "drop_database",   [DDL_OTHER] = "other",
};

static bool contains(struct slice text, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text.len; i++)
        if (strncasecmp((const char *)text.ptr + i, word, n) == 0)
            return true;
    return false;
}

// Accounts and servers: CREATE USER … IDENTIFIED …, SET PASSWORD, CREATE SERVER … PASSWORD.
static bool may_hold_password(const struct ddl *ddl)
{
    return ddl->kind == DDL_OTHER &&
           (contains(ddl->statement, "identified") || contains(ddl->statement, "password"));
}

static void put_text_or_null(struct buf *out, const char *member, struct slice text)
{
    buf_str(out, member);
    if (text.len > 0)
        json_write_string(out, text);
    else
        buf_str(out, "null");
}

void notice_write_ddl(struct buf *out, const struct ddl *ddl)
{
    const struct origin *source = &ddl->source;
    put_text_or_null(out, "{\"file\":", source->file);
    buf_printf(out, ",\"pos\":%llu", (unsigned long long)source->pos);
    put_text_or_null(out, ",\"gtid\":", source->gtid);
    buf_printf(out, ",\"ts_ms\":%llu", (unsigned long long)(source->ts_us / 1000));
    put_text_or_null(out, ",\"db\":", ddl->db);
    put_text_or_null(out, ",\"table\":", ddl->table);
    buf_printf(out, ",\"kind\":\"%s\"", kinds[ddl->kind]);
    put_text_or_null(
        out, ",\"statement\":", may_hold_password(ddl) ? (struct slice){NULL, 0} : ddl->statement);
    buf_char(out, '}');
}

void notice_write_key(struct buf *out, struct slice transaction)
{
    buf_str(out, "{\"id\":");
    json_write_string(out, transaction);
    buf_char(out, '}');
}

static void put_head(struct buf *out, const char *status, struct slice transaction, uint64_t ts_ms)
{
    buf_printf(out, "{\"status\":\"%s\",\"id\":", status);
    json_write_string(out, transaction);
    buf_printf(out, ",\"ts_ms\":%llu,\"event_count\":", (unsigned long long)ts_ms);
}

void notice_write_begin(struct buf *out, struct slice transaction, uint64_t ts_ms)
{
    put_head(out, "BEGIN", transaction, ts_ms);
    buf_str(out, "null,\"data_collections\":null}");
}

void notice_write_end(struct buf *out, struct slice transaction, uint64_t ts_ms,
                      const struct topic *counted)
{
    struct buf name = {0};
    uint64_t total = 0;
    for (const struct topic *topic = counted; topic; topic = topic->next_counted)
        total += topic->transaction_changes;
    put_head(out, "END", transaction, ts_ms);
    buf_printf(out, "%llu,\"data_collections\":[", (unsigned long long)total);
    for (const struct topic *topic = counted; topic; topic = topic->next_counted) {
        buf_clear(&name);
        buf_printf(&name, "%s.%s", topic->db, topic->table);
        buf_str(out, topic == counted ? "{\"data_collection\":" : ",{\"data_collection\":");
        json_write_string(out, buf_bytes(&name));
        buf_printf(out, ",\"event_count\":%llu}", (unsigned long long)topic->transaction_changes);
    }
    buf_str(out, "]}");
    buf_deinit(&name);
}
