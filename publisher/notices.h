// SPDX-License-Identifier: Apache-2.0
// Notices: the records beside the changes.
//   <name>.ddl           {"file":"…","pos":…,"gtid":"…","ts_ms":…,"db":"…","table":"…",
//                         "kind":"create_table","statement":"…"}
//                        gtid and table null where there is none; statement null where it may hold
//                        a password
//   <name>.transactions  {"status":"BEGIN","id":"…","ts_ms":…,"event_count":null,
//                         "data_collections":null}
//                        {"status":"END","id":"…","ts_ms":…,"event_count":2,
//                         "data_collections":[{"data_collection":"db.table","event_count":2}]}
//                        key {"id":"…"}; as Debezium has them; only for transactions with changes
//                        of the tables read
#ifndef TAILRACE_PUBLISHER_NOTICES_H
#define TAILRACE_PUBLISHER_NOTICES_H

#include "binlog/reader.h"
#include "common/buf.h"

struct topic;

void notice_write_ddl(struct buf *out, const struct ddl *ddl);

void notice_write_key(struct buf *out, struct slice transaction);
void notice_write_begin(struct buf *out, struct slice transaction, uint64_t ts_ms);

// With the changes of the topics that are counted, of topics_counted.
void notice_write_end(struct buf *out, struct slice transaction, uint64_t ts_ms,
                      const struct topic *counted);

#endif
