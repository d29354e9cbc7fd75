// SPDX-License-Identifier: Apache-2.0
// Control: commands to a running publisher, records of the topic NAME.control (one partition). The
// publisher keeps the offset of the next one in its checkpoint, so that each is taken exactly once,
// also one that came while it was down.
//   {"version":1,"command":"snapshot","id":"…","tables":["shop.*"],"where":"id < 100"}
//   {"version":1,"command":"keys","id":"…","db":"shop","table":"product",
//    "keys":["{\"id\":7}"],"last":true}              several records may have one id
//   {"version":1,"command":"pause","id":"…"}          resume, cancel; id "": all
#ifndef TAILRACE_PUBLISHER_CONTROL_H
#define TAILRACE_PUBLISHER_CONTROL_H

#include "common/buf.h"
#include "common/config.h"
#include "publisher/tree.h"

#include <librdkafka/rdkafka.h>

enum control_kind {
    CONTROL_SNAPSHOT,
    CONTROL_KEYS,
    CONTROL_PAUSE,
    CONTROL_RESUME,
    CONTROL_CANCEL,
};

// Borrowed from `tree`.
struct control_command {
    enum control_kind kind;
    const char *id;
    struct buf tables; // globs, comma-separated
    const char *where;
    const char *db;
    const char *table;
    yajl_val keys; // array of texts
    bool last;
    int64_t offset;
    yajl_val tree;
};

void control_topic_name(struct buf *out, const char *name);

// ERR_CORRUPT; *command is {0} then. Else control_command_deinit.
MUST_CHECK bool control_parse(struct slice record, struct control_command *command,
                              struct err *err);
void control_command_deinit(struct control_command *command);

void control_write_snapshot(struct buf *out, const char *id, const char *const *tables,
                            size_t n_tables, const char *where);
void control_write_keys(struct buf *out, const char *id, const char *db, const char *table,
                        const struct buf *keys, bool last); // keys: lines
void control_write_order(struct buf *out, enum control_kind kind, const char *id);

// Reads the topic, without ever waiting.
struct control;

MUST_CHECK bool control_open(const struct config *config, int64_t from, struct control **control,
                             struct err *err);
void control_close(struct control *control); // takes NULL

// The next record; NULL: none is there now. Borrowed until control_take. ERR_RETRY.
MUST_CHECK bool control_peek(struct control *control, const rd_kafka_message_t **message,
                             struct err *err);
void control_take(struct control *control);

// Was everything taken that the topic had when it was opened?
bool control_is_read(const struct control *control);

// Appends a record, for those who give commands; waits until it is durable. `record` may be several
// lines: a record each.
MUST_CHECK bool control_send(const struct config *config, const struct buf *records, size_t n,
                             struct err *err);

#endif
