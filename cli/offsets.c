// SPDX-License-Identifier: Apache-2.0
// tailrace-offsets: one face for the positions of publisher and appliers. Each of those programs
// knows its own (so that nobody needs MongoDB's client to look at Redis); this one finds the
// programs beside it and runs their `offsets` commands:
//   offsets show                       → tailrace-publish offsets show, tailrace-apply-NAME offsets
//   show, … offsets reset publisher --to …     → tailrace-publish offsets reset --to … offsets
//   reset apply NAME --to …    → tailrace-apply-NAME offsets reset --to …
// The exit code is theirs; `show` of all: the first that is not 0.
#define _POSIX_C_SOURCE 200809L
#include "common/cli.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64

static const char *const programs[] = {"tailrace-publish", "tailrace-apply-mongodb",
                                       "tailrace-apply-redis"};

struct call {
    char *argv[ARGUMENTS_MAX];
    int argc;
};

static void add(struct call *call, const char *argument)
{
    if (call->argc < ARGUMENTS_MAX - 1)
        call->argv[call->argc++] = mem_strdup(argument);
    call->argv[call->argc] = NULL;
}

static void call_deinit(struct call *call)
{
    for (int i = 0; i < call->argc; i++)
        free(call->argv[i]);
}

// Options are understood by the program that is run; here they are only told from operands.
#define PASS_ON(function, option)                                                                  \
    static bool function(void *into, const char *argument, struct err *err)                        \
    {                                                                                              \
        (void)err;                                                                                 \
        add(into, option);                                                                         \
        if (argument)                                                                              \
            add(into, argument);                                                                   \
        return true;                                                                               \
    }
PASS_ON(set_config, "--config")
PASS_ON(set_to, "--to")
PASS_ON(set_topic, "--topic")
PASS_ON(set_dry_run, "--dry-run")
PASS_ON(set_yes, "--yes")
PASS_ON(set_json, "--json")

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "configuration file (" CONFIG_DEFAULT_FILE ")", 0, set_config},
    {"to", 0, "WHERE", "reset: where to", 0, set_to},
    {"topic", 0, "GLOB", "reset apply: only topics that fit", 0, set_topic},
    {"dry-run", 0, NULL, "reset: prints what would change, changes nothing", 0, set_dry_run},
    {"yes", 0, NULL, "reset: does not ask", 0, set_yes},
    {"json", 0, NULL, "show: JSON lines", 0, set_json},
    {.name = NULL},
};

static const struct cli cli = {
    .program = "tailrace-offsets",
    .purpose = "shows and sets how far publisher and appliers have come",
    .synopsis = "show | reset publisher --to WHERE | reset apply NAME --to WHERE  [OPTION …]",
    .options = options,
};

static int run(const char *path, struct call *call)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execv(path, call->argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 71;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 70;
}

// program offsets <verb> <options>, unless the program is not installed.
static int run_program(const char *program, const char *verb, const struct call *passed)
{
    char path[CLI_PATH_BYTES];
    struct call call = {.argc = 0};
    if (!cli_find_beside(program, path)) {
        fprintf(stderr, "%s: %s is not installed beside it\n", cli.program, program);
        return 69;
    }
    add(&call, program);
    add(&call, "offsets");
    add(&call, verb);
    for (int i = 0; i < passed->argc; i++)
        add(&call, passed->argv[i]);
    int code = run(path, &call);
    call_deinit(&call);
    return code;
}

static int show(const struct call *passed)
{
    int code = 0;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        char path[CLI_PATH_BYTES];
        if (!cli_find_beside(programs[i], path))
            continue;
        int one = run_program(programs[i], "show", passed);
        code = code ? code : one;
    }
    return code;
}

static int wrong_operands(void)
{
    fprintf(stderr, "%s: usage: %s %s\n", cli.program, cli.program, cli.synopsis);
    return 64;
}

static int reset(char **operands, const struct call *passed)
{
    char program[64];
    if (operands[0] && strcmp(operands[0], "publisher") == 0 && !operands[1])
        return run_program("tailrace-publish", "reset", passed);
    if (!operands[0] || strcmp(operands[0], "apply") != 0 || !operands[1] || operands[2] ||
        strchr(operands[1], '/'))
        return wrong_operands();
    snprintf(program, sizeof program, "tailrace-apply-%s", operands[1]);
    return run_program(program, "reset", passed);
}

int main(int argc, char **argv)
{
    struct call passed = {.argc = 0};
    struct cli with = cli;
    struct err err = {0};
    int first = 0;
    int code;
    with.into = &passed;
    if (!cli_parse(&with, argc, argv, &first, &err))
        code = cli_fail(&with, &err);
    else if (first < argc && strcmp(argv[first], "show") == 0 && first + 1 == argc)
        code = show(&passed);
    else if (first < argc && strcmp(argv[first], "reset") == 0)
        code = reset(argv + first + 1, &passed);
    else
        code = wrong_operands();
    call_deinit(&passed);
    return code;
}
