// SPDX-License-Identifier: Apache-2.0
// Encoder: which messages stand for a change, collected instead of sent. Checksums and partitions
// were computed by separate programs: a bitwise CRC-32C (check value e3069283 for "123456789"), and
// murmur2 checked with the vectors of Kafka's UtilsTest ("21" is -973932308, "foobar" -790332482).
#include "publisher/encoder.h"

#include "tests/unit/test.h"

#define SENT_MAX 8
#define NOW_MS 1795248900253

struct sent {
    char key[256];
    char value[2048]; // "null" for a tombstone
    char headers[512];
    int32_t partition;
};

struct fixture {
    struct encoder encoder;
    struct sent sent[SENT_MAX];
    size_t n_sent;
    size_t fail_at; // the message that is not taken
    struct column columns[2];
    struct table table;
    struct arena arena;
    struct topic topic;
};

static const uint16_t key_id[] = {0};

static void print_slice(char *to, size_t size, struct slice text)
{
    assert_true(text.len < size);
    snprintf(to, size, SLICE_FMT, SLICE_ARG(text));
}

static bool collect(void *into, const struct message *message, struct err *err)
{
    struct fixture *fixture = into;
    if (fixture->n_sent == fixture->fail_at)
        return err_set(err, ERR_RETRY, "not taken");
    struct sent *sent = &fixture->sent[fixture->n_sent++];
    print_slice(sent->key, sizeof sent->key, message->key);
    print_slice(sent->value, sizeof sent->value, message->value.ptr ? message->value : str("null"));
    sent->partition = message->partition;
    sent->headers[0] = '\0';
    for (size_t i = 0; i < message->n_headers; i++) {
        size_t used = strlen(sent->headers);
        snprintf(sent->headers + used, sizeof sent->headers - used, "%s=" SLICE_FMT ";",
                 message->headers[i].name, SLICE_ARG(message->headers[i].value));
    }
    return true;
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_zalloc(sizeof *fixture);
    const struct encoder_options options = {.tombstones = true, .send = collect, .into = fixture};
    encoder_init(&fixture->encoder, &options);
    fixture->fail_at = SENT_MAX;
    fixture->columns[0] = (struct column){.name = str("id"), .type = COLUMN_INT};
    fixture->columns[1] = (struct column){.name = str("name"), .type = COLUMN_VARCHAR};
    fixture->table = (struct table){.db = str("app"),
                                    .name = str("t"),
                                    .columns = fixture->columns,
                                    .n_columns = 2,
                                    .key = key_id,
                                    .n_key = 1};
    table_render(&fixture->table, fixture->columns, &fixture->arena);
    fixture->topic.n_partitions = 8;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    encoder_deinit(&fixture->encoder);
    arena_deinit(&fixture->arena);
    free(fixture);
    return 0;
}

// id 0: absent. name NULL: absent.
static void fill_row(struct value row[2], int64_t id, const char *name)
{
    row[0] = (struct value){.kind = id ? VALUE_INT : VALUE_ABSENT, .i = id};
    row[1] = (struct value){.kind = name ? VALUE_TEXT : VALUE_ABSENT, .text = str(name)};
}

