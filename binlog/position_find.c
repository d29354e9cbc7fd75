// SPDX-License-Identifier: Apache-2.0
// Position find: see position_find.h.
//
// The scan reads a dump from the beginning of a file and looks at whole events only: each
// transaction is headed by an event with its GTID (or an anonymous one), so the places where such
// an event, or one that concerns the log itself, starts are the borders between transactions; and
// the file's beginning is one. The executed set at a border is the one at the head of the file
// (PREVIOUS_GTIDS, or MariaDB's GTID list) with the GTIDs on the way. No row is decoded, so a
// transaction that the reader refuses can be passed over by a position behind it.
#include "binlog/position_find.h"

#include "binlog/source_live.h"
#include "binlog/transaction.h"
#include "common/clock.h"
#include "common/stop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_POS 4 // behind the magic
#define WAIT_MS 100 // between looks at the stop flag
#define MICROSECONDS 1000000u
#define GTID_LIST_COUNT_MASK 0x0fffffffu

// With server id 0 the server takes nobody else's place and ends the dump where its log ends.
#define SCAN_SERVER_ID 0
#define SCAN_HEARTBEAT_MS 1000

struct scan {
    struct source *source;
    const struct server *server;
    struct event_format format;
    struct gtid_set executed;   // before the event at file:pos
    struct transaction pending; // the transaction that starts there
    bool has_pending;
    char file[POSITION_FILE_MAX];
    uint64_t pos;       // the border
    uint64_t next_pos;  // behind the event that was read last
    uint64_t commit_us; // of the transaction that starts at the border; 0: none does
    bool is_end;        // the border is the end of the log
};

static bool scan_open(struct scan *scan, const struct wire_options *options,
                      const struct server *server, const char *file, struct err *err)
{
    struct wire *wire;
    struct wire_dump dump = {.file = file,
                             .pos = FIRST_POS,
                             .server_id = SCAN_SERVER_ID,
                             .heartbeat_ms = SCAN_HEARTBEAT_MS};
    *scan = (struct scan){.server = server, .next_pos = FIRST_POS};
    snprintf(scan->file, sizeof scan->file, "%s", file);
    if (!wire_connect(options, &wire, err))
        return false;
    scan->source = source_live_open_take(wire, &dump, SOURCE_LIVE_RING_BYTES, err);
    return scan->source != NULL;
}

static void scan_close(struct scan *scan)
{
    source_close(scan->source);
    gtid_set_deinit(&scan->executed);
}

// One event, or the end of the log as *event_code EVENT_UNKNOWN.
static bool scan_event(struct scan *scan, struct event *event, struct err *err)
{
    enum source_result result = SOURCE_IDLE;
    struct slice bytes;
    *event = (struct event){0};
    while (result == SOURCE_IDLE) {
        if (stop_requested())
            return err_set(err, ERR_STOPPED, "stopped while reading %s", scan->file);
        result = scan->source->next(scan->source, WAIT_MS, &bytes, err);
    }
    if (result == SOURCE_END)
        return true;
    return result == SOURCE_EVENT && event_parse(bytes, &scan->format, true, event, err);
}

// Made for this reader and not in the file.
static bool is_made_up(const struct event *event)
{
    return event->flags & EVENT_FLAG_ARTIFICIAL || event->end_pos == 0 ||
           event->code == EVENT_HEARTBEAT || event->code == EVENT_HEARTBEAT_V2;
}

// Places by size, as the header has the low 32 bits only; where the server leaves an event out, the
// header is right.
static void place_event(struct scan *scan, const struct event *event, uint64_t *start)
{
    uint64_t end = scan->next_pos + event->size;
    if ((uint32_t)end != event->end_pos) {
        end = (end & ~(uint64_t)UINT32_MAX) | event->end_pos;
        if (end < scan->next_pos)
            end += (uint64_t)1 << 32;
    }
    *start = end - event->size;
    scan->next_pos = end;
}

