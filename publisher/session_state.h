// SPDX-License-Identifier: Apache-2.0
// Session state: what the files of a session share. session_open.c makes it, session_take.c sends
// what the reader hands out, session.c loops and commits.
#ifndef TAILRACE_PUBLISHER_SESSION_STATE_H
#define TAILRACE_PUBLISHER_SESSION_STATE_H

#include "binlog/names.h"
#include "binlog/reader.h"
#include "binlog/server.h"
#include "publisher/encoder.h"
#include "publisher/pick.h"
#include "publisher/producer.h"
#include "publisher/rival.h"
#include "publisher/session.h"
#include "publisher/topics.h"

struct snapshots;

struct session {
    struct session_run *run;
    const struct config *config;
    struct pick pick;            // until the reader is open
    struct pick_server *picked;  // of these
    struct wire_options options; // of the server that is read from, for another connection to it
    struct server server;        // what it says of itself
    rd_kafka_t *plain;
    struct checkpoint_log log;
    int64_t log_end; // offset up to which it was read
    struct position start;
    struct position begin; // of the dump: before `start` where XA transactions are pending
    struct producer *producer;
    struct topics *topics;
    struct topic *checkpoints;
    struct topic *ddl;          // NULL: not wanted
    struct topic *transactions; // NULL: not wanted
    struct encoder encoder;
    struct snapshots *snapshots;
    struct rival *rival;                  // at-least-once only
    struct names *names;                  // of columns, where the log has none
    struct names_source names_source;     // borrowed by the reader
    struct reader_options reader_options; // borrowed by the reader
    struct reader *reader;
    struct checkpoint checkpoint; // written last
    bool is_committed;            // and it is in Kafka
    struct buf key;
    struct buf value;
    char gtid[GTID_TEXT_MAX];                       // of the transaction read last
    char transaction[CHECKPOINT_TRANSACTION_BYTES]; // whose changes are being sent; "" = none
    struct buf refused;                             // a statement that is to end this, and why
    bool resuming;                                  // the first transaction is out in part
    bool settled;          // no change or statement is half done: a commit may follow
    bool caught_up;        // it has read what there was when the run began
    unsigned rows_back;    // changes that the reader handed out and that were refused
    uint64_t begun_ms;     // steady; the first message since the last commit, 0 = none
    uint64_t committed_ms; // steady
    uint64_t commit_took_ms;
};

// session_open.c
struct session *session_new(struct session_run *run); // nothing is open
MUST_CHECK bool session_choose_server(struct session *session, struct err *err);
struct topics_options session_topics_options(struct session *session);
struct table_filter session_filter(const struct config *config);
bool session_starts_with_snapshot(const struct session *session);
void session_log_position(const char *event, const struct session *session,
                          const struct position *position);

// Warns when the server will soon remove what is not read yet. With a wire at once, without (NULL)
// through a connection of its own, once a minute at most. In session_retention.c.
void session_watch_retention(struct session *session, struct wire *wire,
                             const struct position *position);

// Sends one item of the reader. In session_take.c.
MUST_CHECK bool session_take(struct session *session, const struct reader_item *item,
                             struct err *err);

// Sends what a statement means for the copies, and the statement. In session_ddl.c.
MUST_CHECK bool session_take_ddl(struct session *session, const struct ddl *ddl, struct err *err);

// Refuses the statement of session->refused at its end, which tells the position behind it. False.
bool session_refuse_ddl(struct session *session, struct slice gtid, struct err *err);

// Sends what lies in session->key and session->value. In session_take.c.
MUST_CHECK bool session_send_notice(struct session *session, const struct topic *topic,
                                    struct err *err);

// Commits what was sent, with the checkpoint at this position. In session.c.
MUST_CHECK bool session_commit(struct session *session, const struct position *position,
                               bool running, struct err *err);

#endif
