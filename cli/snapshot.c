// SPDX-License-Identifier: Apache-2.0
// tailrace-snapshot: copies tables (again) through the running publisher. The publisher's own
// program knows how to talk to it; this one is a name of its own for it:
//   snapshot shop.product --wait   → tailrace-publish snapshot shop.product --wait
// The exit code is its. Options are understood there, so arguments are handed on as they are.
#define _POSIX_C_SOURCE 200809L
#include "common/cli.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool set_nothing(void *into, const char *argument, struct err *err)
{
    (void)into;
    (void)argument;
    (void)err;
    return true;
}

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "configuration file (" CONFIG_DEFAULT_FILE ")", 0, set_nothing},
    {"where", 0, "SQL", "only rows for which it is true", 0, set_nothing},
    {"keys", 0, "FILE", "the rows of these keys, one JSON object a line; -: standard input", 0,
     set_nothing},
    {"wait", 0, NULL, "ends when the snapshot has ended", 0, set_nothing},
    {"status", 0, NULL, "shows snapshots, or the one with this ID", 0, set_nothing},
    {"pause", 0, NULL, "stops all for now, or the one with this ID", 0, set_nothing},
    {"resume", 0, NULL, "goes on with them", 0, set_nothing},
    {"cancel", 0, NULL, "ends them", 0, set_nothing},
    {"json", 0, NULL, "--status, --wait: one JSON object a line", 0, set_nothing},
    {.name = NULL},
};

static const struct cli cli = {
    .program = "tailrace-snapshot",
    .purpose = "copies tables into their topics through the running publisher",
    .synopsis = "DB.TABLE… [--where SQL] [--wait] | DB.TABLE --keys FILE [--wait] | "
                "--status|--pause|--resume|--cancel [ID]",
    .options = options,
};

int main(int argc, char **argv)
{
    char path[CLI_PATH_BYTES];
    struct err err = {0};
    int first;
    char **parsed = mem_alloc(((size_t)argc + 1) * sizeof *parsed);
    char **passed = mem_alloc(((size_t)argc + 2) * sizeof *passed);
    memcpy(parsed, argv, ((size_t)argc + 1) * sizeof *parsed); // it is put in another order
    if (!cli_parse(&cli, argc, parsed, &first, &err))
        return cli_fail(&cli, &err);
    if (!cli_find_beside("tailrace-publish", path)) {
        fprintf(stderr, "%s: tailrace-publish is not installed beside it\n", cli.program);
        return 69;
    }
    passed[0] = mem_strdup("tailrace-publish");
    passed[1] = mem_strdup("snapshot");
    memcpy(passed + 2, argv + 1, (size_t)argc * sizeof *passed);
    execv(path, passed);
    perror(path);
    return 71;
}
