// SPDX-License-Identifier: Apache-2.0
// Memory: allocation that does not fail. Out of memory ends the process with a line on standard
// error and exit 71: nothing is lost by that, as every checkpoint follows what is durable. Free
// with free(3).
#ifndef TAILRACE_COMMON_MEM_H
#define TAILRACE_COMMON_MEM_H

#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *ptr, size_t size);
char *mem_strdup(const char *text);

// A NUL-terminated copy of n bytes.
char *mem_strndup(const void *ptr, size_t n);

// The most that was resident of this process, KiB: Linux's VmHWM, else what getrusage says, which
// on Linux counts the process that started this one.
uint64_t mem_peak_kib(void);

#endif
