// SPDX-License-Identifier: Apache-2.0
// Resume: see resume.h.
#define _POSIX_C_SOURCE 200809L
#include "verify/resume.h"

#include "common/clock.h"
#include "common/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "tailrace verify 1 "

struct entry {
    char *target;
    char *table;
    uint64_t rows;
    uint64_t at_s;
};

struct resume {
    char *path;
    FILE *file;
    struct entry *entries;
    size_t n_entries;
};

static void add_entry(struct resume *resume, const char *target, const char *table, uint64_t rows,
                      uint64_t at_s)
{
    resume->entries =
        mem_realloc(resume->entries, (resume->n_entries + 1) * sizeof *resume->entries);
    resume->entries[resume->n_entries++] =
        (struct entry){mem_strdup(target), mem_strdup(table), rows, at_s};
}

// Names of tables hold no tabs and line ends, or the line is passed over and the table read again.
static void take_line(struct resume *resume, char *line)
{
    char *rest = NULL;
    const char *target = strtok_r(line, "\t", &rest);
    const char *table = strtok_r(NULL, "\t", &rest);
    const char *rows = strtok_r(NULL, "\t", &rest);
    const char *at = strtok_r(NULL, "\t", &rest);
    size_t n = rest ? strlen(rest) : 0;
    bool is_whole = at && strlen(at) > 1 && at[strlen(at) - 1] == '\n' && n == 0;
    if (is_whole) // not what a crash cut off
        add_entry(resume, target, table, strtoull(rows, NULL, 10), strtoull(at, NULL, 10));
}

static bool read_file(struct resume *resume, const char *source, struct err *err)
{
    char *line = NULL;
    size_t size = 0;
    char head[512];
    FILE *file = fopen(resume->path, "r");
    if (!file && errno == ENOENT)
        return true;
    if (!file)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", resume->path, strerror(errno));
    snprintf(head, sizeof head, HEAD "%s\n", source);
    ssize_t n = getline(&line, &size, file);
    bool done =
        n <= 0 || strcmp(line, head) == 0 ||
        err_set(err, ERR_CONFIG, "%s is no record of a verification of %s", resume->path, source);
    while (done && getline(&line, &size, file) > 0)
        take_line(resume, line);
    free(line);
    fclose(file);
    return done;
}

bool resume_open(const char *path, const char *source, struct resume **resume, struct err *err)
{
    struct resume *made = mem_zalloc(sizeof *made);
    *resume = made;
    if (!path)
        return true;
    made->path = mem_strdup(path);
    if (!read_file(made, source, err))
        return false;
    made->file = fopen(path, "a");
    if (!made->file)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
    if (ftell(made->file) == 0)
        fprintf(made->file, HEAD "%s\n", source);
    return true;
}

void resume_close(struct resume *resume)
{
    if (!resume)
        return;
    if (resume->file)
        fclose(resume->file);
    for (size_t i = 0; i < resume->n_entries; i++) {
        free(resume->entries[i].target);
        free(resume->entries[i].table);
    }
    free(resume->entries);
    free(resume->path);
    free(resume);
}

bool resume_has(const struct resume *resume, const char *target, const char *table, uint64_t *rows,
                uint64_t *at_s)
{
    for (size_t i = 0; i < resume->n_entries; i++) {
        const struct entry *entry = &resume->entries[i];
        if (strcmp(entry->target, target) != 0 || strcmp(entry->table, table) != 0)
            continue;
        *rows = entry->rows;
        *at_s = entry->at_s;
        return true;
    }
    return false;
}

bool resume_add(struct resume *resume, const char *target, const char *table, uint64_t rows,
                struct err *err)
{
    uint64_t now_s = clock_now_ms() / 1000;
    if (!resume->file || strpbrk(table, "\t\n"))
        return true;
    if (fprintf(resume->file, "%s\t%s\t%" PRIu64 "\t%" PRIu64 "\n", target, table, rows, now_s) <
            0 ||
        fflush(resume->file) != 0 || fsync(fileno(resume->file)) != 0)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", resume->path, strerror(errno));
    return true;
}

void resume_finish(struct resume *resume)
{
    if (resume->file)
        unlink(resume->path);
}
