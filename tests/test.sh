#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# All tests: what `make check` runs, then everything on real servers, with both MySQL client libraries. Starts the servers
# that the environment does not name and stops them afterwards. The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# add COMMAND…: runs it, shows what it prints, and adds its closing "N passed, N failed" to the sums.
add() {
    local last
    "$@" 2>&1 | tee "$log"
    last=$(tail -1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
    [ -n "$last" ] || { echo "FAILED: $* ended without its count"; last='0 1'; }
    passed=$((passed + ${last% *})) failed=$((failed + ${last#* }))
}

tests/stack/stack install || { echo "0 passed, 1 failed"; exit 1; }
add make -s check
add tests/golden/foreign.sh
make -s oracle || { echo "FAILED: make oracle"; failed=$((failed + 1)); }
add make -s hostile
add tests/stack/stack run mysql mariadb tests/differential/run.sh
add tests/stack/stack run tests/integration/run.sh
add tests/bench/small.sh
add tests/crash/run.sh

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
