// SPDX-License-Identifier: Apache-2.0
// Configuration: what is taken, and that every wrong line is refused with its place and the nearest
// name.
#define _POSIX_C_SOURCE 200809L
#include "common/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/tailrace-config-XXXXXX";

static bool load(struct config *config, const char *text, struct err *err)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return config_load(config, path, err);
}

static void refused(const char *text, enum err_class class, const char *part)
{
    struct config config;
    struct err err = {0};
    assert_false(load(&config, text, &err));
    assert_int_equal(err.class, class);
    if (!strstr(err.text, part))
        fail_msg("\"%s\" does not say \"%s\"", err.text, part);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config config;
    struct err err = {0};
    assert_true(load(&config, "[source]\nname = shop\n", &err));
    assert_string_equal(config.source.name, "shop");
    assert_int_equal(config.source.port, 3306);
    assert_string_equal(config.source.password, "");
    assert_int_equal(config.publish.transaction_bytes, 64 << 20);
    assert_int_equal(config.source.heartbeat_ms, 1000);
    assert_true(config.publish.tombstones);
    config_free(&config);
}

static void test_values(void **state)
{
    (void)state;
    struct config config;
    struct err err = {0};
    assert_true(load(&config,
                     "# comment\n[source]\n  name = shop  # behind\nuser = a#b\n"
                     "[kafka]\npartitions=3\nlinger.ms = 7\ndebug = fetch,broker\n"
                     "[publish]\ntombstones = false\ntransaction_bytes = 2KiB\n"
                     "transaction_time = 1s\ndelivery = at-least-once\n",
                     &err));
    assert_string_equal(config.source.name, "shop");
    assert_string_equal(config.source.user, "a#b");
    assert_int_equal(config.kafka.partitions, 3);
    assert_int_equal(config.kafka.n_properties, 2);
    assert_string_equal(config.kafka.properties[0].key, "linger.ms");
    assert_string_equal(config.kafka.properties[0].value, "7");
    assert_string_equal(config.kafka.properties[1].key, "debug");
    assert_string_equal(config.kafka.properties[1].value, "fetch,broker");
    assert_false(config.publish.tombstones);
    assert_int_equal(config.publish.transaction_bytes, 2048);
    assert_int_equal(config.publish.transaction_ms, 1000);
    config_free(&config);
}

static void test_refusals(void **state)
{
    (void)state;
    refused("[source]\nname = a\nhots = x\n", ERR_CONFIG, ":3: [source] hots is not known");
    refused("[source]\nname = a\nhots = x\n", ERR_CONFIG, "nearest is [source] host");
    refused("[sauce]\n", ERR_CONFIG, "nearest is [source]");
    refused("name = a\n", ERR_CONFIG, ":1: ");
    refused("[source\n", ERR_CONFIG, "a section is written [name]");
    refused("[source]\nname = a\npassword = secret\n", ERR_CONFIG, "TAILRACE_SOURCE_PASSWORD");
    refused("[source]\nname = a b\n", ERR_CONFIG, "letters, digits");
    refused("[log]\nlevel = loud\n", ERR_CONFIG, "debug info warn error");
    refused("[publish]\ntombstones = yes\n", ERR_CONFIG, "true or false");
    refused("[source]\nname = a\npassword_file = /nonexistent/pw\n", ERR_CONFIG, "/nonexistent/pw");
}

static void test_number_bounds(void **state)
{
    (void)state;
    struct config config;
    struct err err = {0};
    assert_true(load(&config, "[source]\nname = a\nport = 65535\n", &err));
    config_free(&config);
    refused("[source]\nport = 65536\n", ERR_CONFIG, "from 1 to 65535");
    refused("[source]\nport = 0\n", ERR_CONFIG, "from 1 to 65535");
    refused("[source]\nport = -1\n", ERR_CONFIG, "a number is needed");
    refused("[source]\nport = 33x\n", ERR_CONFIG, "a number is needed");
    refused("[publish]\ntransaction_bytes = 99999999999999999GiB\n", ERR_CONFIG, "a number");
}

static void test_secret_from_file_and_environment(void **state)
{
    (void)state;
    struct config config;
    struct err err = {0};
    char secret[] = "/tmp/tailrace-secret-XXXXXX";
    char text[256];
    int fd = mkstemp(secret);
    assert_int_equal(write(fd, "s3cret\nmore\n", 12), 12);
    close(fd);
    snprintf(text, sizeof text, "[source]\nname = a\npassword_file = %s\n", secret);
    assert_true(load(&config, text, &err));
    assert_string_equal(config.source.password, "s3cret");
    config_free(&config);
    setenv("TAILRACE_SOURCE_PASSWORD", "other", 1);
    assert_true(load(&config, text, &err));
    assert_string_equal(config.source.password, "other");
    config_free(&config);
    unsetenv("TAILRACE_SOURCE_PASSWORD");
    unlink(secret);
}

static void test_missing_file(void **state)
{
    (void)state;
    struct config config;
    struct err err = {0};
    assert_false(config_load(&config, "/nonexistent/tailrace.conf", &err));
    assert_int_equal(err.class, ERR_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_number_bounds),
        cmocka_unit_test(test_secret_from_file_and_environment),
        cmocka_unit_test(test_missing_file),
    };
    int fd = mkstemp(path);
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
