// SPDX-License-Identifier: Apache-2.0
// Requests that wake the client, of which no broker answers any: there is none.
#define _POSIX_C_SOURCE 200809L
#include "kafka/wake.h"

#include "tests/unit/test.h"

#include <time.h>

#define NOBODY "127.0.0.1:1"
#define ENOUGH 1000
#define LOOKS 100
#define LOOK_NS 100000000

static bool has_own_backoff(void)
{
    return rd_kafka_version() >= 0x02020000;
}

static rd_kafka_t *new_consumer(void)
{
    char text[256];
    struct err err;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", NOBODY, text, sizeof text),
                     RD_KAFKA_CONF_OK);
    assert_int_equal(rd_kafka_conf_set(conf, "group.id", "any", text, sizeof text),
                     RD_KAFKA_CONF_OK);
    assert_true(kafka_wake_prepare(conf, &err));
    rd_kafka_conf_set_log_cb(conf, NULL);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    assert_non_null(rk);
    return rk;
}

// A broker that holds a fetch answers late; the thread of another one is woken all the same.
static void is_sent_again_before_the_answer(void **state)
{
    (void)state;
    rd_kafka_t *rk = new_consumer();
    struct kafka_wake *wake = kafka_wake_new(rk);
    assert_true(kafka_wake(wake));
    assert_true(kafka_wake(wake));
    kafka_wake_free(wake);
    rd_kafka_destroy(rk);
}

static void unanswered_ones_are_bounded(void **state)
{
    (void)state;
    if (has_own_backoff())
        skip();
    rd_kafka_t *rk = new_consumer();
    struct kafka_wake *wake = kafka_wake_new(rk);
    int n_sent = 0, n_looks = 0;
    while (n_sent < ENOUGH && kafka_wake(wake))
        n_sent++;
    assert_in_range(n_sent, 2, ENOUGH - 1);
    while (!kafka_wake(wake) && n_looks++ < LOOKS) // until their time is over
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    assert_in_range(n_looks, 0, LOOKS - 1);
    kafka_wake_free(wake);
    rd_kafka_destroy(rk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_sent_again_before_the_answer),
        cmocka_unit_test(unanswered_ones_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