static bool read_rotate(struct scan *scan, const struct event *event, struct err *err)
{
    struct cursor cur = event_cursor(event);
    uint64_t pos = cursor_u64(&cur);
    struct slice name = cursor_rest(&cur);
    if (cur.failed || name.len == 0 || name.len >= sizeof scan->file)
        return event_too_short(event, &cur, err);
    memcpy(scan->file, name.ptr, name.len);
    scan->file[name.len] = '\0';
    scan->next_pos = pos;
    return true;
}

// count 4 (and flags in its high bits), then domain 4, server 4, sequence 8 of the last of each.
static bool read_gtid_list(struct scan *scan, const struct event *event, struct err *err)
{
    struct cursor cur = event_cursor(event);
    uint32_t count = cursor_u32(&cur) & GTID_LIST_COUNT_MASK;
    for (uint32_t i = 0; i < count; i++) {
        struct gtid gtid = {.kind = GTID_MARIADB};
        gtid.domain = cursor_u32(&cur);
        gtid.server = cursor_u32(&cur);
        gtid.sequence = cursor_u64(&cur);
        if (cur.failed)
            return event_too_short(event, &cur, err);
        if (!gtid_set_add(&scan->executed, &gtid, err))
            return false;
    }
    return !cur.failed || event_too_short(event, &cur, err);
}

static bool is_gtid(const struct event *event)
{
    return event->code == EVENT_GTID || event->code == EVENT_ANONYMOUS_GTID ||
           event->code == EVENT_GTID_TAGGED || event->code == EVENT_MARIADB_GTID;
}

static bool read_gtid(struct scan *scan, const struct event *event, struct err *err)
{
    transaction_begin(&scan->pending, scan->file, scan->pos);
    if (!transaction_name(&scan->pending, event, &scan->format, err))
        return false;
    scan->has_pending = true;
    scan->commit_us = scan->pending.commit_us ? scan->pending.commit_us
                                              : (uint64_t)event->timestamp * MICROSECONDS;
    return true;
}

// The transaction before the border is executed.
static bool settle(struct scan *scan, struct err *err)
{
    const struct gtid *gtid = &scan->pending.gtid;
    bool is_named = scan->has_pending && gtid->kind != GTID_NONE;
    scan->has_pending = false;
    scan->commit_us = 0;
    return !is_named || gtid_set_add(&scan->executed, gtid, err);
}

// What an event says of the log. The sets at the head count for the first file only; later ones
// repeat them.
static bool read_event(struct scan *scan, const struct event *event, struct err *err)
{
    bool is_first = gtid_set_is_empty(&scan->executed);
    switch (event->code) {
    case EVENT_FORMAT_DESCRIPTION:
        return event_format_parse(event, true, &scan->format, err);
    case EVENT_ROTATE:
        return read_rotate(scan, event, err);
    case EVENT_PREVIOUS_GTIDS:
        return !is_first || gtid_set_decode(&scan->executed, event->body, err);
    case EVENT_MARIADB_GTID_LIST:
        return !is_first || read_gtid_list(scan, event, err);
    default:
        return !is_gtid(event) || read_gtid(scan, event, err);
    }
}

// Between transactions only, and behind the head of the file, from which the executed set comes.
static bool is_border(const struct event *event)
{
    return is_gtid(event) || event->code == EVENT_STOP || event->code == EVENT_ROTATE ||
           event->code == EVENT_MARIADB_BINLOG_CHECKPOINT;
}

static bool at_server_end(const struct scan *scan)
{
    return strcmp(scan->file, scan->server->file) == 0 && scan->next_pos >= scan->server->pos;
}

static bool stand_at(struct scan *scan, uint64_t pos, bool is_end, struct err *err)
{
    scan->pos = pos;
    scan->is_end = is_end;
    return settle(scan, err);
}

