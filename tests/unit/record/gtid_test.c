// SPDX-License-Identifier: Apache-2.0
// GTID sets. The canonical texts are what MySQL's GTID_SUBTRACT(set, '') and MariaDB's
// gtid_binlog_pos print; the bytes follow the layout of the server's Gtid_set::encode.
#include "record/gtid.h"

#include "tests/unit/test.h"

#define A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define B "4e11fa47-71ca-11e1-9e33-c80aa9429562"

static struct gtid_set set_of(const char *text)
{
    struct gtid_set set = {0};
    struct err err;
    assert_works(gtid_set_parse(&set, str(text), &err), &err);
    return set;
}

static void assert_set(const struct gtid_set *set, const char *expected)
{
    struct buf out = {0};
    gtid_set_write(&out, set);
    assert_text(buf_bytes(&out), expected);
    buf_deinit(&out);
}

static void test_canonical_text(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"", ""},
        {" \n", ""},
        {A ":1", A ":1"},
        {A ":1-5:11", A ":1-5:11"},
        {A ":11:1-5", A ":1-5:11"},
        {A ":1-5:6", A ":1-6"},
        {A ":1-5:3-9:20:10", A ":1-10:20"},
        {A ":1:3:5:2-4", A ":1-5"},
        {" 3E11FA47-71CA-11E1-9E33-C80AA9429562 : 1 - 5 ,\n" A ":7", A ":1-5:7"},
        {B ":1," A ":2", A ":2," B ":1"},
        {",," A ":2,", A ":2"},
        {A ":APP:1-3:5", A ":app:1-3:5"},
        {A ":app:1-3:1-5", A ":app:1-5"},
        {A ":1-5:11:app:1-3", A ":1-5:11:app:1-3"},
        {A ":b:2:a:1:7," A ":4", A ":4:a:1:7:b:2"},
        {A ":_x9:1", A ":_x9:1"},
        {A ":9223372036854775807", A ":9223372036854775807"},
        {"0-1-100", "0-1-100"},
        {"1-2-30, 0-1-100", "0-1-100,1-2-30"},
        {"4294967295-4294967295-9223372036854775807", "4294967295-4294967295-9223372036854775807"},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct gtid_set set = set_of(texts[i][0]);
        assert_set(&set, texts[i][1]);
        gtid_set_deinit(&set);
    }
}

static void test_faults_have_offsets(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t offset;
    } faults[] = {
        {A, 1}, // without a colon it is taken for MariaDB's
        {A ":", 37},
        {A ":0", 37},
        {A ":5-3", 39},
        {A ":1-", 39},
        {A ":9223372036854775808", 37},
        {A ":app", 40},
        {A ":a:b:1", 39},
        {A ":1:app", 42},
        {A ":1 2", 39},
        {A ":1;", 38},
        {"xe11fa47-71ca-11e1-9e33-c80aa9429562:1", 0},
        {"3e11fa47x71ca-11e1-9e33-c80aa9429562:1", 0},
        {A ":a23456789012345678901234567890123:1", 37},
        {A ":1,0-1-5", 39},
        {"0-1", 3},
        {"0-1-", 4},
        {"0-1-0", 4},
        {"4294967296-1-1", 0},
        {"0-1-5,0-2-6", 6},
        {"0-1-5-6", 5},
    };
    struct err err;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct gtid_set set = {0};
        assert_fails(gtid_set_parse(&set, str(faults[i].text), &err), &err, ERR_USAGE);
        if (err.offset != faults[i].offset)
            fail_msg("%s: offset %d, expected %d", faults[i].text, (int)err.offset,
                     (int)faults[i].offset);
        assert_true(gtid_set_is_empty(&set));
    }
}

static void test_truncated_text(void **state)
{
    (void)state;
    static const char *const texts[] = {A ":1-5:11:app:1-3," B ":7", "0-1-100,1-2-30"};
    struct err err;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        for (size_t n = 0; n <= strlen(texts[i]); n++) {
            struct slice cut = exact_copy(slice_of(texts[i], n));
            struct gtid_set set = {0};
            if (!gtid_set_parse(&set, cut, &err))
                assert_in_range(err.offset, 0, n);
            gtid_set_deinit(&set);
            free((void *)cut.ptr);
        }
    }
}

static void test_one_gtid(void **state)
{
    (void)state;
    static const char *const good[] = {A ":7", A ":app:7", "0-1-100",
                                       A ":a2345678901234567890123456789012:9223372036854775807"};
    static const char *const bad[] = {"", A, A ":1-2", A ":1,", A ":a:", "0-1-2,", "0-1"};
    struct gtid gtid;
    struct err err;
    char text[GTID_TEXT_MAX];
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_works(gtid_parse(&gtid, str(good[i]), &err), &err);
        assert_text(slice_of(text, gtid_write(text, &gtid)), good[i]);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_fails(gtid_parse(&gtid, str(bad[i]), &err), &err, ERR_USAGE);
}

