#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tests that hurt servers, and the storms that fit into `make test`; servers of their own:
#     tests/crash/run.sh [ARG… of pytest]
# TAILRACE_MARKS= (empty) takes the long ones too. A line for each test, failures in full, what was measured, what took longest, and last "N passed, N failed".
cd "$(dirname "$0")/../.." || exit 1
[ -n "${BUILD:-}" ] || make -s crash-points || { echo "0 passed, 1 failed"; exit 1; }
exec tests/crash/with_stack.sh /usr/bin/python3 -m pytest -v -p no:cacheprovider --rootdir=. --no-header --tb=short --durations=12 --durations-min=5 \
    -o testpaths=tests/crash -m "${TAILRACE_MARKS-not long}" "$@"
