// SPDX-License-Identifier: Apache-2.0
// Control: see control.h.
#include "publisher/control.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/stop.h"
#include "kafka/client.h"
#include "kafka/partition.h"
#include "kafka/topic.h"
#include "record/json_writer.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define TRIES 3
#define TRY_PAUSE_MS 500
#define ASK_TIMEOUT_MS 1000

static const char *const words[] = {
    [CONTROL_SNAPSHOT] = "snapshot", [CONTROL_KEYS] = "keys",     [CONTROL_PAUSE] = "pause",
    [CONTROL_RESUME] = "resume",     [CONTROL_CANCEL] = "cancel",
};

#define N_WORDS (sizeof words / sizeof *words)

struct control {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_message_t *message;
    bool is_read;
};

void control_topic_name(struct buf *out, const char *name)
{
    buf_printf(out, "%s.control", name);
}

// --- commands ----------------------------------------------------------------------------------

static void put_member(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, ",\"%s\":", name);
    json_write_string(out, slice_of_str(text));
}

static void put_head(struct buf *out, enum control_kind kind, const char *id)
{
    buf_printf(out, "{\"version\":%d,\"command\":\"%s\"", VERSION, words[kind]);
    put_member(out, "id", id);
}

void control_write_snapshot(struct buf *out, const char *id, const char *const *tables,
                            size_t n_tables, const char *where)
{
    put_head(out, CONTROL_SNAPSHOT, id);
    buf_str(out, ",\"tables\":[");
    for (size_t i = 0; i < n_tables; i++) {
        buf_str(out, i ? "," : "");
        json_write_string(out, slice_of_str(tables[i]));
    }
    buf_char(out, ']');
    put_member(out, "where", where ? where : "");
    buf_char(out, '}');
}

void control_write_keys(struct buf *out, const char *id, const char *db, const char *table,
                        const struct buf *keys, bool last)
{
    struct slice rest = buf_bytes(keys);
    put_head(out, CONTROL_KEYS, id);
    put_member(out, "db", db);
    put_member(out, "table", table);
    buf_str(out, ",\"keys\":[");
    for (bool first = true; rest.len > 0; first = false) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t n = end ? (size_t)(end - rest.ptr) : rest.len;
        buf_str(out, first ? "" : ",");
        json_write_string(out, slice_of(rest.ptr, n));
        rest = slice_of(rest.ptr + n + (end != NULL), rest.len - n - (end != NULL));
    }
    buf_printf(out, "],\"last\":%s}", last ? "true" : "false");
}

void control_write_order(struct buf *out, enum control_kind kind, const char *id)
{
    put_head(out, kind, id ? id : "");
    buf_char(out, '}');
}

static bool is_texts(yajl_val array)
{
    if (!array)
        return false;
    for (size_t i = 0; i < YAJL_GET_ARRAY(array)->len; i++)
        if (!YAJL_IS_STRING(YAJL_GET_ARRAY(array)->values[i]))
            return false;
    return YAJL_GET_ARRAY(array)->len > 0;
}

static bool take_tables(struct control_command *command, struct err *err)
{
    yajl_val tables = tree_array(command->tree, "tables");
    command->where = tree_text(command->tree, "where");
    if (!is_texts(tables) || !command->where || !*command->id)
        return err_set(err, ERR_CORRUPT, "control: \"id\", \"tables\" or \"where\" is missing");
    for (size_t i = 0; i < YAJL_GET_ARRAY(tables)->len; i++) {
        buf_str(&command->tables, i ? "," : "");
        buf_str(&command->tables, YAJL_GET_STRING(YAJL_GET_ARRAY(tables)->values[i]));
    }
    return true;
}

