// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "binlog/temporary_file.h"

#include "common/buf.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool temporary_file_failed(const char *what, struct err *err)
{
    return err_set(err, ERR_UNAVAILABLE,
                   "cannot %s a temporary file for what has to be kept of a transaction: %s; it "
                   "lies in the directory that TMPDIR names, else in /tmp",
                   what, strerror(errno));
}

bool temporary_file_open(int *fd, struct err *err)
{
    const char *dir = getenv("TMPDIR");
    struct buf path = {0};
    buf_printf(&path, "%s/tailrace.XXXXXX", dir && *dir ? dir : "/tmp");
    char *name = mem_strdup(buf_cstr(&path));
    buf_deinit(&path);
    *fd = mkstemp(name);
    bool ok = *fd >= 0 && fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0 && unlink(name) == 0;
    int reason = errno;
    free(name);
    if (ok)
        return true;
    if (*fd >= 0)
        close(*fd);
    errno = reason;
    return temporary_file_failed("make", err);
}
