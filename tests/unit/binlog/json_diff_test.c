// SPDX-License-Identifier: Apache-2.0
// JSON diffs: documents after as JSON_REPLACE, JSON_SET, JSON_ARRAY_INSERT and JSON_REMOVE of MySQL
// 9.7 give them; diffs that do not fit, are cut at each byte, or were never heard of.
#include "binlog/json_diff.h"
#include "binlog/jsonb.h"

#include "common/buf.h"
#include "tests/unit/binlog/hex.h"

enum { REPLACE, INSERT, REMOVE, END };

struct step {
    int operation;
    const char *path;
    const char *value; // binary JSON in hex
};

#define STEPS 4
#define ONE "050100"       // 1
#define TEXT "0c0178"      // "x"
#define EMPTY "0000000400" // {}

static void put_diff(struct buf *out, const struct step *step)
{
    buf_char(out, (char)step->operation);
    buf_char(out, (char)strlen(step->path));
    buf_str(out, step->path);
    if (!step->value)
        return;
    struct slice value = hex(step->value);
    buf_char(out, (char)value.len);
    buf_slice(out, value);
    free((void *)(uintptr_t)value.ptr);
}

static bool apply(struct slice diffs, const char *before, struct arena *arena, struct slice *after,
                  struct err *err)
{
    struct slice copy = exact_copy(diffs);
    struct cursor cur = cursor_of(copy);
    *err = (struct err){0};
    bool is_done = json_diff_apply(&cur, slice_of_str(before), arena, after, err);
    free((void *)(uintptr_t)copy.ptr);
    return is_done;
}

static const struct {
    const char *before;
    struct step steps[STEPS];
    const char *after;
} good[] = {
    {"{\"a\":[1,2]}", {{REPLACE, "$.a[1]", ONE}, {END, 0, 0}}, "{\"a\":[1,1]}"},
    {"{\"a\":[1,2]}", {{REPLACE, "$.a", TEXT}, {END, 0, 0}}, "{\"a\":\"x\"}"},
    {"[1,2,3]", {{REPLACE, "$[last]", TEXT}, {END, 0, 0}}, "[1,2,\"x\"]"},
    {"[1,2,3]", {{REPLACE, "$[last-2]", TEXT}, {END, 0, 0}}, "[\"x\",2,3]"},
    {"[1,2,3]", {{INSERT, "$[0]", TEXT}, {END, 0, 0}}, "[\"x\",1,2,3]"},
    {"[1,2,3]", {{INSERT, "$[9]", TEXT}, {END, 0, 0}}, "[1,2,3,\"x\"]"},
    {"[1,2,3]", {{INSERT, "$[last]", TEXT}, {END, 0, 0}}, "[1,2,\"x\",3]"},
    {"[1,2,3]", {{INSERT, "$[last-9]", TEXT}, {END, 0, 0}}, "[\"x\",1,2,3]"},
    {"[]", {{INSERT, "$[0]", TEXT}, {END, 0, 0}}, "[\"x\"]"},
    {"[[\"]\",{\"}\":[]}],2]", {{REMOVE, "$[0][1].\"}\"", NULL}, {END, 0, 0}}, "[[\"]\",{}],2]"},
    {"[1]", {{REMOVE, "$[0]", NULL}, {END, 0, 0}}, "[]"},
    {"{\"a\":1,\"ccc\":2}", {{INSERT, "$.bb", ONE}, {END, 0, 0}}, "{\"a\":1,\"bb\":1,\"ccc\":2}"},
    {"{\"b\":1,\"ab\":2}", {{INSERT, "$.a", ONE}, {END, 0, 0}}, "{\"a\":1,\"b\":1,\"ab\":2}"},
    {"{\"z\":1}", {{INSERT, "$.é", ONE}, {END, 0, 0}}, "{\"z\":1,\"é\":1}"},
    {"{\"ab\":1}", {{INSERT, "$.\"\\n\"", ONE}, {END, 0, 0}}, "{\"\\n\":1,\"ab\":1}"},
    {"{\"!\":1,\"#\":2}",
     {{INSERT, "$.\"\\\"\"", ONE}, {END, 0, 0}},
     "{\"!\":1,\"\\\"\":1,\"#\":2}"},
    {"{\"\\u001e\":1}",
     {{INSERT, "$.\"\\u001f\"", ONE}, {INSERT, "$.\"\\t\"", ONE}, {END, 0, 0}},
     "{\"\\t\":1,\"\\u001e\":1,\"\\u001f\":1}"},
    {"{}",
     {{INSERT, "$.a", EMPTY}, {INSERT, "$.a.\"b c\"", TEXT}, {REMOVE, "$.a.\"b c\"", NULL}},
     "{\"a\":{}}"},
};

static void applies_as_the_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct arena arena = {0};
        struct buf diffs = {0};
        struct slice after;
        struct err err;
        for (size_t k = 0; k < STEPS && good[i].steps[k].path && good[i].steps[k].operation < END;
             k++)
            put_diff(&diffs, &good[i].steps[k]);
        assert_works(apply(buf_bytes(&diffs), good[i].before, &arena, &after, &err), &err);
        assert_text(after, good[i].after);
        buf_deinit(&diffs);
        arena_deinit(&arena);
    }
}

static void no_diff_changes_nothing(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct slice after;
    struct err err;
    assert_works(apply(slice_of(NULL, 0), "[1]", &arena, &after, &err), &err);
    assert_text(after, "[1]");
    arena_deinit(&arena);
}

