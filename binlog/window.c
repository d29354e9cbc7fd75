// SPDX-License-Identifier: Apache-2.0
// Window: see window.h. A mapped file is memory that the kernel can take back, and where nothing
// looks back far it is hardly in memory at all; a heap of 128 MB is neither.
#define _DEFAULT_SOURCE // madvise
#define _POSIX_C_SOURCE 200809L
#include "binlog/window.h"

#include "binlog/temporary_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// The room is reserved on the disk: that it is full is noticed here, not when a page is written.
static void *map_file(int fd, size_t n, struct err *err)
{
    errno = posix_fallocate(fd, 0, (off_t)n);
    void *bytes = errno ? MAP_FAILED : mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes != MAP_FAILED)
        return bytes;
    (void)temporary_file_failed("map", err);
    return NULL;
}

void *window_take(void *opaque, size_t n)
{
    struct window *window = opaque;
    if (n <= WINDOW_MEMORY_BYTES || window->mapped)
        return malloc(n);
    int fd;
    if (!temporary_file_open(&fd, &window->err))
        return NULL;
    window->mapped = map_file(fd, n, &window->err);
    window->n = n;
    close(fd); // the mapping keeps the file
    return window->mapped;
}

void window_return(void *opaque, void *bytes)
{
    struct window *window = opaque;
    if (!bytes || bytes != window->mapped) {
        free(bytes);
        return;
    }
    munmap(window->mapped, window->n);
    window->mapped = NULL;
}

void window_rest(const struct window *window)
{
    if (window->mapped)
        (void)madvise(window->mapped, window->n, MADV_DONTNEED); // refused: it stays, no harm
}
