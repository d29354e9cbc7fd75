// SPDX-License-Identifier: Apache-2.0
// Contents: every value of every row of the run's tables against the run's target.
#ifndef TAILRACE_VERIFY_CONTENTS_H
#define TAILRACE_VERIFY_CONTENTS_H

#include "verify/run.h"
#include "verify/suspect.h"

// What differs goes to the report, and to `wrong` (may be NULL) for a repair.
MUST_CHECK bool contents_verify(struct run *run, struct suspects *wrong, struct err *err);

// Decides about the suspects and reports them.
MUST_CHECK bool contents_judge(struct run *run, struct suspects *suspects, struct err *err);

#endif