static const struct {
    const char *before;
    struct step step;
    enum err_class class;
} wrong[] = {
    {"{}", {REPLACE, "$.a", ONE}, ERR_CORRUPT},            // there is none
    {"{}", {REMOVE, "$.a", NULL}, ERR_CORRUPT},            //
    {"{\"a\":1}", {INSERT, "$.a", ONE}, ERR_CORRUPT},      // there is one
    {"{\"a\":1}", {REPLACE, "$.a[0]", ONE}, ERR_CORRUPT},  // nothing is wrapped
    {"{\"a\":1}", {REPLACE, "$.a.b", ONE}, ERR_CORRUPT},   //
    {"[1]", {REPLACE, "$[1]", ONE}, ERR_CORRUPT},          // behind the last
    {"[1]", {REMOVE, "$[last-1]", NULL}, ERR_CORRUPT},     // before the first
    {"[1]", {INSERT, "$.a", ONE}, ERR_CORRUPT},            // a member of an array
    {"{}", {INSERT, "$[0]", ONE}, ERR_CORRUPT},            // a cell of an object
    {"1", {REPLACE, "$", ONE}, ERR_CORRUPT},               // the whole document
    {"[1]", {REPLACE, "", ONE}, ERR_CORRUPT},              // no path
    {"[1]", {REPLACE, "$[*]", ONE}, ERR_CORRUPT},          // many places
    {"[1]", {REPLACE, "$[0", ONE}, ERR_CORRUPT},           //
    {"[1]", {REPLACE, "$[]", ONE}, ERR_CORRUPT},           //
    {"[1]", {REPLACE, "$[lost]", ONE}, ERR_CORRUPT},       //
    {"[1]", {REPLACE, "$[4294967296]", ONE}, ERR_CORRUPT}, //
    {"{}", {INSERT, "$.", ONE}, ERR_CORRUPT},              //
    {"{}", {INSERT, "$.\"a", ONE}, ERR_CORRUPT},           //
    {"{}", {INSERT, "$.\"\\u0041\"", ONE}, ERR_CORRUPT},   // an escape that no server writes
    {"{}", {INSERT, "$.\"\\x\"", ONE}, ERR_CORRUPT},       //
    {"{}", {INSERT, "$.a\"b", ONE}, ERR_CORRUPT},          //
    {"{}", {INSERT, "$.\xff", ONE}, ERR_CORRUPT},          // no UTF-8
    {"{}", {INSERT, "$.a", "0403"}, ERR_CORRUPT},          // a value that is none
    {"{}", {INSERT, "$.a", "0d00"}, ERR_UNSUPPORTED},      // of an unknown type
    {"{}", {3, "$.a", ONE}, ERR_UNSUPPORTED},              // an unknown operation
};

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct arena arena = {0};
        struct buf diffs = {0};
        struct slice after;
        struct err err;
        put_diff(&diffs, &wrong[i].step);
        assert_fails(apply(buf_bytes(&diffs), wrong[i].before, &arena, &after, &err), &err,
                     wrong[i].class);
        buf_deinit(&diffs);
        arena_deinit(&arena);
    }
}

static void truncated_diffs_are_corrupt(void **state)
{
    (void)state;
    static const struct step steps[] = {{REPLACE, "$.a[0]", TEXT}, {INSERT, "$.\"b\\n\"", EMPTY}};
    struct buf diffs = {0};
    put_diff(&diffs, &steps[0]);
    size_t first = diffs.len;
    put_diff(&diffs, &steps[1]);
    for (size_t n = 1; n < diffs.len; n++) {
        struct arena arena = {0};
        struct slice after;
        struct err err;
        bool is_done = apply(slice_of(diffs.ptr, n), "{\"a\":[0]}", &arena, &after, &err);
        assert_true(is_done == (n == first));
        if (!is_done)
            assert_int_equal(err.class, ERR_CORRUPT);
        arena_deinit(&arena);
    }
    buf_deinit(&diffs);
}

// Arrays one in the other: a hundred are the server's limit, and ours.
static void depth_is_limited(void **state)
{
    (void)state;
    struct buf before = {0};
    struct buf path = {0};
    for (size_t i = 0; i < JSONB_DEPTH_MAX; i++)
        buf_char(&before, '[');
    for (size_t i = 0; i < JSONB_DEPTH_MAX; i++)
        buf_char(&before, ']');
    buf_char(&path, '$');
    for (size_t i = 1; i < JSONB_DEPTH_MAX / 2; i++)
        buf_str(&path, "[0]"); // a path of up to 250 bytes has its length in one byte
    struct arena arena = {0};
    struct buf diffs = {0};
    struct slice after;
    struct err err;
    put_diff(&diffs, &(struct step){REPLACE, buf_cstr(&path), ONE});
    assert_works(apply(buf_bytes(&diffs), buf_cstr(&before), &arena, &after, &err), &err);
    assert_int_equal(after.len, JSONB_DEPTH_MAX - 1);
    buf_deinit(&diffs);
    buf_deinit(&path);
    buf_deinit(&before);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applies_as_the_server),     cmocka_unit_test(no_diff_changes_nothing),
        cmocka_unit_test(refuses_what_does_not_fit), cmocka_unit_test(truncated_diffs_are_corrupt),
        cmocka_unit_test(depth_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
