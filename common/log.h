// SPDX-License-Identifier: Apache-2.0
// Log: one line an event on standard error, as key=value text or as JSON lines. Any thread may
// call; a line is one write(2), so lines of several processes do not mix.
//
//   log_info("connected", LOG_FIELDS(log_str("host", host), log_u64("port", port)));
//   log_info("stopped", NULL);
#ifndef TAILRACE_COMMON_LOG_H
#define TAILRACE_COMMON_LOG_H

#include "common/err.h"
#include "common/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
    const char *key; // NULL ends the list
    struct slice text;
    uint64_t number;
    bool is_number;
};

#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {.key = NULL}})

static inline struct log_field log_slice(const char *key, struct slice text)
{
    return (struct log_field){.key = key, .text = text};
}

static inline struct log_field log_str(const char *key, const char *text)
{
    return log_slice(key, slice_of_str(text));
}

static inline struct log_field log_u64(const char *key, uint64_t number)
{
    return (struct log_field){.key = key, .number = number, .is_number = true};
}

// Called once by main before threads start; without it: text, LOG_INFO. `program` is borrowed for
// ever.
void log_init(const char *program, enum log_level level, enum log_format format);

// `fields` may be NULL.
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#define log_debug(event, fields) log_write(LOG_DEBUG, event, fields)
#define log_info(event, fields) log_write(LOG_INFO, event, fields)
#define log_warn(event, fields) log_write(LOG_WARN, event, fields)
#define log_error(event, fields) log_write(LOG_ERROR, event, fields)

// The error with its class, as LOG_ERROR.
void log_err(const char *event, const struct err *err);

#endif
