// SPDX-License-Identifier: Apache-2.0
// Mapping: see mapping.h.
#include "appliers/redis/mapping.h"

#include "record/json_writer.h"

static void escape(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ':')
            buf_str(out, "%3A");
        else if (text.ptr[i] == '%')
            buf_str(out, "%25");
        else
            buf_char(out, (char)text.ptr[i]);
    }
}

void mapping_write_value(struct buf *out, const struct value *value)
{
    size_t start = out->len;
    if (value->kind == VALUE_TEXT || value->kind == VALUE_DECIMAL) {
        buf_slice(out, value->text);
        return;
    }
    json_write_value(out, value);
    bool is_quoted = value->kind == VALUE_DATE || value->kind == VALUE_DATETIME ||
                     value->kind == VALUE_TIMESTAMP || value->kind == VALUE_TIME ||
                     value->kind == VALUE_BINARY; // none of them needs an escape
    if (is_quoted) {
        memmove(out->ptr + start, out->ptr + start + 1, out->len - start - 2);
        out->len -= 2;
    }
}

// Most parts need no escape: the text is written as it is, and only looked through.
static void write_part(struct buf *out, const struct value *value)
{
    size_t start = out->len;
    if (value_is_null(value)) {
        buf_str(out, "%NULL");
        return;
    }
    mapping_write_value(out, value);
    if (!memchr(out->ptr + start, ':', out->len - start) &&
        !memchr(out->ptr + start, '%', out->len - start))
        return;
    struct buf plain = {0};
    buf_append(&plain, out->ptr + start, out->len - start);
    out->len = start;
    escape(out, buf_bytes(&plain));
    buf_deinit(&plain);
}

void mapping_write_prefix(struct buf *out, const struct key_template *template,
                          const struct table *table)
{
    for (size_t i = 0; i < template->n_pieces; i++) {
        switch (template->pieces[i].kind) {
        case KEY_PIECE_TEXT:
            buf_slice(out, template->pieces[i].text);
            break;
        case KEY_PIECE_DB:
            escape(out, table->db);
            break;
        case KEY_PIECE_TABLE:
            escape(out, table->name);
            break;
        }
    }
}

void mapping_write_key(struct buf *out, const struct key_template *template,
                       const struct table *table, const struct value *row)
{
    mapping_write_prefix(out, template, table);
    for (size_t i = 0; i < table->n_key; i++) {
        if (i)
            buf_char(out, ':');
        write_part(out, &row[table->key[i]]);
    }
}

void mapping_write_json(struct buf *out, const struct table *table, const struct value *row)
{
    bool is_first = true;
    buf_char(out, '{');
    for (size_t i = 0; i < table->n_columns; i++) {
        if (row[i].kind == VALUE_ABSENT)
            continue;
        if (!is_first)
            buf_char(out, ',');
        is_first = false;
        buf_slice(out, table->columns[i].json_name);
        json_write_value(out, &row[i]);
    }
    buf_char(out, '}');
}
