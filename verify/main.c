// SPDX-License-Identifier: Apache-2.0
// tailrace-verify: whether the targets hold what the source holds. Exit 0 equal, 1 different, 2
// could not tell: never 0 when something was not compared.
#include "common/cli.h"
#include "common/mem.h"
#include "common/stop.h"
#include "verify/contents.h"
#include "verify/counts.h"
#include "verify/messages.h"
#include "verify/open.h"
#include "verify/progress.h"
#include "verify/repair.h"
#include "verify/report.h"
#include "verify/resume.h"
#include "verify/watch.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_ROWS 2000000
#define GROUP_TABLES 200

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
    {"resume", 0, "FILE",
     "goes on where an interrupted run stopped, and keeps in FILE how far it is", AT(run.resume),
     NULL},
    {"watch", 0, NULL, "goes on for ever: what changes at once, everything else slowly",
     AT(run.watch), NULL},
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

static bool note_equal(struct run *run, struct resume *resume, struct err *err)
{
    uint64_t rows;
    for (size_t i = 0; i < run->tables.n; i++)
        if (report_is_equal(run->report, i, &rows) &&
            !resume_add(resume, run->driver->name, run->tables.shapes[i].full, rows, err))
            return false;
    return true;
}

// All tables in groups, so that what was found is kept after each.
struct groups {
    struct shape_list all;
    bool *is_taken; // of each
    struct progress progress;
};

// The tables that an earlier run had read in part; false: there are none.
static bool take_part(struct run *run, struct groups *groups)
{
    const struct progress *progress = &groups->progress;
    run->tables.n = 0;
    for (size_t i = 0; progress->numbers && i < progress->n_tables; i++) {
        run->tables.shapes[run->tables.n++] = groups->all.shapes[progress->numbers[i]];
        groups->is_taken[progress->numbers[i]] = true;
    }
    return run->tables.n > 0;
}

// The next tables that were not found equal by an earlier run; false: there are none.
static bool take_group(struct run *run, struct groups *groups, const struct resume *resume)
{
    uint64_t rows = 0, rows_found, at_s;
    run->tables.n = 0;
    for (size_t i = 0; i < groups->all.n && rows < GROUP_ROWS && run->tables.n < GROUP_TABLES;
         i++) {
        const struct shape *shape = &groups->all.shapes[i];
        if (groups->is_taken[i])
            continue;
        groups->is_taken[i] = true;
        if (resume_has(resume, run->driver->name, shape->full, &rows_found, &at_s)) {
            report_earlier(run->report, shape->full, run->driver->name, rows_found, at_s);
            continue;
        }
        run->tables.shapes[run->tables.n++] = *shape;
        rows += shape->rows_about;
    }
    return run->tables.n > 0;
}

static bool verify_groups(struct run *run, struct resume *resume, struct err *err)
{
    struct groups groups = {.all = run->tables, .is_taken = mem_zalloc(run->tables.n + 1)};
    bool done = true;
    progress_open(&groups.progress, run->options->resume, run);
    run->tables.shapes = mem_alloc((groups.all.n + 1) * sizeof *groups.all.shapes);
    run->progress = &groups.progress;
    while (done && (take_part(run, &groups) || take_group(run, &groups, resume))) {
        done = verify_contents(run, err) && note_equal(run, resume, err);
        if (done)
            progress_forget(&groups.progress);
    }
    progress_close(&groups.progress);
    run->progress = NULL;
    free(groups.is_taken);
    free(run->tables.shapes);
    run->tables = groups.all;
    return done;
}

static bool verify_target(struct run *run, const struct target_driver *driver,
                          struct resume *resume, struct err *err)
{
    run->driver = driver;
    bool done = driver->open(run->config, &run->target, err);
    if (done && run->options->counts)
        done = counts_verify(run, err);
    else if (done)
        done = run->options->resume ? verify_groups(run, resume, err) : verify_contents(run, err);
    driver->close(run->target);
    run->target = NULL;
    return done;
}

static bool verify(struct run *run, char **operands, struct err *err)
{
    const struct target_driver *driver;
    struct resume *resume = NULL;
    bool done = open_run(run, operands, err);
    if (done && run->options->messages)
        return messages_verify(run, err);
    done = done && resume_open(run->options->resume, run->config->source.name, &resume, err);
    for (size_t i = 0; done && (driver = open_driver(run->options, i)); i++)
        done = verify_target(run, driver, resume, err);
    if (done)
        resume_finish(resume);
    resume_close(resume);
    return done;
}

static int watch(const struct cli *cli, const struct config *config,
                 const struct run_options *run_options, char **operands)
{
    struct err err = {0};
    uint64_t n_found = 0;
    bool done = watch_run(config, run_options, operands, &n_found, &err);
    printf("verify: %llu differences found while watching\n", (unsigned long long)n_found);
    if (!done)
        cli_fail(cli, &err);
    return n_found > 0 ? OUTCOME_DIFFERENT : done ? OUTCOME_EQUAL : OUTCOME_UNKNOWN;
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
    if (!cli_parse(&cli, argc, argv, &first, &err) || !open_check_targets(&arguments.run, &err))
        return cli_fail(&cli, &err);
    if (!config_load(&config, arguments.config_path, &err)) {
        cli_fail(&cli, &err);
        return OUTCOME_UNKNOWN;
    }
    cli_log_init(&cli, &config);
    stop_init();
    stop_within(STOP_MOST_MS, cli.program, OUTCOME_UNKNOWN);
    if (arguments.run.watch)
        return watch(&cli, &config, &arguments.run, argv + first);
    struct run run = {
        .config = &config, .options = &arguments.run, .report = report_new(config.verify.shown)};
    if (!verify(&run, argv + first, &err))
        report_failed(run.report, &err);
    int code = finish(&cli, &run, &err);
    close_run(&run);
    report_free(run.report);
    config_free(&config);
    return code;
}
