// SPDX-License-Identifier: Apache-2.0
// tailrace COMMAND …: runs tailrace-COMMAND, as git does: from the folder that this program lies
// in, else from PATH. "apply mongodb" is the program tailrace-apply-mongodb.
#define _POSIX_C_SOURCE 200809L
#include "common/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
    const char *name;
    const char *purpose;
};

static const struct command commands[] = {
    {"check", "before anything runs: is every server there and set up for this"},
    {"publish", "MySQL to Kafka"},
    {"apply mongodb", "Kafka to MongoDB"},
    {"apply redis", "Kafka to Redis"},
    {"offsets show", "positions of publisher and appliers, and how far behind they are"},
    {"offsets reset", "sets the position of the publisher or of an applier"},
    {"verify", "compares the targets with the source, value by value"},
    {"dead-letters", "lists, shows and replays the changes that a target refused"},
    {"snapshot", "copies tables (again) through the running publisher"},
    {"cat", "decodes binlog files to one JSON record a line"},
};

static int print_help(FILE *out, int code)
{
    fprintf(out, "tailrace: MySQL's binlog to Kafka, MongoDB and Redis, exactly once\n\n"
                 "Usage: tailrace COMMAND [OPTION …]\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-16s %s\n", commands[i].name, commands[i].purpose);
    fprintf(out, "\n  --help           prints this; after a command, its own help\n"
                 "  --version        prints the version\n"
                 "  --sample-configuration\n"
                 "                   prints a configuration file with every key and its default\n\n"
                 "Manual: man tailrace\n");
    return code;
}

// Replaces this process by tailrace-<name>; comes back only when there is none.
static void run(const char *name, char **argv)
{
    char path[CLI_PATH_BYTES];
    char program[64];
    if (snprintf(program, sizeof program, "tailrace-%s", name) >= (int)sizeof program)
        return;
    argv[0] = program;
    if (cli_find_beside(program, path))
        execv(path, argv);
    execvp(program, argv);
}

static int unknown_command(const char *name)
{
    fprintf(stderr,
            "tailrace: there is no command \"%s\" (no program tailrace-%s); see tailrace --help\n",
            name, name);
    return 64;
}

static int run_apply(int argc, char **argv)
{
    char name[64];
    if (argc < 3 || *argv[2] == '-') {
        fprintf(stderr, "tailrace: apply needs a target: apply mongodb, apply redis\n");
        return 64;
    }
    snprintf(name, sizeof name, "apply-%s", argv[2]);
    run(name, argv + 2);
    return unknown_command(name);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return print_help(stderr, 64);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return print_help(stdout, 0);
    if (strcmp(argv[1], "--version") == 0) {
        printf("tailrace %s\n", TAILRACE_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "--sample-configuration") == 0) {
        config_print_sample();
        return 0;
    }
    if (strcmp(argv[1], "apply") == 0)
        return run_apply(argc, argv);
    const char *name = argv[1]; // run() puts the program's name in its place
    run(name, argv + 1);
    return unknown_command(name);
}
