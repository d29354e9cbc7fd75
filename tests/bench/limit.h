// SPDX-License-Identifier: Apache-2.0
// Limit: what the programs have in common that show how fast a client library by itself can be.
// Each prepares what it needs, then measures only the calls into the library, and prints one line
// of JSON with the same names as measure.c has. One thread calls these.
#ifndef TAILRACE_BENCH_LIMIT_H
#define TAILRACE_BENCH_LIMIT_H

#include "common/err.h"

// The measured part begins: time and CPU of the whole process, all threads.
void limit_begin(void);

// It ends: prints {"rows": …, "bytes": …, "seconds": …, …} to standard output.
void limit_end(uint64_t rows, uint64_t bytes);

// "program: text" on standard error, and the exit code of the error's class.
_Noreturn void limit_die(const struct err *err);
_Noreturn void limit_fail(const char *format, ...) PRINTF_LIKE(1, 2);

// A positive decimal number of the command line, or the end of the program.
uint64_t limit_number(const char *text);

#endif
