// SPDX-License-Identifier: Apache-2.0
// Standby: see standby.h.
#include "publisher/standby.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "publisher/checkpoint.h"
#include "publisher/pick.h"

#define LOOK_MS 250
#define CHECKPOINTS_MISSED 3

struct standby {
    const struct config *config;
    rd_kafka_t *plain;
    struct checkpoint_log log;
    int64_t end;       // of the checkpoint's topic
    uint64_t moved_ms; // steady; when something arrived last
    bool is_blind;     // Kafka does not answer
};

// What a standby would fail with later is better known now; a server that is down may be back then.
static bool check_source(const struct config *config, struct err *err)
{
    struct pick pick;
    bool ok = pick_open(&pick, config, err);
    pick_deinit(&pick);
    if (!ok && err_may_pass(err)) {
        log_warn("the source cannot be reached now", LOG_FIELDS(log_str("reason", err->text)));
        ok = true;
    }
    return ok;
}

// A client goes on asking a broker that it is connected with, also one whose host is gone; another
// client finds another broker.
static bool open_anew(struct standby *standby, struct err *err)
{
    rd_kafka_destroy(standby->plain);
    standby->plain = NULL;
    return kafka_open_plain(standby->config, &standby->plain, err);
}

static bool look(struct standby *standby, struct err *err)
{
    int64_t before = standby->end;
    bool ok =
        checkpoint_read_on(standby->plain, standby->config, &standby->end, &standby->log, err);
    if (!ok && !err_may_pass(err))
        return false;
    if (!ok && !standby->is_blind)
        log_warn("Kafka does not answer: waiting", LOG_FIELDS(log_str("reason", err->text)));
    standby->is_blind = !ok;
    if (standby->end != before || !ok)
        standby->moved_ms = clock_steady_ms();
    return ok || open_anew(standby, err);
}

static bool is_alive(const struct standby *standby)
{
    uint64_t most_ms = CHECKPOINTS_MISSED * standby->config->publish.checkpoint_ms;
    const struct checkpoint_log *log = &standby->log;
    return standby->is_blind ||
           (log->found && log->last.running && clock_steady_ms() - standby->moved_ms < most_ms);
}

static bool watch(struct standby *standby, struct err *err)
{
    if (!look(standby, err))
        return false;
    if (is_alive(standby))
        log_info("standing by", LOG_FIELDS(log_str("name", standby->config->source.name),
                                           log_str("for", standby->log.last.instance)));
    while (is_alive(standby)) {
        if (!stop_sleep_ms(LOOK_MS))
            return err_set(err, ERR_STOPPED, "stopped while standing by");
        if (!look(standby, err))
            return false;
    }
    log_info("taking over",
             LOG_FIELDS(log_str("name", standby->config->source.name),
                        log_str("from", standby->log.last.instance),
                        log_u64("silent_ms", clock_steady_ms() - standby->moved_ms)));
    return true;
}

bool standby_wait(const struct config *config, struct err *err)
{
    struct standby standby = {.config = config, .moved_ms = clock_steady_ms()};
    bool ok = check_source(config, err) && kafka_open_plain(config, &standby.plain, err) &&
              watch(&standby, err);
    checkpoint_log_deinit(&standby.log);
    if (standby.plain)
        rd_kafka_destroy(standby.plain);
    return ok;
}
