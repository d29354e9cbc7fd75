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
}

void position_copy(struct position *to, const struct position *from)
{
    if (to == from)
        return;
    struct gtid_set executed = to->executed;
    gtid_set_copy(&executed, &from->executed);
    *to = *from;
    to->executed = executed;
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
    buf_deinit(&gtid);
}

enum { AT_GTID, AT_FILE, AT_POS, AT_ROWS, AT_FILTER, AT_TS_US, AT_SERVER, N_FIELDS };
static const char *const fields[N_FIELDS] = {
    [AT_GTID] = "gtid",     [AT_FILE] = "file",   [AT_POS] = "pos",       [AT_ROWS] = "rows",
    [AT_FILTER] = "filter", [AT_TS_US] = "ts_us", [AT_SERVER] = "server",
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
    for (int field = 0; field < N_FIELDS; field++)
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
           read_text(read, AT_SERVER, position->server_uuid, sizeof position->server_uuid);
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