static bool take_keys(struct control_command *command, struct err *err)
{
    command->db = tree_text(command->tree, "db");
    command->table = tree_text(command->tree, "table");
    command->keys = tree_array(command->tree, "keys");
    command->last = tree_flag(command->tree, "last");
    return (command->db && command->table && *command->id && is_texts(command->keys)) ||
           err_set(err, ERR_CORRUPT, "control: \"id\", \"db\", \"table\" or \"keys\" is missing");
}

static bool take_command(struct control_command *command, struct err *err)
{
    const char *word = tree_text(command->tree, "command");
    unsigned kind = 0;
    command->id = tree_text(command->tree, "id");
    if (!tree_version(command->tree, VERSION, err))
        return false;
    while (word && kind < N_WORDS && strcmp(words[kind], word) != 0)
        kind++;
    if (!word || kind == N_WORDS || !command->id)
        return err_set(err, ERR_CORRUPT, "control: command \"%s\" is not known, or has no id",
                       word ? word : "");
    command->kind = (enum control_kind)kind;
    if (command->kind == CONTROL_SNAPSHOT)
        return take_tables(command, err);
    return command->kind != CONTROL_KEYS || take_keys(command, err);
}

bool control_parse(struct slice record, struct control_command *command, struct err *err)
{
    *command = (struct control_command){.tree = tree_parse(record, "command", err)};
    if (!command->tree)
        return false;
    if (take_command(command, err))
        return true;
    control_command_deinit(command);
    return false;
}

void control_command_deinit(struct control_command *command)
{
    buf_deinit(&command->tables);
    yajl_tree_free(command->tree);
    *command = (struct control_command){.tree = NULL};
}

// --- reading -----------------------------------------------------------------------------------

// Where what was read last is behind the end, the topic was made anew: all of it is new.
static int64_t go_on_from(struct control *control, const char *topic, int64_t from, int64_t first,
                          int64_t *end)
{
    struct err err;
    if (from > *end && !partition_end_past(control->rk, topic, 0, from, &first, end, &err))
        return from; // the brokers do not tell now
    if (from >= first && from <= *end)
        return from;
    log_warn("commands are gone that were not read: what is there is read from its beginning",
             LOG_FIELDS(log_str("topic", topic), log_u64("offset", (uint64_t)from),
                        log_u64("first", (uint64_t)first), log_u64("end", (uint64_t)*end)));
    return first;
}

// From a beginning that is asked for here the client reads at once, from one that it has to ask for
// itself half a second later; and of an end that was reached it tells another half later. Brokers
// that do not answer now are asked by the client.
static int64_t find_place(struct control *control, const char *topic, int64_t from)
{
    int64_t first;
    int64_t end;
    if (rd_kafka_query_watermark_offsets(control->rk, topic, 0, &first, &end, ASK_TIMEOUT_MS))
        return from;
    int64_t place =
        from == RD_KAFKA_OFFSET_BEGINNING ? first : go_on_from(control, topic, from, first, &end);
    control->is_read = place == end;
    return place;
}

bool control_open(const struct config *config, int64_t from, struct control **control,
                  struct err *err)
{
    struct buf name = {0};
    struct control *new = mem_zalloc(sizeof *new);
    rd_kafka_conf_t *conf = kafka_conf_new(config, "control", err);
    *control = NULL;
    control_topic_name(&name, config->source.name);
    bool ok = conf && kafka_conf_set(conf, "isolation.level", "read_committed", err) &&
              kafka_conf_set(conf, "enable.partition.eof", "true", err) &&
              kafka_conf_set(conf, "auto.offset.reset", "error", err);
    if (!ok && conf)
        rd_kafka_conf_destroy(conf);
    ok = ok && kafka_open_take(RD_KAFKA_CONSUMER, conf, &new->rk, err);
    if (ok) {
        new->topic = rd_kafka_topic_new(new->rk, buf_cstr(&name), NULL);
        from = find_place(new, buf_cstr(&name), from);
        ok = (new->topic &&rd_kafka_consume_start(new->topic, 0, from) == 0) ||
             kafka_err(err, rd_kafka_last_error(), buf_cstr(&name));
    }
    buf_deinit(&name);
    if (ok)
        *control = new;
    else
        control_close(new);
    return ok;
}

