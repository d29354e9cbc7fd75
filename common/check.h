// SPDX-License-Identifier: Apache-2.0
// Check: the lines that `tailrace check` prints, one for each thing that was looked at:
//   ok|warn|fail  WHAT: what was found, and for warn and fail what mends it
#ifndef TAILRACE_COMMON_CHECK_H
#define TAILRACE_COMMON_CHECK_H

#include "common/err.h"

struct check {
    unsigned n_failed;
};

void check_ok(struct check *check, const char *what, const char *format, ...) PRINTF_LIKE(3, 4);
void check_warn(struct check *check, const char *what, const char *format, ...) PRINTF_LIKE(3, 4);

// The error's text. Always false.
bool check_fail(struct check *check, const char *what, const struct err *err);

// 0, or 1 when something failed.
int check_exit_code(const struct check *check);

#endif