// MySQL's GTID_SUBTRACT, and the union of both.
static void test_union_and_subtract(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *joined, *left;
    } cases[] = {
        {A ":1-10", A ":3-4:8", A ":1-10", A ":1-2:5-7:9-10"},
        {A ":1-10", A ":1-10", A ":1-10", ""},
        {A ":1-10," B ":1", A ":1-20", A ":1-20," B ":1", B ":1"},
        {A ":1-3:7-9:12", A ":2-8", A ":1-9:12", A ":1:9:12"},
        {A ":1", A ":app:1", A ":1:app:1", A ":1"},
        {A ":5", A ":1-4:6-9", A ":1-9", A ":5"},
        {"", A ":1", A ":1", ""},
        {A ":1", "", A ":1", A ":1"},
        {"0-1-100,1-1-5", "0-2-99,1-1-6", "0-1-100,1-1-6", "0-1-100"},
        {"0-1-5", "1-1-5", "0-1-5,1-1-5", "0-1-5"},
    };
    struct err err;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct gtid_set a = set_of(cases[i].a);
        struct gtid_set b = set_of(cases[i].b);
        struct gtid_set joined = {0};
        gtid_set_copy(&joined, &a);
        assert_works(gtid_set_union(&joined, &b, &err), &err);
        assert_set(&joined, cases[i].joined);
        assert_true(gtid_set_is_subset(&a, &joined));
        assert_true(gtid_set_is_subset(&b, &joined));
        gtid_set_subtract(&a, &b);
        assert_set(&a, cases[i].left);
        gtid_set_deinit(&a);
        gtid_set_deinit(&b);
        gtid_set_deinit(&joined);
    }
}

static void test_questions(void **state)
{
    (void)state;
    struct gtid_set set = set_of(A ":2-5:9:app:1");
    static const struct {
        const char *gtid;
        bool in;
    } cases[] = {{A ":1", false}, {A ":2", true},      {A ":5", true},
                 {A ":6", false}, {A ":9", true},      {A ":app:1", true},
                 {B ":2", false}, {A ":app:2", false}, {"0-1-2", false}};
    struct err err;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct gtid gtid;
        assert_works(gtid_parse(&gtid, str(cases[i].gtid), &err), &err);
        assert_int_equal(gtid_set_contains(&set, &gtid), cases[i].in);
    }
    struct gtid_set part = set_of(A ":3-4:9");
    struct gtid_set across = set_of(A ":4-9");
    assert_true(gtid_set_is_subset(&part, &set));
    assert_false(gtid_set_is_subset(&across, &set));
    assert_false(gtid_set_equal(&part, &set));
    gtid_set_copy(&part, &set);
    assert_true(gtid_set_equal(&part, &set));
    gtid_set_subtract(&part, &set);
    assert_true(gtid_set_is_empty(&part));
    assert_true(gtid_set_is_subset(&part, &set));
    gtid_set_deinit(&part);
    gtid_set_deinit(&across);
    gtid_set_deinit(&set);
}

// One at a time, as the reader does: in order, out of order, and against a plain table of what is
// in.
static void test_add_against_a_table(void **state)
{
    (void)state;
    enum { N = 200 };
    bool in[N + 2] = {false};
    uint32_t random = 1;
    struct gtid_set set = {0};
    struct gtid gtid;
    struct err err;
    assert_works(gtid_parse(&gtid, str(A ":1"), &err), &err);
    for (int i = 0; i < 150; i++) {
        random = random * 1103515245 + 12345;
        gtid.sequence = 1 + (random >> 8) % N;
        in[gtid.sequence] = true;
        assert_works(gtid_set_add(&set, &gtid, &err), &err);
        for (gtid.sequence = 1; gtid.sequence <= N; gtid.sequence++)
            assert_int_equal(gtid_set_contains(&set, &gtid), in[gtid.sequence]);
    }
    gtid_set_deinit(&set);
}

static void test_kinds_do_not_mix(void **state)
{
    (void)state;
    struct gtid_set set = set_of(A ":1");
    struct gtid_set other = set_of("0-1-1");
    struct gtid gtid;
    struct err err;
    assert_works(gtid_parse(&gtid, str("0-1-1"), &err), &err);
    assert_fails(gtid_set_add(&set, &gtid, &err), &err, ERR_CORRUPT);
    assert_fails(gtid_set_union(&set, &other, &err), &err, ERR_CORRUPT);
    assert_set(&set, A ":1");
    gtid.server = 2;
    gtid.sequence = 7;
    assert_works(gtid_set_add(&other, &gtid, &err), &err);
    assert_set(&other, "0-2-7");
    gtid_set_deinit(&set);
    gtid_set_deinit(&other);
}

