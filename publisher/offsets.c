// SPDX-License-Identifier: Apache-2.0
// Offsets: see offsets.h. Lag is what the source's binlog holds behind the checkpoint: transactions
// by GTID set, bytes by the sizes of its files, seconds since the commit of the last published
// transaction. Shown as well: how long the server will keep what is needed, or that it has not got
// it any more, in the words of a start's refusal.
#define _DEFAULT_SOURCE // gethostname
#include "publisher/offsets.h"

#include "binlog/position_find.h"
#include "binlog/retention.h"
#include "binlog/server.h"
#include "common/cli.h"
#include "common/clock.h"
#include "kafka/client.h"
#include "publisher/checkpoint.h"
#include "publisher/pick.h"
#include "publisher/producer.h"
#include "publisher/session.h"
#include "record/json_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALIVE_LEAST_MS 10000
#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400

// What there is to know; deinit takes a half-filled one.
struct offsets {
    rd_kafka_t *plain;
    struct checkpoint_log log;
    struct pick pick;
    struct pick_server *source; // of these
};

static bool open_kafka(struct offsets *offsets, const struct config *config, struct err *err)
{
    return kafka_open_plain(config, &offsets->plain, err) &&
           checkpoint_read(offsets->plain, config, &offsets->log, err);
}

// The server that a publisher would read from or, where it would refuse them all, the first that
// answers.
static bool open_source(struct offsets *offsets, const struct config *config, struct err *err)
{
    const struct checkpoint_log *log = &offsets->log;
    if (!pick_open(&offsets->pick, config, err))
        return false;
    offsets->pick.shown = log->found ? &log->last.shown : NULL;
    if (!pick_choose(&offsets->pick, log->found ? &log->last.position : NULL, &offsets->source,
                     err))
        offsets->source = pick_first(&offsets->pick);
    return offsets->source;
}

static void offsets_deinit(struct offsets *offsets)
{
    checkpoint_log_deinit(&offsets->log);
    if (offsets->plain)
        rd_kafka_destroy(offsets->plain);
    pick_deinit(&offsets->pick);
}

static uint64_t age_ms(const struct checkpoint *checkpoint)
{
    uint64_t now_ms = clock_now_ms();
    return now_ms > checkpoint->alive_ms ? now_ms - checkpoint->alive_ms : 0;
}

// Three checkpoints missed are no life.
static bool is_alive(const struct checkpoint_log *log, const struct config *config)
{
    uint64_t most_ms = 3 * config->publish.checkpoint_ms;
    if (most_ms < ALIVE_LEAST_MS)
        most_ms = ALIVE_LEAST_MS;
    return log->found && log->last.running && age_ms(&log->last) < most_ms;
}

// --- lag ---------------------------------------------------------------------------------------

struct lag {
    bool has_transactions;
    bool has_bytes;
    bool has_seconds;
    uint64_t transactions;
    uint64_t bytes;
    uint64_t seconds;
};

// How many GTIDs a MySQL set has, from its text: intervals "5" or "1-9" between colons; a uuid or a
// tag is none.
static uint64_t count_gtids(const struct gtid_set *set)
{
    struct buf text = {0};
    uint64_t n = 0;
    char *rest = NULL;
    gtid_set_write(&text, set);
    buf_cstr(&text);
    for (char *part = strtok_r((char *)text.ptr, ":,", &rest); part;
         part = strtok_r(NULL, ":,", &rest)) {
        char *end;
        uint64_t first = strtoull(part, &end, 10);
        if (end == part || (*end != '\0' && *end != '-') || strlen(part) == 36)
            continue;
        n += *end ? strtoull(end + 1, NULL, 10) - first + 1 : 1;
    }
    buf_deinit(&text);
    return n;
}

static void find_transactions(const struct offsets *offsets, struct lag *lag)
{
    const struct server *server = &offsets->source->server;
    struct gtid_set missing = {0};
    if (!server->gtid_mode)
        return;
    gtid_set_copy(&missing, &server->executed);
    gtid_set_subtract(&missing, &offsets->log.last.position.executed);
    lag->has_transactions = !server->is_mariadb || gtid_set_is_empty(&missing);
    lag->transactions = count_gtids(&missing);
    gtid_set_deinit(&missing);
}

