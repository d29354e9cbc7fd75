// SPDX-License-Identifier: Apache-2.0
// Check: see check.h.
#include "common/check.h"

#include <stdarg.h>
#include <stdio.h>

static void print(const char *verdict, const char *what, const char *format, va_list args)
{
    printf("%-4s  %s: ", verdict, what);
    vprintf(format, args);
    putchar('\n');
}

void check_ok(struct check *check, const char *what, const char *format, ...)
{
    va_list args;
    (void)check;
    va_start(args, format);
    print("ok", what, format, args);
    va_end(args);
}

void check_warn(struct check *check, const char *what, const char *format, ...)
{
    va_list args;
    (void)check;
    va_start(args, format);
    print("warn", what, format, args);
    va_end(args);
}

bool check_fail(struct check *check, const char *what, const struct err *err)
{
    check->n_failed++;
    printf("fail  %s: %s\n", what, err->text);
    return false;
}

int check_exit_code(const struct check *check)
{
    return check->n_failed > 0;
}
