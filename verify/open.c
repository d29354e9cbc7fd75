// SPDX-License-Identifier: Apache-2.0
// Open: see open.h.
#include "verify/open.h"

#include "verify/fence.h"
#include "verify/throttle.h"

#include <string.h>

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

bool open_check_targets(const struct run_options *options, struct err *err)
{
    const char *list = options->targets;
    size_t length = 0, n = 0;
    for (size_t i = 0; i < N_DRIVERS; i++) {
        if (!has_name(list, drivers[i]->name))
            continue;
        length += strlen(drivers[i]->name) + (n++ > 0);
    }
    return (n > 0 && length == strlen(list)) ||
           err_set(err, ERR_USAGE, "--target %s: targets are mongodb and redis", list);
}

const struct target_driver *open_driver(const struct run_options *options, size_t i)
{
    for (size_t k = 0; k < N_DRIVERS; k++)
        if (has_name(options->targets, drivers[k]->name) && i-- == 0)
            return drivers[k];
    return NULL;
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

// Of several servers only the one that the publisher reads is as far as the targets.
static bool connect_source(struct run *run, struct err *err)
{
    const char *server = "";
    bool is_list = strchr(run->config->source.host, ',') && !run->config->source.socket[0];
    return (!is_list || fence_server(run->fence, &server, err)) &&
           mysql_open(run->config, server, &run->mysql, err) &&
           throttle_open(run->config, server, &run->throttle, err);
}

bool open_run(struct run *run, char **operands, struct err *err)
{
    return hash_key_draw(&run->key, err) && fence_open(run->config, &run->fence, err) &&
           connect_source(run, err) && read_tables(run, operands, err);
}

void close_run(struct run *run)
{
    fence_close(run->fence);
    throttle_close(run->throttle);
    mysql_shut(run->mysql);
    shape_list_deinit(&run->tables);
}
