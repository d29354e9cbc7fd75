// SPDX-License-Identifier: Apache-2.0
// Reader: the state machine over golden logs, and what it says to damaged ones. That the values are
// right is shown by tests/golden/run.sh.
#include "binlog/reader.h"
#include "binlog/transaction.h"
#include "tests/unit/binlog/log_bytes.h"
#include "tests/unit/test.h"

#include <string.h>

#define GOLDEN "tests/golden/"

static const struct reader_options plain_options = {
    .source_name = "test", .version = "0", .verify_checksums = true};
static const struct reader_options unverified_options = {
    .source_name = "test", .version = "0", .verify_checksums = false};

struct outcome {
    bool ok;
    struct err err;
    unsigned begins, changes, commits, ddls;
    uint64_t last_order;
};

static struct outcome read_all(struct slice events, const struct reader_options *options,
                               struct position *end)
{
    struct outcome outcome = {.ok = true};
    struct reader *reader = reader_open_take(memory_open(events), options, &outcome.err);
    assert_non_null(reader);
    struct reader_item item = {.kind = READER_IDLE};
    while (item.kind != READER_END) {
        outcome.ok = reader_next(reader, 0, &item, &outcome.err);
        if (!outcome.ok)
            break;
        outcome.begins += item.kind == READER_BEGIN;
        outcome.commits += item.kind == READER_COMMIT;
        outcome.ddls += item.kind == READER_DDL;
        outcome.changes += item.kind == READER_CHANGE;
        if (item.kind == READER_CHANGE)
            outcome.last_order = item.change->total_order;
    }
    if (end)
        position_copy(end, reader_position(reader));
    reader_close(reader);
    return outcome;
}

static struct slice events_of(const struct buf *log)
{
    return slice_of(log->ptr + LOG_MAGIC_BYTES, log->len - LOG_MAGIC_BYTES);
}

static void reads_transactions_in_order(void **state)
{
    (void)state;
    struct buf log = {0};
    struct position end = {0};
    load_file(&log, GOLDEN "mysql/transactions.binlog");
    struct outcome outcome = read_all(events_of(&log), &plain_options, &end);
    assert_true(outcome.ok);
    assert_int_equal(outcome.ddls, 1);
    assert_int_equal(outcome.changes, 5);
    assert_int_equal(outcome.begins,
                     3); // CREATE, the first BEGIN, the last INSERT; not what was rolled back
    assert_int_equal(outcome.commits, 3);
    assert_int_equal(end.pos, 4); // of the next file, which the rotation at the end names
    assert_int_equal(end.rows, 0);
    assert_int_equal(end.executed.kind, GTID_MYSQL);
    position_deinit(&end);
    buf_deinit(&log);
}

// Events up to but without the n-th of a type.
static struct slice events_before(const struct buf *log, uint8_t code, size_t n)
{
    size_t at = find_event(buf_bytes(log), code, n);
    return slice_of(log->ptr + LOG_MAGIC_BYTES, at - LOG_MAGIC_BYTES);
}

static void refuses_a_log_that_ends_in_a_transaction(void **state)
{
    (void)state;
    struct buf log = {0};
    struct position end = {0};
    load_file(&log, GOLDEN "mysql/transactions.binlog");
    struct outcome outcome = read_all(events_before(&log, EVENT_XID, 0), &plain_options, &end);
    assert_false(outcome.ok);
    assert_int_equal(outcome.err.class, ERR_CORRUPT);
    assert_int_equal(outcome.changes, 4);
    assert_int_equal(outcome.commits, 1);
    assert_int_equal(end.rows, 4);
    assert_int_equal(end.pos, find_event(buf_bytes(&log), EVENT_GTID, 1));
    position_deinit(&end);
    buf_deinit(&log);
}

// A position inside a transaction: its first rows are counted but not handed out.
static void passes_over_rows_that_were_read_before(void **state)
{
    (void)state;
    struct buf log = {0};
    load_file(&log, GOLDEN "mysql/transactions.binlog");
    struct table_filter all = {0};
    struct position start = {.rows = 3, .filter = table_filter_digest(&all)};
    struct reader_options options = plain_options;
    options.start = &start;
    // from the second transaction on: the format description, then the GTID event
    struct buf tail = {0};
    size_t format = size_at(buf_bytes(&log), LOG_MAGIC_BYTES);
    size_t second = find_event(buf_bytes(&log), EVENT_GTID, 1);
    buf_append(&tail, log.ptr + LOG_MAGIC_BYTES, format);
    buf_append(&tail, log.ptr + second, log.len - second);
    struct outcome outcome = read_all(buf_bytes(&tail), &options, NULL);
    assert_true(outcome.ok);
    assert_int_equal(outcome.changes,
                     2); // the fourth of the first transaction, the one of the next
    start.rows = 5;
    outcome = read_all(buf_bytes(&tail), &options, NULL);
    assert_false(outcome.ok);
    assert_int_equal(outcome.err.class, ERR_CORRUPT); // it has but four: another history
    buf_deinit(&tail);
    buf_deinit(&log);
}

