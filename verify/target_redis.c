// SPDX-License-Identifier: Apache-2.0
// Redis as a target: hashes or JSON strings, a key a row (docs/redis.md). All tables are read
// in one SCAN of the keys; while the rows of one page are taken, the next page and its rows are
// already asked for. A page has fewer keys where the rows are large: the server keeps the answers
// to all that it was asked.
#define _POSIX_C_SOURCE 200809L
#include "common/clock.h"
#include "common/mem.h"
#include "common/stop.h"
#include "verify/json.h"
#include "verify/redis_key.h"
#include "verify/target.h"
#include "verify/text.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/time.h>

#define KEYS_MOST 1000               // that are asked for at once
#define KEYS_BYTES ((size_t)4 << 20) // of their rows, about
#define KEYS_FIRST 16
#define GROUP_BYTES 300
#define KEY_BYTES 1024

struct target {
    redisContext *context;
    bool is_json;
    bool is_cache; // [redis] policy refresh or invalidate
    bool has_ttl;  // [redis] ttl
    struct key_template template;
    size_t row_bytes; // of the last rows, on average
    struct buf row;
    struct buf guard;
    char group[GROUP_BYTES];
};

// --- commands ---

static bool lost(struct target *target, struct err *err)
{
    return err_set(err, ERR_RETRY, "Redis: connection lost: %s",
                   target->context->errstr[0] ? target->context->errstr : "no reason given");
}

static bool flush(struct target *target, struct err *err)
{
    int done = 0;
    while (!done)
        if (redisBufferWrite(target->context, &done) != REDIS_OK)
            return lost(target, err);
    return true;
}

static bool add(struct target *target, int n, const struct slice *words, struct err *err)
{
    const char *texts[8];
    size_t lengths[8];
    for (int i = 0; i < n; i++) {
        texts[i] = words[i].len ? (const char *)words[i].ptr : "";
        lengths[i] = words[i].len;
    }
    return redisAppendCommandArgv(target->context, n, texts, lengths) == REDIS_OK ||
           lost(target, err);
}

static bool next_reply(struct target *target, redisReply **reply, struct err *err)
{
    void *got = NULL;
    *reply = NULL;
    if (redisGetReply(target->context, &got) != REDIS_OK)
        return lost(target, err);
    *reply = got;
    return true;
}

static bool fail_reply(const redisReply *reply, struct err *err)
{
    bool is_passing = strncmp(reply->str, "LOADING", 7) == 0 || strncmp(reply->str, "BUSY", 4) == 0;
    return err_set(err, is_passing ? ERR_RETRY : ERR_REFUSED, "Redis: %s", reply->str);
}

// One command whose answer is no error.
static bool ask(struct target *target, int n, const struct slice *words, redisReply **reply,
                struct err *err)
{
    if (!add(target, n, words, err) || !next_reply(target, reply, err))
        return false;
    if ((*reply)->type != REDIS_REPLY_ERROR)
        return true;
    fail_reply(*reply, err);
    freeReplyObject(*reply);
    *reply = NULL;
    return false;
}

static bool tell(struct target *target, int n, const char *const *words, struct err *err)
{
    struct slice slices[4];
    redisReply *reply;
    for (int i = 0; i < n; i++)
        slices[i] = slice_of_str(words[i]);
    if (!ask(target, n, slices, &reply, err))
        return false;
    freeReplyObject(reply);
    return true;
}

// --- open ---

static bool sign_in(struct target *target, const struct config_redis *redis, struct err *err)
{
    char database[24];
    snprintf(database, sizeof database, "%llu", (unsigned long long)redis->database);
    if (redis->user[0] &&
        !tell(target, 3, (const char *const[]){"AUTH", redis->user, redis->password}, err))
        return false;
    if (!redis->user[0] && redis->password[0] &&
        !tell(target, 2, (const char *const[]){"AUTH", redis->password}, err))
        return false;
    return tell(target, 1, (const char *const[]){"PING"}, err) &&
           tell(target, 2, (const char *const[]){"SELECT", database}, err);
}

static void close_target(struct target *target)
{
    if (!target)
        return;
    if (target->context)
        redisFree(target->context);
    buf_deinit(&target->row);
    buf_deinit(&target->guard);
    free(target);
}

