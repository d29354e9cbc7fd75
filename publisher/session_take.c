// SPDX-License-Identifier: Apache-2.0
// Session, items: each item of the reader becomes messages of the open Kafka transaction.
#define _POSIX_C_SOURCE 200809L // strtok_r
#include "common/clock.h"
#include "common/crash.h"
#include "common/mem.h"
#include "publisher/notices.h"
#include "publisher/session_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool session_send_notice(struct session *session, const struct topic *topic, struct err *err)
{
    struct message message = {
        .topic = topic->handle,
        .key = buf_bytes(&session->key),
        .value = buf_bytes(&session->value),
    };
    if (session->key.len == 0)
        message.key = (struct slice){NULL, 0};
    return producer_send(session->producer, &message, err);
}

static bool send_begin(struct session *session, const struct change *change, struct err *err)
{
    topics_forget_counts(session->topics);
    buf_clear(&session->key);
    buf_clear(&session->value);
    notice_write_key(&session->key, change->transaction);
    notice_write_begin(&session->value, change->transaction, change->source.ts_us / 1000);
    return session_send_notice(session, session->transactions, err);
}

// One "topic=n" of a checkpoint's counts.
static bool restore_count(struct session *session, char *item, struct err *err)
{
    char *equals = strchr(item, '=');
    if (!equals)
        return err_set(err, ERR_CORRUPT, "checkpoint: counts have the item \"%s\"", item);
    *equals = '\0';
    const struct checkpoint_topic *recorded = checkpoint_log_topic(&session->log, item);
    struct topic *topic;
    if (!recorded)
        return err_set(err, ERR_CORRUPT, "checkpoint: topic %s is counted and not recorded", item);
    const struct table table = {.db = slice_of_str(recorded->db),
                                .name = slice_of_str(recorded->table)};
    if (!topics_of_table(session->topics, &table, &topic, err))
        return false;
    topics_count(session->topics, topic, strtoull(equals + 1, NULL, 10));
    return true;
}

static bool restore_counts(struct session *session, struct err *err)
{
    char *text = mem_strdup(buf_cstr(&session->log.last.counts));
    char *rest = NULL;
    bool ok = true;
    for (char *item = strtok_r(text, ",", &rest); ok && item; item = strtok_r(NULL, ",", &rest))
        ok = restore_count(session, item, err);
    free(text);
    return ok;
}

// After a failover the next transaction may be another one than the one that is out in part.
// Without GTIDs it is not, as the file is the same.
static bool check_resumed(const struct session *session, struct slice transaction, struct err *err)
{
    const struct checkpoint *last = &session->log.last;
    if (!last->transaction[0] || transaction.len == 0 ||
        slice_eq_str(transaction, last->transaction))
        return true;
    return err_set(
        err, ERR_REFUSED,
        "%llu rows of the transaction %s are published, but this server goes on with " SLICE_FMT
        ": connect to the server %s until the transaction is complete",
        (unsigned long long)session->start.rows, last->transaction, SLICE_ARG(transaction),
        last->position.server_uuid);
}

// The rest of a transaction that is out in part.
static bool resume(struct session *session, const struct change *change, struct err *err)
{
    session->resuming = false;
    if (session->transactions && !restore_counts(session, err))
        return false;
    slice_to_str(session->transaction, sizeof session->transaction, change->transaction);
    return true;
}

// After the first change of a transaction: BEGIN is in another topic, so their order tells nothing,
// and a change that is refused leaves nothing half sent.
static bool enter_transaction(struct session *session, const struct change *change, struct err *err)
{
    slice_to_str(session->transaction, sizeof session->transaction, change->transaction);
    return !session->transactions || send_begin(session, change, err);
}

static bool send_end(struct session *session, struct err *err)
{
    struct slice transaction = slice_of_str(session->transaction);
    uint64_t ts_ms = reader_position(session->reader)->ts_us / 1000;
    buf_clear(&session->key);
    buf_clear(&session->value);
    notice_write_key(&session->key, transaction);
    notice_write_end(&session->value, transaction, ts_ms, topics_counted(session->topics));
    return session_send_notice(session, session->transactions, err);
}

// When it fails before anything of the change is out, the position before it still holds; a topic
// and its record in the checkpoint do no harm without it.
static bool send_change(struct session *session, const struct change *change,
                        const struct topic *topic, struct err *err)
{
    uint64_t sent = producer_counts(session->producer)->messages;
    if (encoder_change(&session->encoder, change, topic, clock_now_ms(), err))
        return true;
    session->settled = producer_counts(session->producer)->messages == sent;
    return false;
}

static bool take_change(struct session *session, const struct change *change, struct err *err)
{
    struct topic *topic;
    session->rows_back = 1;
    if ((session->resuming && !resume(session, change, err)) ||
        !encoder_check(&session->encoder, change, err))
        return false;
    if (!topics_of_table(session->topics, change->table, &topic, err))
        return err_wrap(err, SLICE_FMT ":%llu", SLICE_ARG(change->source.file),
                        (unsigned long long)change->source.pos);
    if (!send_change(session, change, topic, err))
        return false;
    session->settled = session->transaction[0] || enter_transaction(session, change, err);
    if (!session->settled)
        return false;
    topics_count(session->topics, topic, 1);
    session->run->changes++;
    session->rows_back = 0;
    CRASH_POINT(publish_change_sent);
    return true;
}

static bool take_commit(struct session *session, const struct reader_item *item, struct err *err)
{
    slice_to_str(session->gtid, sizeof session->gtid, item->gtid);
    if (session->refused.len > 0)
        return session_refuse_ddl(session, item->gtid, err);
    session->settled = !session->transactions || !session->transaction[0] || send_end(session, err);
    session->resuming = false;
    session->transaction[0] = '\0';
    return session->settled;
}

bool session_take(struct session *session, const struct reader_item *item, struct err *err)
{
    CRASH_POINT(publish_event_read);
    switch (item->kind) {
    case READER_CHANGE:
        return take_change(session, item->change, err);
    case READER_DDL:
        return session_take_ddl(session, item->ddl, err);
    case READER_COMMIT:
        return take_commit(session, item, err);
    case READER_END:
        return err_set(err, ERR_RETRY, "the server ended the dump");
    case READER_BEGIN:
        return !session->resuming || check_resumed(session, item->gtid, err);
    case READER_IDLE:
        return true;
    }
    return err_set(err, ERR_INTERNAL, "an item of kind %d", (int)item->kind);
}