// Goes on to the next border: file:pos, executed, commit_us and is_end are set.
static bool scan_next(struct scan *scan, struct err *err)
{
    for (;;) {
        struct event event;
        uint64_t start;
        if (at_server_end(scan))
            return stand_at(scan, scan->next_pos, true, err);
        if (!scan_event(scan, &event, err))
            return err_wrap(err, "%s:%" PRIu64, scan->file, scan->next_pos);
        if (event.code == EVENT_UNKNOWN)
            return stand_at(scan, scan->next_pos, true, err);
        bool made_up = is_made_up(&event);
        bool is_new_border = !made_up && is_border(&event);
        if (!made_up)
            place_event(scan, &event, &start);
        if (is_new_border && !stand_at(scan, start, false, err))
            return false;
        // A rotation in the file is followed by a made-up one, which moves the scan to the next
        // file.
        bool is_rotation = !made_up && event.code == EVENT_ROTATE;
        if (!is_rotation && !read_event(scan, &event, err))
            return err_wrap(err, "%s:%" PRIu64, scan->file, scan->pos);
        if (is_new_border)
            return true;
    }
}

static void set_position(struct position *out, const struct server *server,
                         const struct gtid_set *executed, const char *file, uint64_t pos)
{
    position_deinit(out);
    *out = (struct position){.pos = pos};
    if (server->gtid_mode)
        gtid_set_copy(&out->executed, executed);
    snprintf(out->file, sizeof out->file, "%s", file);
    snprintf(out->server_uuid, sizeof out->server_uuid, "%s", server->uuid);
}

// --- one function for each form ---

// What a form works with.
struct find {
    const struct wire_options *options;
    const struct server *server;
    struct wire *wire;
    struct server_log *logs;
    size_t n_logs;
    const char *text; // behind the prefix
    struct position *out;
};

static bool find_earliest(struct find *find, struct err *err)
{
    (void)err;
    set_position(find->out, find->server, &find->server->purged, find->logs[0].file, FIRST_POS);
    return true;
}

static bool find_latest(struct find *find, struct err *err)
{
    (void)err;
    const struct server *server = find->server;
    set_position(find->out, server, &server->executed, server->file, server->pos);
    return true;
}

static bool find_gtid(struct find *find, struct err *err)
{
    struct position position = {0};
    bool ok = gtid_set_parse(&position.executed, slice_of_str(find->text), err) &&
              server_has(find->wire, find->server, &position, err);
    if (ok)
        set_position(find->out, find->server, &position.executed, "", 0);
    position_deinit(&position);
    return ok;
}

static bool read_file_pos(const struct find *find, char file[POSITION_FILE_MAX], uint64_t *pos,
                          struct err *err)
{
    const char *colon = strrchr(find->text, ':');
    size_t n = colon ? (size_t)(colon - find->text) : 0;
    char *end = NULL;
    if (n == 0 || n >= POSITION_FILE_MAX || strspn(colon + 1, "0123456789") == 0)
        return err_set(err, ERR_USAGE,
                       "is none of earliest, latest, gtid:SET, FILE:POS, time:ISO8601");
    memcpy(file, find->text, n);
    file[n] = '\0';
    *pos = strtoull(colon + 1, &end, 10);
    if (*end || *pos < FIRST_POS)
        return err_set(err, ERR_USAGE, "the position in the file is a number from %d on",
                       FIRST_POS);
    return true;
}

static bool fail_no_border(const struct scan *scan, const char *file, uint64_t before,
                           struct err *err)
{
    return err_set(err, ERR_REFUSED,
                   "lies inside a transaction or an event; the borders around it are %s:%" PRIu64
                   " and %s:%" PRIu64,
                   file, before, scan->file, scan->pos);
}

// Goes to the first border at or behind pos. Behind the last event of a file stands the head of the
// next.
static bool scan_to(struct scan *scan, const char *file, uint64_t pos, uint64_t file_bytes,
                    struct err *err)
{
    uint64_t before = FIRST_POS;
    bool is_past = false;
    while (!is_past) {
        if (!scan_next(scan, err))
            return false;
        is_past = strcmp(scan->file, file) != 0 || scan->pos >= pos || scan->is_end;
        if (!is_past)
            before = scan->pos;
    }
    bool is_same_file = strcmp(scan->file, file) == 0;
    bool is_head = pos == FIRST_POS;
    bool is_tail = pos == file_bytes && !is_same_file;
    if (is_head || is_tail || (is_same_file && scan->pos == pos))
        return true;
    return fail_no_border(scan, file, before, err);
}

