// SPDX-License-Identifier: Apache-2.0
// What a GTID set is made of: for gtid.c and gtid_codec.c only.
// Members are sorted: MySQL by uuid, then tag (none first); MariaDB by domain. Ranges are sorted,
// never empty, and never touch each other; a MySQL member has at least one, so equal sets are equal
// member by member.
#ifndef TAILRACE_RECORD_GTID_MEMBER_H
#define TAILRACE_RECORD_GTID_MEMBER_H

#include "record/gtid.h"

struct gtid_range {
    uint64_t first;
    uint64_t last;
};

struct gtid_member {
    struct gtid id;            // uuid and tag, or domain, server and sequence
    struct gtid_range *ranges; // MySQL
    size_t n_ranges;
    size_t cap_ranges;
};

// Adds the range to id's member, made where it is not there yet. ERR_CORRUPT when the kinds differ.
MUST_CHECK bool gtid_set_add_range(struct gtid_set *set, const struct gtid *id,
                                   struct gtid_range range, struct err *err);

// Below, equal, above 0 as the order of members has it.
int gtid_member_compare(const struct gtid *a, const struct gtid *b);

#endif
