// SPDX-License-Identifier: Apache-2.0
// Errors: see err.h. A text that does not fit is cut at its end, never at its cause: context goes
// in front only as far as there is room.
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int exit_code;
} classes[] = {
    [ERR_NONE] = {"none", 0},
    [ERR_USAGE] = {"usage", 64},
    [ERR_CORRUPT] = {"corrupt", 65},
    [ERR_UNSUPPORTED] = {"unsupported", 65},
    [ERR_UNAVAILABLE] = {"unavailable", 69},
    [ERR_INTERNAL] = {"internal", 70},
    [ERR_RETRY] = {"try-again", 75},
    [ERR_REFUSED] = {"refused", 77},
    [ERR_CONFIG] = {"configuration", 78},
    [ERR_STOPPED] = {"stopped", 75},
};

bool err_set(struct err *err, enum err_class class, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->class = class;
    err->has_offset = false;
    err->offset = 0;
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return false;
}

bool err_at(struct err *err, enum err_class class, uint64_t offset, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->class = class;
    err->has_offset = true;
    err->offset = offset;
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return false;
}

bool err_wrap(struct err *err, const char *format, ...)
{
    char context[ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    size_t used = strlen(context);
    size_t n = strlen(err->text);
    if (used + 2 + n < sizeof err->text) {
        memmove(err->text + used + 2, err->text, n + 1);
        memcpy(err->text, context, used);
        memcpy(err->text + used, ": ", 2);
    }
    return false;
}

int err_exit_code(const struct err *err)
{
    return classes[err->class].exit_code;
}

bool err_may_pass(const struct err *err)
{
    return err->class == ERR_RETRY || err->class == ERR_UNAVAILABLE;
}

const char *err_class_name(enum err_class class)
{
    return classes[class].name;
}