void control_close(struct control *control)
{
    if (!control)
        return;
    control_take(control);
    if (control->topic) {
        rd_kafka_consume_stop(control->topic, 0);
        rd_kafka_topic_destroy(control->topic);
    }
    if (control->rk)
        rd_kafka_destroy(control->rk);
    free(control);
}

// What the brokers cannot give now comes later, so passing errors are no news.
bool control_peek(struct control *control, const rd_kafka_message_t **message, struct err *err)
{
    *message = NULL;
    if (!control->message)
        control->message = rd_kafka_consume(control->topic, 0, 0);
    if (!control->message)
        return true;
    rd_kafka_resp_err_t code = control->message->err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        *message = control->message;
        return true;
    }
    control_take(control);
    control->is_read = control->is_read || code == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    return code == RD_KAFKA_RESP_ERR__PARTITION_EOF || kafka_reader_goes_on(code) ||
           kafka_err(err, code, "reading commands");
}

void control_take(struct control *control)
{
    if (control->message)
        rd_kafka_message_destroy(control->message);
    control->message = NULL;
}

bool control_is_read(const struct control *control)
{
    return control->is_read;
}

// --- sending -----------------------------------------------------------------------------------

static void note_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    rd_kafka_resp_err_t *failure = opaque;
    (void)rk;
    if (message->err)
        *failure = message->err;
}

static bool produce(rd_kafka_t *rk, const char *topic, const struct buf *records, size_t n,
                    struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        rd_kafka_resp_err_t code;
        while ((code = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                         RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                         RD_KAFKA_V_VALUE(records[i].ptr, records[i].len),
                                         RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(rk, 100);
        if (code)
            return kafka_err(err, code, topic);
    }
    rd_kafka_resp_err_t code = rd_kafka_flush(rk, KAFKA_TIMEOUT_MS);
    return !code || kafka_err(err, code, topic);
}

static bool open_sender(const struct config *config, rd_kafka_resp_err_t *failure, rd_kafka_t **rk,
                        struct err *err)
{
    rd_kafka_conf_t *conf = kafka_conf_new(config, "command", err);
    if (!conf)
        return false;
    if (!kafka_conf_set(conf, "enable.idempotence", "true", err)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, note_delivery);
    rd_kafka_conf_set_opaque(conf, failure);
    return kafka_open_take(RD_KAFKA_PRODUCER, conf, rk, err);
}

static bool send_once(const struct config *config, const char *topic, const struct buf *records,
                      size_t n, struct err *err)
{
    rd_kafka_resp_err_t failure = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_t *rk;
    if (!open_sender(config, &failure, &rk, err))
        return false;
    bool ok = kafka_topic_create(rk, topic, &(int32_t){1}, (int32_t)config->kafka.replication, NULL,
                                 err) &&
              produce(rk, topic, records, n, err) && (!failure || kafka_err(err, failure, topic));
    if (!ok && err->class == ERR_INTERNAL)
        err->class = ERR_RETRY;
    rd_kafka_destroy(rk);
    return ok;
}

// What comes twice does no harm: a snapshot has its id, an order and a key mean the same again. So
// what the brokers do not take for now, as while they start or the topic is new, is sent again.
bool control_send(const struct config *config, const struct buf *records, size_t n, struct err *err)
{
    struct buf topic = {0};
    control_topic_name(&topic, config->source.name);
    bool ok = send_once(config, buf_cstr(&topic), records, n, err);
    for (int i = 1; !ok && err->class == ERR_RETRY && i < TRIES && stop_sleep_ms(TRY_PAUSE_MS); i++)
        ok = send_once(config, buf_cstr(&topic), records, n, err);
    buf_deinit(&topic);
    return ok;
}
