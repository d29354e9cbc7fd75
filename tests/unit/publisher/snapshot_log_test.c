// SPDX-License-Identifier: Apache-2.0
// Snapshot log and control: records there and back, in any order, cut, and wrong.
#include "publisher/checkpoint.h"
#include "publisher/control.h"
#include "publisher/snapshot_status.h"
#include "tests/unit/test.h"

#include <stdlib.h>

#define KEY "{\"kind\":\"snapshot\",\"id\":\"a\"}"
#define KEY_TABLE "{\"kind\":\"snapshot\",\"id\":\"a\",\"db\":\"d\",\"table\":\"t\"}"
#define KEY_CONTROL "{\"kind\":\"control\"}"

static bool take(struct checkpoint_log *log, struct slice key, struct slice value, struct err *err)
{
    return checkpoint_log_take(log, key, value, err);
}

static void take_own(struct checkpoint_log *log, const struct snapshot *snapshot,
                     const struct snapshot_table *table)
{
    struct buf key = {0};
    struct buf value = {0};
    struct err err = {0};
    snapshot_write_key(&key, snapshot, table);
    if (table)
        snapshot_table_write(&value, table);
    else
        snapshot_write(&value, snapshot);
    assert_true(take(log, buf_bytes(&key), buf_bytes(&value), &err));
    buf_deinit(&key);
    buf_deinit(&value);
}

static struct snapshot *make(struct snapshot_log *log)
{
    struct snapshot *snapshot = snapshot_add(log, "a", "d.*", "name = '\"x\"'");
    struct snapshot_table *table = snapshot_add_table(snapshot, "d", "t\"é");
    snapshot->phase = SNAPSHOT_PAUSED;
    snapshot->listed = true;
    table->phase = TABLE_SETTLING;
    table->rows = 12;
    table->estimate = 100;
    table->shape = 0xfedcba9876543210;
    buf_str(&table->after, "(`id`>7)");
    snprintf(table->settle.file, sizeof table->settle.file, "binlog.000007");
    table->settle.pos = 1234;
    return snapshot;
}

// Its own record may come behind those of its tables.
static void test_there_and_back(void **state)
{
    (void)state;
    struct snapshot_log from = {0};
    struct checkpoint_log log = {0};
    const struct snapshot *snapshot = make(&from);
    take_own(&log, snapshot, snapshot->list[0]);
    assert_false(log.snapshots.snapshots[0]->known);
    take_own(&log, snapshot, NULL);
    assert_int_equal(log.snapshots.n_snapshots, 1);
    const struct snapshot *back = log.snapshots.snapshots[0];
    assert_true(back->known && back->listed && !back->is_keys && !back->dirty);
    assert_int_equal(back->phase, SNAPSHOT_PAUSED);
    assert_string_equal(back->tables, "d.*");
    assert_string_equal(back->where, "name = '\"x\"'");
    assert_int_equal(back->n_list, 1);
    assert_string_equal(back->list[0]->name, "t\"é");
    assert_int_equal(back->list[0]->phase, TABLE_SETTLING);
    assert_int_equal(back->list[0]->rows, 12);
    assert_true(back->list[0]->shape == 0xfedcba9876543210);
    assert_true(slice_eq_str(buf_bytes(&back->list[0]->after), "(`id`>7)"));
    assert_string_equal(back->list[0]->settle.file, "binlog.000007");
    assert_int_equal(back->list[0]->settle.pos, 1234);
    checkpoint_log_deinit(&log);
    snapshot_log_deinit(&from);
}

static void test_removed(void **state)
{
    (void)state;
    struct snapshot_log from = {0};
    struct checkpoint_log log = {0};
    struct err err = {0};
    const struct snapshot *snapshot = make(&from);
    take_own(&log, snapshot, snapshot->list[0]);
    take_own(&log, snapshot, NULL);
    assert_true(take(&log, str(KEY), slice_of(NULL, 0), &err));
    assert_int_equal(log.snapshots.n_snapshots, 0);
    checkpoint_log_deinit(&log);
    snapshot_log_deinit(&from);
}

