// SPDX-License-Identifier: Apache-2.0
// Options: every key of the configuration file, once. To add one: a field in config.h, a line here,
// `make sample`.
#include "common/config.h"

#define AT(member) offsetof(struct config, member)
#define TEXT(s, k, member, value, text)                                                            \
    {                                                                                              \
        s, k, OPTION_TEXT, AT(member), value, NULL, 0, 0, text                                     \
    }
#define SECRET(s, k, member, text)                                                                 \
    {                                                                                              \
        s, k, OPTION_SECRET, AT(member), "", NULL, 0, 0, text                                      \
    }
#define BOOL(s, k, member, value, text)                                                            \
    {                                                                                              \
        s, k, OPTION_BOOL, AT(member), value, NULL, 0, 0, text                                     \
    }
#define CHOICE(s, k, member, value, words, text)                                                   \
    {                                                                                              \
        s, k, OPTION_CHOICE, AT(member), value, words, 0, 0, text                                  \
    }
#define NUMBER(s, k, member, value, least, most, text)                                             \
    {                                                                                              \
        s, k, OPTION_NUMBER, AT(member), value, NULL, least, most, text                            \
    }
#define SIZE(s, k, member, value, least, most, text)                                               \
    {                                                                                              \
        s, k, OPTION_SIZE, AT(member), value, NULL, least, most, text                              \
    }
#define DURATION(s, k, member, value, least, most, text)                                           \
    {                                                                                              \
        s, k, OPTION_DURATION, AT(member), value, NULL, least, most, text                          \
    }

#define MIB ((uint64_t)1 << 20)
#define HOUR_MS ((uint64_t)3600000)
#define DAY_MS (24 * HOUR_MS)

