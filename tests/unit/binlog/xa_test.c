// SPDX-License-Identifier: Apache-2.0
// XA: names as the server writes them, from statements and from events.
#include "binlog/xa.h"

#include "tests/unit/test.h"

static void reads_statements(void **state)
{
    (void)state;
    struct xa_statement xa;
    struct err err;
    assert_works(xa_parse(&xa, str("XA START X'61',X'',1"), &err), &err);
    assert_int_equal(xa.verb, XA_START);
    assert_string_equal(xa.xid, "X'61',X'',1");
    assert_works(xa_parse(&xa, str("xa commit X'0AFf',X'00',4294967295"), &err), &err);
    assert_int_equal(xa.verb, XA_COMMIT);
    assert_string_equal(xa.xid, "X'0aff',X'00',4294967295");
    assert_works(xa_parse(&xa, str("XA ROLLBACK X'',X'',0"), &err), &err);
    assert_int_equal(xa.verb, XA_ROLLBACK);
    assert_works(xa_parse(&xa, str("XA END X'',X'',0"), &err), &err);
    assert_int_equal(xa.verb, XA_END);
}

static void refuses_other_forms(void **state)
{
    (void)state;
    static const char *const statements[] = {
        "XA",
        "XA COMMIT",
        "XA COMMIT 'a'",
        "XA COMMIT X'6',X'',1",
        "XA COMMIT X'61',X''",
        "XA COMMIT X'61',X'',",
        "XA COMMIT X'61',X'',1 ONE PHASE",
        "XA COMMIT X'61' ,X'',1",
        "XA COMMIT X'61',X'',12345678901",
        "XA RECOVER",
        "XA PREPARE X'61',X'',1",
    };
    struct xa_statement xa;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(statements); i++)
        assert_fails(xa_parse(&xa, str(statements[i]), &err), &err, ERR_UNSUPPORTED);
}

// The longest name fits, the next longer one does not.
static void names_have_a_limit(void **state)
{
    (void)state;
    struct buf text = {0};
    struct xa_statement xa;
    struct err err;
    buf_str(&text, "XA COMMIT X'");
    for (int i = 0; i < 64; i++)
        buf_str(&text, "ff");
    size_t first = text.len;
    buf_str(&text, "',X'");
    for (int i = 0; i < 64; i++)
        buf_str(&text, "00");
    buf_str(&text, "',4294967295");
    assert_works(xa_parse(&xa, buf_bytes(&text), &err), &err);
    assert_int_equal(strlen(xa.xid), text.len - strlen("XA COMMIT "));
    memmove(text.ptr + first, "ff", 2);
    assert_fails(xa_parse(&xa, buf_bytes(&text), &err), &err, ERR_UNSUPPORTED);
    buf_deinit(&text);
}

static const uint8_t prepare[] = {1, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0x62, 0x63, 0xFF};

static bool read_prepare(struct buf *bytes, size_t n, char xid[PENDING_XID_MAX], bool *one_phase,
                         struct err *err)
{
    buf_clear(bytes);
    memset(buf_reserve(bytes, EVENT_HEADER_BYTES), 0, EVENT_HEADER_BYTES);
    bytes->len = EVENT_HEADER_BYTES;
    buf_append(bytes, prepare, n);
    struct event event = {.code = EVENT_XA_PREPARE, .bytes = buf_bytes(bytes)};
    event.body = slice_of(bytes->ptr + EVENT_HEADER_BYTES, n);
    return xa_read_prepare(&event, xid, one_phase, err);
}

static void reads_events(void **state)
{
    (void)state;
    struct buf bytes = {0};
    char xid[PENDING_XID_MAX];
    bool one_phase = false;
    struct err err;
    assert_works(read_prepare(&bytes, sizeof prepare, xid, &one_phase, &err), &err);
    assert_true(one_phase);
    assert_string_equal(xid, "X'62',X'63ff',5");
    for (size_t n = 0; n < sizeof prepare; n++)
        assert_fails(read_prepare(&bytes, n, xid, &one_phase, &err), &err, ERR_CORRUPT);
    buf_deinit(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_statements),
        cmocka_unit_test(refuses_other_forms),
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(reads_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