static void refuses_rows_counted_with_another_filter(void **state)
{
    (void)state;
    struct position start = {.rows = 1, .filter = 1};
    struct reader_options options = plain_options;
    options.start = &start;
    struct err err;
    assert_null(reader_open_take(memory_open(slice_of(NULL, 0)), &options, &err));
    assert_int_equal(err.class, ERR_REFUSED);
}

static void filters_tables(void **state)
{
    (void)state;
    struct buf log = {0};
    load_file(&log, GOLDEN "mysql/several_tables.binlog");
    struct reader_options options = plain_options;
    options.filter.include = "golden.b";
    struct outcome outcome = read_all(events_of(&log), &options, NULL);
    assert_true(outcome.ok);
    assert_int_equal(outcome.changes, 3); // insert, update, delete
    assert_int_equal(outcome.last_order, 1);
    buf_deinit(&log);
}

static void unknown_events_need_the_ignorable_flag(void **state)
{
    (void)state;
    struct buf log = {0};
    load_file(&log, GOLDEN "mysql/update_delete.binlog");
    size_t format = size_at(buf_bytes(&log), LOG_MAGIC_BYTES);
    struct buf events = {0};
    buf_append(&events, log.ptr + LOG_MAGIC_BYTES, format);
    put_event(&events, 200, EVENT_FLAG_IGNORABLE, "xyz", 3);
    struct outcome outcome = read_all(buf_bytes(&events), &plain_options, NULL);
    assert_true(outcome.ok);
    put_event(&events, 200, 0, "xyz", 3);
    outcome = read_all(buf_bytes(&events), &plain_options, NULL);
    assert_false(outcome.ok);
    assert_int_equal(outcome.err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(outcome.err.text, "type 200"));
    buf_deinit(&events);
    buf_deinit(&log);
}

// Binlog versions 1 and 3 have no format description.
static void logs_of_before_are_refused_by_name(void **state)
{
    (void)state;
    struct buf events = {0};
    put_event(&events, EVENT_START_V3, 0, "xyz", 3);
    struct outcome outcome = read_all(buf_bytes(&events), &plain_options, NULL);
    assert_false(outcome.ok);
    assert_int_equal(outcome.err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(outcome.err.text, "binlog versions before 4"));
    buf_deinit(&events);
}

// An unknown type in the middle: all before it is out, and the position is the one before it.
static void the_position_stays_before_the_unknown(void **state)
{
    (void)state;
    struct buf log = {0};
    struct position end = {0};
    load_file(&log, GOLDEN "mysql/transactions.binlog");
    size_t second = find_event(buf_bytes(&log), EVENT_GTID, 1);
    log.ptr[second + 4] = 200;
    mend_checksum(log.ptr + second, size_at(buf_bytes(&log), second));
    struct outcome outcome = read_all(events_of(&log), &plain_options, &end);
    assert_false(outcome.ok);
    assert_int_equal(outcome.err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(outcome.err.text, "event type 200"));
    char place[32];
    (void)snprintf(place, sizeof place, ":%zu", second);
    assert_non_null(strstr(outcome.err.text, place));
    assert_int_equal(outcome.commits, 1);
    assert_int_equal(end.pos, second);
    assert_int_equal(end.rows, 0);
    position_deinit(&end);
    buf_deinit(&log);
}

// The first transaction of the log, with `statement` in the place of its XID.
static struct outcome end_with(const char *statement, struct position *end)
{
    struct buf log = {0};
    struct buf body = {0};
    load_file(&log, GOLDEN "mysql/transactions.binlog");
    struct slice before = events_before(&log, EVENT_XID, 0);
    put_le(&body, 1, 4); // thread
    put_le(&body, 0, 5); // no time, no database
    put_le(&body, 0, 5); // no error, no status variables; the end of the database's name
    buf_str(&body, statement);
    struct buf events = {0};
    buf_slice(&events, before);
    put_event(&events, EVENT_QUERY, 0, body.ptr, body.len);
    struct outcome outcome = read_all(buf_bytes(&events), &plain_options, end);
    buf_deinit(&events);
    buf_deinit(&body);
    buf_deinit(&log);
    return outcome;
}