static bool encode(struct fixture *fixture, enum change_op op, const struct value *before,
                   const struct value *after, struct err *err)
{
    const struct change change = {
        .op = op,
        .table = &fixture->table,
        .before = before,
        .after = after,
        .source = {.version = str("0.1.0"),
                   .name = str("shop"),
                   .ts_us = 1795248900250123,
                   .server_id = 1,
                   .pos = 1234,
                   .file = str("binlog.000002")},
        .transaction = str("binlog.000002:1000"),
        .total_order = 3,
    };
    return encoder_change(&fixture->encoder, &change, &fixture->topic, NOW_MS, err);
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

#define COLUMNS "columns={\"id\":\"int\",\"name\":\"varchar\"};"
#define SOURCE                                                                                     \
    "\"source\":{\"version\":\"0.1.0\",\"connector\":\"mysql\",\"name\":\"shop\","                 \
    "\"ts_ms\":1795248900250,\"ts_us\":1795248900250123,\"snapshot\":\"false\",\"db\":\"app\","    \
    "\"table\":\"t\",\"server_id\":1,\"gtid\":null,\"file\":\"binlog.000002\",\"pos\":1234,"       \
    "\"row\":0,\"thread\":null,\"query\":null}"

static void test_insert_is_one_record(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value row[2];
    fill_row(row, 7, "a");
    assert_works(encode(fixture, CHANGE_INSERT, NULL, row, &err), &err);
    assert_int_equal(fixture->n_sent, 1);
    assert_string_equal(fixture->sent[0].key, "{\"id\":7}");
    assert_string_equal(fixture->sent[0].value,
                        "{\"before\":null,\"after\":{\"id\":7,\"name\":\"a\"}," SOURCE
                        ",\"op\":\"c\",\"ts_ms\":1795248900253,\"transaction\":{\"id\":"
                        "\"binlog.000002:1000\",\"total_order\":3}}");
    assert_string_equal(fixture->sent[0].headers, COLUMNS "crc32c=3fc3ea92;");
    assert_int_equal(fixture->sent[0].partition, 5);
}

static void test_update_keeps_its_key(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value before[2];
    struct value after[2];
    fill_row(before, 7, "a");
    fill_row(after, 7, "b");
    assert_works(encode(fixture, CHANGE_UPDATE, before, after, &err), &err);
    assert_int_equal(fixture->n_sent, 1);
    assert_string_equal(fixture->sent[0].key, "{\"id\":7}");
    assert_true(has(fixture->sent[0].value, "\"op\":\"u\""));
}

static void test_delete_and_its_tombstone(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value row[2];
    fill_row(row, 7, "a");
    assert_works(encode(fixture, CHANGE_DELETE, row, NULL, &err), &err);
    assert_int_equal(fixture->n_sent, 2);
    assert_true(has(fixture->sent[0].value, "\"op\":\"d\""));
    assert_string_equal(fixture->sent[1].key, "{\"id\":7}");
    assert_string_equal(fixture->sent[1].value, "null");
    assert_string_equal(fixture->sent[1].headers, "crc32c=d90f0d66;");
    assert_int_equal(fixture->sent[1].partition, fixture->sent[0].partition);
}

static void test_tombstones_can_be_off(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value row[2];
    fixture->encoder.options.tombstones = false;
    fill_row(row, 7, "a");
    assert_works(encode(fixture, CHANGE_DELETE, row, NULL, &err), &err);
    assert_int_equal(fixture->n_sent, 1);
}

static void test_key_change_is_split(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value before[2];
    struct value after[2];
    fill_row(before, 7, "a");
    fill_row(after, 8, "b");
    assert_works(encode(fixture, CHANGE_UPDATE, before, after, &err), &err);
    assert_int_equal(fixture->n_sent, 3);
    const struct sent *sent = fixture->sent;
    assert_string_equal(sent[0].key, "{\"id\":7}");
    assert_true(has(sent[0].value, "{\"before\":{\"id\":7,\"name\":\"a\"},\"after\":null,"));
    assert_true(has(sent[0].value, "\"op\":\"d\""));
    assert_true(has(sent[0].headers, COLUMNS "__debezium.newkey={\"id\":8};crc32c="));
    assert_string_equal(sent[1].key, "{\"id\":7}");
    assert_string_equal(sent[1].value, "null");
    assert_string_equal(sent[2].key, "{\"id\":8}");
    assert_true(has(sent[2].value, "{\"before\":null,\"after\":{\"id\":8,\"name\":\"b\"},"));
    assert_true(has(sent[2].value, "\"op\":\"c\""));
    assert_true(has(sent[2].headers, COLUMNS "__debezium.oldkey={\"id\":7};crc32c="));
    assert_int_equal(sent[0].partition, 5);
    assert_int_equal(sent[2].partition, 2);
}

// binlog_row_image=MINIMAL: the key before, what changed after.
static void test_minimal_update(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value before[2];
    struct value after[2];
    fill_row(before, 7, NULL);
    fill_row(after, 0, "b");
    assert_works(encode(fixture, CHANGE_UPDATE, before, after, &err), &err);
    assert_int_equal(fixture->n_sent, 1);
    assert_string_equal(fixture->sent[0].key, "{\"id\":7}");
    assert_true(has(fixture->sent[0].value, "{\"before\":{\"id\":7},\"after\":{\"name\":\"b\"},"));
}

static void test_minimal_key_change_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value before[2];
    struct value after[2];
    fill_row(before, 7, NULL);
    fill_row(after, 8, NULL);
    assert_fails(encode(fixture, CHANGE_UPDATE, before, after, &err), &err, ERR_REFUSED);
    assert_true(has(err.text, "app.t") && has(err.text, "binlog.000002:1234"));
    assert_true(has(err.text, "binlog_row_image = FULL"));
    assert_int_equal(fixture->n_sent, 0);
}

