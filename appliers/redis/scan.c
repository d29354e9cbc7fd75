// SPDX-License-Identifier: Apache-2.0
// Scan: see scan.h.
#include "appliers/redis/scan.h"

#include "common/stop.h"

#define SCAN_COUNT "1000"

static bool ask_page(struct pipeline *pipeline, struct buf *cursor, const char *match,
                     redisReply **page, struct err *err)
{
    struct slice args[] = {slice_of_str("SCAN"),  buf_bytes(cursor),
                           slice_of_str("COUNT"), slice_of_str(SCAN_COUNT),
                           slice_of_str("MATCH"), slice_of_str(match ? match : "")};
    if (!pipeline_add(pipeline, match ? 6 : 4, args, err) || !pipeline_next(pipeline, page, err))
        return false;
    if ((*page)->type != REDIS_REPLY_ARRAY || (*page)->elements != 2 ||
        (*page)->element[1]->type != REDIS_REPLY_ARRAY) {
        freeReplyObject(*page);
        *page = NULL;
        return err_set(err, ERR_REFUSED, "Redis: SCAN has another answer than a page of keys");
    }
    buf_clear(cursor);
    buf_append(cursor, (*page)->element[0]->str, (*page)->element[0]->len);
    return true;
}

bool scan_keys(struct pipeline *pipeline, const char *match, scan_fn *visit, void *into,
               struct err *err)
{
    struct buf cursor = {0};
    bool done = true;
    buf_str(&cursor, "0");
    do {
        redisReply *page = NULL;
        if (stop_requested()) {
            done = err_set(err, ERR_STOPPED, "stopped while keys were read");
            break;
        }
        done = ask_page(pipeline, &cursor, match, &page, err) && visit(into, page->element[1], err);
        freeReplyObject(page);
    } while (done && !slice_eq_str(buf_bytes(&cursor), "0"));
    buf_deinit(&cursor);
    return done;
}
