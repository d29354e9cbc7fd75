// SPDX-License-Identifier: Apache-2.0
// What the unit tests share: cmocka's includes, and checks of slices and errors that say what they
// saw.
#ifndef TAILRACE_TESTS_UNIT_TEST_H
#define TAILRACE_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/slice.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static inline struct slice str(const char *text)
{
    return slice_of_str(text);
}

// The bytes are that text.
#define assert_text(bytes, expected) assert_text_at(bytes, expected, __FILE__, __LINE__)

static inline void assert_text_at(struct slice bytes, const char *expected, const char *file,
                                  int line)
{
    if (slice_eq_str(bytes, expected))
        return;
    print_error("got      " SLICE_FMT "\nexpected %s\n", SLICE_ARG(bytes),
                expected ? expected : "");
    _fail(file, line);
}

// The call returned false and set an error of that class.
#define assert_fails(call, err, expected)                                                          \
    assert_fails_at(!(call), err, expected, __FILE__, __LINE__)

static inline void assert_fails_at(bool failed, const struct err *err, enum err_class expected,
                                   const char *file, int line)
{
    if (failed && err->class == expected)
        return;
    print_error(failed ? "class %s, expected %s: %s\n" : "succeeded\n", err_class_name(err->class),
                err_class_name(expected), err->text);
    _fail(file, line);
}

// The call returned true.
#define assert_works(call, err) assert_works_at(call, err, __FILE__, __LINE__)

static inline void assert_works_at(bool ok, const struct err *err, const char *file, int line)
{
    if (ok)
        return;
    print_error("%s: %s\n", err_class_name(err->class), err->text);
    _fail(file, line);
}

// The bytes in memory of exactly their size, so that a sanitizer sees each read beyond them. Free
// with free(3).
static inline struct slice exact_copy(struct slice bytes)
{
    uint8_t *copy = mem_alloc(bytes.len ? bytes.len : 1);
    if (bytes.len)
        memcpy(copy, bytes.ptr, bytes.len);
    return slice_of(copy, bytes.len);
}

#endif
