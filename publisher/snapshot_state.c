// SPDX-License-Identifier: Apache-2.0
// Snapshot state: see snapshot_state.h.
#include "publisher/snapshot_state.h"

#include "publisher/session_state.h"

#include <string.h>

bool snapshot_state_is_dirty(const struct snapshot_log *log)
{
    if (log->control_dirty || log->removed.len > 0)
        return true;
    for (size_t i = 0; i < log->n_snapshots; i++) {
        if (log->snapshots[i]->dirty)
            return true;
        for (size_t k = 0; k < log->snapshots[i]->n_list; k++)
            if (log->snapshots[i]->list[k]->dirty)
                return true;
    }
    return false;
}

// What lies in session->key and session->value; an empty value removes.
static bool send_record(struct session *session, struct err *err)
{
    struct message message = {
        .topic = session->checkpoints->handle,
        .key = buf_bytes(&session->key),
        .value = buf_bytes(&session->value),
    };
    if (session->value.len == 0)
        message.value = (struct slice){NULL, 0};
    bool ok = producer_send(session->producer, &message, err);
    buf_clear(&session->key);
    buf_clear(&session->value);
    return ok;
}

static bool send_snapshot(struct session *session, struct snapshot *snapshot, struct err *err)
{
    bool ok = true;
    for (size_t i = 0; ok && i < snapshot->n_list; i++) {
        struct snapshot_table *table = snapshot->list[i];
        if (!table->dirty)
            continue;
        snapshot_write_key(&session->key, snapshot, table);
        snapshot_table_write(&session->value, table);
        table->dirty = !(ok = send_record(session, err));
    }
    if (!ok || !snapshot->dirty)
        return ok;
    snapshot_write_key(&session->key, snapshot, NULL);
    snapshot_write(&session->value, snapshot);
    snapshot->dirty = !(ok = send_record(session, err));
    return ok;
}

static bool send_removed(struct session *session, struct buf *removed, struct err *err)
{
    struct slice rest = buf_bytes(removed);
    bool ok = true;
    while (ok && rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t n = (size_t)(end - rest.ptr);
        buf_append(&session->key, rest.ptr, n);
        ok = send_record(session, err);
        rest = slice_of(end + 1, rest.len - n - 1);
    }
    buf_clear(removed);
    return ok;
}

bool snapshot_state_send(struct session *session, struct err *err)
{
    struct snapshot_log *log = &session->log.snapshots;
    bool ok = true;
    buf_clear(&session->key);
    buf_clear(&session->value);
    for (size_t i = 0; ok && i < log->n_snapshots; i++)
        ok = send_snapshot(session, log->snapshots[i], err);
    if (ok && log->removed.len > 0)
        ok = send_removed(session, &log->removed, err);
    if (ok && log->control_dirty) {
        snapshot_control_write_key(&session->key);
        snapshot_control_write(&session->value, log->control_offset);
        ok = send_record(session, err);
        log->control_dirty = !ok;
    }
    return ok;
}