#define UUID_A "\x3e\x11\xfa\x47\x71\xca\x11\xe1\x9e\x33\xc8\x0a\xa9\x42\x95\x62"
#define LE64(n) n "\0\0\0\0\0\0\0"

static const char plain_bytes[] =
    LE64("\1") UUID_A LE64("\2") LE64("\1") LE64("\6") LE64("\13") LE64("\14");
static const char tagged_bytes[] = "\1\2\0\0\0\0\0\1" UUID_A "\0" LE64("\1") LE64("\1") LE64("\6")
    UUID_A "\6"
           "app" LE64("\1") LE64("\1") LE64("\4");

// The PREVIOUS_GTIDS event of a MySQL 9.7 whose gtid_executed was
#define SERVER_TEXT "47bd612f-e563-11f1-ac3c-02fc00000001:1-3:_z9:1:app:1-2"
static const uint8_t server_bytes[] = {
    0x01, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x47, 0xbd, 0x61, 0x2f, 0xe5, 0x63, 0x11, 0xf1,
    0xac, 0x3c, 0x02, 0xfc, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x47, 0xbd, 0x61, 0x2f, 0xe5, 0x63, 0x11, 0xf1, 0xac, 0x3c, 0x02, 0xfc, 0x00, 0x00, 0x00,
    0x01, 0x06, 0x5f, 0x7a, 0x39, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x47, 0xbd, 0x61,
    0x2f, 0xe5, 0x63, 0x11, 0xf1, 0xac, 0x3c, 0x02, 0xfc, 0x00, 0x00, 0x00, 0x01, 0x06, 0x61, 0x70,
    0x70, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static void check_bytes(const char *text, struct slice bytes)
{
    struct gtid_set set = set_of(text);
    struct gtid_set back = {0};
    struct buf out = {0};
    struct err err;
    gtid_set_encode(&out, &set);
    assert_true(slice_eq(buf_bytes(&out), bytes));
    assert_works(gtid_set_decode(&back, bytes, &err), &err);
    assert_set(&back, text);
    for (size_t n = 0; n < bytes.len; n++) {
        struct slice cut = exact_copy(slice_of(bytes.ptr, n));
        assert_fails(gtid_set_decode(&back, cut, &err), &err, ERR_CORRUPT);
        assert_in_range(err.offset, 0, n);
        free((void *)cut.ptr);
    }
    buf_char(&out, 0);
    assert_fails(gtid_set_decode(&back, buf_bytes(&out), &err), &err, ERR_CORRUPT);
    assert_int_equal(err.offset, bytes.len);
    assert_set(&back, text);
    buf_deinit(&out);
    gtid_set_deinit(&back);
    gtid_set_deinit(&set);
}

static void test_binary_form(void **state)
{
    (void)state;
    check_bytes("", slice_of(LE64("\0"), 8));
    check_bytes(A ":1-5:11", slice_of(plain_bytes, sizeof plain_bytes - 1));
    check_bytes(A ":1-5:app:1-3", slice_of(tagged_bytes, sizeof tagged_bytes - 1));
    check_bytes(SERVER_TEXT, slice_of(server_bytes, sizeof server_bytes));
}

static void test_binary_faults(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        char byte;
        uint64_t offset;
    } faults[] = {
        {7, 2, 8},    // format
        {0, 0, 8},    // format in one place only
        {24, 1, 25},  // tag length of two bytes
        {24, 66, 25}, // tag of 33 bytes
        {33, 0, 49},  // first 0
        {41, 1, 49},  // end not behind first
        {66, 'A', 69}, {66, '1', 69},
    };
    char bytes[sizeof tagged_bytes - 1];
    struct err err;
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct gtid_set set = {0};
        memcpy(bytes, tagged_bytes, sizeof bytes);
        bytes[faults[i].at] = faults[i].byte;
        assert_fails(gtid_set_decode(&set, slice_of(bytes, sizeof bytes), &err), &err, ERR_CORRUPT);
        assert_int_equal(err.offset, faults[i].offset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_text),      cmocka_unit_test(test_faults_have_offsets),
        cmocka_unit_test(test_truncated_text),      cmocka_unit_test(test_one_gtid),
        cmocka_unit_test(test_union_and_subtract),  cmocka_unit_test(test_questions),
        cmocka_unit_test(test_add_against_a_table), cmocka_unit_test(test_kinds_do_not_mix),
        cmocka_unit_test(test_binary_form),         cmocka_unit_test(test_binary_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
