// SPDX-License-Identifier: Apache-2.0
// Topic names: <name>.<db>.<table> for changes; <name>.checkpoint, <name>.ddl, <name>.transactions
// beside them. In db and table a byte that Kafka does not take in a topic, a '.', and a '-' before
// an 'x' are written as -xHH (hex), so that two tables never share a topic and no table's topic is
// one of the others.
#ifndef TAILRACE_RECORD_TOPIC_H
#define TAILRACE_RECORD_TOPIC_H

#include "common/buf.h"

#define TOPIC_NAME_MAX 249

// Appends the name. ERR_CONFIG when it is longer than Kafka takes.
MUST_CHECK bool topic_write_table(struct buf *out, const char *name, struct slice db,
                                  struct slice table, struct err *err);

// The regular expression, as librdkafka takes it ("^…$"), of all table topics of that source.
void topic_write_pattern(struct buf *out, const char *name);

// Splits the name of a table topic into db and table, unescaped, in the buffers. False when it is
// no such name.
bool topic_read_table(const char *topic, const char *name, struct buf *db, struct buf *table);

#endif