static bool open_target(const struct config *config, struct target **target, struct err *err)
{
    const struct config_redis *redis = &config->redis;
    struct target *made = mem_zalloc(sizeof *made);
    made->row_bytes = KEYS_BYTES / KEYS_FIRST;
    struct timeval timeout = {.tv_sec = (time_t)(redis->timeout_ms / 1000),
                              .tv_usec = (suseconds_t)(redis->timeout_ms % 1000) * 1000};
    snprintf(made->group, sizeof made->group, "%s.apply.redis", config->source.name);
    made->is_json = strcmp(redis->format, "json") == 0;
    made->is_cache = strcmp(redis->policy, "mirror") != 0;
    made->has_ttl = redis->ttl_ms > 0;
    bool done = key_template_parse(&made->template, config, err);
    if (done)
        made->context = redis->socket[0]
                            ? redisConnectUnixWithTimeout(redis->socket, timeout)
                            : redisConnectWithTimeout(redis->host, (int)redis->port, timeout);
    if (done && !(made->context && !made->context->err))
        done =
            err_set(err, ERR_UNAVAILABLE, "Redis at %s:%llu: %s",
                    redis->socket[0] ? redis->socket : redis->host, (unsigned long long)redis->port,
                    made->context ? made->context->errstr : "no memory");
    if (done) {
        redisSetTimeout(made->context, timeout);
        done = sign_in(made, redis, err);
    }
    if (!done) {
        close_target(made);
        made = NULL;
    }
    *target = made;
    return done;
}

// --- rows ---

struct reading {
    struct target *target;
    const struct shape_list *list;
    found_fn *fn;
    void *into;
};

// A whole key that holds something else than a row: nothing of the row, and what was found.
static void put_strange(struct buf *row, const struct shape *shape, const char *what)
{
    for (size_t i = 0; i < shape->n_columns; i++)
        canon_put(row, CANON_ABSENT, slice_of("", 0));
    text_put_extra(row, slice_of_str("(content)"), slice_of_str(what));
}

static struct slice text_of(const redisReply *reply)
{
    return slice_of(reply->str ? reply->str : "", reply->str ? reply->len : 0);
}

// The value of the field, by where it is expected and else by looking for it. Found ones are marked
// in `integer`, which a text does not use, so that what remains is extra.
static redisReply *take_field(redisReply *reply, size_t *next, const char *name)
{
    size_t n = strlen(name);
    for (size_t tried = 0, i = *next; tried < reply->elements / 2; tried++, i++) {
        size_t at = i % (reply->elements / 2);
        redisReply *field = reply->element[2 * at];
        if (!field->integer && field->len == n && memcmp(field->str, name, n) == 0) {
            field->integer = 1;
            *next = at + 1;
            return reply->element[2 * at + 1];
        }
    }
    return NULL;
}

static void put_hash(struct target *target, const struct shape *shape, redisReply *reply)
{
    size_t next = 0;
    for (size_t i = 0; i < shape->n_columns; i++) {
        const redisReply *value = take_field(reply, &next, shape->columns[i].name);
        if (value)
            text_put_field(&target->row, &shape->columns[i], text_of(value));
        else
            canon_put(&target->row, CANON_NULL, slice_of("", 0));
    }
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *field = reply->element[i];
        struct slice value = text_of(reply->element[i + 1]);
        if (field->integer)
            continue;
        if (slice_eq_str(text_of(field), TEXT_GUARD) && text_is_guard(value))
            buf_slice(&target->guard, value);
        else
            text_put_extra(&target->row, text_of(field), value);
    }
}

static bool take_row(const struct reading *reading, size_t table, struct slice key,
                     redisReply *reply, struct err *err)
{
    struct target *target = reading->target;
    const struct shape *shape = &reading->list->shapes[table];
    buf_clear(&target->row);
    buf_clear(&target->guard);
    if (reply->type == REDIS_REPLY_NIL ||
        (reply->type == REDIS_REPLY_ARRAY && reply->elements == 0))
        return true; // it is gone, or its time was up
    if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE", 9) != 0)
        return fail_reply(reply, err);
    if (reply->type == REDIS_REPLY_ERROR)
        put_strange(&target->row, shape, target->is_json ? "no string" : "no hash");
    else if (reply->type == REDIS_REPLY_ARRAY)
        put_hash(target, shape, reply);
    else if (!text_put_object(&target->row, shape, text_of(reply), &target->guard)) {
        buf_clear(&target->row);
        put_strange(&target->row, shape, "no JSON object");
    }
    const struct found found = {table, key, buf_bytes(&target->row), buf_bytes(&target->guard)};
    return reading->fn(reading->into, &found, err);
}