static uint64_t file_bytes(const struct find *find, const char *file)
{
    for (size_t i = 0; i < find->n_logs; i++)
        if (strcmp(find->logs[i].file, file) == 0)
            return find->logs[i].size_bytes;
    return 0;
}

static bool find_file_pos(struct find *find, struct err *err)
{
    struct position position = {0};
    struct scan scan = {0};
    char *file = position.file;
    if (!read_file_pos(find, file, &position.pos, err))
        return false;
    // Without a GTID set the file and its size are what counts.
    struct server plain = *find->server;
    plain.gtid_mode = false;
    if (!server_has(find->wire, &plain, &position, err))
        return false;
    bool ok = scan_open(&scan, find->options, find->server, file, err) &&
              scan_to(&scan, file, position.pos, file_bytes(find, file), err);
    if (ok)
        set_position(find->out, find->server, &scan.executed, file, position.pos);
    scan_close(&scan);
    return ok;
}

// The time of its format description.
bool position_file_time(const struct wire_options *options, const struct server *server,
                        const char *file, uint64_t *us, struct err *err)
{
    struct scan scan;
    struct event event = {0};
    bool ok = scan_open(&scan, options, server, file, err);
    while (ok && event.code != EVENT_FORMAT_DESCRIPTION) {
        ok = scan_event(&scan, &event, err);
        if (ok && event.code == EVENT_UNKNOWN)
            ok = err_set(err, ERR_CORRUPT, "%s has no format description", file);
    }
    *us = (uint64_t)event.timestamp * MICROSECONDS;
    scan_close(&scan);
    return ok;
}

// The newest file that was begun at that time or before; the oldest one where none was.
static bool find_file_of(const struct find *find, uint64_t us, const char **file, struct err *err)
{
    size_t low = 0;
    size_t high = find->n_logs;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        uint64_t begun;
        if (!position_file_time(find->options, find->server, find->logs[middle].file, &begun, err))
            return false;
        if (begun <= us)
            low = middle;
        else
            high = middle;
    }
    *file = find->logs[low].file;
    return true;
}

static bool find_time(struct find *find, struct err *err)
{
    uint64_t us;
    const char *file;
    struct scan scan = {0};
    if (!clock_parse(find->text, &us, err) || !find_file_of(find, us, &file, err))
        return false;
    bool ok = scan_open(&scan, find->options, find->server, file, err);
    do
        ok = ok && scan_next(&scan, err);
    while (ok && !scan.is_end && (!scan.commit_us || scan.commit_us < us));
    if (ok)
        set_position(find->out, find->server, &scan.executed, scan.file, scan.pos);
    scan_close(&scan);
    return ok;
}

struct form {
    const char *prefix;
    bool is_whole; // nothing follows
    bool (*find)(struct find *find, struct err *err);
};

static const struct form forms[] = {
    {"earliest", true, find_earliest}, {"latest", true, find_latest}, {"gtid:", false, find_gtid},
    {"time:", false, find_time},       {"", false, find_file_pos},
};

static const struct form *form_of(const char *where)
{
    const struct form *form = forms;
    while (form->is_whole ? strcmp(where, form->prefix) != 0
                          : strncmp(where, form->prefix, strlen(form->prefix)) != 0)
        form++;
    return form;
}

bool position_find(const struct wire_options *options, const struct server *server,
                   const char *where, struct position *out, struct err *err)
{
    const struct form *form = form_of(where);
    struct find find = {
        .options = options, .server = server, .text = where + strlen(form->prefix), .out = out};
    bool ok = wire_connect(options, &find.wire, err) &&
              server_logs(find.wire, &find.logs, &find.n_logs, err);
    if (ok && find.n_logs == 0)
        ok = err_set(err, ERR_REFUSED, "the server has no binlog files");
    ok = ok && form->find(&find, err);
    free(find.logs);
    wire_close(find.wire);
    return ok || err_wrap(err, "%s", where);
}
