// SPDX-License-Identifier: Apache-2.0
// Redis beside (appliers/core/beside.h): a rebuild fills keys with a prefix, and renames each to
// its own name in the end. A key is at every moment as it was before or as it is afterwards.
//   tailrace:rebuild-state:<group>                 hash: phase plan owner, and while it is swapped
//                                                  stage: comparing, then renaming
//   tailrace:rebuild:<key>                         what will be at <key>
//   tailrace:tombstone:tailrace:rebuild:<key>      what will be at tailrace:tombstone:<key>
// While it compares, keys that are not beside are removed: all that is filled is still beside, so
// this may be done any number of times. While it renames, what is not beside any more is in place.
#ifndef TAILRACE_APPLIERS_REDIS_BESIDE_H
#define TAILRACE_APPLIERS_REDIS_BESIDE_H

#include "appliers/core/beside.h"
#include "appliers/redis/sink.h"

#define BESIDE_PREFIX "tailrace:rebuild:"

extern const struct beside_driver redis_beside;

#endif
