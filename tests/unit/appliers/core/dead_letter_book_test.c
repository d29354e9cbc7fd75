// SPDX-License-Identifier: Apache-2.0
// What the book makes of letters and marks in any order, and which text is an identity.
#include "appliers/core/dead_letter_book.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char topic[] = "s.shop.item";

static struct dead_letter_place at(int32_t partition, int64_t offset)
{
    return (struct dead_letter_place){topic, partition, offset};
}

static struct dead_letter_entry *put(struct dead_letter_book *book, int32_t partition,
                                     int64_t offset, const char *key)
{
    struct dead_letter letter = {
        .place = at(partition, offset), .key = slice_of_str(key), .reason = slice_of_str("why")};
    return dead_letter_book_take(book, &letter, offset + 1000);
}

static void mark(struct dead_letter_book *book, int32_t partition, int64_t offset)
{
    struct dead_letter letter = {.place = at(partition, offset),
                                 .is_mark = true,
                                 .outcome = slice_of_str(DEAD_LETTER_REPLAYED)};
    dead_letter_book_take(book, &letter, offset + 2000);
}

static int64_t first_open(const struct dead_letter_book *book, int32_t partition, int64_t before,
                          const char *key)
{
    struct dead_letter_place place = at(partition, before);
    const struct dead_letter_entry *entry = dead_letter_book_open(book, &place, slice_of_str(key));
    return entry ? entry->place.offset : -1;
}

static void put_twice_is_one(void **state)
{
    struct dead_letter_book book = {.keeps_closed = false};
    (void)state;
    put(&book, 0, 5, "{\"id\":1}");
    struct dead_letter_entry *entry = put(&book, 0, 5, "{\"id\":1}");
    assert_int_equal(book.n_open, 1);
    assert_int_equal(book.n_entries, 1);
    assert_int_equal(entry->at_offset, 1005);
    mark(&book, 0, 5);
    assert_int_equal(book.n_entries, 0);
    mark(&book, 0, 5); // of what is not known
    assert_int_equal(book.n_entries, 0);
    put(&book, 0, 5, "{\"id\":1}"); // refused once more, after a reset
    assert_int_equal(first_open(&book, 0, 6, "{\"id\":1}"), 5);
    dead_letter_book_deinit(&book);
}

static void open_ones_are_found_by_key_and_order(void **state)
{
    struct dead_letter_book book = {.keeps_closed = true};
    (void)state;
    put(&book, 0, 9, "{\"id\":1}");
    put(&book, 0, 5, "{\"id\":1}");
    put(&book, 1, 2, "{\"id\":1}");
    put(&book, 0, 3, "{\"id\":2}");
    assert_int_equal(first_open(&book, 0, 100, "{\"id\":1}"), 5);
    assert_int_equal(first_open(&book, 0, 5, "{\"id\":1}"), -1);
    assert_int_equal(first_open(&book, 0, 4, ""), 3);
    assert_int_equal(first_open(&book, 0, 3, ""), -1);
    mark(&book, 0, 5);
    assert_int_equal(first_open(&book, 0, 100, "{\"id\":1}"), 9);
    assert_int_equal(book.n_open, 3);
    assert_int_equal(book.n_entries, 4);
    dead_letter_book_deinit(&book);
}

static void many_are_listed_in_order(void **state)
{
    struct dead_letter_book book = {.keeps_closed = false};
    (void)state;
    for (int64_t i = 0; i < 5000; i++) {
        char key[32];
        snprintf(key, sizeof key, "{\"id\":%d}", (int)(i * 7919 % 5000));
        put(&book, (int32_t)(i % 3), i * 7919 % 5000, key);
    }
    for (int64_t i = 0; i < 5000; i += 2)
        mark(&book, (int32_t)(i % 3), i * 7919 % 5000);
    assert_int_equal(book.n_entries, 2500);
    struct dead_letter_entry **entries = dead_letter_book_list(&book);
    for (size_t i = 1; i < book.n_entries; i++) {
        const struct dead_letter_place *a = &entries[i - 1]->place, *b = &entries[i]->place;
        assert_true(a->partition < b->partition ||
                    (a->partition == b->partition && a->offset < b->offset));
    }
    free((void *)entries);
    for (int64_t i = 0; i < 5000; i++) {
        struct dead_letter_place place = at((int32_t)(i % 3), i * 7919 % 5000);
        assert_int_equal(dead_letter_book_find(&book, &place) != NULL, i % 2);
    }
    dead_letter_book_deinit(&book);
}

static void later_records_are_noted_and_letters_are_none(void **state)
{
    struct dead_letter_book book = {.keeps_closed = true};
    struct slice key = slice_of_str("{\"id\":1}");
    (void)state;
    struct dead_letter_entry *first = put(&book, 0, 5, "{\"id\":1}");
    struct dead_letter_entry *second = put(&book, 0, 8, "{\"id\":1}");
    struct dead_letter_place places[] = {at(0, 4), at(1, 7), at(0, 5), at(0, 8)};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        dead_letter_book_see(&book, &places[i], key, false);
    assert_int_equal(first->later, 0);
    assert_int_equal(second->later, 0);
    struct dead_letter_place between = at(0, 6), tombstone = at(0, 9);
    dead_letter_book_see(&book, &between, key, false);
    dead_letter_book_see(&book, &tombstone, key, true);
    assert_int_equal(first->later, 6);
    assert_int_equal(second->later, 0);
    assert_int_equal(second->later_tombstone, 9);
    mark(&book, 0, 8); // it was replayed: now it is a change
    dead_letter_book_see(&book, &places[3], key, false);
    assert_int_equal(first->later, 8);
    dead_letter_book_deinit(&book);
}

static void an_identity_is_read_back(void **state)
{
    char text[DEAD_LETTER_IDENTITY_BYTES], name[TOPIC_NAME_MAX + 1], longest[TOPIC_NAME_MAX + 2];
    struct dead_letter_place place = {topic, INT32_MAX, INT64_MAX}, found;
    static const char *const wrong[] = {
        "",       "a",       "a:1",    "a:1:",   ":1:2",           "a:-1:2",
        "a:1:-2", "a:1:2:3", "a:1:2x", "a: 1:2", "a:2147483648:1", "a:1:9223372036854775808"};
    (void)state;
    size_t n = dead_letter_write_identity(text, &place);
    assert_true(dead_letter_read_identity(slice_of(text, n), name, &found));
    assert_string_equal(found.topic, topic);
    assert_int_equal(found.partition, INT32_MAX);
    assert_true(found.offset == INT64_MAX);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(dead_letter_read_identity(slice_of_str(wrong[i]), name, &found));
    assert_false(dead_letter_read_identity(slice_of("a:1:2\0", 6), name, &found));
    memset(longest, 'a', sizeof longest);
    longest[TOPIC_NAME_MAX] = '\0';
    place = (struct dead_letter_place){longest, INT32_MAX, INT64_MAX};
    n = dead_letter_write_identity(text, &place);
    assert_true(dead_letter_read_identity(slice_of(text, n), name, &found));
    assert_string_equal(found.topic, longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_twice_is_one),
        cmocka_unit_test(open_ones_are_found_by_key_and_order),
        cmocka_unit_test(many_are_listed_in_order),
        cmocka_unit_test(later_records_are_noted_and_letters_are_none),
        cmocka_unit_test(an_identity_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