// The newest that have ended are kept, and all that have not.
static void test_trim(void **state)
{
    (void)state;
    struct snapshot_log log = {0};
    for (int i = 0; i < 40; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        snapshot_add(&log, id, "d.*", "")->phase = i == 0 ? SNAPSHOT_RUNNING : SNAPSHOT_DONE;
    }
    snapshot_log_trim(&log);
    assert_int_equal(log.n_snapshots, 17);
    assert_non_null(snapshot_find(&log, "0"));
    assert_null(snapshot_find(&log, "23"));
    assert_non_null(snapshot_find(&log, "24"));
    assert_non_null(strstr(buf_cstr(&log.removed), "{\"kind\":\"snapshot\",\"id\":\"23\"}\n"));
    snapshot_log_deinit(&log);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *value;
        enum err_class class;
    } cases[] = {
        {"{\"kind\":\"snapshot\"}", "{\"version\":1}", ERR_CORRUPT},
        {"{\"kind\":\"snapshot\",\"id\":\"a\",\"db\":\"d\"}", "{\"version\":1}", ERR_CORRUPT},
        {KEY, "{\"version\":1}", ERR_CORRUPT},
        {KEY, "{\"version\":2}", ERR_UNSUPPORTED},
        {KEY, "{\"version\":1,\"phase\":\"odd\",\"tables\":\"\",\"where\":\"\",\"note\":\"\"}",
         ERR_CORRUPT},
        {KEY, "{\"version\":1,\"phase\":\"done\",\"tables\":\"\",\"where\":\"\"}", ERR_CORRUPT},
        {KEY_TABLE, "{\"version\":1,\"phase\":\"done\"}", ERR_CORRUPT},
        {KEY_TABLE,
         "{\"version\":1,\"phase\":\"settling\",\"shape\":\"0\",\"after\":\"\",\"note\":\"\"}",
         ERR_CORRUPT},
        {KEY_CONTROL, "{\"version\":1}", ERR_CORRUPT},
        {KEY_CONTROL, "{\"version\":1,\"offset\":-1}", ERR_CORRUPT},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct checkpoint_log log = {0};
        assert_fails(take(&log, str(cases[i].key), str(cases[i].value), &err), &err,
                     cases[i].class);
        checkpoint_log_deinit(&log);
    }
}

// Every prefix of a record is refused, and none is read past its end.
static void test_truncation(void **state)
{
    (void)state;
    struct snapshot_log from = {0};
    struct buf value = {0};
    const struct snapshot *snapshot = make(&from);
    snapshot_table_write(&value, snapshot->list[0]);
    for (size_t n = 1; n < value.len; n++) {
        struct err err = {0};
        struct checkpoint_log log = {0};
        struct slice cut = exact_copy(slice_of(value.ptr, n));
        assert_fails(take(&log, str(KEY_TABLE), cut, &err), &err, ERR_CORRUPT);
        free((void *)(uintptr_t)cut.ptr);
        checkpoint_log_deinit(&log);
    }
    buf_deinit(&value);
    snapshot_log_deinit(&from);
}

static void test_commands(void **state)
{
    (void)state;
    static const char *const tables[] = {"shop.*", "crm.person"};
    struct control_command command;
    struct buf record = {0};
    struct buf keys = {0};
    struct err err = {0};
    control_write_snapshot(&record, "a", tables, 2, "id < 5");
    assert_true(control_parse(buf_bytes(&record), &command, &err));
    assert_int_equal(command.kind, CONTROL_SNAPSHOT);
    assert_true(slice_eq_str(buf_bytes(&command.tables), "shop.*,crm.person"));
    assert_string_equal(command.where, "id < 5");
    control_command_deinit(&command);
    buf_clear(&record);
    buf_str(&keys, "{\"id\":7}\n{\"id\":8}\n");
    control_write_keys(&record, "b", "shop", "product", &keys, true);
    assert_true(control_parse(buf_bytes(&record), &command, &err));
    assert_int_equal(YAJL_GET_ARRAY(command.keys)->len, 2);
    assert_string_equal(YAJL_GET_STRING(YAJL_GET_ARRAY(command.keys)->values[1]), "{\"id\":8}");
    assert_true(command.last);
    control_command_deinit(&command);
    for (size_t n = 0; n < record.len; n++) {
        struct slice cut = exact_copy(slice_of(record.ptr, n));
        assert_fails(control_parse(cut, &command, &err), &err, ERR_CORRUPT);
        free((void *)(uintptr_t)cut.ptr);
    }
    buf_deinit(&record);
    buf_deinit(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_removed),
        cmocka_unit_test(test_trim),           cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_truncation),     cmocka_unit_test(test_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
