// SPDX-License-Identifier: Apache-2.0
// Batch: see batch.h. Effects are found by an open-addressed table of hashes, at most half full.
//
//   before \ now   REPLACE    PATCH            DELETE
//   nothing        REPLACE    PATCH            DELETE
//   REPLACE        REPLACE    REPLACE, merged  DELETE
//   PATCH          REPLACE    PATCH, merged    DELETE
//   DELETE         REPLACE    REPLACE          DELETE
#include "appliers/core/batch.h"

#include "appliers/core/guard.h"
#include "common/mem.h"
#include "record/murmur2.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_SLOTS 64

void batch_clear(struct batch *batch)
{
    batch->n_effects = 0;
    batch->n_partitions = 0;
    batch->n_tables = 0;
    batch->truncation = (struct truncation){.table = NULL};
    if (batch->n_slots)
        memset(batch->slots, 0, batch->n_slots * sizeof *batch->slots);
    arena_reset(&batch->arena);
}

void batch_deinit(struct batch *batch)
{
    free(batch->effects);
    free(batch->partitions);
    free(batch->tables);
    free(batch->slots);
    arena_deinit(&batch->arena);
    *batch = (struct batch){0};
}

// The array with room for one more element.
static void *room_for_one(void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return array;
    *cap = *cap ? 2 * *cap : 16;
    return mem_realloc(array, *cap * size);
}

uint32_t batch_partition(struct batch *batch, const char *topic, int32_t partition, int64_t from)
{
    for (size_t i = batch->n_partitions; i-- > 0;) {
        const struct batch_partition *known = &batch->partitions[i];
        if (known->partition == partition && strcmp(known->topic, topic) == 0)
            return (uint32_t)i;
    }
    batch->partitions = room_for_one(batch->partitions, batch->n_partitions, &batch->cap_partitions,
                                     sizeof *batch->partitions);
    batch->partitions[batch->n_partitions] = (struct batch_partition){
        .topic = topic, .partition = partition, .from = from, .next = from, .truncated = -1};
    return (uint32_t)batch->n_partitions++;
}

static bool same_name(const struct table *a, const struct table *b)
{
    return slice_eq(a->name, b->name) && slice_eq(a->db, b->db);
}

static bool same_key_columns(const struct table *a, const struct table *b)
{
    if (a->n_key != b->n_key)
        return false;
    for (size_t i = 0; i < a->n_key; i++)
        if (!slice_eq(a->columns[a->key[i]].name, b->columns[b->key[i]].name))
            return false;
    return true;
}

static bool check_columns(const struct batch *batch, const struct table *table, struct err *err)
{
    for (size_t i = 0; batch->guarded && i < table->n_columns; i++)
        if (slice_eq_str(table->columns[i].name, GUARD_FIELD))
            return err_set(err, ERR_REFUSED,
                           "the column " GUARD_FIELD " has the name under which each object "
                           "carries its guard: rename it, leave the table out with [tables] "
                           "exclude, or set [apply] guard = off");
    return true;
}

// Two shapes of one table fit into one batch while they name the key alike: else one row would have
// two keys here and its order would be lost.
static bool takes_table(struct batch *batch, const struct table *table, bool *takes,
                        struct err *err)
{
    *takes = false;
    for (size_t i = batch->n_tables; i-- > 0;) {
        if (batch->tables[i] == table)
            return *takes = true;
        if (same_name(batch->tables[i], table) && !same_key_columns(batch->tables[i], table))
            return true;
    }
    if (!check_columns(batch, table, err))
        return false;
    *takes = true;
    batch->tables = room_for_one((void *)batch->tables, batch->n_tables, &batch->cap_tables,
                                 sizeof(const struct table *));
    batch->tables[batch->n_tables++] = table;
    return true;
}

static uint32_t hash_key(const struct table *table, struct slice key)
{
    return murmur2(key) * 31 + murmur2(table->name);
}

