// SPDX-License-Identifier: Apache-2.0
// Session: one connection to the source and one producer, from the last committed checkpoint to an
// error or the end.
//
// The invariant: a checkpoint says no more than what is in Kafka with it or before it. It is
// written in the same Kafka transaction as the records, with the position of the reader at a moment
// when every change that the reader has handed out has been sent.
//
// Opening refuses what can be refused before anything is written: first the source, then the
// position, then Kafka and the topics; only then the older publisher is fenced and topics are made.
#ifndef TAILRACE_PUBLISHER_SESSION_H
#define TAILRACE_PUBLISHER_SESSION_H

#include "binlog/wire.h"
#include "common/check.h"
#include "publisher/checkpoint.h"
#include "publisher/publisher.h"

// What outlives a session.
struct session_run {
    const struct config *config;
    const struct publisher_options *options;
    char instance[CHECKPOINT_INSTANCE_BYTES]; // "host:pid:number", of no other run
    uint64_t epoch;                           // at-least-once: see rival.h
    unsigned n_marks;                         // that were written into the checkpoint's topic
    bool is_marked;                           // one of them is in it
    bool has_checkpoint;                      // and so is a checkpoint of ours
    bool fenced;                              // a session was, and none has been open since
    bool replaced;          // then it was by another publisher, whose checkpoint is the last one
    unsigned displacements; // the server ended a dump of ours for one with our server_id
    uint64_t displaced_ms;  // steady; when it was last
    bool has_target;
    struct position target;     // the end of the source's binlog when the run began
    unsigned retention_step;    // of the warnings that the server will remove what is needed
    uint64_t retention_ms;      // steady; when it was looked at last
    uint64_t transaction_bytes; // at most [publish]'s; less after a session that committed nothing
    uint64_t started_ms;        // steady
    uint64_t changes;
    uint64_t messages;
    uint64_t bytes;
    uint64_t commits;
};

struct session;

// The connection that the configuration describes, but for its host and port: pick.h.
void session_wire_options(const struct config *config, struct wire_options *options);

// NULL and *err; nothing is left open.
struct session *session_open(struct session_run *run, struct err *err);

// Until the stop flag is raised or, where wanted, the target is reached: true. An error leaves
// committed what was read before it, where that is possible. *progress: something was committed.
MUST_CHECK bool session_loop(struct session *session, bool *progress, struct err *err);

void session_close(struct session *session); // takes NULL

// Looks at what opening refuses, and prints a line for each. Writes nothing. In session_check.c.
void session_check(const struct config *config, struct check *check);

#endif
