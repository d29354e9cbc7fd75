// SPDX-License-Identifier: Apache-2.0
// Checkpoint: how far the publisher has come and what it decided for good, in the compacted topic
// <name>.checkpoint with one partition, written in the same Kafka transaction as the records before
// it.
//   key   {"kind":"checkpoint"}
//   value {"version":1,"running":true,"instance":"host:123","alive_ms":…,
//          "gtid":"…","file":"binlog.000002","pos":1234,"rows":0,"filter":"…","ts_us":…,
//          "server":"…"}
//         with rows > 0 also what the rows are of, and how many each topic got:
//          "transaction":"GTID, or file:pos","counts":"shop.a.b=3,shop.a.c=1"
//         at-least-once also the publisher's number, see rival.h: "epoch":3
//         with XA transactions that are prepared: "pending":[…], see record/pending.h
//         while rows of a snapshot may show transactions behind the position: "shown":"GTIDs"
//   key   {"kind":"topic","topic":"shop.a.b"}
//   value {"version":1,"partitions":8,"db":"a","table":"b"}
//   key   {"kind":"start"}
//   value {"version":1,"mark":"host:123:4"}, see checkpoint_read_mark
// and those of snapshots (snapshot_log.h).
// The last record of a key counts. A record that cannot be read is an error: to start over is never
// a guess of ours.
#ifndef TAILRACE_PUBLISHER_CHECKPOINT_H
#define TAILRACE_PUBLISHER_CHECKPOINT_H

#include "common/buf.h"
#include "common/config.h"
#include "publisher/snapshot_log.h"
#include "record/position.h"

#include <librdkafka/rdkafka.h>

#define CHECKPOINT_INSTANCE_BYTES 320
#define CHECKPOINT_TRANSACTION_BYTES (POSITION_FILE_MAX + 32)
#define CHECKPOINT_MARK_BYTES (CHECKPOINT_INSTANCE_BYTES + 24)

struct checkpoint {
    struct position position;
    bool running;      // false: it ended in good order
    uint64_t alive_ms; // when it was written, milliseconds since 1970
    uint64_t epoch;    // 0: none
    char instance[CHECKPOINT_INSTANCE_BYTES];
    char transaction[CHECKPOINT_TRANSACTION_BYTES]; // that position.rows are of; "" = none
    struct buf counts;                              // "topic=n,…"; empty: not counted
    struct gtid_set shown; // that published rows of a snapshot may show, behind the position
};

void checkpoint_deinit(struct checkpoint *checkpoint);

// A table's topic: its partition count when it was created, or accepted later.
struct checkpoint_topic {
    char *topic;
    char *db;
    char *table;
    int32_t n_partitions;
};

// All that the topic says.
struct checkpoint_log {
    bool exists;                           // the topic is there
    bool found;                            // a checkpoint is in it
    const char *mark;                      // that is looked for, borrowed; NULL: none
    bool has_mark;                         // and it was read
    char last_mark[CHECKPOINT_MARK_BYTES]; // of who started last; "": none
    struct checkpoint last;
    struct checkpoint_topic *topics;
    size_t n_topics;
    struct snapshot_log snapshots;
};

// Appends the name of the topic.
void checkpoint_topic_name(struct buf *out, const char *name);

void checkpoint_write_key(struct buf *out);
void checkpoint_write(struct buf *out, const struct checkpoint *checkpoint);
void checkpoint_mark_write_key(struct buf *out);
void checkpoint_mark_write(struct buf *out, const char *mark);
void checkpoint_topic_write_key(struct buf *out, const char *topic);
void checkpoint_topic_write(struct buf *out, const struct checkpoint_topic *topic);

// Takes one record of the topic into the log. An empty value removes what was under the key.
// ERR_CORRUPT, and ERR_UNSUPPORTED for a version or kind of a later tailrace.
MUST_CHECK bool checkpoint_log_take(struct checkpoint_log *log, struct slice key,
                                    struct slice value, struct err *err);

// {0} is the empty log.
void checkpoint_log_deinit(struct checkpoint_log *log);
const struct checkpoint_topic *checkpoint_log_topic(const struct checkpoint_log *log,
                                                    const char *topic);

// Reads the topic from its first to its last committed record; *log must be empty. `rk` is from
// kafka_open_plain.
MUST_CHECK bool checkpoint_read(rd_kafka_t *rk, const struct config *config,
                                struct checkpoint_log *log, struct err *err);

// Reads on from offset *end, 0 for the beginning, and moves it to where the topic ends now. Without
// a topic there is nothing to read.
MUST_CHECK bool checkpoint_read_on(rd_kafka_t *rk, const struct config *config, int64_t *end,
                                   struct checkpoint_log *log, struct err *err);

// As checkpoint_read_on, but at least to the mark, which is durable in the topic. Only then is it
// sure to be the newest: a leader that slept while another was chosen tells an older end, or knows
// no such topic, until it hears of that. ERR_RETRY when the mark does not come within
// KAFKA_TIMEOUT_MS.
MUST_CHECK bool checkpoint_read_mark(rd_kafka_t *rk, const struct config *config, const char *mark,
                                     int64_t *end, struct checkpoint_log *log, struct err *err);

// Makes the topic where it is missing.
MUST_CHECK bool checkpoint_create(rd_kafka_t *rk, const struct config *config, struct err *err);

#endif