static void rows_that_were_undone_are_never_complete(void **state)
{
    (void)state;
    static const char *const statements[] = {"ROLLBACK", "ROLLBACK WORK", "ROLLBACK TO `s`",
                                             "rollback /* x */ to savepoint s"};
    struct position end = {0};
    assert_int_equal(end_with("COMMIT", NULL).commits, 2);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        struct outcome outcome = end_with(statements[i], &end);
        assert_false(outcome.ok);
        assert_int_equal(outcome.err.class, ERR_UNSUPPORTED);
        assert_non_null(strstr(outcome.err.text, "ROLLBACK"));
        assert_int_equal(outcome.commits, 1); // CREATE TABLE
        assert_int_equal(end.rows, 4);
    }
    position_deinit(&end);
}

static void refusal_says_what_and_where(void **state)
{
    (void)state;
    struct buf log = {0};
    load_file(&log, GOLDEN "mysql/refused_statement.binlog");
    struct outcome outcome = read_all(events_of(&log), &plain_options, NULL);
    assert_false(outcome.ok);
    assert_int_equal(outcome.err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(outcome.err.text, "(GTID "));
    assert_non_null(strstr(outcome.err.text, "binlog_format"));
    buf_deinit(&log);
}

// Read up to a commit, and again from the position there.
struct resumed {
    unsigned changes_before, changes_after, commits_after;
    size_t n_pending;
    struct gtid_set executed;
};

static void read_until(struct reader *reader, unsigned commits, struct resumed *resumed)
{
    struct reader_item item = {.kind = READER_IDLE};
    struct err err;
    while (commits && item.kind != READER_END) {
        assert_works(reader_next(reader, 0, &item, &err), &err);
        resumed->changes_before += item.kind == READER_CHANGE;
        commits -= item.kind == READER_COMMIT;
    }
}

// How the server sends what follows a position.
enum dump { DUMP_ALL, DUMP_GTID, DUMP_FILE, DUMPS };

static bool is_sent(const struct event *event, size_t at, const struct position *begin,
                    enum dump dump)
{
    struct transaction next = {0};
    struct event_format format = {.has_checksum = true};
    struct err err;
    if (dump == DUMP_FILE)
        return at >= begin->pos;
    if (dump == DUMP_ALL || event->code != EVENT_GTID)
        return true;
    format.post_header_bytes[EVENT_GTID] = 42;
    assert_works(transaction_name(&next, event, &format, &err), &err);
    return !gtid_set_contains(&begin->executed, &next.gtid);
}

// The log from its first transaction on, whole transactions at a time.
static void put_dump(struct buf *out, struct slice log, const struct position *begin,
                     enum dump dump)
{
    const struct event_format format = {.has_checksum = true};
    size_t at = find_event(log, dump == DUMP_FILE ? EVENT_ANONYMOUS_GTID : EVENT_GTID, 0);
    bool sent = true;
    buf_append(out, log.ptr + LOG_MAGIC_BYTES, at - LOG_MAGIC_BYTES);
    while (at < log.len) {
        struct slice bytes = slice_of(log.ptr + at, size_at(log, at));
        struct event event;
        struct err err;
        assert_works(event_parse(bytes, &format, true, &event, &err), &err);
        if (event.code == EVENT_GTID || event.code == EVENT_ANONYMOUS_GTID ||
            event.code == EVENT_ROTATE)
            sent = is_sent(&event, at, begin, dump);
        if (sent)
            buf_slice(out, bytes);
        at += bytes.len;
    }
}

static void load_log(struct buf *log, const char *path, bool without_gtids)
{
    load_file(log, path);
    for (size_t at = LOG_MAGIC_BYTES; without_gtids && at < log->len;
         at += size_at(buf_bytes(log), at)) {
        if (log->ptr[at + 4] != EVENT_GTID)
            continue;
        log->ptr[at + 4] = EVENT_ANONYMOUS_GTID;
        mend_checksum(log->ptr + at, size_at(buf_bytes(log), at));
    }
}

