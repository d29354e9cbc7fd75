// SPDX-License-Identifier: Apache-2.0
// Checkpoint: its records as checkpoint.h describes them, and what is refused instead of starting
// over.
#include "publisher/checkpoint.h"
#include "publisher/rival.h"

#include "tests/unit/test.h"

#define KEY "{\"kind\":\"checkpoint\"}"
#define KEY_TOPIC "{\"kind\":\"topic\",\"topic\":\"shop.app.t\"}"
#define GTID "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"
#define VALUE(version)                                                                             \
    "{\"version\":" version ",\"running\":true,\"instance\":\"db\\\"1:77\","                       \
    "\"alive_ms\":1795248900250,\"gtid\":\"" GTID "\",\"file\":\"binlog.000002\",\"pos\":1234,"    \
    "\"rows\":42,\"filter\":\"00000000000000ff\",\"ts_us\":1795248900250123,\"server\":\"s\"}"

static bool take(struct checkpoint_log *log, const char *key, const char *value, struct err *err)
{
    return checkpoint_log_take(log, str(key), value ? str(value) : (struct slice){NULL, 0}, err);
}

static void test_checkpoint_there_and_back(void **state)
{
    (void)state;
    struct err err;
    struct checkpoint_log log = {0};
    struct buf out = {0};
    assert_works(take(&log, KEY, VALUE("1"), &err), &err);
    assert_true(log.found && log.last.running);
    assert_string_equal(log.last.instance, "db\"1:77");
    assert_int_equal(log.last.alive_ms, 1795248900250);
    assert_int_equal(log.last.position.rows, 42);
    assert_int_equal(log.last.position.pos, 1234);
    checkpoint_write(&out, &log.last);
    assert_text(buf_bytes(&out), VALUE("1"));
    buf_clear(&out);
    checkpoint_write_key(&out);
    assert_text(buf_bytes(&out), KEY);
    buf_deinit(&out);
    checkpoint_log_deinit(&log);
}

static void test_epoch(void **state)
{
    (void)state;
    struct err err;
    struct checkpoint_log log = {0};
    struct buf out = {0};
    assert_works(take(&log, KEY, VALUE("1"), &err), &err);
    assert_int_equal(log.last.epoch, 0);
    log.last.epoch = 7;
    checkpoint_write(&out, &log.last);
    checkpoint_log_deinit(&log);
    assert_works(checkpoint_log_take(&log, str(KEY), buf_bytes(&out), &err), &err);
    assert_int_equal(log.last.epoch, 7);
    assert_true(rival_is_newer(&log.last, 6, "z"));
    assert_false(rival_is_newer(&log.last, 8, "a"));
    assert_true(rival_is_newer(&log.last, 7, "a")); // of two with the same: the greater name
    assert_false(rival_is_newer(&log.last, 7, "z"));
    assert_false(rival_is_newer(&log.last, 6, log.last.instance)); // its own
    buf_deinit(&out);
    checkpoint_log_deinit(&log);
}

// Only the one that is looked for counts, and it says nothing of the position.
static void test_mark(void **state)
{
    (void)state;
    struct err err;
    struct checkpoint_log log = {.mark = "db\"1:77:2"};
    struct buf key = {0}, other = {0}, ours = {0};
    checkpoint_mark_write_key(&key);
    checkpoint_mark_write(&other, "db\"1:77:1");
    checkpoint_mark_write(&ours, log.mark);
    assert_works(checkpoint_log_take(&log, buf_bytes(&key), buf_bytes(&other), &err), &err);
    assert_false(log.has_mark);
    assert_works(checkpoint_log_take(&log, buf_bytes(&key), buf_bytes(&ours), &err), &err);
    assert_works(checkpoint_log_take(&log, buf_bytes(&key), buf_bytes(&other), &err), &err);
    assert_true(log.has_mark && !log.found);
    buf_deinit(&key);
    buf_deinit(&other);
    buf_deinit(&ours);
    checkpoint_log_deinit(&log);
}

static void test_topic_there_and_back(void **state)
{
    (void)state;
    struct err err;
    struct checkpoint_log log = {0};
    struct buf out = {0};
    const char *value = "{\"version\":1,\"partitions\":8,\"db\":\"app\",\"table\":\"t\"}";
    assert_works(take(&log, KEY_TOPIC, value, &err), &err);
    const struct checkpoint_topic *topic = checkpoint_log_topic(&log, "shop.app.t");
    assert_non_null(topic);
    assert_int_equal(topic->n_partitions, 8);
    checkpoint_topic_write(&out, topic);
    assert_text(buf_bytes(&out), value);
    buf_clear(&out);
    checkpoint_topic_write_key(&out, topic->topic);
    assert_text(buf_bytes(&out), KEY_TOPIC);
    buf_deinit(&out);
    checkpoint_log_deinit(&log);
}

