// SPDX-License-Identifier: Apache-2.0
// The common main of all appliers:
//   tailrace-apply-NAME [-c FILE] [--until-caught-up]
//   tailrace-apply-NAME check
//   tailrace-apply-NAME offsets show [--json]
//   tailrace-apply-NAME offsets reset --to WHERE [--topic GLOB] [--dry-run] [--yes]
//   tailrace-apply-NAME offsets reset --rebuild [--to WHERE] [--topic GLOB] [--dry-run] [--yes]
//   tailrace-apply-NAME offsets reset --discard [--dry-run] [--yes]
//   tailrace-apply-NAME dead-letters list [--json]
//   tailrace-apply-NAME dead-letters show IDENTITY …
//   tailrace-apply-NAME dead-letters replay IDENTITY … | --all [--dry-run] [--yes]
#include "appliers/core/applier.h"
#include "appliers/core/check.h"
#include "appliers/core/dead_letters.h"
#include "appliers/core/offsets.h"
#include "appliers/core/rebuild.h"
#include "common/cli.h"
#include "common/log.h"
#include "common/stop.h"

#include <malloc.h>
#include <stdio.h>
#include <sysexits.h>

struct arguments {
    const char *config_path;
    bool until_caught_up;
    bool dry_run;
    bool yes;
    bool json;
    struct offsets_options offsets;
    struct dead_letters_options letters;
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
    {"rebuild", 0, NULL, "offsets reset: fills the target anew beside, then puts it in place",
     AT(offsets.rebuild), NULL},
    {"discard", 0, NULL, "offsets reset: gives an unfinished rebuild up", AT(offsets.discard),
     NULL},
    {"all", 0, NULL, "dead-letters replay: all that are open", AT(letters.all), NULL},
    {"dry-run", 0, NULL, "offsets reset, dead-letters replay: prints what would change only",
     AT(dry_run), NULL},
    {"yes", 0, NULL, "offsets reset, dead-letters replay: does not ask", AT(yes), NULL},
    {"json", 0, NULL, "offsets show, dead-letters list: JSON lines", AT(json), NULL},
    {.name = NULL},
};

static bool wrong_operands(struct err *err)
{
    return err_set(err, ERR_USAGE,
                   "operands are none, \"check\", \"offsets show\", \"offsets reset\" or "
                   "\"dead-letters list\", "
                   "\"show\", \"replay\"; see --help");
}

static bool run_reset(const struct config *config, const struct sink_driver *driver,
                      const struct offsets_options *offsets, struct err *err)
{
    if (offsets->discard && (offsets->rebuild || offsets->to || offsets->topic))
        return err_set(err, ERR_USAGE, "--discard stands by itself");
    if (offsets->discard)
        return offsets_discard(config, driver, offsets, err);
    return offsets->rebuild ? offsets_rebuild(config, driver, offsets, err)
                            : offsets_reset(config, driver, offsets, err);
}

static bool run_offsets(const struct config *config, const struct sink_driver *driver,
                        const struct arguments *arguments, char **operands, struct err *err)
{
    struct offsets_options offsets = arguments->offsets;
    offsets.dry_run = arguments->dry_run;
    offsets.yes = arguments->yes;
    offsets.json = arguments->json;
    if (operands[0] && !operands[1] && strcmp(operands[0], "show") == 0)
        return offsets_show(config, driver, &offsets, err);
    if (operands[0] && !operands[1] && strcmp(operands[0], "reset") == 0)
        return run_reset(config, driver, &offsets, err);
    return wrong_operands(err);
}

static bool run_dead_letters(const struct config *config, const struct sink_driver *driver,
                             const struct arguments *arguments, char **operands, struct err *err)
{
    static const struct {
        const char *verb;
        bool (*run)(const struct config *config, const struct sink_driver *driver,
                    const struct dead_letters_options *options, struct err *err);
        bool takes_names;
    } verbs[] = {
        {"list", dead_letters_list, false},
        {"show", dead_letters_show, true},
        {"replay", dead_letters_replay, true},
    };
    struct dead_letters_options letters = {.identities = operands[0] ? operands + 1 : operands,
                                           .all = arguments->letters.all,
                                           .dry_run = arguments->dry_run,
                                           .yes = arguments->yes,
                                           .json = arguments->json};
    for (size_t i = 0; operands[0] && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(operands[0], verbs[i].verb) == 0 && (!operands[1] || verbs[i].takes_names))
            return verbs[i].run(config, driver, &letters, err);
    return wrong_operands(err);
}

static bool run(const struct config *config, const struct sink_driver *driver,
                const struct arguments *arguments, char **operands, struct err *err)
{
    struct applier applier = {
        .config = config, .driver = driver, .until_caught_up = arguments->until_caught_up};
    if (!operands[0])
        return applier_run(&applier, err);
    if (strcmp(operands[0], "offsets") == 0)
        return run_offsets(config, driver, arguments, operands + 1, err);
    if (strcmp(operands[0], "dead-letters") == 0)
        return run_dead_letters(config, driver, arguments, operands + 1, err);
    return wrong_operands(err);
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
        .synopsis =
            "[-c FILE] [--until-caught-up] | check | offsets show | offsets reset --to WHERE"
            " | dead-letters list | dead-letters show LETTER … | dead-letters replay …",
        .options = options,
        .into = &arguments,
    };
    mallopt(M_ARENA_MAX, driver->n_arenas);
    if (!cli_parse(&cli, argc, argv, &first, &err) ||
        !config_load(&config, arguments.config_path, &err))
        return cli_fail(&cli, &err);
    cli_log_init(&cli, &config);
    stop_init();
    stop_within(STOP_MOST_MS, program, argv[first] ? EX_TEMPFAIL : EX_OK);
    if (argc - first == 1 && strcmp(argv[first], "check") == 0) {
        int code = applier_check(&config, driver);
        config_free(&config);
        return code;
    }
    bool done = run(&config, driver, &arguments, argv + first, &err);
    config_free(&config);
    return done ? 0 : cli_fail(&cli, &err);
}