static bool find_bytes(struct offsets *offsets, struct lag *lag, struct err *err)
{
    const struct position *position = &offsets->log.last.position;
    struct server_log *logs = NULL;
    size_t n_logs = 0;
    if (strcmp(position->server_uuid, offsets->source->server.uuid) != 0)
        return true; // another server's files
    if (!server_logs(offsets->source->wire, &logs, &n_logs, err))
        return false;
    for (size_t i = 0; i < n_logs; i++) {
        bool here = strcmp(logs[i].file, position->file) == 0;
        if (here && logs[i].size_bytes >= position->pos)
            lag->bytes = logs[i].size_bytes - position->pos;
        else if (!here && lag->has_bytes)
            lag->bytes += logs[i].size_bytes;
        lag->has_bytes |= here;
    }
    free(logs);
    return true;
}

static bool find_lag(struct offsets *offsets, struct lag *lag, struct err *err)
{
    const struct position *position = &offsets->log.last.position;
    if (!offsets->log.found)
        return true;
    find_transactions(offsets, lag);
    if (!find_bytes(offsets, lag, err))
        return false;
    bool none = lag->has_transactions ? lag->transactions == 0 : lag->has_bytes && lag->bytes == 0;
    uint64_t now_us = clock_now_us();
    lag->has_seconds = none || position->ts_us > 0;
    if (!none && now_us > position->ts_us)
        lag->seconds = (now_us - position->ts_us) / 1000000;
    return true;
}

// --- what the server keeps ---

struct kept {
    bool is_known; // a checkpoint is there, and what follows it
    struct retention retention;
    struct err refusal; // ERR_NONE: a start would not be refused for it
};

static bool find_kept(struct offsets *offsets, struct kept *kept, struct err *err)
{
    const struct position *position = &offsets->log.last.position;
    struct pick_server *source = offsets->source;
    if (!offsets->log.found)
        return true;
    kept->is_known = server_has(source->wire, &source->server, position, &kept->refusal);
    if (!kept->is_known)
        return true;
    return retention_read(source->wire, &source->options, &source->server, position,
                          &kept->retention, err);
}

// --- show --------------------------------------------------------------------------------------

static void put_number_or_null(struct buf *out, const char *member, bool known, uint64_t n)
{
    if (known)
        buf_printf(out, "\"%s\":%llu", member, (unsigned long long)n);
    else
        buf_printf(out, "\"%s\":null", member);
}

static uint64_t positive(int64_t n)
{
    return n > 0 ? (uint64_t)n : 0;
}

static void put_checkpoint(struct buf *out, const struct checkpoint *checkpoint)
{
    buf_printf(out, "{\"running\":%s,\"instance\":", checkpoint->running ? "true" : "false");
    json_write_string(out, slice_of_str(checkpoint->instance));
    buf_printf(out, ",\"alive_ms\":%llu,\"age_ms\":%llu,", (unsigned long long)checkpoint->alive_ms,
               (unsigned long long)age_ms(checkpoint));
    position_write_fields(out, &checkpoint->position);
    buf_char(out, '}');
}

static void put_server(struct buf *out, const struct server *server)
{
    struct buf gtid = {0};
    gtid_set_write(&gtid, &server->executed);
    buf_str(out, "{\"version\":");
    json_write_string(out, slice_of_str(server->version));
    buf_str(out, ",\"server\":");
    json_write_string(out, slice_of_str(server->uuid));
    buf_str(out, ",\"gtid\":");
    json_write_string(out, buf_bytes(&gtid));
    buf_str(out, ",\"file\":");
    json_write_string(out, slice_of_str(server->file));
    buf_printf(out, ",\"pos\":%llu}", (unsigned long long)server->pos);
    buf_deinit(&gtid);
}

static void put_kept(struct buf *out, const struct kept *kept)
{
    const struct retention *retention = &kept->retention;
    if (kept->is_known) {
        buf_str(out, ",\"refused\":null,\"retention\":{\"file\":");
        json_write_string(out, slice_of_str(retention->file));
        buf_char(out, ',');
        put_number_or_null(out, "seconds_left", retention->has_seconds,
                           positive(retention->seconds));
        buf_char(out, ',');
        put_number_or_null(out, "bytes_left", retention->has_bytes, positive(retention->bytes));
        buf_printf(out, ",\"percent_left\":%u}", retention_percent(retention));
        return;
    }
    buf_str(out, ",\"refused\":");
    if (kept->refusal.class == ERR_NONE)
        buf_str(out, "null");
    else
        json_write_string(out, slice_of_str(kept->refusal.text));
    buf_str(out, ",\"retention\":null");
}

