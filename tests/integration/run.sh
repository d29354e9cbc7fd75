#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tests on real servers, whose addresses are in the environment:
#     tests/stack/stack run tests/integration/run.sh [ARG… of pytest]
# A line for each test, failures in full, what was measured, what took longest, and last "N passed, N failed" (conftest.py).
# TAILRACE_MARKS= (empty) takes the long ones too. BUILD names another build of our programs to test, such as build/asan.
set -u
cd "$(dirname "$0")/../.." || exit 1
exec env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -v -p no:cacheprovider --rootdir=. \
    --no-header --tb=short --durations=12 --durations-min=5 -o testpaths="tests/lib tests/integration" \
    -m "${TAILRACE_MARKS-not long}" "$@"
