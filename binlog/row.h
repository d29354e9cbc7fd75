// SPDX-License-Identifier: Apache-2.0
// Row event: the rows of one INSERT, UPDATE or DELETE event, taken out one by one.
#ifndef TAILRACE_BINLOG_ROW_H
#define TAILRACE_BINLOG_ROW_H

#include "binlog/event.h"
#include "binlog/payload.h"
#include "binlog/table_map.h"
#include "record/change.h"

struct row_image {
    const uint8_t *present; // a bit for each column, from the low end of a byte
    size_t n_present;
    bool is_used;         // insert has no image before, delete none after
    struct value *values; // of the row that was taken last; all tables share the room
};

struct row_event {
    enum change_op op;
    struct table_map *map; // NULL: the event only ends a statement
    struct row_image before;
    struct row_image after;
    struct cursor cur; // over the rows that are left
    bool ends_statement;
    bool is_started; // a row was taken
    bool is_partial; // images after may hold JSON as what changes in the image before
};

// Reads all but the rows. Borrows from the event; rows that MariaDB compressed are put into
// `plain`. Rows of a table that is not wanted are left unread. ERR_CORRUPT, ERR_UNSUPPORTED.
MUST_CHECK bool row_event_parse(struct row_event *rows, const struct event *event,
                                const struct event_format *format, struct table_maps *maps,
                                struct plain *plain, struct err *err);

// The map of the event's table, whether its rows are wanted or not; NULL: the event only ends a
// statement. ERR_CORRUPT.
MUST_CHECK bool row_event_find_map(const struct event *event, const struct event_format *format,
                                   struct table_maps *maps, const struct table_map **map,
                                   struct err *err);

// Whether the statement ends with this event.
bool row_event_ends_statement(const struct event *event, const struct event_format *format);

// True when no row is left.
static inline bool row_event_done(const struct row_event *rows)
{
    return !rows->map || !rows->map->is_wanted || (rows->is_started && !cursor_left(&rows->cur));
}

// Decodes the next row into before.values and after.values. Only when not done.
MUST_CHECK bool row_event_next(struct row_event *rows, struct arena *arena, struct err *err);

#endif
