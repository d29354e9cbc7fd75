// SPDX-License-Identifier: Apache-2.0
// Session, check: what opening a session refuses, looked at one by one, before anything runs.
// Nothing is written and no publisher is fenced; Kafka's transactions are tried under a name that
// nobody else has.
#include "binlog/retention.h"
#include "kafka/client.h"
#include "publisher/session_state.h"
#include "publisher/snapshot.h"
#include "publisher/snapshot_list.h"

#include <stdio.h>
#include <string.h>

#define TRANSACTIONS_MS 10000
#define PERCENT_LITTLE 25

static bool check_source(struct session *session, struct check *check)
{
    struct err err;
    bool done = pick_open(&session->pick, session->config, &err);
    for (size_t i = 0; i < session->pick.hosts.n; i++) {
        const struct pick_server *one = &session->pick.servers[i];
        char what[sizeof one->name + 16];
        snprintf(what, sizeof what, "source %s", one->name);
        if (one->wire)
            check_ok(check, what, "%s %s, %s, rights and settings are right",
                     one->server.is_mariadb ? "MariaDB" : "MySQL", one->server.version,
                     one->server.gtid_mode ? "with GTIDs"
                                           : "without GTIDs: positions are of files");
        else if (done)
            check_warn(check, what, "%s", one->err.text);
    }
    return done || check_fail(check, "source", &err);
}

// Another replica with our number would be thrown out by the server, or we by it.
static void check_server_id(const struct session *session, struct check *check)
{
    uint64_t ours = session->config->source.server_id;
    struct err err;
    for (size_t i = 0; i < session->pick.hosts.n; i++) {
        const struct pick_server *one = &session->pick.servers[i];
        if (!one->wire || one->server.server_id != ours)
            continue;
        err_set(&err, ERR_CONFIG,
                "%llu is the server_id of %s itself: choose a number that no server and no other "
                "replica has",
                (unsigned long long)ours, one->name);
        check_fail(check, "[source] server_id", &err);
        return;
    }
    check_ok(check, "[source] server_id", "%llu is not that of the source",
             (unsigned long long)ours);
}

static bool check_kafka(struct session *session, struct check *check)
{
    uint64_t wanted = session->config->kafka.replication;
    const struct rd_kafka_metadata *metadata;
    struct err err;
    if (!kafka_open_plain(session->config, &session->plain, &err))
        return check_fail(check, "kafka", &err);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(session->plain, 0, NULL, &metadata, KAFKA_TIMEOUT_MS);
    if (code) {
        kafka_question_failed(session->plain, code, "asking for the brokers", &err);
        return check_fail(check, "kafka", &err);
    }
    int n = metadata->broker_cnt;
    rd_kafka_metadata_destroy(metadata);
    if ((uint64_t)n >= wanted)
        check_ok(check, "kafka", "%d brokers, replication %llu", n, (unsigned long long)wanted);
    else
        check_fail(check, "kafka",
                   (err_set(&err, ERR_CONFIG,
                            "[kafka] replication = %llu, but there are %d brokers: topics cannot "
                            "be made",
                            (unsigned long long)wanted, n),
                    &err));
    return true;
}

static bool try_transactions(const struct config *config, struct err *err)
{
    char id[256];
    rd_kafka_t *rk;
    rd_kafka_conf_t *conf = kafka_conf_new(config, "check", err);
    if (!conf)
        return false;
    snprintf(id, sizeof id, "%s.check", config->source.name);
    if (!kafka_conf_set(conf, "transactional.id", id, err)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    if (!kafka_open_take(RD_KAFKA_PRODUCER, conf, &rk, err))
        return false;
    rd_kafka_error_t *error = rd_kafka_init_transactions(rk, TRANSACTIONS_MS);
    if (error) {
        kafka_err(err, rd_kafka_error_code(error), rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    rd_kafka_destroy(rk);
    return !error;
}

static void check_transactions(const struct session *session, struct check *check)
{
    struct err err;
    if (strcmp(session->config->publish.delivery, "exactly-once") != 0)
        check_warn(check, "kafka transactions",
                   "not used: [publish] delivery = at-least-once may publish a change twice");
    else if (try_transactions(session->config, &err))
        check_ok(check, "kafka transactions", "can be used");
    else
        check_fail(check, "kafka transactions",
                   (err_wrap(&err, "needed for [publish] delivery = exactly-once"), &err));
}

static void check_retention(struct session *session, struct check *check)
{
    struct retention retention;
    struct err err;
    if (!retention_read(session->picked->wire, &session->options, &session->server, &session->start,
                        &retention, &err))
        check_warn(check, "binlog retention", "not known: %s", err.text);
    else if (!retention.has_seconds && !retention.has_bytes)
        check_ok(check, "binlog retention", "the server removes none by itself");
    else if (retention_percent(&retention) > PERCENT_LITTLE)
        check_ok(check, "binlog retention", "%s is kept, %u %% of its time is left", retention.file,
                 retention_percent(&retention));
    else
        check_warn(check, "binlog retention",
                   "%s is needed and %u %% of its time is left: raise binlog_expire_logs_seconds "
                   "(or max_binlog_total_size)",
                   retention.file, retention_percent(&retention));
}

static void check_first_copy(struct session *session, struct check *check)
{
    const char *what = "first copy";
    struct snapshot_plan plan;
    struct err err;
    if (!snapshots_check_first(session, &plan, &err))
        check_fail(check, what, &err);
    else if (plan.n_tables == 0)
        check_warn(check, what, "no table fits [tables] include = %s: only new ones will be read",
                   session->config->tables.include);
    else
        check_ok(check, what, "%zu tables, about %llu rows, are copied first", plan.n_tables,
                 (unsigned long long)plan.rows);
}

static void check_position(struct session *session, struct check *check)
{
    const char *what = "position";
    struct err err;
    if (!checkpoint_read(session->plain, session->config, &session->log, &err) ||
        !session_choose_server(session, &err)) {
        check_fail(check, what, &err);
        return;
    }
    if (session->log.found)
        check_ok(check, what, "%s has all behind the checkpoint", session->picked->name);
    else
        check_ok(check, what, "nothing is published yet: the first start begins at %s",
                 session->config->publish.start);
    check_retention(session, check);
    if (session_starts_with_snapshot(session))
        check_first_copy(session, check);
    struct topics_options topics = session_topics_options(session);
    if (topics_check(&topics, &err))
        check_ok(check, "topics", "each has the partitions that it was made with");
    else
        check_fail(check, "topics", &err);
}

void session_check(const struct config *config, struct check *check)
{
    struct publisher_options options = {.standby = false};
    struct session_run run = {.config = config, .options = &options};
    struct session *session = session_new(&run);
    bool has_source = check_source(session, check);
    if (has_source)
        check_server_id(session, check);
    bool has_kafka = check_kafka(session, check);
    if (has_kafka)
        check_transactions(session, check);
    if (has_source && has_kafka)
        check_position(session, check);
    session_close(session);
    position_deinit(&run.target);
}
