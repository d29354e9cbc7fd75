// SPDX-License-Identifier: Apache-2.0
// The common main of all appliers:
//   tailrace-apply-NAME [-c FILE] [--until-caught-up]
//   tailrace-apply-NAME offsets show [--json]
//   tailrace-apply-NAME offsets reset --to WHERE [--topic GLOB] [--dry-run] [--yes]
#include "appliers/core/applier.h"
#include "appliers/core/offsets.h"
#include "common/cli.h"
#include "common/log.h"
#include "common/stop.h"

#include <malloc.h>
#include <stdio.h>

struct arguments {
    const char *config_path;
    bool until_caught_up;
    struct offsets_options offsets;
};

#define AT(member) offsetof(struct arguments, member)

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "configuration file (" CONFIG_DEFAULT_FILE ")", AT(config_path), NULL},
    {"until-caught-up", 0, NULL, "ends when all is applied that Kafka held at the start",
     AT(until_caught_up), NULL},
    {"to", 0, "WHERE",
     "offsets reset: earliest, latest, offset:[TOPIC:PARTITION:]N, time:ISO8601, gtid:SET",
     AT(offsets.to), NULL},
    {"topic", 0, "GLOB", "offsets reset: only topics that fit", AT(offsets.topic), NULL},
    {"dry-run", 0, NULL, "offsets reset: prints what would change, changes nothing",
     AT(offsets.dry_run), NULL},
    {"yes", 0, NULL, "offsets reset: does not ask", AT(offsets.yes), NULL},
    {"json", 0, NULL, "offsets show: JSON lines", AT(offsets.json), NULL},
    {.name = NULL},
};

// Records are made by the client library's threads and freed by ours: with an arena for each thread
// the memory that is free in one is of no use to the other, and the process grows to twice its
// size.
static void use_one_arena(void)
{
    mallopt(M_ARENA_MAX, 1);
}

static bool run(const struct config *config, const struct sink_driver *driver,
                const struct arguments *arguments, char **operands, struct err *err)
{
    bool is_offsets = operands[0] && strcmp(operands[0], "offsets") == 0;
    struct applier applier = {config, driver, arguments->until_caught_up};
    if (!operands[0])
        return applier_run(&applier, err);
    if (is_offsets && operands[1] && !operands[2] && strcmp(operands[1], "show") == 0)
        return offsets_show(config, driver, &arguments->offsets, err);
    if (is_offsets && operands[1] && !operands[2] && strcmp(operands[1], "reset") == 0)
        return offsets_reset(config, driver, &arguments->offsets, err);
    return err_set(err, ERR_USAGE,
                   "operands are none, \"offsets show\" or \"offsets reset\"; see --help");
}

int applier_main(const struct sink_driver *driver, int argc, char **argv)
{
    char program[64], purpose[64];
    struct arguments arguments = {.config_path = CONFIG_DEFAULT_FILE};
    struct config config = {0};
    struct err err = {0};
    int first = 0;
    snprintf(program, sizeof program, "tailrace-apply-%s", driver->name);
    snprintf(purpose, sizeof purpose, "replays row changes from Kafka into %s", driver->name);
    const struct cli cli = {
        .program = program,
        .purpose = purpose,
        .synopsis = "[-c FILE] [--until-caught-up] | offsets show | offsets reset --to WHERE",
        .options = options,
        .into = &arguments,
    };
    use_one_arena();
    if (!cli_parse(&cli, argc, argv, &first, &err) ||
        !config_load(&config, arguments.config_path, &err))
        return cli_fail(&cli, &err);
    cli_log_init(&cli, &config);
    stop_init();
    bool done = run(&config, driver, &arguments, argv + first, &err);
    config_free(&config);
    return done ? 0 : cli_fail(&cli, &err);
}
