// SPDX-License-Identifier: Apache-2.0
// Position: see position.h. The filter's digest is 16 hex digits, as JSON numbers above 2^53 are
// lost on some readers.
#include "record/position.h"

#include "record/json_tape.h"
#include "record/json_writer.h"
#include "record/number_text.h"

void position_deinit(struct position *position)
{
    gtid_set_deinit(&position->executed);
    pending_deinit(&position->pending);
}

void position_copy(struct position *to, const struct position *from)
{
    if (to == from)
        return;
    struct gtid_set executed = to->executed;
    struct pending_list pending = to->pending;
    gtid_set_copy(&executed, &from->executed);
    pending_copy(&pending, &from->pending);
    *to = *from;
    to->executed = executed;
    to->pending = pending;
}

int position_compare_files(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);
    return n != m ? (n > m) - (n < m) : strcmp(a, b); // binlog.1000000 follows binlog.999999
}

// MySQL's dump may leave gaps: it sends again just what is pending.
static bool take_out(struct gtid_set *executed, const struct pending_list *pending, struct err *err)
{
    struct gtid_set out = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < pending->n; i++)
        ok = gtid_set_add(&out, &pending->items[i].gtid, err);
    if (ok)
        gtid_set_subtract(executed, &out);
    gtid_set_deinit(&out);
    return ok;
}

bool position_begin(struct position *from, const struct position *position, struct err *err)
{
    const struct pending_list *pending = &position->pending;
    bool has_gtids = true;
    position_copy(from, position);
    if (pending->n == 0)
        return true;
    from->rows = 0;
    for (size_t i = 0; i < pending->n; i++)
        has_gtids = has_gtids && pending->items[i].gtid.kind != GTID_NONE;
    if (position->file[0] || !has_gtids) { // else the files are those of another server
        if (strcmp(from->file, pending->items[0].file) != 0)
            from->file_ts = 0;
        memcpy(from->file, pending->items[0].file, sizeof from->file);
        from->pos = pending->items[0].pos;
    }
    if (!has_gtids)
        gtid_set_deinit(&from->executed);
    else if (pending->items[0].gtid.kind == GTID_MARIADB)
        gtid_set_copy(&from->executed, &pending->items[0].before);
    else
        return take_out(&from->executed, pending, err);
    return true;
}

static void put_text(struct buf *out, const char *member, struct slice text)
{
    buf_str(out, member);
    json_write_string(out, text);
}

static void put_number(struct buf *out, const char *member, uint64_t v)
{
    buf_str(out, member);
    number_write_u64(out, v);
}

void position_write_fields(struct buf *out, const struct position *position)
{
    struct buf gtid = {0};
    gtid_set_write(&gtid, &position->executed);
    put_text(out, "\"gtid\":", buf_bytes(&gtid));
    put_text(out, ",\"file\":", slice_of_str(position->file));
    put_number(out, ",\"pos\":", position->pos);
    put_number(out, ",\"rows\":", position->rows);
    buf_printf(out, ",\"filter\":\"%016llx\"", (unsigned long long)position->filter);
    put_number(out, ",\"ts_us\":", position->ts_us);
    put_text(out, ",\"server\":", slice_of_str(position->server_uuid));
    if (position->file_ts)
        put_number(out, ",\"file_ts\":", position->file_ts);
    if (position->pending.n) {
        buf_str(out, ",\"pending\":");
        pending_write(out, &position->pending);
    }
    buf_deinit(&gtid);
}

enum {
    AT_GTID,
    AT_FILE,
    AT_POS,
    AT_ROWS,
    AT_FILTER,
    AT_TS_US,
    AT_SERVER,
    N_NEEDED,
    AT_FILE_TS = N_NEEDED,
    AT_PENDING,
    N_FIELDS
};
static const char *const fields[N_FIELDS] = {
    [AT_GTID] = "gtid",     [AT_FILE] = "file",       [AT_POS] = "pos",
    [AT_ROWS] = "rows",     [AT_FILTER] = "filter",   [AT_TS_US] = "ts_us",
    [AT_SERVER] = "server", [AT_FILE_TS] = "file_ts", [AT_PENDING] = "pending",
};

