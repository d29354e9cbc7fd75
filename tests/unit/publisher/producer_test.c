// SPDX-License-Identifier: Apache-2.0
// The producer, with a client library that never tells what became of a transaction. Its own broker
// answers everything else.
#define _POSIX_C_SOURCE 200809L // mkstemp
#include "publisher/producer.h"

#include "common/clock.h"
#include "tests/unit/test.h"

#include <librdkafka/rdkafka.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 1000
#define CONFIG                                                                                     \
    "[source]\nname = t\nhost = h\nuser = u\n[kafka]\nbootstrap.servers = 127.0.0.1:1\n"           \
    "test.mock.num.brokers = 1\ntransaction.timeout.ms = 1000\n"

static unsigned n_commits;

// Instead of librdkafka's: they come first for the linker.
rd_kafka_error_t *rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms)
{
    n_commits++;
    rd_kafka_poll(rk, timeout_ms);
    return rd_kafka_error_new(RD_KAFKA_RESP_ERR__TIMED_OUT, "not yet");
}

int rd_kafka_error_is_retriable(const rd_kafka_error_t *error)
{
    return rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static void load(struct config *config)
{
    char path[] = "/tmp/tailrace-producer-XXXXXX";
    struct err err;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, CONFIG, strlen(CONFIG)), strlen(CONFIG));
    close(fd);
    if (!config_load(config, path, &err))
        fail_msg("%s", err.text);
    unlink(path);
}

static void a_commit_without_an_end_is_given_up(void **state)
{
    struct config config;
    struct err err = {0};
    struct message message = {.value = slice_of_str("{}"), .key = slice_of_str("{}")};
    (void)state;
    load(&config);
    struct producer *producer = producer_open(&config, &err);
    assert_non_null(producer);
    if (!producer_init(producer, &err))
        fail_msg("%s", err.text);
    assert_true(producer_topic_open(producer, "t.checkpoint", &message.topic, &err));
    uint64_t begin_ms = clock_steady_ms();
    assert_false(producer_commit(producer, &message, &err));
    assert_true(clock_steady_ms() - begin_ms >= TIMEOUT_MS);
    assert_true(n_commits > 1);
    assert_int_equal(err.class, ERR_RETRY);
    assert_non_null(strstr(err.text, "what became of"));
    producer_topic_close(message.topic);
    producer_close(producer);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_commit_without_an_end_is_given_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
