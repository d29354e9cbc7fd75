// SPDX-License-Identifier: Apache-2.0
// GTID sets: see gtid.h, and gtid_member.h for what holds inside.
#include "record/gtid.h"

#include "common/mem.h"
#include "record/gtid_member.h"

#include <assert.h>
#include <stdlib.h>

static void free_members(struct gtid_set *set)
{
    for (size_t i = 0; i < set->n_members; i++)
        free(set->members[i].ranges);
    free(set->members);
}

void gtid_set_deinit(struct gtid_set *set)
{
    free_members(set);
    *set = (struct gtid_set){0};
}

void gtid_set_copy(struct gtid_set *to, const struct gtid_set *from)
{
    struct gtid_set copy = {.kind = from->kind, .n_members = from->n_members};
    if (to == from)
        return;
    copy.cap_members = from->n_members;
    copy.members = from->n_members ? mem_alloc(from->n_members * sizeof *copy.members) : NULL;
    for (size_t i = 0; i < from->n_members; i++) {
        struct gtid_member *member = &copy.members[i];
        *member = from->members[i];
        member->cap_ranges = member->n_ranges;
        member->ranges = NULL;
        if (member->n_ranges == 0)
            continue;
        size_t size = member->n_ranges * sizeof *member->ranges;
        member->ranges = memcpy(mem_alloc(size), from->members[i].ranges, size);
    }
    free_members(to);
    *to = copy;
}

int gtid_member_compare(const struct gtid *a, const struct gtid *b)
{
    if (a->kind == GTID_MARIADB)
        return a->domain < b->domain ? -1 : a->domain > b->domain;
    int order = memcmp(a->uuid, b->uuid, sizeof a->uuid);
    return order ? order : strcmp(a->tag, b->tag);
}

