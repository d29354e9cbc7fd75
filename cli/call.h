// SPDX-License-Identifier: Apache-2.0
// Call: a command that other programs of ours answer. Each of them knows its own part (so that
// nobody needs MongoDB's client to look at Redis); the front end finds the programs beside it and
// runs them with the words and options that it was given. Options are understood by the program
// that is run; in the front end they are only told from operands.
#ifndef TAILRACE_CLI_CALL_H
#define TAILRACE_CLI_CALL_H

#include "common/cli.h"

#define CALL_ARGUMENTS_MAX 1024

struct call {
    char *argv[CALL_ARGUMENTS_MAX];
    int argc;
};

// Copies the argument. More than fit end the process with exit 64: nothing is left out in silence.
void call_add(struct call *call, const char *argument);
void call_deinit(struct call *call);

// Runs "program words… passed…" and waits; `words` ends with NULL. Returns its exit code; 69 when
// it is not installed.
int call_program(const struct cli *cli, const char *program, const char *const *words,
                 const struct call *passed);

// The same for each of the programs that is installed; the first exit code that is not 0.
// `programs` ends with NULL.
int call_each(const struct cli *cli, const char *const *programs, const char *const *words,
              const struct call *passed);

// Prints the synopsis; returns 64.
int call_usage(const struct cli *cli);

// The main of a front end: parses argv into *arguments, which begins with a struct call, and runs
// it with the operands, which end with NULL. Returns its exit code.
typedef int call_run_fn(void *arguments, char **operands);
int call_main(const struct cli *cli, void *arguments, call_run_fn *run, int argc, char **argv);

// A setter for struct cli_option that passes its option on; `into` begins with a struct call.
#define CALL_PASS_ON(function, option)                                                             \
    static bool function(void *into, const char *argument, struct err *err)                        \
    {                                                                                              \
        (void)err;                                                                                 \
        call_add(into, option);                                                                    \
        if (argument)                                                                              \
            call_add(into, argument);                                                              \
        return true;                                                                               \
    }

#endif
