// SPDX-License-Identifier: Apache-2.0
// Buried: see buried.h. Page by page: first those that are not beside are removed, then those
// beside are written.
#include "appliers/mongodb/buried.h"

#include "appliers/mongodb/shown.h"

#define PAGE 1000

struct page {
    mongoc_collection_t *live, *beside;
    bson_t *docs[PAGE];
    uint32_t n;
};

typedef bool page_fn(struct page *page, struct err *err);

// { _id: { $gte: { db, table }, $lte: { db, table, key: MaxKey } } }
static bson_t *filter_of(const struct beside_table *table)
{
    return BCON_NEW("_id", "{", "$gte", "{", "db", BCON_UTF8(table->db), "table",
                    BCON_UTF8(table->name), "}", "$lte", "{", "db", BCON_UTF8(table->db), "table",
                    BCON_UTF8(table->name), "key", BCON_MAXKEY, "}", "}");
}

static void forget(struct page *page)
{
    for (uint32_t i = 0; i < page->n; i++)
        bson_destroy(page->docs[i]);
    page->n = 0;
}

static bool end_page(struct page *page, page_fn *visit, struct err *err)
{
    bool done = page->n == 0 || visit(page, err);
    forget(page);
    return done;
}

static bool walk(struct page *page, mongoc_collection_t *from, const struct beside_table *table,
                 page_fn *visit, struct err *err)
{
    bson_t *filter = filter_of(table);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(from, filter, NULL, NULL);
    const bson_t *doc;
    bson_error_t error;
    bool done = true;
    while (done && mongoc_cursor_next(cursor, &doc)) {
        page->docs[page->n++] = bson_copy(doc);
        done = page->n < PAGE || end_page(page, visit, err);
    }
    if (done && mongoc_cursor_error(cursor, &error))
        done = sink_fail(err, NULL, &error, "reading tombstones");
    done = done && end_page(page, visit, err);
    forget(page);
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    return done;
}

// Appends the document's _id as element n of the array.
static void append_id(bson_t *ids, const bson_t *doc, uint32_t n)
{
    char number[16];
    const char *name;
    bson_iter_t id;
    size_t len = bson_uint32_to_string(n, &name, number, sizeof number);
    if (bson_iter_init_find(&id, doc, "_id"))
        bson_append_iter(ids, name, (int)len, &id);
}

static bool has_same_id(const bson_t *a, const bson_t *b)
{
    bson_iter_t left, right;
    const uint8_t *left_data, *right_data;
    uint32_t left_len, right_len;
    if (!bson_iter_init_find(&left, a, "_id") || !BSON_ITER_HOLDS_DOCUMENT(&left) ||
        !bson_iter_init_find(&right, b, "_id") || !BSON_ITER_HOLDS_DOCUMENT(&right))
        return false;
    bson_iter_document(&left, &left_len, &left_data);
    bson_iter_document(&right, &right_len, &right_data);
    return left_len == right_len && memcmp(left_data, right_data, left_len) == 0;
}

// Forgets the documents of the page that are beside as well, and appends the others' ids.
static bool find_missing(struct page *page, bson_t *missing, uint32_t *n_missing, struct err *err)
{
    bool is_beside[PAGE] = {false};
    bson_t ids = BSON_INITIALIZER;
    const bson_t *doc;
    bson_error_t error;
    for (uint32_t i = 0; i < page->n; i++)
        append_id(&ids, page->docs[i], i);
    bson_t *filter = BCON_NEW("_id", "{", "$in", BCON_ARRAY(&ids), "}");
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(page->beside, filter, NULL, NULL);
    while (mongoc_cursor_next(cursor, &doc))
        for (uint32_t i = 0; i < page->n; i++)
            is_beside[i] = is_beside[i] || has_same_id(doc, page->docs[i]);
    bool done =
        !mongoc_cursor_error(cursor, &error) || sink_fail(err, NULL, &error, "reading tombstones");
    *n_missing = 0;
    for (uint32_t i = 0; i < page->n; i++)
        if (!is_beside[i])
            append_id(missing, page->docs[i], (*n_missing)++);
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    bson_destroy(&ids);
    return done;
}

static bool remove_others(struct page *page, struct err *err)
{
    bson_t missing = BSON_INITIALIZER;
    bson_error_t error;
    uint32_t n;
    bool done = find_missing(page, &missing, &n, err);
    if (done && n > 0) {
        bson_t *filter = BCON_NEW("_id", "{", "$in", BCON_ARRAY(&missing), "}");
        done = mongoc_collection_delete_many(page->live, filter, NULL, NULL, &error) ||
               sink_fail(err, NULL, &error, "removing tombstones");
        bson_destroy(filter);
    }
    bson_destroy(&missing);
    return done;
}

static bool write_page(struct page *page, struct err *err)
{
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(page->live, NULL);
    bson_t *upsert = BCON_NEW("upsert", BCON_BOOL(true));
    bson_error_t error;
    bson_t reply;
    for (uint32_t i = 0; i < page->n; i++) {
        bson_t filter = BSON_INITIALIZER;
        bson_iter_t id;
        if (bson_iter_init_find(&id, page->docs[i], "_id"))
            bson_append_iter(&filter, "_id", 3, &id);
        mongoc_bulk_operation_replace_one_with_opts(bulk, &filter, page->docs[i], upsert, NULL);
        bson_destroy(&filter);
    }
    bool done = mongoc_bulk_operation_execute(bulk, &reply, &error) != 0 ||
                sink_fail(err, &reply, &error, "writing tombstones");
    bson_destroy(&reply);
    bson_destroy(upsert);
    mongoc_bulk_operation_destroy(bulk);
    return done;
}

bool buried_swap(mongoc_client_t *client, const struct beside_table *table, struct err *err)
{
    struct page page = {.live = shown_tombstones(client, ""),
                        .beside = shown_tombstones(client, BESIDE_SUFFIX)};
    bool done = walk(&page, page.live, table, remove_others, err) &&
                walk(&page, page.beside, table, write_page, err);
    mongoc_collection_destroy(page.live);
    mongoc_collection_destroy(page.beside);
    return done;
}

bool buried_clear(mongoc_client_t *client, const struct beside_table *table, struct err *err)
{
    mongoc_collection_t *beside = shown_tombstones(client, BESIDE_SUFFIX);
    bson_t *filter = filter_of(table);
    bson_error_t error;
    bool done = mongoc_collection_delete_many(beside, filter, NULL, NULL, &error) ||
                sink_fail(err, NULL, &error, "removing tombstones");
    bson_destroy(filter);
    mongoc_collection_destroy(beside);
    return done;
}
