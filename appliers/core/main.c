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

static bool set_config(void *into, const char *argument, struct err *err)
{
    (void)err;
    ((struct arguments *)into)->config_path = argument;
    return true;
}

static bool set_until_caught_up(void *into, const char *argument, struct err *err)
{
    (void)argument;
    (void)err;
    ((struct arguments *)into)->until_caught_up = true;
    return true;
}

static bool set_to(void *into, const char *argument, struct err *err)
{
    (void)err;
    ((struct arguments *)into)->offsets.to = argument;
    return true;
}

static bool set_topic(void *into, const char *argument, struct err *err)
{
    (void)err;
    ((struct arguments *)into)->offsets.topic = argument;
    return true;
}

static bool set_dry_run(void *into, const char *argument, struct err *err)
{
    (void)argument;
    (void)err;
    ((struct arguments *)into)->offsets.dry_run = true;
    return true;
}

static bool set_yes(void *into, const char *argument, struct err *err)
{
    (void)argument;
    (void)err;
    ((struct arguments *)into)->offsets.yes = true;
    return true;
}

static bool set_json(void *into, const char *argument, struct err *err)
{
    (void)argument;
    (void)err;
    ((struct arguments *)into)->offsets.json = true;
    return true;
}

#define CONFIG_OPTION                                                                              \
    {"config", 'c', "FILE", "configuration file (" CONFIG_DEFAULT_FILE ")", set_config}

static const struct cli_option apply_options[] = {
    CONFIG_OPTION,
    {"until-caught-up", 0, NULL, "ends when all is applied that Kafka held at the start",
     set_until_caught_up},
    {.name = NULL},
};

static const struct cli_option offsets_command_options[] = {
    CONFIG_OPTION,
    {"to", 0, "WHERE",
     "reset: earliest, latest, offset:[TOPIC:PARTITION:]N, time:ISO8601 or gtid:SET", set_to},
    {"topic", 0, "GLOB", "reset: only topics that fit", set_topic},
    {"dry-run", 0, NULL, "reset: prints what would change, changes nothing", set_dry_run},
    {"yes", 0, NULL, "reset: does not ask", set_yes},
    {"json", 0, NULL, "show: JSON lines", set_json},
    {.name = NULL},
};

static bool load(const struct cli *cli, const struct arguments *arguments, struct config *config,
                 struct err *err)
{
    if (!config_load(config, arguments->config_path, err))
        return false;
    cli_log_init(cli, config);
    stop_init();
    return true;
}

static bool wrong_usage(const struct cli *cli, struct err *err)
{
    return err_set(err, ERR_USAGE, "usage: %s %s; see %s --help", cli->program, cli->synopsis,
                   cli->program);
}

// Records are made by the client library's threads and freed by ours: with an arena for each thread the
// memory that is free in one is of no use to the other, and the process grows to twice its size.
static void use_one_arena(void)
{
    mallopt(M_ARENA_MAX, 1);
}

static bool run_apply(const struct cli *cli, const struct sink_driver *driver,
                      const struct arguments *arguments, struct err *err)
{
    struct config config = {0};
    struct applier applier = {&config, driver, arguments->until_caught_up};
    use_one_arena();
    bool done = load(cli, arguments, &config, err) && applier_run(&applier, err);
    config_free(&config);
    return done;
}

// argv[0] is "offsets".
static bool run_offsets(struct cli cli, const struct sink_driver *driver, int argc, char **argv,
                        struct err *err)
{
    struct arguments *arguments = cli.into;
    struct config config = {0};
    int first = 0;
    cli.options = offsets_command_options;
    cli.synopsis = "offsets show | offsets reset --to WHERE  [OPTION …]";
    if (argc < 2 || argv[1][0] == '-') {
        if (!cli_parse(&cli, argc, argv, &first, err))
            return false;
        return wrong_usage(&cli, err);
    }
    bool is_show = strcmp(argv[1], "show") == 0;
    bool is_reset = strcmp(argv[1], "reset") == 0;
    if (!cli_parse(&cli, argc - 1, argv + 1, &first, err))
        return false;
    if ((!is_show && !is_reset) || first != argc - 1)
        return wrong_usage(&cli, err);
    bool done = load(&cli, arguments, &config, err) &&
                (is_show ? offsets_show(&config, driver, &arguments->offsets, err)
                         : offsets_reset(&config, driver, &arguments->offsets, err));
    config_free(&config);
    return done;
}

int applier_main(const struct sink_driver *driver, int argc, char **argv)
{
    char program[64], purpose[64];
    struct arguments arguments = {.config_path = CONFIG_DEFAULT_FILE};
    struct err err = {0};
    int first = 0;
    bool done;
    snprintf(program, sizeof program, "tailrace-apply-%s", driver->name);
    snprintf(purpose, sizeof purpose, "replays row changes from Kafka into %s", driver->name);
    struct cli cli = {.program = program,
                      .purpose = purpose,
                      .synopsis = "[-c FILE] [--until-caught-up] | offsets show | offsets reset …",
                      .options = apply_options,
                      .into = &arguments};
    if (!cli_parse(&cli, argc, argv, &first, &err))
        done = false;
    else if (first == argc)
        done = run_apply(&cli, driver, &arguments, &err);
    else if (strcmp(argv[first], "offsets") == 0)
        done = run_offsets(cli, driver, argc - first, argv + first, &err);
    else
        done = wrong_usage(&cli, &err);
    return done ? 0 : cli_fail(&cli, &err);
}
