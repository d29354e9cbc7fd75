// SPDX-License-Identifier: Apache-2.0
// Guard: see guard.h.
#include "appliers/core/guard.h"

#include "record/number_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool guard_is_on(const struct config *config)
{
    return strcmp(config->apply.guard, "on") == 0;
}

struct guard guard_of(const struct batch *batch, const struct effect *effect)
{
    return (struct guard){batch->partitions[effect->partition].partition, effect->offset};
}

bool guard_is_replay(const struct batch *batch, const struct effect *effect)
{
    return batch->guarded && effect->offset < batch->partitions[effect->partition].high;
}

bool guard_shows(const struct guard *found, const struct guard *effect)
{
    return found->partition == effect->partition && found->offset >= effect->offset;
}

size_t guard_write(char text[GUARD_TEXT_BYTES], const struct guard *guard)
{
    uint8_t *begin = (uint8_t *)text;
    uint8_t *at = number_put_u64(begin, (uint64_t)guard->partition);
    *at++ = ':';
    at = number_put_u64(at, (uint64_t)guard->offset);
    *at = '\0';
    return (size_t)(at - begin);
}

// Digits without a needless zero before them.
static bool read_number(const char **at, int64_t most, int64_t *n)
{
    const char *start = *at;
    *n = 0;
    while (**at >= '0' && **at <= '9') {
        int digit = *(*at)++ - '0';
        if (*n > (most - digit) / 10)
            return false;
        *n = *n * 10 + digit;
    }
    return *at > start && (*start != '0' || *at == start + 1);
}

bool guard_read(struct slice text, struct guard *guard)
{
    char copy[GUARD_TEXT_BYTES];
    const char *at = copy;
    int64_t partition, offset;
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (!read_number(&at, INT32_MAX, &partition) || *at++ != ':' ||
        !read_number(&at, INT64_MAX, &offset) || *at)
        return false;
    *guard = (struct guard){(int32_t)partition, offset};
    return true;
}

void guard_place(char place[GUARD_PLACE_BYTES], const struct batch_partition *partition)
{
    snprintf(place, GUARD_PLACE_BYTES, "%s:%" PRIu64, partition->file, partition->pos);
}