static void print_json(const struct offsets *offsets, const struct config *config,
                       const struct lag *lag, const struct kept *kept)
{
    struct buf out = {0};
    buf_str(&out, "{\"program\":\"tailrace-publish\",\"name\":");
    json_write_string(&out, slice_of_str(config->source.name));
    buf_printf(&out,
               ",\"alive\":%s,\"checkpoint\":", is_alive(&offsets->log, config) ? "true" : "false");
    if (offsets->log.found)
        put_checkpoint(&out, &offsets->log.last);
    else
        buf_str(&out, "null");
    buf_str(&out, ",\"source\":");
    put_server(&out, &offsets->source->server);
    buf_str(&out, ",\"lag\":{");
    put_number_or_null(&out, "transactions", lag->has_transactions, lag->transactions);
    buf_char(&out, ',');
    put_number_or_null(&out, "bytes", lag->has_bytes, lag->bytes);
    buf_char(&out, ',');
    put_number_or_null(&out, "seconds", lag->has_seconds, lag->seconds);
    buf_char(&out, '}');
    put_kept(&out, kept);
    buf_str(&out, "}\n");
    fwrite(out.ptr, 1, out.len, stdout);
    buf_deinit(&out);
}

static void print_position(const char *what, const struct gtid_set *executed, const char *file,
                           uint64_t pos, uint64_t rows)
{
    struct buf gtid = {0};
    gtid_set_write(&gtid, executed);
    printf("  %-10s %s:%llu", what, *file ? file : "-", (unsigned long long)pos);
    if (rows > 0)
        printf(" and %llu rows of the next transaction", (unsigned long long)rows);
    if (gtid.len > 0)
        printf("\n  %-10s %s", "", buf_cstr(&gtid));
    printf("\n");
    buf_deinit(&gtid);
}

// XA transactions that were prepared and not decided yet need the binlog from the first on.
static void print_pending(const struct pending_list *list)
{
    if (list->n > 0)
        printf("  %-10s %zu XA transactions, the binlog is needed from %s:%llu on (%s)\n",
               "pending", list->n, list->items[0].file, (unsigned long long)list->items[0].pos,
               list->items[0].xid);
}

static void print_number(const char *unit, bool known, uint64_t n)
{
    if (known)
        printf(" %llu %s", (unsigned long long)n, unit);
    else
        printf(" ? %s", unit);
}

static void print_duration(uint64_t s)
{
    if (s >= 2 * DAY_S)
        printf("%llu d %llu h", (unsigned long long)(s / DAY_S),
               (unsigned long long)(s % DAY_S / HOUR_S));
    else if (s >= HOUR_S)
        printf("%llu h %llu min", (unsigned long long)(s / HOUR_S),
               (unsigned long long)(s % HOUR_S / MINUTE_S));
    else
        printf("%llu s", (unsigned long long)s);
}

static void print_kept(const struct kept *kept)
{
    const struct retention *retention = &kept->retention;
    if (!kept->is_known) {
        printf("  %-10s %s\n", "refused", kept->refusal.text);
        return;
    }
    printf("  %-10s %s ", "kept", retention->file);
    if (!retention->has_seconds && !retention->has_bytes)
        printf("until somebody purges it");
    if (retention->has_seconds) {
        printf("for ");
        print_duration(positive(retention->seconds));
        printf(" at least");
    }
    if (retention->has_bytes)
        printf("%sfor %llu bytes more", retention->has_seconds ? ", and " : "",
               (unsigned long long)positive(retention->bytes));
    printf("\n");
}

static void print_people(const struct offsets *offsets, const struct config *config,
                         const struct lag *lag, const struct kept *kept)
{
    const struct checkpoint *last = &offsets->log.last;
    const struct server *server = &offsets->source->server;
    if (!offsets->log.found) {
        printf("publisher %s: no checkpoint yet\n", config->source.name);
        return;
    }
    printf("publisher %s: ", config->source.name);
    if (!last->running)
        printf("stopped");
    else if (is_alive(&offsets->log, config))
        printf("running as %s", last->instance);
    else
        printf("was %s, gives no sign of life", last->instance);
    printf(", checkpoint %.1f s ago\n", (double)age_ms(last) / 1000);
    print_position("published", &last->position.executed, last->position.file, last->position.pos,
                   last->position.rows);
    print_pending(&last->position.pending);
    print_position("source", &server->executed, server->file, server->pos, 0);
    printf("  %-10s", "lag");
    print_number("transactions", lag->has_transactions, lag->transactions);
    print_number("bytes", lag->has_bytes, lag->bytes);
    print_number("seconds", lag->has_seconds, lag->seconds);
    printf("\n");
    print_kept(kept);
}

