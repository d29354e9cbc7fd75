// SPDX-License-Identifier: Apache-2.0
// Resume: what an interrupted run had found equal, in a file, so that the next one goes on behind
// it. A line each, after the head that names the source:
//   mongodb TAB shop.product TAB rows TAB seconds since 1970
// What differed is looked at again. The file is removed when everything was compared.
#ifndef TAILRACE_VERIFY_RESUME_H
#define TAILRACE_VERIFY_RESUME_H

#include "common/err.h"

struct resume;

// `path` NULL: nothing is kept. A file that is not there is an empty one. ERR_CONFIG: it is of
// another source, or no such file.
MUST_CHECK bool resume_open(const char *path, const char *source, struct resume **resume,
                            struct err *err);
void resume_close(struct resume *resume); // takes NULL

// Whether the table was found equal in that target, with how many rows and when.
bool resume_has(const struct resume *resume, const char *target, const char *table, uint64_t *rows,
                uint64_t *at_s);

// It was found equal now: is in the file when this returns.
MUST_CHECK bool resume_add(struct resume *resume, const char *target, const char *table,
                           uint64_t rows, struct err *err);

// Everything was compared.
void resume_finish(struct resume *resume);

#endif
