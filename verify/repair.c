// SPDX-License-Identifier: Apache-2.0
// Repair: see repair.h. tailrace-snapshot is a program of its own that lies beside this one:
//   tailrace-snapshot -c FILE DB.TABLE --keys - --wait    a key a line on its standard input
#define _POSIX_C_SOURCE 200809L
#include "verify/repair.h"

#include "common/cli.h"
#include "common/mem.h"
#include "common/stop.h"
#include "verify/text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT 1000 // keys without --yes
#define PROGRAM "tailrace-snapshot"
#define KEYS_SHOWN 20
#define POLL_MS 20

// The keys of one table, a line each.
static size_t put_keys(struct buf *out, const struct run *run, const struct suspects *wrong,
                       size_t table)
{
    size_t n = 0;
    for (size_t i = 0; i < wrong->n; i++) {
        const struct suspect *suspect = &wrong->items[i];
        if (suspect->table != table || !suspect->cells)
            continue;
        text_put_record_key(out, &run->tables.shapes[table], suspect->cells);
        buf_char(out, '\n');
        n++;
    }
    return n;
}

static void print_keys(FILE *out, const char *table, const struct buf *keys, size_t n)
{
    size_t shown = 0;
    fprintf(out, "repair: %zu keys of %s are published again\n", n, table);
    for (size_t start = 0; start < keys->len && shown < KEYS_SHOWN; shown++) {
        const uint8_t *end = memchr(keys->ptr + start, '\n', keys->len - start);
        size_t len = (size_t)(end - keys->ptr) - start;
        fprintf(out, "    %.*s\n", (int)len, (const char *)keys->ptr + start);
        start += len + 1;
    }
    if (n > shown)
        fprintf(out, "    and %zu more\n", n - shown);
}

static bool check_limit(const struct run *run, size_t n, struct err *err)
{
    const char *text = run->options->limit;
    char *end = NULL;
    unsigned long long limit = text ? strtoull(text, &end, 10) : LIMIT;
    if (text && (end == text || *end))
        return err_set(err, ERR_USAGE, "--limit %s is no number", text);
    return n <= limit || run->options->yes ||
           err_set(err, ERR_REFUSED,
                   "%zu keys would be published again, more than %llu: look at the reason first, "
                   "then repair with --yes, or copy the tables with `tailrace snapshot`",
                   n, limit);
}

static bool write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = slice_of(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return true;
}

static void become_snapshot(const char *path, const char *config, const char *table,
                            const int keys[2])
{
    dup2(keys[0], STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO); // our standard output is the report
    close(keys[0]);
    close(keys[1]);
    execl(path, PROGRAM, "-c", config, table, "--keys", "-", "--wait", (char *)NULL);
    _exit(127);
}

// *status: how it ended. A stop ends it too; what it has asked for by then is published.
static bool wait_for(pid_t pid, int *status)
{
    pid_t ended = 0;
    while ((ended = waitpid(pid, status, WNOHANG)) == 0 && stop_sleep_ms(POLL_MS))
        ;
    if (ended == 0 && kill(pid, SIGTERM) == 0)
        ended = waitpid(pid, status, 0);
    return ended == pid;
}

static bool publish(const struct run *run, const char *table, struct slice keys, struct err *err)
{
    char path[CLI_PATH_BYTES];
    int pipe_ends[2], status = 0;
    if (!cli_find_beside(PROGRAM, path))
        return err_set(err, ERR_UNAVAILABLE, PROGRAM " is not installed beside this program");
    fflush(NULL);
    if (pipe(pipe_ends) != 0)
        return err_set(err, ERR_INTERNAL, "no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        become_snapshot(path, run->config->path, table, pipe_ends);
    close(pipe_ends[0]);
    bool written = pid > 0 && write_all(pipe_ends[1], keys);
    close(pipe_ends[1]);
    if (pid < 0 || !wait_for(pid, &status))
        return err_set(err, ERR_INTERNAL, PROGRAM " cannot be started: %s", strerror(errno));
    if (stop_requested())
        return err_set(err, ERR_STOPPED, "stopped; the repair of %s is not complete", table);
    if (written && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    return err_set(err, ERR_UNAVAILABLE, PROGRAM " %s: exit %d; the repair is not complete", table,
                   WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

bool repair_run(struct run *run, const struct suspects *wrong, FILE *out, struct err *err)
{
    struct buf keys = {0};
    size_t n_all = 0;
    bool done = true;
    for (size_t i = 0; i < wrong->n; i++)
        n_all += wrong->items[i].cells != NULL;
    for (size_t table = 0; table < run->tables.n; table++) {
        buf_clear(&keys);
        size_t n = put_keys(&keys, run, wrong, table);
        if (n > 0)
            print_keys(out, run->tables.shapes[table].full, &keys, n);
    }
    if (run->options->dry_run || n_all == 0)
        goto out;
    done = check_limit(run, n_all, err);
    for (size_t table = 0; done && table < run->tables.n; table++) {
        buf_clear(&keys);
        if (put_keys(&keys, run, wrong, table) > 0)
            done = publish(run, run->tables.shapes[table].full, buf_bytes(&keys), err);
    }
out:
    buf_deinit(&keys);
    return done;
}