static void rebuild_slots(struct batch *batch)
{
    free(batch->slots);
    batch->n_slots = batch->n_slots ? 2 * batch->n_slots : FIRST_SLOTS;
    batch->slots = mem_zalloc(batch->n_slots * sizeof *batch->slots);
    for (size_t i = 0; i < batch->n_effects; i++) {
        size_t slot = batch->effects[i].hash & (batch->n_slots - 1);
        while (batch->slots[slot])
            slot = (slot + 1) & (batch->n_slots - 1);
        batch->slots[slot] = (uint32_t)i + 1;
    }
}

// The slot of the key's effect, or the free one where it belongs.
static uint32_t *find_slot(struct batch *batch, uint32_t hash, const struct table *table,
                           struct slice key)
{
    if (2 * (batch->n_effects + 1) > batch->n_slots)
        rebuild_slots(batch);
    for (size_t slot = hash & (batch->n_slots - 1);; slot = (slot + 1) & (batch->n_slots - 1)) {
        if (!batch->slots[slot])
            return &batch->slots[slot];
        const struct effect *effect = &batch->effects[batch->slots[slot] - 1];
        if (effect->hash == hash && slice_eq(effect->key, key) && same_name(effect->table, table))
            return &batch->slots[slot];
    }
}

static bool is_complete(const struct table *table, const struct value *row)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (row[i].kind == VALUE_ABSENT)
            return false;
    return true;
}

// A row of its own with the columns of `newer`, and those of `older` where newer lacks them.
static const struct value *merge_rows(struct batch *batch, const struct table *table,
                                      const struct value *older, const struct value *newer)
{
    struct value *row = arena_alloc(&batch->arena, table->n_columns * sizeof *row);
    for (size_t i = 0; i < table->n_columns; i++)
        row[i] = newer[i].kind == VALUE_ABSENT ? older[i] : newer[i];
    return row;
}

// With a partial image the row after an update names its key only in the row before it.
static const struct value *add_key_columns(struct batch *batch, const struct change *change)
{
    const struct table *table = change->table;
    struct value *row = arena_alloc(&batch->arena, table->n_columns * sizeof *row);
    memcpy(row, change->after, table->n_columns * sizeof *row);
    for (size_t i = 0; change->before && i < table->n_key; i++)
        if (row[table->key[i]].kind == VALUE_ABSENT)
            row[table->key[i]] = change->before[table->key[i]];
    return row;
}

static bool has_key(const struct table *table, const struct value *row)
{
    for (size_t i = 0; i < table->n_key; i++)
        if (row[table->key[i]].kind == VALUE_ABSENT)
            return false;
    return table->n_key > 0;
}

// Kind and row of the effect that the change has by itself.
static bool effect_of(struct batch *batch, const struct change *change, struct effect *effect,
                      struct err *err)
{
    const struct value *row = change->op == CHANGE_DELETE ? change->before : change->after;
    if (!row)
        return err_set(err, ERR_CORRUPT, "a change of kind %c without its row image", change->op);
    effect->kind = change->op == CHANGE_DELETE ? EFFECT_DELETE : EFFECT_REPLACE;
    if (change->op == CHANGE_UPDATE && !is_complete(change->table, row)) {
        effect->kind = EFFECT_PATCH;
        row = add_key_columns(batch, change);
    }
    effect->row = row;
    if (!has_key(change->table, row))
        return err_set(err, ERR_CORRUPT, "a key column is missing in the row image");
    return true;
}

static void note_position(struct batch *batch, const struct batch_record *record)
{
    struct batch_partition *partition = &batch->partitions[record->partition];
    const struct origin *source = &record->change.source;
    slice_to_str(partition->gtid, sizeof partition->gtid, source->gtid);
    slice_to_str(partition->file, sizeof partition->file, source->file);
    partition->pos = source->pos;
    partition->ts_us = source->ts_us;
    partition->next = record->offset + 1;
}

