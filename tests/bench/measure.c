// SPDX-License-Identifier: Apache-2.0
// measure FILE COMMAND ARG…: runs the command and writes what it used as one JSON object to FILE;
// exits as it did. A small program of its own, because the kernel counts the memory that a
// process had before exec into its peak: behind a Python interpreter every figure would be the
// interpreter's.
#define _DEFAULT_SOURCE // wait4
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_CANNOT_RUN 127

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static bool write_usage(const char *path, double elapsed, const struct rusage *usage)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    fprintf(file,
            "{\"seconds\": %.6f, \"user\": %.6f, \"system\": %.6f, \"peak_rss_kib\": %ld, "
            "\"switches_wanted\": %ld, \"switches_forced\": %ld}\n",
            elapsed, seconds(usage->ru_utime), seconds(usage->ru_stime), usage->ru_maxrss,
            usage->ru_nvcsw, usage->ru_nivcsw);
    return fclose(file) == 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: measure FILE COMMAND ARG…\n");
        return 64;
    }
    uint64_t begun_us = clock_steady_us();
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(EXIT_CANNOT_RUN);
    }
    int status;
    struct rusage usage;
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) {
        perror("measure");
        return 71;
    }
    if (!write_usage(argv[1], (double)(clock_steady_us() - begun_us) / 1e6, &usage)) {
        perror(argv[1]);
        return 74;
    }
    // Without what is done at exit: a library that counts in the command would count here as well.
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}
