// SPDX-License-Identifier: Apache-2.0
// tailrace-dead-letters: one face for the changes that the targets refused.
//   dead-letters list                          → tailrace-apply-NAME dead-letters list, for each
//   dead-letters show --target NAME LETTER …   → tailrace-apply-NAME dead-letters show LETTER …
//   dead-letters replay --all                  → tailrace-apply-NAME dead-letters replay --all, for
//                                                each
//   dead-letters replay --target NAME LETTER … → tailrace-apply-NAME dead-letters replay LETTER …
// The exit code is theirs; of several: the first that is not 0.
#include "cli/call.h"

#include <stdio.h>
#include <string.h>

static const char *const programs[] = {"tailrace-apply-mongodb", "tailrace-apply-redis", NULL};

struct arguments {
    struct call passed; // first: what CALL_PASS_ON fills in
    const char *target;
    bool all;
};

CALL_PASS_ON(set_config, "--config")
CALL_PASS_ON(set_dry_run, "--dry-run")
CALL_PASS_ON(set_yes, "--yes")
CALL_PASS_ON(set_json, "--json")

static bool set_all(void *into, const char *argument, struct err *err)
{
    struct arguments *arguments = into;
    (void)argument;
    (void)err;
    arguments->all = true;
    call_add(&arguments->passed, "--all");
    return true;
}

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "configuration file (" CONFIG_DEFAULT_FILE ")", 0, set_config},
    {"target", 0, "NAME", "mongodb or redis; without it each that is installed",
     offsetof(struct arguments, target), NULL},
    {"all", 0, NULL, "replay: all that are open", 0, set_all},
    {"dry-run", 0, NULL, "replay: prints what would happen, changes nothing", 0, set_dry_run},
    {"yes", 0, NULL, "replay: does not ask", 0, set_yes},
    {"json", 0, NULL, "list: JSON lines", 0, set_json},
    {.name = NULL},
};

static const struct cli cli = {
    .program = "tailrace-dead-letters",
    .purpose = "shows and replays the changes that a target refused",
    .synopsis = "list [--target NAME] | show --target NAME LETTER … | "
                "replay --all [--target NAME] | replay --target NAME LETTER …  [OPTION …]",
    .options = options,
};

static int run_verb(struct arguments *arguments, const char *verb, char **letters)
{
    const char *const words[] = {"dead-letters", verb, NULL};
    char program[64];
    bool is_list = strcmp(verb, "list") == 0;
    bool names_none = is_list || (strcmp(verb, "replay") == 0 && arguments->all);
    if ((!is_list && strcmp(verb, "show") != 0 && strcmp(verb, "replay") != 0) ||
        names_none != !letters[0] || (!names_none && !arguments->target) ||
        (arguments->target && strchr(arguments->target, '/')))
        return call_usage(&cli);
    for (; *letters; letters++)
        call_add(&arguments->passed, *letters);
    if (!arguments->target)
        return call_each(&cli, programs, words, &arguments->passed);
    snprintf(program, sizeof program, "tailrace-apply-%s", arguments->target);
    return call_program(&cli, program, words, &arguments->passed);
}

static int run(void *arguments, char **operands)
{
    return operands[0] ? run_verb(arguments, operands[0], operands + 1) : call_usage(&cli);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.target = NULL};
    return call_main(&cli, &arguments, run, argc, argv);
}
