// SPDX-License-Identifier: Apache-2.0
// Errors: one struct, set once where the fault is found, wrapped with context on the way up, logged
// once by whoever decides. The class is the caller's decision (try again, stop, refuse); the text
// is for people.
//
// A fallible function is `MUST_CHECK bool f(…, struct err *err)`: false means that *err is set. err
// is never NULL. The setters return false, so that a function can end with `return err_set(err,
// …)`.
#ifndef TAILRACE_COMMON_ERR_H
#define TAILRACE_COMMON_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, args) __attribute__((format(printf, text, args)))

enum err_class {
    ERR_NONE = 0,
    ERR_USAGE,       // the command line is wrong: exit 64
    ERR_CORRUPT,     // bytes that contradict themselves: exit 65
    ERR_UNSUPPORTED, // bytes that this version does not know: exit 65
    ERR_UNAVAILABLE, // something needed is not there and waiting will not bring it: exit 69
    ERR_INTERNAL,    // our own bug, or the system refuses a basic service: exit 70
    ERR_RETRY,       // passing: the same call may succeed later: exit 75
    ERR_REFUSED,     // a server, a right or a safety rule says no: exit 77
    ERR_CONFIG,      // configuration of ours or of a server is wrong: exit 78
    ERR_STOPPED,     // not a fault: the stop flag was raised before it was done: exit 75
};

#define ERR_TEXT_BYTES 1536

struct err {
    enum err_class class;
    bool has_offset;
    uint64_t offset; // bytes from the start of the region that was being read
    char text[ERR_TEXT_BYTES];
};

// Sets class and text; an earlier content is lost. Always returns false.
bool err_set(struct err *err, enum err_class class, const char *format, ...) PRINTF_LIKE(3, 4);

// As err_set, with the byte offset at which the fault lies.
bool err_at(struct err *err, enum err_class class, uint64_t offset, const char *format, ...)
    PRINTF_LIKE(4, 5);

// Puts "context: " before the text; class and offset stay. Always returns false.
bool err_wrap(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

// The sysexits code of the class.
int err_exit_code(const struct err *err);

// Whether it may pass without anybody's doing: the same call may succeed, what is missing may come.
bool err_may_pass(const struct err *err);

// A word for the class, for logs: "corrupt", "refused", …
const char *err_class_name(enum err_class class);

#endif
