// SPDX-License-Identifier: Apache-2.0
// Memory: see mem.h.
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void *checked(void *ptr, size_t size)
{
    if (!ptr && size) {
        fprintf(stderr, "tailrace: out of memory: %zu bytes were asked for\n", size);
        exit(71);
    }
    return ptr;
}

void *mem_alloc(size_t size)
{
    return checked(malloc(size), size);
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size), size);
}

void *mem_realloc(void *ptr, size_t size)
{
    return checked(realloc(ptr, size), size);
}

char *mem_strndup(const void *ptr, size_t n)
{
    char *copy = mem_alloc(n + 1);
    if (n)
        memcpy(copy, ptr, n);
    copy[n] = '\0';
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

uint64_t mem_peak_kib(void)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && kib == 0 && fgets(line, sizeof line, status))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    if (status)
        fclose(status);
    if (kib > 0)
        return kib;
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss;
}
