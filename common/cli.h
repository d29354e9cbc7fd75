// SPDX-License-Identifier: Apache-2.0
// Command line: what every program has in common. Long options by getopt_long(3); each program
// declares its own in a table of struct cli_option, from which --help is printed, and its manual
// page is checked.
#ifndef TAILRACE_COMMON_CLI_H
#define TAILRACE_COMMON_CLI_H

#include "common/config.h"
#include "common/err.h"

struct cli_option {
    const char *name;     // long name without dashes; NULL ends the table
    char letter;          // 0: none
    const char *argument; // "FILE"; NULL: takes none
    const char *help;
    // The field of cli.into that it sets: a `const char *` where it takes an argument, else a bool.
    size_t offset;
    // For what a field alone cannot take: receives the argument instead (NULL where it takes none).
    // false and *err: refused, ERR_USAGE.
    bool (*set)(void *into, const char *argument, struct err *err);
};

struct cli {
    const char *program;  // "tailrace-publish"
    const char *purpose;  // "publishes MySQL's row changes to Kafka"
    const char *synopsis; // "[-c FILE] [--until-caught-up]"
    const struct cli_option *options;
    void *into; // what the options fill in
};

// Parses options, wherever they stand; --help and --version print and exit 0. Operands are moved to
// the end of argv, *first_operand is where they begin. On a wrong option: false, ERR_USAGE.
MUST_CHECK bool cli_parse(const struct cli *cli, int argc, char **argv, int *first_operand,
                          struct err *err);

// "program: text" on standard error; returns the exit code of the class.
int cli_fail(const struct cli *cli, const struct err *err);

// Asks on the terminal, unless `yes` was given. ERR_USAGE where there is none to ask, ERR_REFUSED
// when the answer is not yes.
MUST_CHECK bool cli_confirm(const char *question, bool yes, struct err *err);

#define CLI_PATH_BYTES 8192

// The path of another of our programs: in the folder that the running one lies in. False when it is
// not there.
bool cli_find_beside(const char *program, char path[CLI_PATH_BYTES]);

// log_init from [log].
void cli_log_init(const struct cli *cli, const struct config *config);

#endif
