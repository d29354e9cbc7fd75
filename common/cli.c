// SPDX-License-Identifier: Apache-2.0
// Command line: see cli.h.
#define _GNU_SOURCE // getopt_long, readlink
#include "common/cli.h"

#include "common/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLI_OPTIONS_MAX 32
enum { CODE_HELP = 1000, CODE_VERSION, CODE_FIRST };

static void print_option(char letter, const char *name, const char *argument, const char *help)
{
    char left[64];
    char shorter[8] = "    ";
    if (letter)
        snprintf(shorter, sizeof shorter, "-%c, ", letter);
    snprintf(left, sizeof left, "%s--%s%s%s", shorter, name, argument ? " " : "",
             argument ? argument : "");
    printf("  %-28s %s\n", left, help);
}

static void print_help(const struct cli *cli)
{
    printf("%s: %s\n\nUsage: %s %s\n\n", cli->program, cli->purpose, cli->program, cli->synopsis);
    for (const struct cli_option *option = cli->options; option->name; option++)
        print_option(option->letter, option->name, option->argument, option->help);
    print_option(0, "help", NULL, "prints this");
    print_option(0, "version", NULL, "prints the version");
    printf("\nManual: man %s\n", cli->program);
}

static void build_tables(const struct cli *cli, struct option *longs, char *letters)
{
    size_t n = 0;
    *letters++ = ':'; // a missing argument is told apart from an unknown option
    for (const struct cli_option *option = cli->options; option->name; option++, n++) {
        longs[n] = (struct option){option->name, option->argument ? required_argument : no_argument,
                                   NULL, CODE_FIRST + (int)n};
        if (option->letter) {
            *letters++ = option->letter;
            if (option->argument)
                *letters++ = ':';
        }
    }
    longs[n] = (struct option){"help", no_argument, NULL, CODE_HELP};
    longs[n + 1] = (struct option){"version", no_argument, NULL, CODE_VERSION};
    longs[n + 2] = (struct option){0};
    *letters = '\0';
}

static const struct cli_option *find_option(const struct cli *cli, int code)
{
    if (code >= CODE_FIRST)
        return &cli->options[code - CODE_FIRST];
    for (const struct cli_option *option = cli->options; option->name; option++)
        if (option->letter && option->letter == code)
            return option;
    return NULL;
}

static bool set_option(const struct cli *cli, const struct cli_option *option, const char *argument,
                       struct err *err)
{
    void *field = (char *)cli->into + option->offset;
    if (option->set)
        return option->set(cli->into, argument, err) || err_wrap(err, "--%s", option->name);
    if (option->argument)
        *(const char **)field = argument;
    else
        *(bool *)field = true;
    return true;
}

bool cli_parse(const struct cli *cli, int argc, char **argv, int *first_operand, struct err *err)
{
    struct option longs[CLI_OPTIONS_MAX + 3];
    char letters[2 * CLI_OPTIONS_MAX + 2];
    int code;
    build_tables(cli, longs, letters);
    opterr = 0;
    while ((code = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (code == CODE_HELP) {
            print_help(cli);
            exit(EXIT_SUCCESS);
        }
        if (code == CODE_VERSION) {
            printf("%s %s\n", cli->program, TAILRACE_VERSION);
            exit(EXIT_SUCCESS);
        }
        const struct cli_option *option = find_option(cli, code);
        if (!option)
            return err_set(err, ERR_USAGE, "%s %s; see %s --help", argv[optind - 1],
                           code == ':' ? "needs an argument" : "is not known", cli->program);
        if (!set_option(cli, option, optarg, err))
            return false;
    }
    *first_operand = optind;
    return true;
}

int cli_fail(const struct cli *cli, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", cli->program, err->text);
    return err_exit_code(err);
}

bool cli_confirm(const char *question, bool yes, struct err *err)
{
    char answer[16];
    if (yes)
        return true;
    if (!isatty(STDIN_FILENO))
        return err_set(err, ERR_USAGE, "this asks, and there is no terminal: give --yes");
    printf("%s [y/N] ", question);
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    return err_set(err, ERR_REFUSED, "not confirmed: nothing was changed");
}

bool cli_find_beside(const char *program, char path[CLI_PATH_BYTES])
{
    ssize_t n = readlink("/proc/self/exe", path, CLI_PATH_BYTES - 1);
    path[n > 0 ? n : 0] = '\0';
    char *name = strrchr(path, '/');
    if (!name || (size_t)(name + 1 - path) + strlen(program) >= CLI_PATH_BYTES)
        return false;
    strcpy(name + 1, program);
    return access(path, X_OK) == 0;
}

void cli_log_init(const struct cli *cli, const struct config *config)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    enum log_level level = LOG_DEBUG;
    while (level < LOG_ERROR && strcmp(levels[level], config->log.level) != 0)
        level++;
    log_init(cli->program, level, strcmp(config->log.format, "json") == 0 ? LOG_JSON : LOG_TEXT);
}
