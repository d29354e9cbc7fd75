// SPDX-License-Identifier: Apache-2.0
// Redis keys: see redis_key.h.
#include "verify/redis_key.h"

#include "verify/text.h"

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

static bool unescape(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            buf_char(out, (char)text.ptr[i]);
            continue;
        }
        if (text.len - i < 3 || (memcmp(text.ptr + i, "%3A", 3) && memcmp(text.ptr + i, "%25", 3)))
            return false;
        buf_char(out, text.ptr[i + 1] == '3' ? ':' : '%');
        i += 2;
    }
    return true;
}

void redis_key_put_prefix(struct buf *out, const struct key_template *template,
                          const struct shape *shape)
{
    for (size_t i = 0; i < template->n_pieces; i++) {
        const struct key_piece *piece = &template->pieces[i];
        if (piece->kind == KEY_PIECE_TEXT)
            buf_slice(out, piece->text);
        else
            escape(out, slice_of_str(piece->kind == KEY_PIECE_DB ? shape->db : shape->name));
    }
}

// The names in it have no colons, so it ends with as many as the template's text has.
struct slice redis_key_prefix_of(const struct key_template *template, struct slice key)
{
    size_t at = 0;
    for (size_t i = 0; i < template->n_colons; i++) {
        const uint8_t *colon = at < key.len ? memchr(key.ptr + at, ':', key.len - at) : NULL;
        if (!colon)
            return slice_of(NULL, 0);
        at = (size_t)(colon - key.ptr) + 1;
    }
    return slice_of(key.ptr, at);
}

void redis_key_put(struct buf *out, const struct key_template *template, const struct shape *shape,
                   const struct cell *key)
{
    struct buf part = {0};
    redis_key_put_prefix(out, template, shape);
    for (size_t i = 0; i < shape->n_key; i++) {
        if (i)
            buf_char(out, ':');
        if (text_is_null(&shape->columns[shape->key[i]], &key[i])) {
            buf_str(out, "%NULL");
            continue;
        }
        buf_clear(&part);
        text_put_part(&part, &shape->columns[shape->key[i]], &key[i]);
        escape(out, buf_bytes(&part));
    }
    buf_deinit(&part);
}

static bool read_part(const struct shape_column *column, struct slice text, struct arena *arena,
                      struct cell *cell)
{
    struct buf plain = {0};
    if (slice_eq_str(text, "%NULL")) {
        *cell = (struct cell){slice_of("", 0), true};
        return true;
    }
    bool good = unescape(&plain, text) &&
                text_read_part(column, arena_copy(arena, buf_bytes(&plain)), arena, cell);
    buf_deinit(&plain);
    return good;
}

bool redis_key_read(const struct key_template *template, const struct shape *shape,
                    struct slice key, struct arena *arena, struct cell *cells)
{
    struct buf prefix = {0};
    redis_key_put_prefix(&prefix, template, shape);
    bool good = key.len >= prefix.len && memcmp(key.ptr, prefix.ptr, prefix.len) == 0;
    struct slice rest = good ? slice_of(key.ptr + prefix.len, key.len - prefix.len) : key;
    for (size_t i = 0; good && i < shape->n_key; i++) {
        const uint8_t *colon = rest.len ? memchr(rest.ptr, ':', rest.len) : NULL;
        size_t n = colon ? (size_t)(colon - rest.ptr) : rest.len;
        good = (i + 1 == shape->n_key) == !colon &&
               read_part(&shape->columns[shape->key[i]], slice_of(rest.ptr, n), arena, &cells[i]);
        if (colon)
            rest = slice_of(colon + 1, rest.len - n - 1);
    }
    buf_deinit(&prefix);
    return good;
}
