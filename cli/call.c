// SPDX-License-Identifier: Apache-2.0
// Call: see call.h.
#define _POSIX_C_SOURCE 200809L
#include "cli/call.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void call_add(struct call *call, const char *argument)
{
    if (call->argc == CALL_ARGUMENTS_MAX - 1) {
        fprintf(stderr, "more than %d arguments\n", CALL_ARGUMENTS_MAX - 1);
        exit(64);
    }
    call->argv[call->argc++] = mem_strdup(argument);
    call->argv[call->argc] = NULL;
}

void call_deinit(struct call *call)
{
    for (int i = 0; i < call->argc; i++)
        free(call->argv[i]);
}

static int run_program(const char *path, struct call *call)
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

int call_program(const struct cli *cli, const char *program, const char *const *words,
                 const struct call *passed)
{
    char path[CLI_PATH_BYTES];
    struct call call = {.argc = 0};
    if (!cli_find_beside(program, path)) {
        fprintf(stderr, "%s: %s is not installed beside it\n", cli->program, program);
        return 69;
    }
    call_add(&call, program);
    for (; *words; words++)
        call_add(&call, *words);
    for (int i = 0; i < passed->argc; i++)
        call_add(&call, passed->argv[i]);
    int code = run_program(path, &call);
    call_deinit(&call);
    return code;
}

int call_each(const struct cli *cli, const char *const *programs, const char *const *words,
              const struct call *passed)
{
    int code = 0;
    for (; *programs; programs++) {
        char path[CLI_PATH_BYTES];
        if (!cli_find_beside(*programs, path))
            continue;
        int one = call_program(cli, *programs, words, passed);
        code = code ? code : one;
    }
    return code;
}

int call_usage(const struct cli *cli)
{
    fprintf(stderr, "%s: usage: %s %s\n", cli->program, cli->program, cli->synopsis);
    return 64;
}

int call_main(const struct cli *cli, void *arguments, call_run_fn *run, int argc, char **argv)
{
    struct cli with = *cli;
    struct err err = {0};
    int first = 0;
    with.into = arguments;
    int code = cli_parse(&with, argc, argv, &first, &err) ? run(arguments, argv + first)
                                                          : cli_fail(&with, &err);
    call_deinit(arguments);
    return code;
}
