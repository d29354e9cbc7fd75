// SPDX-License-Identifier: Apache-2.0
// tailrace-cat: binlog files as canonical JSON records, one a line, without any server. What was
// decoded before a fault is always written before the fault is told. Output is the same for the
// same file: `ts_ms` is the commit time, as a file has no other.
#define _POSIX_C_SOURCE 200809L
#include "binlog/reader.h"
#include "binlog/source_file.h"
#include "common/cli.h"
#include "common/clock.h"
#include "record/json_writer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OUT_BYTES ((size_t)256 << 10)
#define EXIT_OUTPUT 74 // EX_IOERR

struct cat {
    bool count_only;
    bool as_text;
    const char *name;
    struct buf tables; // globs, comma-separated
    struct buf out;
    struct json_frame frame;
    int write_errno; // of the first write that failed; 0: none has
    struct reader_options reader_options;
    struct reader *reader; // of all files, one after the other
};

static bool add_tables(void *into, const char *argument, struct err *err)
{
    (void)err;
    struct cat *cat = into;
    if (cat->tables.len)
        buf_char(&cat->tables, ',');
    buf_str(&cat->tables, argument);
    return true;
}

#define AT(member) offsetof(struct cat, member)

static const struct cli_option options[] = {
    {"count", 0, NULL, "print the number of records and of binlog bytes only", AT(count_only),
     NULL},
    {"name", 0, "NAME", "source.name in the records (tailrace)", AT(name), NULL},
    {"tables", 0, "GLOB", "only tables whose db.table fits; may be repeated", 0, add_tables},
    {"text", 0, NULL, "a form for people instead of JSON", AT(as_text), NULL},
    {.name = NULL},
};

static bool flush(struct cat *cat)
{
    size_t done = 0;
    while (done < cat->out.len && !cat->write_errno) {
        ssize_t n = write(STDOUT_FILENO, cat->out.ptr + done, cat->out.len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            cat->write_errno = errno;
    }
    buf_clear(&cat->out);
    return !cat->write_errno;
}

static void write_row(struct buf *out, const struct table *table, const struct value *row)
{
    const char *separator = "";
    for (size_t i = 0; i < table->n_columns; i++) {
        if (row[i].kind == VALUE_ABSENT)
            continue;
        buf_str(out, separator);
        buf_slice(out, table->columns[i].name);
        buf_char(out, '=');
        json_write_value(out, &row[i]);
        separator = " ";
    }
}

static const char *verb_of(enum change_op op)
{
    switch (op) {
    case CHANGE_INSERT:
        return "insert";
    case CHANGE_UPDATE:
        return "update";
    case CHANGE_DELETE:
        return "delete";
    case CHANGE_READ:
        return "read";
    case CHANGE_TRUNCATE:
        return "truncate";
    }
    return "";
}

static void write_head(struct buf *out, const struct origin *source, struct slice transaction)
{
    char when[CLOCK_TEXT_BYTES];
    clock_format(source->ts_us, when);
    buf_printf(out, "# %s %.*s:%llu %.*s\n", when, SLICE_ARG(source->file),
               (unsigned long long)source->pos, SLICE_ARG(transaction));
}

static void write_text(struct buf *out, const struct change *change)
{
    const struct table *table = change->table;
    if (change->total_order == 1)
        write_head(out, &change->source, change->transaction);
    buf_printf(out, "%s %.*s.%.*s ", verb_of(change->op), SLICE_ARG(table->db),
               SLICE_ARG(table->name));
    if (change->before)
        write_row(out, table, change->before);
    if (change->before && change->after)
        buf_str(out, " -> ");
    if (change->after)
        write_row(out, table, change->after);
    buf_char(out, '\n');
}

static void write_ddl(struct buf *out, const struct ddl *ddl)
{
    write_head(out, &ddl->source, ddl->source.gtid);
    buf_printf(out, "ddl %.*s: ", SLICE_ARG(ddl->db));
    json_write_string(out, ddl->statement);
    buf_char(out, '\n');
}

// False when the output fails.
static bool take(struct cat *cat, const struct reader_item *item)
{
    if (cat->count_only)
        return true;
    if (item->kind == READER_CHANGE && cat->as_text) {
        write_text(&cat->out, item->change);
    } else if (item->kind == READER_CHANGE) {
        json_write_change(&cat->out, &cat->frame, item->change);
        buf_char(&cat->out, '\n');
    } else if (item->kind == READER_DDL && cat->as_text) {
        write_ddl(&cat->out, item->ddl);
    }
    return cat->out.len < OUT_BYTES || flush(cat);
}

static bool read_all(struct cat *cat, struct reader *reader, struct err *err)
{
    struct reader_item item;
    do {
        if (!reader_next(reader, 0, &item, err))
            return false;
    } while (take(cat, &item) && item.kind != READER_END);
    return true;
}

static bool cat_file(struct cat *cat, const char *path, struct err *err)
{
    struct source *source = source_file_open(path, err);
    if (!source)
        return false;
    if (cat->reader)
        reader_continue_take(cat->reader, source);
    else
        cat->reader = reader_open_take(source, &cat->reader_options, err);
    return cat->reader && read_all(cat, cat->reader, err);
}

static bool cat_files(struct cat *cat, char **paths, struct err *err)
{
    cat->reader_options = (struct reader_options){
        .source_name = cat->name,
        .version = TAILRACE_VERSION,
        .filter = {.include = buf_cstr(&cat->tables)},
        .verify_checksums = true,
    };
    for (; *paths && !cat->write_errno; paths++)
        if (!cat_file(cat, *paths, err))
            return false;
    return true;
}

static void print_counts(struct cat *cat)
{
    static const struct reader_counts none;
    const struct reader_counts *counts = cat->reader ? reader_counts(cat->reader) : &none;
    buf_printf(&cat->out, "records %llu\nbytes %llu\n", (unsigned long long)counts->changes,
               (unsigned long long)counts->bytes);
}

static int run(const struct cli *cli, struct cat *cat, char **paths)
{
    struct err err;
    int code = cat_files(cat, paths, &err) ? 0 : err_exit_code(&err);
    if (cat->count_only)
        print_counts(cat);
    flush(cat);
    if (code)
        code = cli_fail(cli, &err);
    if (!cat->write_errno)
        return code;
    fprintf(stderr, "%s: cannot write: %s\n", cli->program, strerror(cat->write_errno));
    return EXIT_OUTPUT;
}

int main(int argc, char **argv)
{
    struct cat cat = {.name = "tailrace"};
    const struct cli cli = {
        .program = "tailrace-cat",
        .purpose = "prints binlog files (- is standard input) as canonical JSON records, one a "
                   "line; ts_ms is the commit time",
        .synopsis = "[--count | --text] [--tables GLOB]… FILE…",
        .options = options,
        .into = &cat,
    };
    struct err err;
    int first = 0;
    signal(SIGPIPE, SIG_IGN); // a reader that went away is an error of write(2)
    if (!cli_parse(&cli, argc, argv, &first, &err))
        return cli_fail(&cli, &err);
    if (first == argc) {
        err_set(&err, ERR_USAGE, "no file given; --help says more");
        return cli_fail(&cli, &err);
    }
    int code = run(&cli, &cat, argv + first);
    reader_close(cat.reader);
    buf_deinit(&cat.tables);
    buf_deinit(&cat.out);
    json_frame_deinit(&cat.frame);
    return code;
}
