// SPDX-License-Identifier: Apache-2.0
// paced_load HOST PORT FIRST_ID TRANSACTIONS PER_SECOND ROWS: inserts into sbtest.paced at a
// steady rate, ROWS rows a transaction, and prints "ID MICROSECONDS" for the last row of each:
// when, by the steady clock, its COMMIT was sent. A C program, so that the load itself takes
// little of the machine.
#define _POSIX_C_SOURCE 200809L
#include "binlog/wire.h"
#include "common/buf.h"
#include "common/clock.h"
#include "tests/bench/limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TIMEOUT_MS 30000
#define US 1000000
#define C                                                                                          \
    "83868641912-28773972837-60736120486-75162659906-27563526494-20381887404-41576422241-"         \
    "93426793964-56405065102-33518432330"
#define PAD "67847967377-48000963322-62604785301-91415491898-96926520291"

static void ask(struct wire *wire, const char *sql)
{
    struct err err;
    if (!wire_query(wire, sql, NULL, &err))
        limit_die(&err);
}

static void sleep_until(uint64_t us)
{
    uint64_t now_us = clock_steady_us();
    if (now_us >= us)
        return;
    uint64_t rest_us = us - now_us;
    const struct timespec rest = {.tv_sec = (time_t)(rest_us / US),
                                  .tv_nsec = (long)(rest_us % US) * 1000};
    nanosleep(&rest, NULL);
}

static void write_insert(struct buf *sql, uint64_t first_id, uint64_t n_rows)
{
    buf_clear(sql);
    buf_str(sql, "INSERT INTO sbtest.paced (id, k, c, pad) VALUES ");
    for (uint64_t i = 0; i < n_rows; i++)
        buf_printf(sql, "%s(%" PRIu64 ", %" PRIu64 ", '" C "', '" PAD "')", i ? ", " : "",
                   first_id + i, i);
}

int main(int argc, char **argv)
{
    if (argc != 7)
        limit_fail("usage: paced_load HOST PORT FIRST_ID TRANSACTIONS PER_SECOND ROWS");
    const struct wire_options options = {.host = argv[1],
                                         .port = (unsigned)limit_number(argv[2]),
                                         .user = "root",
                                         .password = "",
                                         .connect_timeout_ms = TIMEOUT_MS,
                                         .read_timeout_ms = TIMEOUT_MS};
    uint64_t id = limit_number(argv[3]), n = limit_number(argv[4]);
    uint64_t pause_us = US / limit_number(argv[5]), n_rows = limit_number(argv[6]);
    struct err err;
    struct wire *wire;
    struct buf sql = {0};
    if (!wire_connect(&options, &wire, &err))
        limit_die(&err);
    uint64_t begun_us = clock_steady_us();
    for (uint64_t i = 0; i < n; i++, id += n_rows) {
        write_insert(&sql, id, n_rows);
        sleep_until(begun_us + i * pause_us);
        ask(wire, "START TRANSACTION");
        ask(wire, buf_cstr(&sql));
        printf("%" PRIu64 " %" PRIu64 "\n", id + n_rows - 1, clock_steady_us());
        ask(wire, "COMMIT");
    }
    wire_close(wire);
    buf_deinit(&sql);
    return 0;
}
