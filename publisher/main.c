// SPDX-License-Identifier: Apache-2.0
// tailrace-publish: row changes of MySQL or MariaDB to Kafka, and the publisher's offsets.
#include "common/cli.h"
#include "common/log.h"
#include "common/stop.h"
#include "publisher/offsets.h"
#include "publisher/publisher.h"
#include "publisher/session.h"
#include "publisher/snapshot_command.h"

#include <string.h>
#include <sysexits.h>

struct arguments {
    const char *config;
    struct publisher_options publisher;
    struct offsets_options offsets;
    struct snapshot_options snapshot;
    bool json;
};

static bool add_accepted(void *into, const char *argument, struct err *err)
{
    struct publisher_options *options = &((struct arguments *)into)->publisher;
    if (options->n_accepted == PUBLISHER_ACCEPTED_MAX)
        return err_set(err, ERR_USAGE, "at most %d topics", PUBLISHER_ACCEPTED_MAX);
    options->accepted[options->n_accepted++] = argument;
    return true;
}

#define AT(member) offsetof(struct arguments, member)

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "configuration file (" CONFIG_DEFAULT_FILE ")", AT(config), NULL},
    {"until-caught-up", 0, NULL, "ends when all is out that the binlog held at the start",
     AT(publisher.until_caught_up), NULL},
    {"standby", 0, NULL, "waits while another publisher of this name is alive, then takes over",
     AT(publisher.standby), NULL},
    {"accept-partitions", 0, "TOPIC", "goes on with the partitions that TOPIC has now", 0,
     add_accepted},
    {"to", 0, "WHERE", "offsets reset: earliest, latest, gtid:SET, FILE:POS, time:ISO8601",
     AT(offsets.to), NULL},
    {"dry-run", 0, NULL, "offsets reset: prints what would change, changes nothing",
     AT(offsets.dry_run), NULL},
    {"yes", 0, NULL, "offsets reset: does not ask", AT(offsets.yes), NULL},
    {"where", 0, "SQL", "snapshot: only rows that fit", AT(snapshot.where), NULL},
    {"keys", 0, "FILE", "snapshot: the rows of these keys, one a line", AT(snapshot.keys), NULL},
    {"wait", 0, NULL, "snapshot: until it has ended", AT(snapshot.wait), NULL},
    {"status", 0, NULL, "snapshot: what came of it", AT(snapshot.status), NULL},
    {"pause", 0, NULL, "snapshot: stops it for now", AT(snapshot.pause), NULL},
    {"resume", 0, NULL, "snapshot: goes on with it", AT(snapshot.resume), NULL},
    {"cancel", 0, NULL, "snapshot: ends it", AT(snapshot.cancel), NULL},
    {"json", 0, NULL, "offsets show, snapshot: JSON", AT(json), NULL},
    {.name = NULL},
};

static int check(const struct config *config)
{
    struct check lines = {0};
    session_check(config, &lines);
    return check_exit_code(&lines);
}

static bool run(const struct config *config, struct arguments *arguments,
                const char *const *operands, size_t n_operands, struct err *err)
{
    arguments->offsets.json = arguments->snapshot.json = arguments->json;
    bool is_offsets = n_operands == 2 && strcmp(operands[0], "offsets") == 0;
    if (n_operands == 0)
        return publisher_run(config, &arguments->publisher, err);
    if (is_offsets && strcmp(operands[1], "show") == 0)
        return offsets_show(config, &arguments->offsets, err);
    if (is_offsets && strcmp(operands[1], "reset") == 0)
        return offsets_reset(config, &arguments->offsets, err);
    if (strcmp(operands[0], "snapshot") == 0)
        return snapshot_command(config, &arguments->snapshot, operands + 1, n_operands - 1, err);
    return err_set(err, ERR_USAGE,
                   "operands are none, \"check\", \"offsets show\", \"offsets reset\" or "
                   "\"snapshot\"; see --help");
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.config = CONFIG_DEFAULT_FILE};
    const struct cli cli = {
        .program = "tailrace-publish",
        .purpose = "publishes the row changes of MySQL or MariaDB to Kafka",
        .synopsis = "[-c FILE] [--standby] [--until-caught-up] | check | offsets show | offsets "
                    "reset --to WHERE | snapshot …",
        .options = options,
        .into = &arguments,
    };
    struct config config;
    struct err err = {0};
    int first;
    if (!cli_parse(&cli, argc, argv, &first, &err) || !config_load(&config, arguments.config, &err))
        return cli_fail(&cli, &err);
    cli_log_init(&cli, &config);
    stop_init();
    stop_within(STOP_MOST_MS, cli.program, argv[first] ? EX_TEMPFAIL : EX_OK);
    if (argc - first == 1 && strcmp(argv[first], "check") == 0) {
        int code = check(&config);
        config_free(&config);
        return code;
    }
    bool ok =
        run(&config, &arguments, (const char *const *)argv + first, (size_t)(argc - first), &err);
    config_free(&config);
    return ok ? 0 : cli_fail(&cli, &err);
}
