// SPDX-License-Identifier: Apache-2.0
// Memory: see mem.h.
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
