// SPDX-License-Identifier: Apache-2.0
// tailrace-check: before anything runs: each program that is installed looks at its servers.
//   check [NAME]     → tailrace-publish check, tailrace-apply-NAME check, …
// A line for each thing: ok, warn or fail. Exit 0, or 1 when something failed.
#include "cli/call.h"

#include <stdio.h>
#include <string.h>

static const char *const programs[] = {"tailrace-publish", "tailrace-apply-mongodb",
                                       "tailrace-apply-redis", NULL};

struct arguments {
    struct call passed; // first: what CALL_PASS_ON fills in
    const char *target;
};

CALL_PASS_ON(set_config, "--config")

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "configuration file (" CONFIG_DEFAULT_FILE ")", 0, set_config},
    {"target", 0, "NAME", "publisher, mongodb or redis only", offsetof(struct arguments, target),
     NULL},
    {.name = NULL},
};

static const struct cli cli = {
    .program = "tailrace-check",
    .purpose = "looks whether every server can be reached and is set up for this",
    .synopsis = "[-c FILE] [--target NAME]",
    .options = options,
};

static int run(void *into, char **operands)
{
    static const char *const words[] = {"check", NULL};
    const struct arguments *arguments = into;
    char program[64];
    if (operands[0])
        return call_usage(&cli);
    if (!arguments->target)
        return call_each(&cli, programs, words, &arguments->passed);
    if (strchr(arguments->target, '/'))
        return call_usage(&cli);
    if (strcmp(arguments->target, "publisher") == 0)
        return call_program(&cli, "tailrace-publish", words, &arguments->passed);
    snprintf(program, sizeof program, "tailrace-apply-%s", arguments->target);
    return call_program(&cli, program, words, &arguments->passed);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.target = NULL};
    return call_main(&cli, &arguments, run, argc, argv);
}
