// SPDX-License-Identifier: Apache-2.0
// GTID sets: whatever is read from text or from the binary form is written and read back as the
// same set.
#include "record/gtid.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct gtid_set *set)
{
    struct gtid_set again = {0};
    struct buf text = {0};
    struct err err = {0};
    gtid_set_write(&text, set);
    if (!gtid_set_parse(&again, buf_bytes(&text), &err) || !gtid_set_equal(set, &again))
        abort();
    gtid_set_deinit(&again);
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gtid_set set = {0};
    struct err err = {0};
    if (gtid_set_parse(&set, slice_of(data, size), &err))
        check(&set);
    gtid_set_deinit(&set);
    if (gtid_set_decode(&set, slice_of(data, size), &err))
        check(&set);
    gtid_set_deinit(&set);
    return 0;
}
