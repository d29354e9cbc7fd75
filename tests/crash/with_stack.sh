#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# with_stack.sh COMMAND ARG…: runs it with servers of its own that may be hurt (TAILRACE_STACK_STORM), beside the ordinary
# ones of the tests: ports from base + 40 on. If it went well, nothing of them stays.
set -u
cd "$(dirname "$0")/../.." || exit 1
unset "${!TAILRACE_TEST_@}"
base=${TAILRACE_PORT_BASE:-21000}
export TAILRACE_STACK_STORM=yes TAILRACE_PORT_BASE=$((base + 40))
export TAILRACE_STACK_DIR=${TAILRACE_STACK_DIR:-build/stack-$base}-storm
export PYTHONDONTWRITEBYTECODE=1
tests/stack/stack run mysql mariadb kafka mongodb redis "$@"
status=$?
[ "$status" != 0 ] || tests/stack/stack clean
exit "$status"
