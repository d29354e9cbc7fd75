// SPDX-License-Identifier: Apache-2.0
// Buffer: see buf.h. Capacity doubles, so appending is linear in the bytes.
#include "common/buf.h"

#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_BYTES 256

void buf_grow(struct buf *buf, size_t n)
{
    size_t cap = buf->cap ? buf->cap : BUF_FIRST_BYTES;
    while (n > cap - buf->len)
        cap *= 2;
    buf->ptr = mem_realloc(buf->ptr, cap);
    buf->cap = cap;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n > 0) {
        vsnprintf((char *)buf_reserve(buf, (size_t)n + 1), (size_t)n + 1, format, again);
        buf->len += (size_t)n;
    }
    va_end(again);
}

void buf_deinit(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){0};
}
