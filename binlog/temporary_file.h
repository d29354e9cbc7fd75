// SPDX-License-Identifier: Apache-2.0
// Temporary file: room outside memory. It has no name and lies in the directory that $TMPDIR names,
// else in /tmp.
#ifndef TAILRACE_BINLOG_TEMPORARY_FILE_H
#define TAILRACE_BINLOG_TEMPORARY_FILE_H

#include "common/err.h"

// The caller closes *fd. ERR_UNAVAILABLE.
MUST_CHECK bool temporary_file_open(int *fd, struct err *err);

// ERR_UNAVAILABLE with errno's reason and where the file lies. Returns false.
bool temporary_file_failed(const char *what, struct err *err);

#endif
