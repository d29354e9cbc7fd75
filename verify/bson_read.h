// SPDX-License-Identifier: Apache-2.0
// BSON back to the source's terms: values of a key, as the server would print them. It is for the
// caller to find out, by writing them again, whether they are the column's.
#ifndef TAILRACE_VERIFY_BSON_READ_H
#define TAILRACE_VERIFY_BSON_READ_H

#include "verify/shape.h"

// `type` is BSON's, `value` the bytes behind it. false: the column has no such value.
bool bson_read_part(struct buf *out, const struct shape_column *column, uint8_t type,
                    struct slice value);

#endif