bool offsets_show(const struct config *config, const struct offsets_options *options,
                  struct err *err)
{
    struct offsets offsets = {.plain = NULL};
    struct lag lag = {0};
    struct kept kept = {.is_known = false};
    bool ok = open_kafka(&offsets, config, err) && open_source(&offsets, config, err) &&
              find_lag(&offsets, &lag, err) && find_kept(&offsets, &kept, err);
    if (ok && options->json)
        print_json(&offsets, config, &lag, &kept);
    else if (ok)
        print_people(&offsets, config, &lag, &kept);
    offsets_deinit(&offsets);
    return ok;
}

// --- reset -------------------------------------------------------------------------------------

static bool refuse_running(const struct offsets *offsets, const struct config *config,
                           struct err *err)
{
    const struct checkpoint *last = &offsets->log.last;
    if (!is_alive(&offsets->log, config))
        return true;
    return err_set(err, ERR_REFUSED,
                   "publisher %s runs as %s (checkpoint %.1f s ago): stop it first",
                   config->source.name, last->instance, (double)age_ms(last) / 1000);
}

static void fill_checkpoint(struct checkpoint *checkpoint, const struct position *position)
{
    char host[256] = "";
    position_copy(&checkpoint->position, position);
    checkpoint->alive_ms = clock_now_ms();
    if (gethostname(host, sizeof host - 1) < 0)
        host[0] = '\0';
    snprintf(checkpoint->instance, sizeof checkpoint->instance, "%s:%ld", host, (long)getpid());
}

// Under the publisher's own transactional.id, so that whoever is left over cannot write any more;
// or, at least once, with the next epoch (rival.h).
static bool write_checkpoint(struct producer *producer, const struct config *config,
                             const struct position *position, uint64_t epoch, struct err *err)
{
    struct checkpoint checkpoint = {.running = false, .epoch = epoch};
    struct buf name = {0};
    struct buf key = {0};
    struct buf value = {0};
    fill_checkpoint(&checkpoint, position);
    checkpoint_topic_name(&name, config->source.name);
    checkpoint_write_key(&key);
    checkpoint_write(&value, &checkpoint);
    bool ok =
        producer_commit_one(producer, buf_cstr(&name), buf_bytes(&key), buf_bytes(&value), err);
    checkpoint_deinit(&checkpoint);
    buf_deinit(&name);
    buf_deinit(&key);
    buf_deinit(&value);
    return ok;
}

static bool set_position(struct offsets *offsets, const struct config *config,
                         const struct position *position, struct err *err)
{
    struct producer *producer = producer_open(config, err);
    uint64_t epoch = offsets->log.last.epoch > 0 ? offsets->log.last.epoch + 1 : 0;
    bool ok = producer && (offsets->log.exists || checkpoint_create(offsets->plain, config, err)) &&
              producer_init(producer, err) &&
              write_checkpoint(producer, config, position, epoch, err);
    producer_close(producer);
    return ok;
}

static void print_reset(const struct offsets *offsets, const struct config *config,
                        const struct position *to)
{
    const struct position *from = &offsets->log.last.position;
    printf("publisher %s\n", config->source.name);
    if (offsets->log.found)
        print_position("from", &from->executed, from->file, from->pos, from->rows);
    else
        printf("  %-10s no checkpoint yet\n", "from");
    print_position("to", &to->executed, to->file, to->pos, 0);
}

bool offsets_reset(const struct config *config, const struct offsets_options *options,
                   struct err *err)
{
    struct offsets offsets = {.plain = NULL};
    struct position to = {0};
    if (!options->to)
        return err_set(err, ERR_USAGE,
                       "offsets reset needs --to earliest, latest, gtid:SET, FILE:POS or "
                       "time:ISO8601");
    bool ok =
        open_kafka(&offsets, config, err) && refuse_running(&offsets, config, err) &&
        open_source(&offsets, config, err) &&
        position_find(&offsets.source->options, &offsets.source->server, options->to, &to, err) &&
        server_has(offsets.source->wire, &offsets.source->server, &to, err);
    if (ok)
        print_reset(&offsets, config, &to);
    if (ok && options->dry_run)
        printf("nothing was changed (--dry-run)\n");
    else if (ok) {
        ok = cli_confirm("Set it?", options->yes, err) && set_position(&offsets, config, &to, err);
        if (ok)
            printf("set\n");
    }
    position_deinit(&to);
    offsets_deinit(&offsets);
    return ok;
}
