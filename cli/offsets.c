// SPDX-License-Identifier: Apache-2.0
// tailrace-offsets: one face for the positions of publisher and appliers.
//   offsets show                               → tailrace-publish offsets show,
//                                                tailrace-apply-NAME offsets show, …
//   offsets reset publisher --to …             → tailrace-publish offsets reset --to …
//   offsets reset apply NAME --to …            → tailrace-apply-NAME offsets reset --to …
//   offsets reset apply NAME --rebuild         → tailrace-apply-NAME offsets reset --rebuild
// The exit code is theirs; `show` of all: the first that is not 0.
#include "cli/call.h"

#include <stdio.h>
#include <string.h>

static const char *const programs[] = {"tailrace-publish", "tailrace-apply-mongodb",
                                       "tailrace-apply-redis", NULL};

CALL_PASS_ON(set_config, "--config")
CALL_PASS_ON(set_to, "--to")
CALL_PASS_ON(set_topic, "--topic")
CALL_PASS_ON(set_rebuild, "--rebuild")
CALL_PASS_ON(set_discard, "--discard")
CALL_PASS_ON(set_dry_run, "--dry-run")
CALL_PASS_ON(set_yes, "--yes")
CALL_PASS_ON(set_json, "--json")

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "configuration file (" CONFIG_DEFAULT_FILE ")", 0, set_config},
    {"to", 0, "WHERE", "reset: where to", 0, set_to},
    {"topic", 0, "GLOB", "reset apply: only topics that fit", 0, set_topic},
    {"rebuild", 0, NULL, "reset apply: fills the target anew beside, then puts it in place", 0,
     set_rebuild},
    {"discard", 0, NULL, "reset apply: gives an unfinished rebuild up", 0, set_discard},
    {"dry-run", 0, NULL, "reset: prints what would change, changes nothing", 0, set_dry_run},
    {"yes", 0, NULL, "reset: does not ask", 0, set_yes},
    {"json", 0, NULL, "show: JSON lines", 0, set_json},
    {.name = NULL},
};

static const struct cli cli = {
    .program = "tailrace-offsets",
    .purpose = "shows and sets how far publisher and appliers have come",
    .synopsis = "show | reset publisher --to WHERE | reset apply NAME --to WHERE [--rebuild] | "
                "reset apply NAME --discard  [OPTION …]",
    .options = options,
};

static int reset(char **operands, const struct call *passed)
{
    static const char *const words[] = {"offsets", "reset", NULL};
    char program[64];
    if (operands[0] && strcmp(operands[0], "publisher") == 0 && !operands[1])
        return call_program(&cli, "tailrace-publish", words, passed);
    if (!operands[0] || strcmp(operands[0], "apply") != 0 || !operands[1] || operands[2] ||
        strchr(operands[1], '/'))
        return call_usage(&cli);
    snprintf(program, sizeof program, "tailrace-apply-%s", operands[1]);
    return call_program(&cli, program, words, passed);
}

static int run(void *passed, char **operands)
{
    static const char *const show[] = {"offsets", "show", NULL};
    if (operands[0] && strcmp(operands[0], "show") == 0 && !operands[1])
        return call_each(&cli, programs, show, passed);
    if (operands[0] && strcmp(operands[0], "reset") == 0)
        return reset(operands + 1, passed);
    return call_usage(&cli);
}

int main(int argc, char **argv)
{
    struct call passed = {.argc = 0};
    return call_main(&cli, &passed, run, argc, argv);
}
