// SPDX-License-Identifier: Apache-2.0
// JSON diff: see json_diff.h. The format is MySQL's sql/json_diff.h:
//
//   diffs    diff, to the end
//   diff     operation (1 byte) · length, path · unless it removes: length, binary JSON;
//            lengths are length-encoded integers
//   path     $, then .name, ."name with escapes", [index], [last] or [last-index]
//
// A diff replaces what lies at its path, inserts it there (into an object a new member, into an
// array before the index) or removes it. Anything else that a path could meet is refused, as the
// server's own replica does.
//
// The document is a tree of texts. A text is taken apart only when a path leads into it, so what no
// diff touches is copied as it stands. The server writes names in paths with the same escapes as
// names in documents, so both are compared as they stand, quotes included.
#include "binlog/json_diff.h"

#include "binlog/jsonb.h"
#include "common/buf.h"
#include "common/utf8.h"

#define MEMBERS_FIRST 8
// Bytes that may be looked at or moved for one document: far beyond any update that a server made,
// and some seconds for one that only wants to cost time.
#define WORK_BYTES_MAX ((uint64_t)1 << 35)
#define INDEX_MAX UINT32_MAX

enum operation { OPERATION_REPLACE = 0, OPERATION_INSERT = 1, OPERATION_REMOVE = 2 };

struct member;

struct node {
    struct slice text;      // holds until the node is opened; its first byte holds for ever
    struct member *members; // of an object or array that was opened
    size_t n;
    size_t cap;
};

struct member {
    struct slice key; // with its quotes; none in an array
    struct node value;
};

struct leg {
    struct slice name; // with quotes; none: an index
    uint64_t index;
    bool is_from_end;
};

struct patch {
    struct arena *arena;
    struct err *err;
    struct node root;
    size_t bytes; // no less than the text of the whole tree
    uint64_t work;
};

static bool corrupt(struct patch *patch, const struct cursor *cur, const char *what)
{
    return err_at(patch->err, ERR_CORRUPT, cursor_offset(cur), "JSON diff: %s", what);
}

static bool spend(struct patch *patch, uint64_t n, const struct cursor *cur)
{
    patch->work += n;
    return patch->work <= WORK_BYTES_MAX ||
           err_at(patch->err, ERR_UNSUPPORTED, cursor_offset(cur),
                  "JSON diff: more work than any update should be");
}

// --- documents: text that jsonb_to_text or this file wrote ---------------------------------------

static size_t string_end(struct slice text, size_t at)
{
    for (at++; text.ptr[at] != '"'; at++)
        at += text.ptr[at] == '\\';
    return at + 1;
}

static size_t value_end(struct slice text, size_t at)
{
    size_t depth = 0;
    do {
        uint8_t c = text.ptr[at];
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at = c == '"' ? string_end(text, at) : at + 1;
    } while (at < text.len && (depth > 0 || !memchr(",]}", text.ptr[at], 3)));
    return at;
}

static bool is_object(const struct node *node)
{
    return node->text.ptr[0] == '{';
}

static bool is_array(const struct node *node)
{
    return node->text.ptr[0] == '[';
}

static void insert_member(struct patch *patch, struct node *node, size_t at, struct member member)
{
    if (node->n == node->cap) {
        node->cap = node->cap ? 2 * node->cap : MEMBERS_FIRST;
        struct member *larger = arena_alloc(patch->arena, node->cap * sizeof *larger);
        if (node->n)
            memcpy(larger, node->members, node->n * sizeof *larger);
        node->members = larger;
    }
    memmove(node->members + at + 1, node->members + at, (node->n - at) * sizeof member);
    node->members[at] = member;
    node->n++;
}

static void remove_member(struct node *node, size_t at)
{
    node->n--;
    memmove(node->members + at, node->members + at + 1, (node->n - at) * sizeof *node->members);
}