// Number of the first member that is not below id.
static size_t member_place(const struct gtid_set *set, const struct gtid *id)
{
    size_t low = 0;
    size_t high = set->n_members;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (gtid_member_compare(&set->members[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct gtid_member *find_member(const struct gtid_set *set, const struct gtid *id)
{
    if (set->kind != id->kind)
        return NULL;
    size_t at = member_place(set, id);
    if (at == set->n_members || gtid_member_compare(&set->members[at].id, id) != 0)
        return NULL;
    return &set->members[at];
}

// The member of id, made where it is not there yet.
static struct gtid_member *need_member(struct gtid_set *set, const struct gtid *id)
{
    size_t at = member_place(set, id);
    if (at < set->n_members && gtid_member_compare(&set->members[at].id, id) == 0)
        return &set->members[at];
    if (set->n_members == set->cap_members) {
        set->cap_members = set->cap_members ? 2 * set->cap_members : 4;
        set->members = mem_realloc(set->members, set->cap_members * sizeof *set->members);
    }
    struct gtid_member *member = &set->members[at];
    memmove(member + 1, member, (set->n_members - at) * sizeof *member);
    set->n_members++;
    *member = (struct gtid_member){.id = *id};
    if (id->kind == GTID_MYSQL)
        member->id.sequence = 0; // its ranges say it
    return member;
}

static void remove_member(struct gtid_set *set, size_t at)
{
    free(set->members[at].ranges);
    set->n_members--;
    memmove(&set->members[at], &set->members[at + 1], (set->n_members - at) * sizeof *set->members);
    if (set->n_members == 0)
        set->kind = GTID_NONE;
}

// Number of the first range whose last is at or behind v.
static size_t range_place(const struct gtid_member *member, uint64_t v)
{
    size_t low = 0;
    size_t high = member->n_ranges;
    if (high > 0 && member->ranges[high - 1].last < v)
        return high; // as a rule: GTIDs grow
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (member->ranges[middle].last < v)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert_range(struct gtid_member *member, size_t at, struct gtid_range range)
{
    if (member->n_ranges == member->cap_ranges) {
        member->cap_ranges = member->cap_ranges ? 2 * member->cap_ranges : 2;
        member->ranges = mem_realloc(member->ranges, member->cap_ranges * sizeof *member->ranges);
    }
    memmove(&member->ranges[at + 1], &member->ranges[at],
            (member->n_ranges - at) * sizeof *member->ranges);
    member->ranges[at] = range;
    member->n_ranges++;
}

// Takes out the ranges from `at` up to before `end`.
static void remove_ranges(struct gtid_member *member, size_t at, size_t end)
{
    memmove(&member->ranges[at], &member->ranges[end],
            (member->n_ranges - end) * sizeof *member->ranges);
    member->n_ranges -= end - at;
}

// Joins the range with all that overlap or touch it.
static void add_range(struct gtid_member *member, struct gtid_range range)
{
    size_t at = range_place(member, range.first - 1);
    size_t end = at;
    for (; end < member->n_ranges && member->ranges[end].first <= range.last + 1; end++) {
        if (member->ranges[end].first < range.first)
            range.first = member->ranges[end].first;
        if (member->ranges[end].last > range.last)
            range.last = member->ranges[end].last;
    }
    if (end == at) {
        insert_range(member, at, range);
        return;
    }
    member->ranges[at] = range;
    remove_ranges(member, at + 1, end);
}

static void subtract_range(struct gtid_member *member, struct gtid_range range)
{
    size_t at = range_place(member, range.first);
    while (at < member->n_ranges && member->ranges[at].first <= range.last) {
        struct gtid_range *have = &member->ranges[at];
        struct gtid_range behind = {range.last + 1, have->last};
        bool keeps_front = have->first < range.first;
        bool keeps_behind = have->last > range.last;
        if (keeps_front)
            have->last = range.first - 1;
        else if (keeps_behind)
            have->first = behind.first;
        else
            remove_ranges(member, at, at + 1);
        if (keeps_front && keeps_behind)
            insert_range(member, at + 1, behind);
        if (keeps_behind)
            return;
        at += keeps_front ? 1 : 0;
    }
}

static bool take_kind(struct gtid_set *set, enum gtid_kind kind, struct err *err)
{
    if (set->kind == GTID_NONE)
        set->kind = kind;
    return set->kind == kind ||
           err_set(err, ERR_CORRUPT, "a GTID of MySQL and one of MariaDB do not go into one set");
}

bool gtid_set_add_range(struct gtid_set *set, const struct gtid *id, struct gtid_range range,
                        struct err *err)
{
    if (!take_kind(set, id->kind, err))
        return false;
    add_range(need_member(set, id), range);
    return true;
}

bool gtid_set_add(struct gtid_set *set, const struct gtid *gtid, struct err *err)
{
    assert(gtid->kind != GTID_NONE);
    if (gtid->kind == GTID_MYSQL)
        return gtid_set_add_range(set, gtid, (struct gtid_range){gtid->sequence, gtid->sequence},
                                  err);
    if (!take_kind(set, gtid->kind, err))
        return false;
    need_member(set, gtid)->id = *gtid;
    return true;
}

bool gtid_set_union(struct gtid_set *set, const struct gtid_set *other, struct err *err)
{
    if (set == other || other->n_members == 0)
        return true;
    if (!take_kind(set, other->kind, err))
        return false;
    for (size_t i = 0; i < other->n_members; i++) {
        const struct gtid_member *theirs = &other->members[i];
        struct gtid_member *ours = need_member(set, &theirs->id);
        if (ours->id.sequence < theirs->id.sequence)
            ours->id = theirs->id;
        for (size_t range = 0; range < theirs->n_ranges; range++)
            add_range(ours, theirs->ranges[range]);
    }
    return true;
}

// MariaDB: nothing is left of the domain unless it is ahead. MySQL: what is left has ranges.
static bool subtract_member(struct gtid_member *member, const struct gtid_member *other)
{
    if (member->id.kind == GTID_MARIADB)
        return member->id.sequence > other->id.sequence;
    for (size_t i = 0; i < other->n_ranges; i++)
        subtract_range(member, other->ranges[i]);
    return member->n_ranges > 0;
}

void gtid_set_subtract(struct gtid_set *set, const struct gtid_set *other)
{
    if (set == other) {
        gtid_set_deinit(set);
        return;
    }
    for (size_t i = set->n_members; i > 0; i--) {
        const struct gtid_member *theirs = find_member(other, &set->members[i - 1].id);
        if (theirs && !subtract_member(&set->members[i - 1], theirs))
            remove_member(set, i - 1);
    }
}

bool gtid_set_is_empty(const struct gtid_set *set)
{
    return set->n_members == 0;
}

static bool has_range(const struct gtid_member *member, struct gtid_range range)
{
    size_t at = range_place(member, range.first);
    return at < member->n_ranges && member->ranges[at].first <= range.first &&
           member->ranges[at].last >= range.last;
}

bool gtid_set_contains(const struct gtid_set *set, const struct gtid *gtid)
{
    const struct gtid_member *member = find_member(set, gtid);
    if (!member)
        return false;
    if (set->kind == GTID_MARIADB)
        return gtid->sequence <= member->id.sequence;
    return has_range(member, (struct gtid_range){gtid->sequence, gtid->sequence});
}

const struct gtid *gtid_set_last(const struct gtid_set *set, const struct gtid *gtid)
{
    const struct gtid_member *member = find_member(set, gtid);
    return member ? &member->id : NULL;
}

bool gtid_set_is_subset(const struct gtid_set *part, const struct gtid_set *whole)
{
    for (size_t i = 0; i < part->n_members; i++) {
        const struct gtid_member *member = &part->members[i];
        const struct gtid_member *other = find_member(whole, &member->id);
        if (!other || member->id.sequence > other->id.sequence)
            return false;
        for (size_t range = 0; range < member->n_ranges; range++)
            if (!has_range(other, member->ranges[range]))
                return false;
    }
    return true;
}

static bool same_member(const struct gtid_member *a, const struct gtid_member *b)
{
    if (gtid_member_compare(&a->id, &b->id) != 0 || a->id.sequence != b->id.sequence ||
        a->id.server != b->id.server || a->n_ranges != b->n_ranges)
        return false;
    for (size_t i = 0; i < a->n_ranges; i++)
        if (a->ranges[i].first != b->ranges[i].first || a->ranges[i].last != b->ranges[i].last)
            return false;
    return true;
}

bool gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b)
{
    if (a->n_members != b->n_members || (a->n_members > 0 && a->kind != b->kind))
        return false;
    for (size_t i = 0; i < a->n_members; i++)
        if (!same_member(&a->members[i], &b->members[i]))
            return false;
    return true;
}
