// SPDX-License-Identifier: Apache-2.0
// Slice: borrowed bytes with a length; not NUL-terminated, may hold any byte. Whoever hands one out
// says how long it lives. {NULL, 0} is "no bytes".
#ifndef TAILRACE_COMMON_SLICE_H
#define TAILRACE_COMMON_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *ptr;
    size_t len;
};

// For printf's "%.*s": SLICE_FMT in the format, SLICE_ARG(s) in the arguments.
#define SLICE_FMT "%.*s"
#define SLICE_ARG(s) (int)(s).len, (const char *)(s).ptr

static inline struct slice slice_of(const void *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

static inline struct slice slice_of_str(const char *text)
{
    return (struct slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *text)
{
    return slice_eq(a, slice_of_str(text));
}

// `text` as a C string of at most `size` bytes with its NUL; what is longer is cut off.
static inline void slice_to_str(char *to, size_t size, struct slice text)
{
    size_t n = text.len < size ? text.len : size - 1;
    if (n)
        memcpy(to, text.ptr, n);
    to[n] = '\0';
}

#endif