// Takes the text of an object or array apart, one level deep.
static void open_node(struct patch *patch, struct node *node)
{
    struct slice text = node->text;
    size_t at = 1;
    while (at < text.len - 1) {
        struct member member = {0};
        size_t end;
        if (is_object(node)) {
            end = string_end(text, at);
            member.key = slice_of(text.ptr + at, end - at);
            at = end + 1;
        }
        end = value_end(text, at);
        member.value.text = slice_of(text.ptr + at, end - at);
        insert_member(patch, node, node->n, member);
        at = end + 1;
    }
}

// --- paths ---------------------------------------------------------------------------------------

static bool is_hex_digit(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// What follows a backslash, in the one form in which the server escapes.
static void read_escape(struct cursor *path)
{
    uint8_t c = cursor_u8(path);
    if (c != 'u') {
        path->failed |= !memchr("\"\\bfnrt", c, 7);
        return;
    }
    struct slice digits = cursor_bytes(path, 4);
    path->failed = path->failed || memcmp(digits.ptr, "00", 2) != 0 || (digits.ptr[2] | 1) != '1' ||
                   !is_hex_digit(digits.ptr[3]);
}

static struct slice read_quoted(struct cursor *path)
{
    struct cursor start = *path;
    uint8_t c = cursor_u8(path);
    do {
        c = cursor_u8(path);
        if (c == '\\')
            read_escape(path);
        path->failed |= c < 0x20;
    } while (!path->failed && c != '"');
    return cursor_bytes(&start, cursor_left(&start) - cursor_left(path));
}

static uint8_t peek(const struct cursor *path)
{
    struct cursor ahead = *path;
    return cursor_u8(&ahead);
}

static struct slice read_bare(struct patch *patch, struct cursor *path)
{
    struct cursor start = *path;
    while (!path->failed && cursor_left(path) && peek(path) != '.' && peek(path) != '[') {
        uint8_t c = cursor_u8(path);
        path->failed |= c <= 0x20 || c == '"' || c == '\\' || c == '*';
    }
    struct slice name = cursor_bytes(&start, cursor_left(&start) - cursor_left(path));
    path->failed |= name.len == 0;
    struct buf quoted = {arena_alloc(patch->arena, name.len + 2), 0, name.len + 2};
    buf_char(&quoted, '"');
    buf_slice(&quoted, name);
    buf_char(&quoted, '"');
    return buf_bytes(&quoted);
}

static uint64_t read_number(struct cursor *path)
{
    uint64_t number = 0;
    do {
        uint8_t c = cursor_u8(path);
        number = number * 10 + c - '0';
        path->failed |= c < '0' || c > '9' || number > INDEX_MAX;
    } while (!path->failed && peek(path) != ']');
    return path->failed ? 0 : number;
}

static void read_cell(struct cursor *path, struct leg *leg)
{
    leg->is_from_end = peek(path) == 'l';
    if (leg->is_from_end) {
        struct slice word = cursor_bytes(path, 4);
        path->failed |= !slice_eq_str(word, "last");
    }
    bool has_minus = leg->is_from_end && peek(path) == '-';
    if (has_minus)
        cursor_skip(path, 1);
    if (has_minus || !leg->is_from_end)
        leg->index = read_number(path);
    path->failed |= cursor_u8(path) != ']';
}

static bool read_leg(struct patch *patch, struct cursor *path, struct leg *leg)
{
    *leg = (struct leg){0};
    struct cursor start = *path;
    uint8_t c = cursor_u8(path);
    if (c == '[')
        read_cell(path, leg);
    else if (c == '.')
        leg->name = peek(path) == '"' ? read_quoted(path) : read_bare(patch, path);
    else
        path->failed = true;
    return !path->failed || corrupt(patch, &start, "a path that cannot be read");
}

// --- where a leg leads ---------------------------------------------------------------------------

// The next character of a name, behind its escape; 0 behind the last (no name holds it bare).
static unsigned next_char(struct slice key, size_t *at)
{
    static const char letters[] = "bfnrt";
    static const char meant[] = "\b\f\n\r\t";
    uint8_t c = key.ptr[(*at)++];
    if (c != '\\')
        return c;
    c = key.ptr[(*at)++];
    if (c == 'u') {
        uint8_t low = key.ptr[*at + 3];
        *at += 4;
        return (key.ptr[*at - 2] - (unsigned)'0') * 16 +
               (low <= '9' ? low - (unsigned)'0' : low - (unsigned)'a' + 10);
    }
    const char *letter = memchr(letters, c, sizeof letters - 1);
    return letter ? (uint8_t)meant[letter - letters] : c;
}

static size_t key_length(struct slice key)
{
    size_t n = 0;
    for (size_t at = 1; at < key.len - 1; n++)
        (void)next_char(key, &at);
    return n;
}

// The order of the members of an object: by length, then by bytes.
static bool is_before(struct slice a, struct slice b)
{
    size_t n = key_length(a);
    if (n != key_length(b))
        return n < key_length(b);
    for (size_t i = 1, k = 1; n > 0; n--) {
        unsigned left = next_char(a, &i);
        unsigned right = next_char(b, &k);
        if (left != right)
            return left < right;
    }
    return false;
}

// Where the member is, or would be inserted.
static bool find_member(const struct node *node, const struct leg *leg, size_t *at)
{
    for (*at = 0; *at < node->n; ++*at)
        if (slice_eq(node->members[*at].key, leg->name))
            return true;
    for (*at = 0; *at < node->n && is_before(node->members[*at].key, leg->name);)
        ++*at;
    return false;
}

static bool find_cell(const struct node *node, const struct leg *leg, size_t *at)
{
    bool is_inside = leg->index < node->n;
    if (leg->is_from_end)
        *at = is_inside ? node->n - 1 - leg->index : 0;
    else
        *at = is_inside ? leg->index : node->n;
    return is_inside;
}

static bool find(const struct node *node, const struct leg *leg, size_t *at)
{
    return leg->name.ptr ? find_member(node, leg, at) : find_cell(node, leg, at);
}

// --- diffs ---------------------------------------------------------------------------------------

struct place {
    struct node *node; // the object or array that the last leg leads into
    struct leg leg;
    size_t at;
    bool exists;
};

static bool does_not_fit(struct patch *patch, const struct cursor *path)
{
    struct slice text = slice_of(path->base, (size_t)(path->end - path->base));
    return err_set(patch->err, ERR_CORRUPT, "JSON diff: %.*s does not fit the document before",
                   text.len < 200 ? (int)text.len : 200, (const char *)text.ptr);
}

static bool follow_path(struct patch *patch, struct cursor path, struct place *place)
{
    struct cursor whole = cursor_of(slice_of(path.pos, cursor_left(&path)));
    struct node *node = &patch->root;
    if (!utf8_is_valid(cursor_rest(&whole)) || cursor_u8(&path) != '$' || !cursor_left(&path))
        return corrupt(patch, &path, "a path that cannot be read");
    for (;;) {
        if (!read_leg(patch, &path, &place->leg))
            return false;
        if (!(place->leg.name.ptr ? is_object(node) : is_array(node)))
            return does_not_fit(patch, &whole);
        uint64_t work = node->n * sizeof(struct member);
        if (!node->members) {
            open_node(patch, node);
            work = node->text.len;
        }
        place->node = node;
        place->exists = find(node, &place->leg, &place->at);
        if (!spend(patch, work, &path))
            return false;
        if (!cursor_left(&path))
            return true;
        if (!place->exists)
            return does_not_fit(patch, &whole);
        node = &node->members[place->at].value;
    }
}

static bool read_value(struct patch *patch, struct cursor *cur, struct slice *text)
{
    uint64_t n = cursor_lenenc(cur);
    struct cursor value = cursor_sub(cur, n > cursor_left(cur) ? cursor_left(cur) + 1 : (size_t)n);
    if (cur->failed)
        return corrupt(patch, cur, "a value is cut off");
    return jsonb_to_text(&value, patch->arena, text, patch->err);
}

struct diff {
    uint8_t operation;
    struct slice path;
    struct slice value; // text; none to remove
};

static bool read_diff(struct patch *patch, struct cursor *cur, struct diff *diff)
{
    struct cursor start = *cur;
    *diff = (struct diff){.operation = cursor_u8(cur)};
    diff->path = cursor_lenenc_bytes(cur);
    if (cur->failed)
        return corrupt(patch, &start, "it is cut off");
    if (diff->operation > OPERATION_REMOVE)
        return err_at(patch->err, ERR_UNSUPPORTED, cursor_offset(&start),
                      "JSON diff: operation %u is not known to this version", diff->operation);
    return diff->operation == OPERATION_REMOVE || read_value(patch, cur, &diff->value);
}

static bool apply_one(struct patch *patch, const struct diff *diff)
{
    struct place place = {0};
    struct cursor path = cursor_of(diff->path);
    if (!follow_path(patch, path, &place))
        return false;
    bool needs_value = diff->operation != OPERATION_INSERT;
    bool needs_none = diff->operation == OPERATION_INSERT && place.leg.name.ptr;
    if ((needs_value && !place.exists) || (needs_none && place.exists))
        return does_not_fit(patch, &path);
    struct member member = {.key = place.leg.name, .value.text = diff->value};
    patch->bytes += member.key.len + member.value.text.len + 2;
    if (diff->operation == OPERATION_REPLACE)
        place.node->members[place.at].value = member.value;
    else if (diff->operation == OPERATION_INSERT)
        insert_member(patch, place.node, place.at, member);
    else
        remove_member(place.node, place.at);
    return true;
}

// --- the document after --------------------------------------------------------------------------

struct frame {
    const struct node *node;
    size_t next;
};

static void put_close(struct buf *out, const struct node *node)
{
    buf_char(out, is_object(node) ? '}' : ']');
}

static bool write_tree(struct patch *patch, struct buf *out, const struct cursor *cur)
{
    struct frame stack[JSONB_DEPTH_MAX];
    size_t depth = 0;
    const struct node *node = &patch->root;
    for (;;) {
        if (node->members && depth == JSONB_DEPTH_MAX)
            return corrupt(patch, cur, "the document gets too deep");
        if (node->members) {
            buf_char(out, (char)node->text.ptr[0]);
            stack[depth++] = (struct frame){node, 0};
        } else {
            buf_slice(out, node->text);
        }
        while (depth > 0 && stack[depth - 1].next == stack[depth - 1].node->n)
            put_close(out, stack[--depth].node);
        if (depth == 0)
            return true;
        struct frame *top = &stack[depth - 1];
        const struct member *member = &top->node->members[top->next];
        if (top->next++ > 0)
            buf_char(out, ',');
        if (member->key.len) {
            buf_slice(out, member->key);
            buf_char(out, ':');
        }
        node = &member->value;
    }
}

bool json_diff_apply(struct cursor *diffs, struct slice before, struct arena *arena,
                     struct slice *after, struct err *err)
{
    struct patch patch = {.arena = arena, .err = err, .bytes = before.len};
    patch.root.text = before;
    *after = before;
    if (!cursor_left(diffs))
        return true;
    while (cursor_left(diffs)) {
        struct diff diff;
        if (!read_diff(&patch, diffs, &diff) || !apply_one(&patch, &diff))
            return false;
    }
    struct buf out = {arena_alloc(arena, patch.bytes), 0, patch.bytes};
    if (!write_tree(&patch, &out, diffs))
        return false;
    *after = buf_bytes(&out);
    return true;
}