const struct option_entry config_options[] = {
    TEXT("source", "name", source.name, "",
         "Name of this source: prefix of its topics, transactional.id, consumer groups. Required."),
    TEXT("source", "host", source.host, "127.0.0.1",
         "Host of the MySQL or MariaDB server; or a list HOST[:PORT],… of a primary and replicas."),
    NUMBER("source", "port", source.port, "3306", 1, 65535, "Port of the server."),
    TEXT("source", "socket", source.socket, "", "Path of its socket; wins over host and port."),
    TEXT("source", "user", source.user, "tailrace",
         "Account with REPLICATION SLAVE and REPLICATION CLIENT."),
    TEXT("source", "password_file", source.password_file, "",
         "File whose first line is the password. Else TAILRACE_SOURCE_PASSWORD."),
    SECRET("source", "password", source.password, "TAILRACE_SOURCE_PASSWORD"),
    CHOICE("source", "tls", source.tls, "preferred", "off preferred required verify",
           "Encryption: off, preferred, required, or verify (certificate and host name)."),
    TEXT("source", "tls_ca", source.tls_ca, "", "Certificates of the authorities to trust."),
    TEXT("source", "tls_cert", source.tls_cert, "", "Certificate of the client."),
    TEXT("source", "tls_key", source.tls_key, "", "Its private key."),
    NUMBER("source", "server_id", source.server_id, "7341", 1, UINT32_MAX,
           "Our own server_id as a replica: no other replica may have it."),
    DURATION("source", "heartbeat", source.heartbeat_ms, "1s", 100, HOUR_MS,
             "How often a quiet server says that it is there."),
    DURATION("source", "connect_timeout", source.connect_timeout_ms, "10s", 100, HOUR_MS,
             "How long to wait for a connection."),

    TEXT("kafka", "bootstrap.servers", kafka.bootstrap_servers, "127.0.0.1:9092",
         "Brokers to start from, host:port, comma-separated."),
    NUMBER("kafka", "partitions", kafka.partitions, "8", 1, 10000,
           "Partitions of a topic that is created."),
    NUMBER("kafka", "replication", kafka.replication, "1", 1, 100,
           "Copies of each partition of a topic that is created."),

    TEXT("publish", "start", publish.start, "snapshot",
         "What the very first start does: snapshot (all tables are copied first), or without a "
         "copy from earliest, latest, gtid:SET, FILE:POS or time:ISO8601."),
    CHOICE("publish", "delivery", publish.delivery, "exactly-once", "exactly-once at-least-once",
           "exactly-once writes records and checkpoint in Kafka transactions."),
    CHOICE("publish", "keyless", publish.keyless, "refuse", "refuse whole-row",
           "A table without a primary key: refuse it, or take the whole row as the key."),
    BOOL("publish", "tombstones", publish.tombstones, "true",
         "A record with a null value after each delete, so that compaction forgets the key."),
    CHOICE("publish", "on_drop", publish.on_drop, "keep", "keep truncate",
           "A table that is dropped: its copies stay, or are emptied."),
    CHOICE("publish", "on_unlogged", publish.on_unlogged, "refuse", "refuse accept",
           "Statements that move rows without row events (DROP PARTITION, RENAME TABLE): stop, or "
           "warn."),
    BOOL("publish", "ddl_topic", publish.ddl_topic, "true",
         "Each DDL statement with its position to the topic NAME.ddl."),
    BOOL("publish", "transactions_topic", publish.transactions_topic, "false",
         "Begin and end of each transaction with its counts to the topic NAME.transactions."),
    SIZE("publish", "transaction_bytes", publish.transaction_bytes, "64MiB", 1024, 1024 * MIB,
         "A Kafka transaction ends after so many bytes,"),
    DURATION("publish", "transaction_time", publish.transaction_ms, "200ms", 1, 60000,
             "or after this time, or at once when the source has nothing more to read."),
    DURATION("publish", "checkpoint_time", publish.checkpoint_ms, "3s", 100, 60000,
             "How often the checkpoint moves while no row change comes."),

    DURATION("snapshot", "pause", snapshot.pause_ms, "50ms", 1, 10000,
             "How long the stream stands still for one chunk of a snapshot, at most."),
    NUMBER("snapshot", "share", snapshot.share, "50", 1, 100,
           "Percent of the time that snapshots get while the stream has something to read."),
    DURATION("snapshot", "catch_up", snapshot.catch_up_ms, "10s", 100, HOUR_MS,
             "How long the stream may be behind the source before snapshots wait for it."),

    TEXT("tables", "include", tables.include, "",
         "Globs over db.table, comma-separated; empty: all but the server's own."),
    TEXT("tables", "exclude", tables.exclude, "", "Globs that are left out of these."),

    NUMBER("apply", "workers", apply.workers, "4", 1, 256,
           "Threads that write to the target; each partition belongs to one of them."),
    NUMBER("apply", "batch_records", apply.batch_records, "1000", 1, 100000,
           "A batch ends after so many records, fewer while the target is slow,"),
    SIZE("apply", "batch_bytes", apply.batch_bytes, "4MiB", 1024, 64 * MIB, "so many bytes,"),
    DURATION("apply", "batch_time", apply.batch_ms, "0ms", 0, 60000,
             "or this time after its first record; 0: as soon as the target is free."),
    CHOICE("apply", "guard", apply.guard, "on", "on off",
           "Each object carries the offset of its last change: a replay leaves it as it is."),
    DURATION("apply", "guard_time", apply.guard_ms, "7d", 1000, 3650 * DAY_MS,
             "How long a deleted object is remembered, so that a replay does not bring it back."),
    CHOICE("apply", "on_refused", apply.on_refused, "stop", "stop dead-letter",
           "A change that the target refuses: stop, or keep it aside and go on."),
    NUMBER("apply", "dead_letters_max", apply.dead_letters_max, "10000", 1, 1000000,
           "Stops all the same when so many are kept aside."),

    TEXT("mongodb", "uri", mongodb.uri, "mongodb://127.0.0.1:27017/?replicaSet=rs0",
         "Connection string, without a password."),
    TEXT("mongodb", "password_file", mongodb.password_file, "",
         "File whose first line is the password. Else TAILRACE_MONGODB_PASSWORD."),
    SECRET("mongodb", "password", mongodb.password, "TAILRACE_MONGODB_PASSWORD"),

    TEXT("redis", "host", redis.host, "127.0.0.1", "Host of the Redis server."),
    NUMBER("redis", "port", redis.port, "6379", 1, 65535, "Port of the server."),
    TEXT("redis", "socket", redis.socket, "", "Path of its socket; wins over host and port."),
    NUMBER("redis", "database", redis.database, "0", 0, 1000000, "Number of the database."),
    TEXT("redis", "user", redis.user, "", "ACL user; empty: the default user."),
    TEXT("redis", "password_file", redis.password_file, "",
         "File whose first line is the password. Else TAILRACE_REDIS_PASSWORD."),
    SECRET("redis", "password", redis.password, "TAILRACE_REDIS_PASSWORD"),
    CHOICE("redis", "format", redis.format, "hash", "hash json",
           "A row is a hash of its columns, or one JSON string."),
    CHOICE("redis", "policy", redis.policy, "mirror", "mirror refresh invalidate",
           "All rows; or a cache: only keys that are there are written, or each change removes "
           "its key."),
    DURATION("redis", "ttl", redis.ttl_ms, "0s", 0, 3650 * DAY_MS,
             "How long a row lives after it was written; 0: for ever."),
    TEXT("redis", "key", redis.key, "{db}:{table}:{key}",
         "The keys of the rows: text, {db}, {table}, and :{key} at the end."),
    DURATION("redis", "timeout", redis.timeout_ms, "10s", 100, HOUR_MS,
             "How long to wait for a connection or a reply."),

    NUMBER("verify", "rate", verify.rate, "0", 0, 1000000000,
           "Rows a second that verify reads of each side at most; 0: as fast as it can."),
    NUMBER("verify", "chunk_rows", verify.chunk_rows, "50000", 1, 10000000,
           "Rows of the source that one of its statements reads."),
    NUMBER("verify", "source_threads", verify.source_threads, "0", 0, 100000,
           "It waits while the source has more threads running than this; 0: it does not look."),
    NUMBER("verify", "tries", verify.tries, "20", 4, 1000,
           "How often it looks at a row that changes all the time before it gives up on it."),
    DURATION("verify", "fence_timeout", verify.fence_timeout_ms, "60s", 1, HOUR_MS,
             "How long it waits for publisher and applier to reach the source."),
    NUMBER("verify", "shown", verify.shown, "20", 1, 1000000,
           "Differences of a table that the report shows with their columns."),

    CHOICE("log", "level", log.level, "info", "debug info warn error",
           "Least level that is logged."),
    CHOICE("log", "format", log.format, "text", "text json", "key=value text, or JSON lines."),

    {.section = NULL},
};