static bool add_read(struct target *target, struct slice key, struct err *err)
{
    struct slice words[] = {slice_of_str(target->is_json ? "GET" : "HGETALL"), key};
    return add(target, 2, words, err);
}

// --- keys ---

static void put_key(const struct target *target, struct buf *out, const struct shape *shape,
                    const struct cell *key)
{
    redis_key_put(out, &target->template, shape, key);
}

static bool read_key(const struct target *target, const struct shape *shape, struct slice key,
                     struct arena *arena, struct cell *cells)
{
    return redis_key_read(&target->template, shape, key, arena, cells);
}

// --- how many at once ---

static size_t bytes_of(const redisReply *reply)
{
    size_t bytes = reply->len;
    for (size_t i = 0; i < reply->elements; i++)
        bytes += reply->element[i]->len;
    return bytes;
}

static void note_row(struct target *target, const redisReply *reply)
{
    target->row_bytes += bytes_of(reply) / 8 - target->row_bytes / 8;
}

static size_t keys_at_once(const struct target *target)
{
    size_t n = KEYS_BYTES / (target->row_bytes + 1);
    return n < 1 ? 1 : n < KEYS_MOST ? n : KEYS_MOST;
}

// --- scan ---

struct prefix {
    struct slice text;
    size_t table;
};

struct page {
    redisReply *scan; // [cursor, keys]
    size_t *tables;   // of each key: its table, or list->n
};

struct scan_state {
    struct reading reading;
    struct arena arena;
    struct prefix *prefixes; // sorted
    size_t n_prefixes;
    struct slice pattern; // empty: all keys
};

