// SPDX-License-Identifier: Apache-2.0
// Progress: see progress.h.
#include "appliers/core/progress.h"

#include "common/log.h"

#define TELL_EVERY_MS 5000

void progress_tell(struct progress *progress, uint64_t left, uint64_t now_ms)
{
    if (progress->begin_ms == 0) {
        *progress = (struct progress){.begin_ms = now_ms, .told_ms = now_ms, .all = left};
        return;
    }
    if (now_ms - progress->told_ms < TELL_EVERY_MS)
        return;
    uint64_t done = progress->all > left ? progress->all - left : 0;
    uint64_t ms = now_ms - progress->begin_ms;
    uint64_t rate = done * 1000 / ms;
    progress->told_ms = now_ms;
    log_info("filling",
             LOG_FIELDS(log_u64("done", done), log_u64("left", left),
                        log_u64("percent", progress->all ? done * 100 / progress->all : 100),
                        log_u64("records_per_s", rate), log_u64("left_s", rate ? left / rate : 0)));
}
