// SPDX-License-Identifier: Apache-2.0
// GTIDs and sets of them, of both kinds:
//   MySQL    uuid:number and, since 8.3, uuid:tag:number; a set is intervals for each uuid and tag
//            "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:11:app:1-3"
//   MariaDB  domain-server-sequence; a position is the last of each domain: "0-1-100,1-2-30"
// A set holds one kind, decided by the first member or text put in; the empty set is of either
// kind. Texts are canonical: sorted, lower case, no spaces, so that equal sets have equal texts.
#ifndef TAILRACE_RECORD_GTID_H
#define TAILRACE_RECORD_GTID_H

#include "common/buf.h"
#include "common/err.h"
#include "common/slice.h"

#define GTID_TAG_MAX 32
#define GTID_TEXT_MAX 96 // of one GTID, with the NUL
#define GTID_SEQUENCE_MAX INT64_MAX

enum gtid_kind { GTID_NONE = 0, GTID_MYSQL, GTID_MARIADB };

struct gtid {
    enum gtid_kind kind;
    uint8_t uuid[16];           // MySQL
    char tag[GTID_TAG_MAX + 1]; // MySQL; "" = none
    uint32_t domain;            // MariaDB
    uint32_t server;            // MariaDB
    uint64_t sequence;          // from 1
};

struct gtid_range;  // first to last, both inside
struct gtid_member; // one uuid and tag with its ranges, or one domain

struct gtid_set {
    enum gtid_kind kind;
    struct gtid_member *members;
    size_t n_members;
    size_t cap_members;
};

// {0} is the empty set. deinit leaves it empty.
void gtid_set_deinit(struct gtid_set *set);
void gtid_set_copy(struct gtid_set *to, const struct gtid_set *from);

// Adds one; for MariaDB it becomes the domain's last. ERR_CORRUPT when the kinds differ.
MUST_CHECK bool gtid_set_add(struct gtid_set *set, const struct gtid *gtid, struct err *err);
MUST_CHECK bool gtid_set_union(struct gtid_set *set, const struct gtid_set *other, struct err *err);

// set minus other, in place. MariaDB: the domains in which `set` is ahead of `other`.
void gtid_set_subtract(struct gtid_set *set, const struct gtid_set *other);

bool gtid_set_is_empty(const struct gtid_set *set);
bool gtid_set_contains(const struct gtid_set *set, const struct gtid *gtid);

// MariaDB: the last of the domain that `gtid` is of; NULL where the set has none. Borrowed.
const struct gtid *gtid_set_last(const struct gtid_set *set, const struct gtid *gtid);
bool gtid_set_is_subset(const struct gtid_set *part, const struct gtid_set *whole);
bool gtid_set_equal(const struct gtid_set *a, const struct gtid_set *b);

// Text. Parsing takes spaces, line ends and upper case too; "" is the empty set. ERR_USAGE with the
// offset.
MUST_CHECK bool gtid_set_parse(struct gtid_set *set, struct slice text, struct err *err);
void gtid_set_write(struct buf *out, const struct gtid_set *set);
MUST_CHECK bool gtid_parse(struct gtid *gtid, struct slice text, struct err *err);
size_t gtid_write(char text[GTID_TEXT_MAX], const struct gtid *gtid); // returns its length

// MySQL's binary form, used by PREVIOUS_GTIDS_LOG_EVENT and COM_BINLOG_DUMP_GTID: without tags
// where the set has none (all servers), else the tagged form (8.3 and later). Reading takes both.
// ERR_CORRUPT with the offset.
void gtid_set_encode(struct buf *out, const struct gtid_set *set);
MUST_CHECK bool gtid_set_decode(struct gtid_set *set, struct slice bytes, struct err *err);

#endif