static struct resumed resume_after(const char *path, unsigned commits, enum dump dump)
{
    struct buf log = {0};
    struct buf again = {0};
    struct resumed resumed = {0};
    struct position position = {0};
    struct position begin = {0};
    struct position end = {0};
    struct reader_options options = plain_options;
    struct err err;
    load_log(&log, path, dump == DUMP_FILE);
    struct reader *reader = reader_open_take(memory_open(events_of(&log)), &options, &err);
    read_until(reader, commits, &resumed);
    position_copy(&position, reader_position(reader));
    reader_close(reader);
    resumed.n_pending = position.pending.n;
    assert_works(position_begin(&begin, &position, &err), &err);
    put_dump(&again, buf_bytes(&log), &begin, dump);
    options.start = &position;
    struct outcome outcome = read_all(buf_bytes(&again), &options, &end);
    assert_works(outcome.ok, &outcome.err);
    assert_int_equal(end.pending.n, 0);
    resumed.changes_after = outcome.changes;
    resumed.commits_after = outcome.commits;
    gtid_set_copy(&resumed.executed, &end.executed);
    position_deinit(&end);
    position_deinit(&begin);
    position_deinit(&position);
    buf_deinit(&again);
    buf_deinit(&log);
    return resumed;
}

// Wherever the log is left and taken up, each change comes once.
static void xa_transactions_are_read_again(void **state)
{
    (void)state;
    struct buf log = {0};
    struct position whole = {0};
    size_t most_pending = 0;
    load_file(&log, GOLDEN "mysql/xa.binlog");
    struct outcome outcome = read_all(events_of(&log), &plain_options, &whole);
    assert_true(outcome.ok);
    assert_int_equal(outcome.changes, 12);
    for (unsigned commits = 1; commits < outcome.commits; commits++) {
        for (enum dump dump = 0; dump < DUMPS; dump++) {
            struct resumed resumed = resume_after(GOLDEN "mysql/xa.binlog", commits, dump);
            most_pending = resumed.n_pending > most_pending ? resumed.n_pending : most_pending;
            // with nothing pending nothing is sent again, so nothing has to be passed over
            if (dump != DUMP_ALL || resumed.n_pending) {
                assert_int_equal(resumed.changes_before + resumed.changes_after, 12);
                assert_int_equal(commits + resumed.commits_after, outcome.commits);
            }
            if (dump != DUMP_FILE)
                assert_true(gtid_set_equal(&resumed.executed, &whole.executed));
            gtid_set_deinit(&resumed.executed);
        }
    }
    assert_int_equal(most_pending, 3);
    position_deinit(&whole);
    buf_deinit(&log);
}

// What is pending and did not come again: its commit is refused.
static void xa_commit_of_the_unknown_is_refused(void **state)
{
    (void)state;
    struct buf log = {0};
    struct buf events = {0};
    load_file(&log, GOLDEN "mysql/xa.binlog");
    size_t first = find_event(buf_bytes(&log), EVENT_GTID, 0);
    size_t commit = find_event(buf_bytes(&log), EVENT_XA_PREPARE, 2); // of 'second'
    commit += size_at(buf_bytes(&log), commit);
    buf_append(&events, log.ptr + LOG_MAGIC_BYTES, first - LOG_MAGIC_BYTES);
    buf_append(&events, log.ptr + commit, log.len - commit);
    struct position end = {0};
    struct outcome outcome = read_all(buf_bytes(&events), &plain_options, &end);
    assert_false(outcome.ok);
    assert_int_equal(outcome.err.class, ERR_UNSUPPORTED);
    assert_non_null(strstr(outcome.err.text, "XA COMMIT X'7365636f6e64',X'',1"));
    assert_int_equal(outcome.changes, 0);
    position_deinit(&end);
    buf_deinit(&events);
    buf_deinit(&log);
}

static const char *const small_logs[] = {
    GOLDEN "mysql/integers.binlog",      GOLDEN "mysql/enums.binlog",
    GOLDEN "mysql/compressed.binlog",    GOLDEN "mysql/tagged_gtid.binlog",
    GOLDEN "mysql/temporals.binlog",     GOLDEN "mysql/rows_query.binlog",
    GOLDEN "mysql/minimal_image.binlog", GOLDEN "mysql/vector.binlog",
    GOLDEN "mariadb/annotate.binlog",    GOLDEN "mariadb/compressed.binlog",
    GOLDEN "mariadb/geometry.binlog",    GOLDEN "mysql/composite_key.binlog",
    GOLDEN "mysql/partial_json.binlog",
};
#define N_SMALL_LOGS (sizeof small_logs / sizeof *small_logs)

static bool is_event_end(struct slice log, size_t n)
{
    size_t at = LOG_MAGIC_BYTES;
    while (at < n)
        at += size_at(log, at);
    return at == n;
}

