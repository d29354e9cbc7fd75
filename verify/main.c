// SPDX-License-Identifier: Apache-2.0
// tailrace-verify: whether the targets hold what the source holds. Exit 0 equal, 1 different, 2
// could not tell: never 0 when something was not compared.
#include "common/cli.h"
#include "common/log.h"
#include "common/stop.h"
#include "verify/contents.h"
#include "verify/counts.h"
#include "verify/fence.h"
#include "verify/messages.h"
#include "verify/repair.h"
#include "verify/report.h"
#include "verify/throttle.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

struct arguments {
    const char *config_path;
    struct run_options run;
};

#define AT(member) offsetof(struct arguments, member)

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "configuration file (" CONFIG_DEFAULT_FILE ")", AT(config_path), NULL},
    {"target", 0, "NAMES", "mongodb, redis, or both with a comma between; default: both",
     AT(run.targets), NULL},
    {"json", 0, "FILE", "writes the report as JSON too; - is standard output", AT(run.json), NULL},
    {"counts", 0, NULL, "only counts: rows, totals of numeric columns, partitions", AT(run.counts),
     NULL},
    {"messages", 0, NULL, "only Kafka: checksums, and the last record of each key",
     AT(run.messages), NULL},
    {"repair", 0, NULL, "publishes again what differs, then compares it again", AT(run.repair),
     NULL},
    {"dry-run", 0, NULL, "--repair: only prints what would be published", AT(run.dry_run), NULL},
    {"limit", 0, "N", "--repair: refuses more keys than this (1000) without --yes", AT(run.limit),
     NULL},
    {"yes", 0, NULL, "--repair: however many keys it is", AT(run.yes), NULL},
    {.name = NULL},
};

static const struct target_driver *const drivers[] = {&target_mongodb, &target_redis};
#define N_DRIVERS (sizeof drivers / sizeof *drivers)

// Whether the comma-separated list has the name.
static bool has_name(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = list; (at = strstr(at, name)); at += n)
        if ((at == list || at[-1] == ',') && (at[n] == '\0' || at[n] == ','))
            return true;
    return false;
}

static bool check_targets(const char *list, struct err *err)
{
    size_t length = 0, n = 0;
    for (size_t i = 0; i < N_DRIVERS; i++) {
        if (!has_name(list, drivers[i]->name))
            continue;
        length += strlen(drivers[i]->name) + (n++ > 0);
    }
    return (n > 0 && length == strlen(list)) ||
           err_set(err, ERR_USAGE, "--target %s: targets are mongodb and redis", list);
}

// The operands, globs over db.table, as one list with commas.
static bool join(struct buf *out, char **operands, struct err *err)
{
    for (size_t i = 0; operands[i]; i++) {
        if (strchr(operands[i], ','))
            return err_set(err, ERR_USAGE, "%s: one glob an operand, without commas", operands[i]);
        buf_str(out, i ? "," : "");
        buf_str(out, operands[i]);
    }
    return true;
}

static bool read_tables(struct run *run, char **operands, struct err *err)
{
    const struct config_tables *tables = &run->config->tables;
    const struct table_filter configured = {tables->include, tables->exclude};
    struct buf globs = {0};
    bool done = join(&globs, operands, err);
    const struct table_filter asked = {buf_cstr(&globs), NULL};
    done = done && shape_read(run->mysql, &configured, &asked, run->config->publish.keyless,
                              &run->tables, err);
    if (done && run->tables.n == 0)
        done = err_set(err, ERR_UNAVAILABLE,
                       "no table of the source fits [tables] and what was asked for, or the "
                       "account may not read it: GRANT SELECT ON … TO the user of [source]");
    buf_deinit(&globs);
    return done;
}

// The keys that differed, once more and from the beginning.
static bool judge_again(struct run *run, const struct suspects *wrong, struct err *err)
{
    struct suspects again = {0};
    for (size_t i = 0; i < wrong->n; i++) {
        const struct suspect *suspect = &wrong->items[i];
        suspects_add(&again, &run->tables.shapes[suspect->table], suspect->table, suspect->key,
                     suspect->cells);
    }
    report_repaired(run->report);
    bool done = contents_judge(run, &again, err);
    suspects_deinit(&again);
    return done;
}

static bool verify_contents(struct run *run, struct err *err)
{
    struct suspects wrong = {0};
    bool done = contents_verify(run, run->options->repair ? &wrong : NULL, err);
    if (done && wrong.n > 0)
        done = repair_run(run, &wrong, stdout, err) &&
               (run->options->dry_run || judge_again(run, &wrong, err));
    suspects_deinit(&wrong);
    return done;
}

static bool verify_target(struct run *run, const struct target_driver *driver, struct err *err)
{
    run->driver = driver;
    bool done = driver->open(run->config, &run->target, err) &&
                (run->options->counts ? counts_verify(run, err) : verify_contents(run, err));
    driver->close(run->target);
    run->target = NULL;
    return done;
}

// Of several servers only the one that the publisher reads is as far as the targets.
static bool connect_source(struct run *run, struct err *err)
{
    const char *server = "";
    bool is_list = strchr(run->config->source.host, ',') && !run->config->source.socket[0];
    return (!is_list || fence_server(run->fence, &server, err)) &&
           mysql_open(run->config, server, &run->mysql, err) &&
           throttle_open(run->config, server, &run->throttle, err);
}

static bool verify(struct run *run, char **operands, struct err *err)
{
    bool done = hash_key_draw(&run->key, err) && fence_open(run->config, &run->fence, err) &&
                connect_source(run, err) && read_tables(run, operands, err);
    if (done && run->options->messages)
        return messages_verify(run, err);
    for (size_t i = 0; done && i < N_DRIVERS; i++)
        if (has_name(run->options->targets, drivers[i]->name))
            done = verify_target(run, drivers[i], err);
    return done;
}

static int finish(const struct cli *cli, struct run *run, const struct err *verify_err)
{
    struct err err;
    int code = (int)report_outcome(run->report);
    if (verify_err->class == ERR_USAGE)
        return cli_fail(cli, verify_err);
    report_print(run->report, stdout);
    if (!run->options->json || report_write_json(run->report, run->options->json, &err))
        return code;
    cli_fail(cli, &err);
    return code == OUTCOME_EQUAL ? OUTCOME_UNKNOWN : code;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.config_path = CONFIG_DEFAULT_FILE,
                                  .run = {.targets = "mongodb,redis"}};
    const struct cli cli = {
        .program = "tailrace-verify",
        .purpose = "compares the targets with the source, value by value",
        .synopsis = "[-c FILE] [--target NAMES] [--repair [--dry-run]] [DB.TABLE | GLOB …]",
        .options = options,
        .into = &arguments,
    };
    struct config config;
    struct err err = {0};
    int first;
    mallopt(M_ARENA_MAX, 1);
    if (!cli_parse(&cli, argc, argv, &first, &err) || !check_targets(arguments.run.targets, &err))
        return cli_fail(&cli, &err);
    if (!config_load(&config, arguments.config_path, &err)) {
        cli_fail(&cli, &err);
        return OUTCOME_UNKNOWN;
    }
    cli_log_init(&cli, &config);
    stop_init();
    struct run run = {
        .config = &config, .options = &arguments.run, .report = report_new(config.verify.shown)};
    if (!verify(&run, argv + first, &err))
        report_failed(run.report, &err);
    int code = finish(&cli, &run, &err);
    fence_close(run.fence);
    throttle_close(run.throttle);
    mysql_shut(run.mysql);
    shape_list_deinit(&run.tables);
    report_free(run.report);
    config_free(&config);
    return code;
}
