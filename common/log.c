// SPDX-License-Identifier: Apache-2.0
// Log: see log.h.
//   text  2026-11-21T08:15:00.250Z INFO tailrace-publish connected host=127.0.0.1 port=3306
//   JSON  {"ts":"2026-11-21T08:15:00.250Z","level":"info","program":"tailrace-publish",
//          "event":"connected","host":"127.0.0.1","port":3306}
// In text a value with spaces, quotes or control bytes is quoted as a JSON string.
#include "common/log.h"

#include "common/buf.h"
#include "common/clock.h"

#include <stdio.h>
#include <unistd.h>

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};
static const char *const level_words[] = {
    [LOG_DEBUG] = "DEBUG",
    [LOG_INFO] = "INFO",
    [LOG_WARN] = "WARN",
    [LOG_ERROR] = "ERROR",
};

static const char *log_program = "tailrace";
static enum log_level log_threshold = LOG_INFO;
static enum log_format log_style = LOG_TEXT;

void log_init(const char *program, enum log_level level, enum log_format format)
{
    log_program = program;
    log_threshold = level;
    log_style = format;
}

static void put_quoted(struct buf *line, struct slice text)
{
    buf_char(line, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\')
            buf_printf(line, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(line, "\\u%04x", c);
        else
            buf_char(line, (char)c);
    }
    buf_char(line, '"');
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] == '"' || text.ptr[i] == '=' || text.ptr[i] == 0x7f)
            return false;
    return text.len > 0;
}

static void put_text_line(struct buf *line, enum log_level level, const char *event,
                          const struct log_field *field)
{
    buf_printf(line, " %s %s %s", level_words[level], log_program, event);
    for (; field && field->key; field++) {
        buf_printf(line, " %s=", field->key);
        if (field->is_number)
            buf_printf(line, "%llu", (unsigned long long)field->number);
        else if (is_plain(field->text))
            buf_slice(line, field->text);
        else
            put_quoted(line, field->text);
    }
}

static void put_json_line(struct buf *line, enum log_level level, const char *event,
                          const struct log_field *field)
{
    buf_printf(line, "\",\"level\":\"%s\",\"program\":\"%s\",\"event\":", level_names[level],
               log_program);
    put_quoted(line, slice_of_str(event));
    for (; field && field->key; field++) {
        buf_printf(line, ",\"%s\":", field->key);
        if (field->is_number)
            buf_printf(line, "%llu", (unsigned long long)field->number);
        else
            put_quoted(line, field->text);
    }
    buf_char(line, '}');
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if (level < log_threshold)
        return;
    struct buf line = {0};
    char now[CLOCK_TEXT_BYTES];
    clock_format(clock_now_us(), now);
    if (log_style == LOG_JSON) {
        buf_printf(&line, "{\"ts\":\"%s", now);
        put_json_line(&line, level, event, fields);
    } else {
        buf_str(&line, now);
        put_text_line(&line, level, event, fields);
    }
    buf_char(&line, '\n');
    if (write(STDERR_FILENO, line.ptr, line.len) < 0) {
        // Nowhere left to say it.
    }
    buf_deinit(&line);
}

void log_err(const char *event, const struct err *err)
{
    log_error(event, LOG_FIELDS(log_str("class", err_class_name(err->class)),
                                log_str("reason", err->text)));
}
