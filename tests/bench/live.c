// SPDX-License-Identifier: Apache-2.0
// live fetch|decode|json HOST PORT FILE: the binlog of a server from FILE to the end of its log,
// through the same client library as the publisher's.
//   fetch    takes the events and looks at nothing: the limit
//   decode   the publisher's source and reader, every value decoded
//   json     the same, and each change as the canonical record into memory
// With server id 0 the dump ends where the log does.
#include "binlog/reader.h"
#include "binlog/source_live.h"
#include "common/buf.h"
#include "record/json_writer.h"
#include "tests/bench/limit.h"

#include <stdio.h>
#include <string.h>

#define FIRST_POS 4
#define TIMEOUT_MS 30000
#define WAIT_MS 1000

static struct wire *connect_to(const char *host, const char *port)
{
    const struct wire_options options = {
        .host = host,
        .port = (unsigned)limit_number(port),
        .user = "root",
        .password = "",
        .connect_timeout_ms = TIMEOUT_MS,
        .read_timeout_ms = TIMEOUT_MS,
    };
    struct err err;
    struct wire *wire;
    if (!wire_connect(&options, &wire, &err))
        limit_die(&err);
    return wire;
}

static void fetch(struct wire *wire, const struct wire_dump *dump)
{
    struct err err;
    struct slice event;
    uint64_t events = 0, bytes = 0;
    limit_begin();
    if (!wire_dump(wire, dump, &err))
        limit_die(&err);
    for (;;) {
        if (!wire_fetch(wire, &event, &err))
            limit_die(&err);
        if (!event.len)
            break;
        events++;
        bytes += event.len;
    }
    limit_end(events, bytes);
    wire_close(wire);
}

static struct reader *open_reader(struct wire *wire, const struct wire_dump *dump)
{
    struct err err;
    static struct position start = {.pos = FIRST_POS};
    snprintf(start.file, sizeof start.file, "%s", dump->file);
    const struct reader_options options = {
        .source_name = "bench",
        .version = TAILRACE_VERSION,
        .filter = {.include = "", .exclude = ""},
        .start = &start,
        .verify_checksums = true,
    };
    struct source *source = source_live_open_take(wire, dump, SOURCE_LIVE_RING_BYTES, &err);
    if (!source)
        limit_die(&err);
    struct reader *reader = reader_open_take(source, &options, &err);
    if (!reader)
        limit_die(&err);
    return reader;
}

static void decode(struct wire *wire, const struct wire_dump *dump, bool as_json)
{
    struct err err;
    struct buf out = {0};
    struct json_frame frame = {0};
    struct reader_item item;
    limit_begin();
    struct reader *reader = open_reader(wire, dump);
    do {
        if (!reader_next(reader, WAIT_MS, &item, &err))
            limit_die(&err);
        if (!as_json || item.kind != READER_CHANGE)
            continue;
        buf_clear(&out);
        json_write_change(&out, &frame, item.change);
    } while (item.kind != READER_END);
    limit_end(reader_counts(reader)->changes, reader_counts(reader)->bytes);
    reader_close(reader);
    json_frame_deinit(&frame);
    buf_deinit(&out);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        limit_fail("usage: live fetch|decode|json HOST PORT FILE");
    const struct wire_dump dump = {.file = argv[4], .pos = FIRST_POS, .heartbeat_ms = WAIT_MS};
    struct wire *wire = connect_to(argv[2], argv[3]);
    if (strcmp(argv[1], "fetch") == 0)
        fetch(wire, &dump);
    else
        decode(wire, &dump, strcmp(argv[1], "json") == 0);
    return 0;
}
