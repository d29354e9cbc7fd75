// SPDX-License-Identifier: Apache-2.0
// Errors: class, offset and context; exit codes are those of <sysexits.h>.
#include "common/err.h"

#include "tests/unit/test.h"

#include <sysexits.h>

static void test_set_and_wrap(void **state)
{
    (void)state;
    struct err err;
    assert_false(err_at(&err, ERR_CORRUPT, 17, "%d bytes", 3));
    assert_true(err.has_offset && err.offset == 17);
    assert_false(err_wrap(&err, "event %s", "ROWS"));
    assert_string_equal(err.text, "event ROWS: 3 bytes");
    assert_int_equal(err.class, ERR_CORRUPT);
    assert_true(err.has_offset && err.offset == 17);
    assert_false(err_set(&err, ERR_RETRY, "again"));
    assert_false(err.has_offset);
    assert_string_equal(err.text, "again");
}

static void test_long_texts_keep_the_cause(void **state)
{
    (void)state;
    struct err err;
    char context[2 * ERR_TEXT_BYTES];
    memset(context, 'c', sizeof context);
    context[sizeof context - 1] = '\0';
    assert_false(err_set(&err, ERR_RETRY, "%s", context));
    assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
    assert_false(err_set(&err, ERR_RETRY, "cause"));
    assert_false(err_wrap(&err, "%s", context));
    assert_non_null(strstr(err.text, "cause"));
}

static void test_exit_codes(void **state)
{
    (void)state;
    static const struct {
        enum err_class class;
        int code;
    } cases[] = {
        {ERR_USAGE, EX_USAGE},         {ERR_CORRUPT, EX_DATAERR},
        {ERR_UNSUPPORTED, EX_DATAERR}, {ERR_UNAVAILABLE, EX_UNAVAILABLE},
        {ERR_INTERNAL, EX_SOFTWARE},   {ERR_RETRY, EX_TEMPFAIL},
        {ERR_REFUSED, EX_NOPERM},      {ERR_CONFIG, EX_CONFIG},
        {ERR_STOPPED, EX_TEMPFAIL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {.class = cases[i].class};
        assert_int_equal(err_exit_code(&err), cases[i].code);
        assert_true(strlen(err_class_name(cases[i].class)) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_wrap),
        cmocka_unit_test(test_long_texts_keep_the_cause),
        cmocka_unit_test(test_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
