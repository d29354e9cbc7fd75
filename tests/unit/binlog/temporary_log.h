// SPDX-License-Identifier: Apache-2.0
// A file for logs that a test makes: there from the group's set-up to its tear-down. Include it
// after #define _POSIX_C_SOURCE 200809L.
#ifndef TAILRACE_TESTS_UNIT_BINLOG_TEMPORARY_LOG_H
#define TAILRACE_TESTS_UNIT_BINLOG_TEMPORARY_LOG_H

#include "tests/unit/binlog/log_bytes.h"

#include <unistd.h>

static char temporary[] = "/tmp/tailrace-log-XXXXXX";

static inline int make_temporary(void **state)
{
    (void)state;
    int fd = mkstemp(temporary);
    return fd < 0 ? -1 : close(fd);
}

static inline int remove_temporary(void **state)
{
    (void)state;
    return unlink(temporary);
}

static inline void write_temporary(struct slice bytes)
{
    FILE *file = fopen(temporary, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    fclose(file);
}

#endif