struct read {
    struct json_tape tape;
    struct arena arena;
    const struct json_token *at[N_FIELDS];
    struct err *err;
};

// A text into a C string of `size` bytes.
static bool read_text(struct read *read, int field, char *to, size_t size)
{
    struct slice text;
    if (!json_string(&read->tape, read->at[field], &read->arena, &text, read->err))
        return false;
    if (text.len >= size || (text.len > 0 && memchr(text.ptr, 0, text.len)))
        return json_expected(&read->tape, read->at[field], "a shorter text", read->err);
    if (text.len > 0)
        memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
    return true;
}

static bool read_number(struct read *read, int field, uint64_t *v)
{
    return json_u64(&read->tape, read->at[field], UINT64_MAX, v, read->err);
}

static bool read_gtid(struct read *read, struct gtid_set *set)
{
    struct slice text;
    const struct json_token *token = read->at[AT_GTID];
    if (!json_string(&read->tape, token, &read->arena, &text, read->err))
        return false;
    if (gtid_set_parse(set, text, read->err))
        return true;
    read->err->class = ERR_CORRUPT;
    read->err->offset += token->start + 1;
    return false;
}

static bool read_filter(struct read *read, uint64_t *filter)
{
    char text[17];
    if (!read_text(read, AT_FILTER, text, sizeof text))
        return false;
    *filter = 0;
    for (const char *c = text; *c; c++) {
        if ((*c < '0' || *c > '9') && (*c < 'a' || *c > 'f'))
            return json_expected(&read->tape, read->at[AT_FILTER], "hex digits", read->err);
        *filter = *filter << 4 | (uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
    }
    return true;
}

// Notes where the fields are.
static bool find_fields(struct read *read)
{
    const struct json_tape *tape = &read->tape;
    if (tape->tokens[0].kind != JSON_OBJECT)
        return json_expected(tape, tape->tokens, "an object", read->err);
    for (size_t i = 1; i < tape->n_tokens; i++) {
        struct slice name;
        if (!json_key(tape, &tape->tokens[i], &read->arena, &name, read->err))
            return false;
        for (int field = 0; field < N_FIELDS; field++) {
            if (!slice_eq_str(name, fields[field]))
                continue;
            if (read->at[field])
                return err_at(read->err, ERR_CORRUPT, tape->tokens[i].key_start,
                              "repeated member \"%s\"", fields[field]);
            read->at[field] = &tape->tokens[i];
        }
    }
    for (int field = 0; field < N_NEEDED; field++)
        if (!read->at[field])
            return err_at(read->err, ERR_CORRUPT, 0, "member \"%s\" is missing", fields[field]);
    return true;
}

static bool read_fields(struct read *read, struct position *position)
{
    return find_fields(read) && read_gtid(read, &position->executed) &&
           read_text(read, AT_FILE, position->file, sizeof position->file) &&
           read_number(read, AT_POS, &position->pos) &&
           read_number(read, AT_ROWS, &position->rows) && read_filter(read, &position->filter) &&
           read_number(read, AT_TS_US, &position->ts_us) &&
           read_text(read, AT_SERVER, position->server_uuid, sizeof position->server_uuid) &&
           (!read->at[AT_FILE_TS] || read_number(read, AT_FILE_TS, &position->file_ts)) &&
           (!read->at[AT_PENDING] ||
            pending_read(&position->pending, json_raw(&read->tape, read->at[AT_PENDING]),
                         read->err));
}

bool position_read(struct position *position, struct slice json, struct err *err)
{
    struct read read = {.err = err};
    struct position parsed = {0};
    bool ok = json_tape_parse(&read.tape, json, 0, 1, err) && read_fields(&read, &parsed);
    json_tape_deinit(&read.tape);
    arena_deinit(&read.arena);
    if (!ok) {
        position_deinit(&parsed);
        return false;
    }
    position_deinit(position);
    *position = parsed;
    return true;
}
