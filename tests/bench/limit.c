// SPDX-License-Identifier: Apache-2.0
// Limit: see limit.h.
#define _DEFAULT_SOURCE
#include "tests/bench/limit.h"

#include "common/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static uint64_t begun_us;
static struct rusage begun;

static double seconds_between(struct timeval from, struct timeval to)
{
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_usec - from.tv_usec) / 1e6;
}

void limit_begin(void)
{
    begun_us = clock_steady_us();
    getrusage(RUSAGE_SELF, &begun);
}

// The kernel's high-water mark of this program; getrusage(2) would count what came before exec.
static long peak_rss_kib(void)
{
    char line[128];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    if (status)
        fclose(status);
    return kib;
}

void limit_end(uint64_t rows, uint64_t bytes)
{
    double elapsed = (double)(clock_steady_us() - begun_us) / 1e6;
    struct rusage ended;
    getrusage(RUSAGE_SELF, &ended);
    printf("{\"rows\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"user\": %.6f, "
           "\"system\": %.6f, \"peak_rss_kib\": %ld, \"switches_wanted\": %ld, "
           "\"switches_forced\": %ld}\n",
           (unsigned long long)rows, (unsigned long long)bytes, elapsed,
           seconds_between(begun.ru_utime, ended.ru_utime),
           seconds_between(begun.ru_stime, ended.ru_stime), peak_rss_kib(),
           ended.ru_nvcsw - begun.ru_nvcsw, ended.ru_nivcsw - begun.ru_nivcsw);
}

void limit_die(const struct err *err)
{
    fprintf(stderr, "%s\n", err->text);
    exit(err_exit_code(err));
}

void limit_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(70);
}

uint64_t limit_number(const char *text)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end || end == text)
        limit_fail("%s is not a number", text);
    return number;
}