static int compare_prefixes(const void *a, const void *b)
{
    const struct slice *x = &((const struct prefix *)a)->text;
    const struct slice *y = &((const struct prefix *)b)->text;
    int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static void make_prefixes(struct scan_state *state)
{
    const struct shape_list *list = state->reading.list;
    struct buf text = {0};
    state->prefixes = arena_alloc(&state->arena, (list->n + 1) * sizeof *state->prefixes);
    for (size_t i = 0; i < list->n; i++) {
        if (list->shapes[i].unsupported)
            continue;
        buf_clear(&text);
        redis_key_put_prefix(&text, &state->reading.target->template, &list->shapes[i]);
        state->prefixes[state->n_prefixes++] =
            (struct prefix){arena_copy(&state->arena, buf_bytes(&text)), i};
    }
    qsort(state->prefixes, state->n_prefixes, sizeof *state->prefixes, compare_prefixes);
    if (state->n_prefixes == 1) { // the server leaves the others out
        struct slice only = state->prefixes[0].text;
        buf_clear(&text);
        for (size_t i = 0; i < only.len; i++) {
            if (strchr("*?[]\\^", only.ptr[i]))
                buf_char(&text, '\\');
            buf_char(&text, (char)only.ptr[i]);
        }
        buf_char(&text, '*');
        state->pattern = arena_copy(&state->arena, buf_bytes(&text));
    }
    buf_deinit(&text);
}

static size_t find_table(const struct scan_state *state, struct slice key)
{
    const struct reading *reading = &state->reading;
    struct prefix wanted = {redis_key_prefix_of(&reading->target->template, key), 0};
    if (wanted.text.len == 0 || state->n_prefixes == 0)
        return reading->list->n;
    const struct prefix *found = bsearch(&wanted, state->prefixes, state->n_prefixes,
                                         sizeof *state->prefixes, compare_prefixes);
    return found ? found->table : reading->list->n;
}

static bool add_scan(struct scan_state *state, struct slice cursor, struct err *err)
{
    char count[24];
    snprintf(count, sizeof count, "%zu", keys_at_once(state->reading.target));
    struct slice words[] = {slice_of_str("SCAN"),  cursor,
                            slice_of_str("COUNT"), slice_of_str(count),
                            slice_of_str("MATCH"), state->pattern};
    return add(state->reading.target, state->pattern.len ? 6 : 4, words, err);
}

static void page_deinit(struct page *page)
{
    if (page->scan)
        freeReplyObject(page->scan);
    free(page->tables);
    *page = (struct page){0};
}

// Takes the answer of a SCAN; asks for the page after it, then for the rows of this one.
static bool open_page(struct scan_state *state, struct page *page, bool *is_last, struct err *err)
{
    struct target *target = state->reading.target;
    if (!next_reply(target, &page->scan, err))
        return false;
    if (page->scan->type == REDIS_REPLY_ERROR)
        return fail_reply(page->scan, err);
    if (page->scan->type != REDIS_REPLY_ARRAY || page->scan->elements != 2)
        return err_set(err, ERR_UNSUPPORTED, "Redis: SCAN answers in another form");
    struct slice cursor = text_of(page->scan->element[0]);
    const redisReply *keys = page->scan->element[1];
    *is_last = slice_eq_str(cursor, "0");
    page->tables = mem_alloc((keys->elements + 1) * sizeof *page->tables);
    if (!*is_last && !add_scan(state, cursor, err))
        return false;
    for (size_t i = 0; i < keys->elements; i++) {
        page->tables[i] = find_table(state, text_of(keys->element[i]));
        if (page->tables[i] < state->reading.list->n &&
            !add_read(target, text_of(keys->element[i]), err))
            return false;
    }
    return flush(target, err);
}

static bool take_page(struct scan_state *state, const struct page *page, struct err *err)
{
    const redisReply *keys = page->scan->element[1];
    for (size_t i = 0; i < keys->elements; i++) {
        redisReply *reply;
        if (page->tables[i] == state->reading.list->n)
            continue;
        if (!next_reply(state->reading.target, &reply, err))
            return false;
        note_row(state->reading.target, reply);
        bool done =
            take_row(&state->reading, page->tables[i], text_of(keys->element[i]), reply, err);
        freeReplyObject(reply);
        if (!done)
            return false;
    }
    return true;
}

// Whether no page is opened behind the one that is open.
static bool is_over(const struct scan_part *part)
{
    return part && part->until_ms && clock_steady_ms() >= part->until_ms;
}

// The answer to the SCAN that was sent before the rows of the last page were asked for.
static bool forget_scan(struct target *target, struct err *err)
{
    redisReply *reply;
    if (!next_reply(target, &reply, err))
        return false;
    freeReplyObject(reply);
    return true;
}

// From the cursor on; `cursor` is then where it goes on, "0" at the end.
static bool scan_pages(struct scan_state *state, const struct scan_part *part, struct buf *cursor,
                       struct err *err)
{
    struct target *target = state->reading.target;
    struct page page = {0}, next = {0};
    bool is_last = false, ends = false;
    bool done = add_scan(state, buf_bytes(cursor), err) && open_page(state, &page, &is_last, err);
    while (done && !ends) {
        bool was_last = is_last;
        ends = was_last || is_over(part);
        if (!ends)
            done = open_page(state, &next, &is_last, err);
        else if (!was_last)
            done = forget_scan(target, err);
        done = done && take_page(state, &page, err);
        if (done && stop_requested())
            done = err_set(err, ERR_STOPPED, "stopped");
        buf_clear(cursor);
        buf_slice(cursor, text_of(page.scan->element[0]));
        page_deinit(&page);
        page = next;
        next = (struct page){0};
    }
    page_deinit(&page);
    page_deinit(&next);
    return done;
}

// "run_id:…": a cursor is a place in the tables of the process that gave it.
static bool read_run_id(struct target *target, struct buf *out, struct err *err)
{
    static const char name[] = "\nrun_id:";
    struct slice words[] = {slice_of_str("INFO"), slice_of_str("server")};
    redisReply *reply;
    if (!ask(target, 2, words, &reply, err))
        return false;
    const char *line = reply->str ? strstr(reply->str, name) : NULL;
    if (line)
        buf_append(out, line + sizeof name - 1, strcspn(line + sizeof name - 1, "\r\n"));
    freeReplyObject(reply);
    return line || err_set(err, ERR_UNSUPPORTED, "Redis: INFO has no run_id");
}

// A part is at "RUN_ID CURSOR".
static void take_place(const struct scan_part *part, struct buf *cursor)
{
    const uint8_t *space = part->at.len ? memchr(part->at.ptr, ' ', part->at.len) : NULL;
    if (space)
        buf_append(cursor, space + 1, part->at.len - (size_t)(space + 1 - part->at.ptr));
    else
        buf_str(cursor, "0");
}

static bool note_place(struct target *target, struct scan_part *part, struct slice cursor,
                       struct err *err)
{
    buf_clear(&part->at);
    if (!read_run_id(target, &part->at, err))
        return false;
    buf_char(&part->at, ' ');
    buf_slice(&part->at, cursor);
    part->is_done = slice_eq_str(cursor, "0");
    return true;
}

static bool can_go_on(struct target *target, const struct scan_part *part, struct err *err)
{
    struct buf run_id = {0};
    bool good = part->at.len == 0 || part->is_done || read_run_id(target, &run_id, err);
    if (good && run_id.len > 0)
        good = (part->at.len > run_id.len && memcmp(part->at.ptr, run_id.ptr, run_id.len) == 0) ||
               err_set(err, ERR_RETRY, "Redis was started anew, and its cursors are others");
    buf_deinit(&run_id);
    return good;
}

static bool scan(struct target *target, const struct shape_list *list, struct scan_part *part,
                 found_fn *fn, void *into, struct err *err)
{
    struct scan_state state = {.reading = {target, list, fn, into}};
    struct buf cursor = {0};
    make_prefixes(&state);
    if (part)
        take_place(part, &cursor);
    else
        buf_str(&cursor, "0");
    bool done = state.n_prefixes == 0 || scan_pages(&state, part, &cursor, err);
    if (done && part && state.n_prefixes > 0)
        done = note_place(target, part, buf_bytes(&cursor), err);
    else if (part)
        part->is_done = done;
    buf_deinit(&cursor);
    arena_deinit(&state.arena);
    return done;
}

// --- lookup, checkpoints ---

static bool lookup(struct target *target, const struct shape *shape, const struct slice *keys,
                   size_t n_keys, found_fn *fn, void *into, struct err *err)
{
    const struct shape_list list = {(struct shape *)(uintptr_t)shape, 1};
    const struct reading reading = {target, &list, fn, into};
    for (size_t i = 0, n; i < n_keys; i += n) {
        n = keys_at_once(target) < n_keys - i ? keys_at_once(target) : n_keys - i;
        for (size_t k = 0; k < n; k++)
            if (!add_read(target, keys[i + k], err))
                return false;
        for (size_t k = 0; k < n; k++) {
            redisReply *reply;
            if (!next_reply(target, &reply, err))
                return false;
            note_row(target, reply);
            bool done = take_row(&reading, 0, keys[i + k], reply, err);
            freeReplyObject(reply);
            if (!done)
                return false;
        }
    }
    return true;
}

static bool applied(struct target *target, const char *topic, int32_t partition, int64_t *offset,
                    struct err *err)
{
    char key[KEY_BYTES];
    redisReply *reply;
    int n = snprintf(key, sizeof key, "tailrace:checkpoint:%s:%s:%d", target->group, topic,
                     (int)partition);
    struct slice words[] = {slice_of_str("HGET"), slice_of(key, (size_t)n), slice_of_str("offset")};
    if (!ask(target, 3, words, &reply, err))
        return false;
    *offset = reply->str && *reply->str ? strtoll(reply->str, NULL, 10) : -1;
    freeReplyObject(reply);
    return true;
}

// --- rows of the source, and for people ---

static void put_row(const struct target *target, struct buf *out, const struct shape *shape,
                    const struct cell *cells)
{
    for (size_t i = 0; i < shape->n_columns; i++)
        text_put_cell(out, &shape->columns[i], &cells[i], target->is_json ? TEXT_JSON : TEXT_HASH);
}

static const char *lacks(const struct target *target)
{
    if (target->is_cache)
        return "not cached ([redis] policy)";
    return target->has_ttl ? "expired ([redis] ttl)" : NULL;
}

static bool put_number(struct buf *out, struct slice content, bool *is_null)
{
    *is_null = false;
    buf_slice(out, content);
    return true; // whoever adds it looks at its digits
}

static void describe(struct buf *out, struct slice content)
{
    if (json_is_utf8(content, 4)) {
        json_put_string(out, content);
        return;
    }
    buf_char(out, '"');
    for (size_t i = 0; i < content.len; i++)
        buf_printf(out, content.ptr[i] < 0x20 || content.ptr[i] > 0x7e ? "\\x%02x" : "%c",
                   content.ptr[i]);
    buf_char(out, '"');
}

static void put_removal(const struct target *target, struct buf *out, const struct shape *shape,
                        struct slice key)
{
    (void)target;
    (void)shape;
    buf_str(out, "DEL ");
    describe(out, key);
}

const struct target_driver target_redis = {
    .name = "redis",
    .open = open_target,
    .close = close_target,
    .scan = scan,
    .can_go_on = can_go_on,
    .lookup = lookup,
    .applied = applied,
    .lacks = lacks,
    .put_row = put_row,
    .put_key = put_key,
    .read_key = read_key,
    .put_number = put_number,
    .describe_key = describe,
    .describe = describe,
    .put_removal = put_removal,
};