static void test_the_last_record_of_a_key_counts(void **state)
{
    (void)state;
    struct err err;
    struct checkpoint_log log = {0};
    assert_works(take(&log, KEY_TOPIC,
                      "{\"version\":1,\"partitions\":8,\"db\":\"app\",\"table\":\"t\"}", &err),
                 &err);
    assert_works(take(&log, KEY_TOPIC,
                      "{\"version\":1,\"partitions\":12,\"db\":\"app\",\"table\":\"t\"}", &err),
                 &err);
    assert_int_equal(log.n_topics, 1);
    assert_int_equal(checkpoint_log_topic(&log, "shop.app.t")->n_partitions, 12);
    assert_works(take(&log, KEY_TOPIC, NULL, &err), &err);
    assert_null(checkpoint_log_topic(&log, "shop.app.t"));
    assert_works(take(&log, KEY, VALUE("1"), &err), &err);
    assert_works(take(&log, KEY, NULL, &err), &err);
    assert_false(log.found);
    checkpoint_log_deinit(&log);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *value;
        enum err_class class;
    } cases[] = {
        {"", "{}", ERR_CORRUPT},
        {"checkpoint", "{}", ERR_CORRUPT},
        {"[]", "{}", ERR_CORRUPT},
        {"{\"kind\":\"topic\"}", "{}", ERR_CORRUPT},
        {"{\"kind\":\"later\"}", "{}", ERR_UNSUPPORTED},
        {KEY, "{", ERR_CORRUPT},
        {KEY, "{}", ERR_CORRUPT},
        {KEY, VALUE("2"), ERR_UNSUPPORTED},
        {KEY, VALUE("0"), ERR_CORRUPT},
        {KEY, "{\"version\":1,\"running\":true,\"instance\":\"a\",\"alive_ms\":1}", ERR_CORRUPT},
        {KEY, "{\"version\":1,\"running\":1,\"instance\":\"a\",\"alive_ms\":1}", ERR_CORRUPT},
        {KEY_TOPIC, "{\"version\":1,\"partitions\":0,\"db\":\"a\",\"table\":\"b\"}", ERR_CORRUPT},
        {KEY_TOPIC, "{\"version\":1,\"partitions\":8.5,\"db\":\"a\",\"table\":\"b\"}", ERR_CORRUPT},
        {KEY_TOPIC, "{\"version\":1,\"partitions\":8,\"db\":\"a\"}", ERR_CORRUPT},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct checkpoint_log log = {0};
        assert_fails(take(&log, cases[i].key, cases[i].value, &err), &err, cases[i].class);
        assert_false(log.found);
        checkpoint_log_deinit(&log);
    }
}

// Every prefix of a value is refused, and none is read past its end.
static void test_truncation(void **state)
{
    (void)state;
    const char *value = VALUE("1");
    for (size_t n = 1; n < strlen(value); n++) {
        struct err err = {0};
        struct checkpoint_log log = {0};
        struct slice cut = exact_copy(slice_of(value, n));
        assert_fails(checkpoint_log_take(&log, str(KEY), cut, &err), &err, ERR_CORRUPT);
        free((void *)(uintptr_t)cut.ptr);
        checkpoint_log_deinit(&log);
    }
}

#define SHOWN(text)                                                                                \
    "{\"version\":1,\"running\":true,\"instance\":\"a:1\",\"alive_ms\":1,\"gtid\":\"0-1-7\","      \
    "\"file\":\"b.000002\",\"pos\":4,\"rows\":0,\"filter\":\"0000000000000000\",\"ts_us\":0,"      \
    "\"server\":\"\",\"shown\":" text "}"

static void test_shown(void **state)
{
    (void)state;
    struct err err;
    struct checkpoint_log log = {0};
    struct buf out = {0};
    assert_works(take(&log, KEY, SHOWN("\"0-1-9,2-1-3\""), &err), &err);
    gtid_set_write(&out, &log.last.shown);
    assert_text(buf_bytes(&out), "0-1-9,2-1-3");
    buf_clear(&out);
    checkpoint_write(&out, &log.last);
    assert_text(buf_bytes(&out), SHOWN("\"0-1-9,2-1-3\""));
    assert_works(take(&log, KEY, SHOWN("\"\""), &err), &err);
    assert_true(gtid_set_is_empty(&log.last.shown));
    assert_fails(take(&log, KEY, SHOWN("\"x\""), &err), &err, ERR_CORRUPT);
    buf_deinit(&out);
    checkpoint_log_deinit(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoint_there_and_back),
        cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_mark),
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_topic_there_and_back),
        cmocka_unit_test(test_the_last_record_of_a_key_counts),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