// Columns that take their default are not logged: a record of the others would make a copy without
// them.
static void test_minimal_insert_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value row[2];
    fill_row(row, 7, NULL);
    assert_fails(encode(fixture, CHANGE_INSERT, NULL, row, &err), &err, ERR_REFUSED);
    assert_true(has(err.text, "app.t") && has(err.text, "binlog_row_image = FULL"));
    assert_int_equal(fixture->n_sent, 0);
}

static void test_keyless_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value row[2];
    fixture->table.n_key = 0;
    fill_row(row, 7, "a");
    assert_fails(encode(fixture, CHANGE_INSERT, NULL, row, &err), &err, ERR_REFUSED);
    assert_true(has(err.text, "app.t") && has(err.text, "exclude") && has(err.text, "whole-row"));
    assert_int_equal(fixture->n_sent, 0);
}

static void test_whole_row_is_the_key(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value before[2];
    struct value after[2];
    fixture->table.n_key = 0;
    fixture->encoder.options.whole_row = true;
    fill_row(before, 7, "a");
    fill_row(after, 7, "b");
    assert_works(encode(fixture, CHANGE_INSERT, NULL, before, &err), &err);
    assert_works(encode(fixture, CHANGE_UPDATE, before, after, &err), &err);
    assert_works(encode(fixture, CHANGE_DELETE, after, NULL, &err), &err);
    assert_int_equal(fixture->n_sent, 6);
    assert_string_equal(fixture->sent[0].key, "{\"id\":7,\"name\":\"a\"}");
    assert_int_equal(fixture->sent[0].partition, 4);
    assert_string_equal(fixture->sent[1].key, "{\"id\":7,\"name\":\"a\"}");
    assert_string_equal(fixture->sent[3].key, "{\"id\":7,\"name\":\"b\"}");
    assert_int_equal(fixture->sent[3].partition, 0);
    assert_string_equal(fixture->sent[4].key, "{\"id\":7,\"name\":\"b\"}");
}

static void test_whole_row_needs_whole_rows(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value row[2];
    fixture->table.n_key = 0;
    fixture->encoder.options.whole_row = true;
    fill_row(row, 7, NULL);
    assert_fails(encode(fixture, CHANGE_DELETE, row, NULL, &err), &err, ERR_REFUSED);
}

static void test_truncation_goes_to_every_partition(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    fixture->table =
        (struct table){.db = str("app"), .name = str("t"), .columns_header = str("{}")};
    fixture->topic.n_partitions = 3;
    assert_true(encode(fixture, CHANGE_TRUNCATE, NULL, NULL, &err));
    assert_int_equal(fixture->n_sent, 3);
    for (int i = 0; i < 3; i++) {
        const struct sent *sent = &fixture->sent[i];
        assert_int_equal(sent->partition, i);
        assert_string_equal(sent->key, "{}");
        assert_string_equal(sent->value, fixture->sent[0].value);
        assert_non_null(strstr(sent->value, "{\"before\":null,\"after\":null,"));
        assert_non_null(strstr(sent->value, "\"op\":\"t\""));
        assert_non_null(strstr(sent->headers, "columns={};partitions=3;crc32c="));
    }
    fixture->n_sent = 0;
    fixture->fail_at = 1;
    assert_false(encode(fixture, CHANGE_TRUNCATE, NULL, NULL, &err));
    assert_int_equal(fixture->n_sent, 1);
}

static void test_a_failure_ends_the_change(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    struct value before[2];
    struct value after[2];
    fill_row(before, 7, "a");
    fill_row(after, 8, "a");
    fixture->fail_at = 1;
    assert_fails(encode(fixture, CHANGE_UPDATE, before, after, &err), &err, ERR_RETRY);
    assert_int_equal(fixture->n_sent, 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_insert_is_one_record),
        TEST(test_update_keeps_its_key),
        TEST(test_delete_and_its_tombstone),
        TEST(test_tombstones_can_be_off),
        TEST(test_key_change_is_split),
        TEST(test_minimal_update),
        TEST(test_minimal_key_change_is_refused),
        TEST(test_minimal_insert_is_refused),
        TEST(test_keyless_is_refused),
        TEST(test_whole_row_is_the_key),
        TEST(test_whole_row_needs_whole_rows),
        TEST(test_truncation_goes_to_every_partition),
        TEST(test_a_failure_ends_the_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
