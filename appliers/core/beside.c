// SPDX-License-Identifier: Apache-2.0
// Beside: see beside.h.
#include "appliers/core/beside.h"

#include <string.h>

bool beside_refuse_claim(struct err *err, const char *group)
{
    const char *driver = strrchr(group, '.');
    return err_set(err, ERR_REFUSED,
                   "a rebuild of this target was interrupted while it was put in place; finish it "
                   "first: tailrace offsets reset apply %s --rebuild",
                   driver ? driver + 1 : group);
}

bool beside_refuse_name(struct err *err, const char *name)
{
    return err_set(err, ERR_REFUSED,
                   "%s is the name that the rebuild would fill, and it is there already: rename or "
                   "remove it",
                   name);
}

bool beside_refuse_owner(struct err *err)
{
    return err_set(err, ERR_REFUSED, "another process has taken the rebuild in hand");
}