// What is left of an effect and the one that follows it on the same key.
static void merge_effects(struct batch *batch, struct effect *effect, const struct effect *later)
{
    struct effect merged = *later;
    merged.is_new = effect->is_new;
    if (later->kind == EFFECT_PATCH) {
        if (effect->kind != EFFECT_DELETE)
            merged.row = merge_rows(batch, later->table, effect->row, later->row);
        merged.kind = effect->kind == EFFECT_PATCH ? EFFECT_PATCH : EFFECT_REPLACE;
    }
    *effect = merged;
}

static bool add_truncation(struct batch *batch, const struct batch_record *record)
{
    if (batch->n_effects > 0)
        return false;
    batch->truncation = (struct truncation){record->change.table, record->partition,
                                            record->n_partitions, record->offset};
    batch->partitions[record->partition].truncated = record->offset;
    note_position(batch, record);
    return true;
}

// The effect that the record has, merged into those before it.
static bool add_effect(struct batch *batch, const struct batch_record *record, bool *taken,
                       struct err *err)
{
    const struct change *change = &record->change;
    struct effect later = {.table = change->table,
                           .key = record->key,
                           .hash = hash_key(change->table, record->key),
                           .gtid = change->source.gtid,
                           .partition = record->partition,
                           .offset = record->offset,
                           .is_new = change->op == CHANGE_INSERT || change->op == CHANGE_READ};
    bool takes = false;
    if (!effect_of(batch, change, &later, err) || !takes_table(batch, change->table, &takes, err))
        return batch_blame(err, batch, &later);
    if (!takes)
        return true;
    uint32_t *slot = find_slot(batch, later.hash, change->table, record->key);
    struct effect *effect = *slot ? &batch->effects[*slot - 1] : NULL;
    if (effect && later.kind == EFFECT_PATCH && effect->kind != EFFECT_DELETE &&
        effect->table != later.table)
        return true;
    if (effect) {
        merge_effects(batch, effect, &later);
    } else {
        batch->effects = room_for_one(batch->effects, batch->n_effects, &batch->cap_effects,
                                      sizeof *batch->effects);
        batch->effects[batch->n_effects++] = later;
        *slot = (uint32_t)batch->n_effects;
    }
    note_position(batch, record);
    *taken = true;
    return true;
}

bool batch_add(struct batch *batch, const struct batch_record *record, bool *taken, struct err *err)
{
    *taken = false;
    if (batch->truncation.table)
        return true;
    if (batch->guarded && record->offset <= batch->partitions[record->partition].truncated) {
        note_position(batch, record); // a replay of what is gone
        return *taken = true;
    }
    if (record->change.op != CHANGE_TRUNCATE)
        return add_effect(batch, record, taken, err);
    *taken = add_truncation(batch, record);
    return true;
}

bool batch_blame(struct err *err, const struct batch *batch, const struct effect *effect)
{
    const struct batch_partition *partition = &batch->partitions[effect->partition];
    return err_wrap(
        err,
        "topic %s partition %d offset %lld, GTID " SLICE_FMT ", " SLICE_FMT "." SLICE_FMT " %.*s",
        partition->topic, (int)partition->partition, (long long)effect->offset,
        SLICE_ARG(effect->gtid.len ? effect->gtid : slice_of_str("none")),
        SLICE_ARG(effect->table->db), SLICE_ARG(effect->table->name),
        (int)(effect->key.len < 200 ? effect->key.len : 200), (const char *)effect->key.ptr);
}

bool batch_refuse(struct err *err, const struct batch *batch, const struct effect *effect)
{
    if (err->class != ERR_REFUSED)
        return batch_blame(err, batch, effect);
    batch->effects[effect - batch->effects].is_refused = true;
    return false;
}

const struct effect *batch_refused(const struct batch *batch)
{
    for (size_t i = 0; i < batch->n_effects; i++)
        if (batch->effects[i].is_refused)
            return &batch->effects[i];
    return NULL;
}
