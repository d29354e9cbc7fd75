// SPDX-License-Identifier: Apache-2.0
// Counts: what can be told without comparing values: rows, keys, totals of numeric columns, and how
// far each partition was produced, committed and applied.
#ifndef TAILRACE_VERIFY_COUNTS_H
#define TAILRACE_VERIFY_COUNTS_H

#include "verify/run.h"

// Everything goes to the report. Rows that change meanwhile are counted again, behind a fence, up
// to [verify] tries.
MUST_CHECK bool counts_verify(struct run *run, struct err *err);

#endif
