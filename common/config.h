// SPDX-License-Identifier: Apache-2.0
// Configuration: one INI file a source, the same for all programs. Every key is declared once, in
// the table of options.c, from which the sample in etc/, the manual page and --help are checked.
//
//   [section]
//   key = value          # a comment starts a line, or follows a space
//
// An unknown section or key is an error with the nearest name. [kafka] takes any librdkafka
// property as well. A secret comes from its password_file or from the environment
// (TAILRACE_SOURCE_PASSWORD, …), never from the command line.
#ifndef TAILRACE_COMMON_CONFIG_H
#define TAILRACE_COMMON_CONFIG_H

#include "common/err.h"

#define CONFIG_DEFAULT_FILE "/etc/tailrace/tailrace.conf"
#define CONFIG_PROPERTIES_MAX 64

struct config_source {
    const char *name; // also transactional.id and the prefix of every topic
    const char *host;
    const char *socket;
    const char *user;
    const char *password_file;
    const char *password; // from the file or TAILRACE_SOURCE_PASSWORD
    const char *tls;      // off, preferred, required, verify
    const char *tls_ca;
    const char *tls_cert;
    const char *tls_key;
    uint64_t port;
    uint64_t server_id; // ours, as a replica
    uint64_t heartbeat_ms;
    uint64_t connect_timeout_ms;
};

struct config_property {
    const char *key;
    const char *value;
};

struct config_kafka {
    const char *bootstrap_servers;
    uint64_t partitions;
    uint64_t replication;
    struct config_property properties[CONFIG_PROPERTIES_MAX]; // for librdkafka, as they stand
    size_t n_properties;
};

struct config_publish {
    const char *start; // of the first: snapshot, earliest, latest, gtid:SET, FILE:POS, time:ISO8601
    const char *delivery;    // exactly-once, at-least-once
    const char *keyless;     // refuse, whole-row
    const char *on_drop;     // keep, truncate
    const char *on_unlogged; // refuse, accept
    bool tombstones;
    bool ddl_topic;
    bool transactions_topic;
    uint64_t transaction_bytes;
    uint64_t transaction_ms;
    uint64_t checkpoint_ms; // how often a quiet source moves its checkpoint
};

struct config_snapshot {
    uint64_t pause_ms;    // of the stream, for one chunk
    uint64_t share;       // of the time, in percent, while the stream is busy
    uint64_t catch_up_ms; // how long the stream may be behind before chunks wait for it
};

struct config_tables {
    const char *include; // globs over db.table, comma-separated
    const char *exclude;
};

struct config_apply {
    uint64_t workers;
    uint64_t batch_records;
    uint64_t batch_bytes;
    uint64_t batch_ms;
    const char *guard;      // on, off
    uint64_t guard_ms;      // how long the tombstones of deletes are kept
    const char *on_refused; // stop, dead-letter
    uint64_t dead_letters_max;
};

struct config_mongodb {
    const char *uri;
    const char *password_file;
    const char *password; // TAILRACE_MONGODB_PASSWORD
};

struct config_redis {
    const char *host;
    const char *socket;
    const char *user;
    const char *password_file;
    const char *password; // TAILRACE_REDIS_PASSWORD
    const char *format;   // hash, json
    const char *policy;   // mirror, refresh, invalidate
    const char *key;      // see key_template.h
    uint64_t ttl_ms;      // 0: rows stay
    uint64_t port;
    uint64_t database;
    uint64_t timeout_ms;
};

struct config_verify {
    uint64_t rate; // rows a second from each side; 0: as fast as can be
    uint64_t chunk_rows;
    uint64_t tries;
    uint64_t source_threads; // 0: the source's load is not looked at
    uint64_t fence_timeout_ms;
    uint64_t shown; // differences of a table that are printed
};

struct config_log {
    const char *level;
    const char *format;
};

// Texts live in `memory` until config_free. No text is NULL: an option without a value is "".
struct config {
    struct config_source source;
    struct config_kafka kafka;
    struct config_publish publish;
    struct config_snapshot snapshot;
    struct config_tables tables;
    struct config_apply apply;
    struct config_mongodb mongodb;
    struct config_redis redis;
    struct config_verify verify;
    struct config_log log;
    const char *path;
    char **memory;
    size_t n_memory;
};

enum option_type {
    OPTION_TEXT,
    OPTION_CHOICE,   // one of the words in `choices`
    OPTION_BOOL,     // true, false
    OPTION_NUMBER,   // least to most
    OPTION_SIZE,     // bytes; KiB, MiB and GiB may follow the number
    OPTION_DURATION, // milliseconds; ms, s, min and h may follow the number
    OPTION_SECRET,   // not in the file: from its environment variable or the password_file
};

struct option_entry {
    const char *section;
    const char *key;
    enum option_type type;
    size_t offset;        // of the field in struct config
    const char *fallback; // as it would stand in the file
    const char *choices;  // OPTION_CHOICE: words with a space between
    uint64_t least;
    uint64_t most;
    const char *help; // one sentence
};

// The table, ended by an entry whose section is NULL. In options.c.
extern const struct option_entry config_options[];

// Reads and checks the file. ERR_CONFIG with file:line for what is wrong in it, ERR_UNAVAILABLE
// when it cannot be read.
MUST_CHECK bool config_load(struct config *config, const char *path, struct err *err);
void config_free(struct config *config);

// The table as a sample file with a comment for each key: what etc/tailrace.conf must equal.
void config_print_sample(void);

#endif