static void every_prefix_is_corrupt_or_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SMALL_LOGS; i++) {
        struct buf log = {0};
        load_file(&log, small_logs[i]);
        for (size_t n = LOG_MAGIC_BYTES + 1; n < log.len; n++) {
            // a copy of its own, so that a sanitizer sees any byte read behind it
            uint8_t *copy = malloc(n - LOG_MAGIC_BYTES);
            memcpy(copy, log.ptr + LOG_MAGIC_BYTES, n - LOG_MAGIC_BYTES);
            struct slice events = slice_of(copy, n - LOG_MAGIC_BYTES);
            struct outcome outcome = read_all(events, &plain_options, NULL);
            if (!outcome.ok)
                assert_int_equal(outcome.err.class, ERR_CORRUPT);
            else
                assert_true(is_event_end(buf_bytes(&log), n));
            free(copy);
        }
        buf_deinit(&log);
    }
}

// The one bit that the server itself changes behind the checksum's back.
static bool is_in_use_flag(size_t at, unsigned bit)
{
    return at == LOG_MAGIC_BYTES + 17 && bit == 0;
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SMALL_LOGS; i++) {
        struct buf log = {0};
        load_file(&log, small_logs[i]);
        for (size_t at = LOG_MAGIC_BYTES; at < log.len; at++) {
            unsigned bit = (unsigned)(at * 7 % 8);
            log.ptr[at] ^= (uint8_t)(1u << bit);
            struct outcome outcome = read_all(events_of(&log), &plain_options, NULL);
            if (!is_in_use_flag(at, bit) && outcome.ok)
                fail_msg("%s: bit %u of byte %zu", small_logs[i], bit, at);
            log.ptr[at] ^= (uint8_t)(1u << bit);
        }
        buf_deinit(&log);
    }
}

// Without checksums damage may pass as another value, but it never crashes and never has another
// class.
static void unverified_damage_is_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SMALL_LOGS; i++) {
        struct buf log = {0};
        load_file(&log, small_logs[i]);
        for (size_t at = LOG_MAGIC_BYTES; at < log.len; at++) {
            uint8_t was = log.ptr[at];
            const uint8_t tries[] = {
                0, 0xff, 0xfb, 0xfd, (uint8_t)(was ^ 0x80), (uint8_t)(was + 1)};
            for (size_t k = 0; k < sizeof tries; k++) {
                log.ptr[at] = tries[k];
                struct outcome outcome = read_all(events_of(&log), &unverified_options, NULL);
                if (!outcome.ok && outcome.err.class != ERR_CORRUPT)
                    assert_int_equal(outcome.err.class, ERR_UNSUPPORTED);
            }
            log.ptr[at] = was;
        }
        buf_deinit(&log);
    }
}

// Compressed events whose inside is damaged while the checksum is right.
static void damaged_payload_is_corrupt(void **state)
{
    (void)state;
    struct buf log = {0};
    load_file(&log, GOLDEN "mysql/compressed.binlog");
    size_t at = find_event(buf_bytes(&log), EVENT_TRANSACTION_PAYLOAD, 0);
    size_t size = size_at(buf_bytes(&log), at);
    for (size_t i = EVENT_HEADER_BYTES; i < size - EVENT_CHECKSUM_BYTES; i++) {
        log.ptr[at + i] ^= 0x55;
        mend_checksum(log.ptr + at, size);
        struct outcome outcome = read_all(events_of(&log), &plain_options, NULL);
        if (!outcome.ok && outcome.err.class != ERR_CORRUPT)
            assert_int_equal(outcome.err.class, ERR_UNSUPPORTED);
        log.ptr[at + i] ^= 0x55;
    }
    buf_deinit(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_transactions_in_order),
        cmocka_unit_test(refuses_a_log_that_ends_in_a_transaction),
        cmocka_unit_test(passes_over_rows_that_were_read_before),
        cmocka_unit_test(refuses_rows_counted_with_another_filter),
        cmocka_unit_test(filters_tables),
        cmocka_unit_test(unknown_events_need_the_ignorable_flag),
        cmocka_unit_test(logs_of_before_are_refused_by_name),
        cmocka_unit_test(the_position_stays_before_the_unknown),
        cmocka_unit_test(rows_that_were_undone_are_never_complete),
        cmocka_unit_test(refusal_says_what_and_where),
        cmocka_unit_test(xa_transactions_are_read_again),
        cmocka_unit_test(xa_commit_of_the_unknown_is_refused),
        cmocka_unit_test(every_prefix_is_corrupt_or_whole),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(unverified_damage_is_survived),
        cmocka_unit_test(damaged_payload_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
