// SPDX-License-Identifier: Apache-2.0
// For programs built with -fsanitize=thread only: C11 threads as POSIX threads. The thread
// sanitizer of GCC 12 does not know thrd_create(3), with which librdkafka makes its threads: the
// first allocation in such a thread ends the program. Symbols of the program win over those of the
// C library, for librdkafka as well.
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct start {
    thrd_start_t function;
    void *argument;
};

static void *run(void *into)
{
    struct start start = *(struct start *)into;
    free(into);
    return (void *)(intptr_t)start.function(start.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (!start)
        return thrd_nomem;
    *start = (struct start){function, argument};
    if (pthread_create(thread, NULL, run, start) == 0)
        return thrd_success;
    free(start);
    return thrd_error;
}

int thrd_join(thrd_t thread, int *result)
{
    void *value;
    if (pthread_join(thread, &value) != 0)
        return thrd_error;
    if (result)
        *result = (int)(intptr_t)value;
    return thrd_success;
}
