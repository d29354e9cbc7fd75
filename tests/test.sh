#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test.sh [all]: all tests: what `make check` runs, then everything on real servers, with both MySQL client libraries. Starts the
# servers that the environment does not name and stops them afterwards. The last line is "N passed, N failed".
# test.sh first|second: half of what needs servers. The halves run side by side, each with servers of its own, as they
# mostly wait; what the second one printed comes behind the first.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
log=$(mktemp)
other=$(mktemp)
trap 'rm -f "$log" "$other"' EXIT

# count OUTPUT WHAT: adds the closing "N passed, N failed" of what was run to the sums.
count() {
    local last
    last=$(tail -1 "$1" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
    [ -n "$last" ] || { echo "FAILED: $2 ended without its count"; last='0 1'; }
    passed=$((passed + ${last% *})) failed=$((failed + ${last#* }))
}

# add COMMAND…: runs it, and shows what it prints.
add() {
    "$@" 2>&1 | tee "$log"
    count "$log" "$*"
}

without_servers() {
    add make -s check
    add tests/golden/foreign.sh
    make -s oracle || { echo "FAILED: make oracle"; failed=$((failed + 1)); }
    add make -s hostile
}

first() {
    add tests/stack/stack run tests/integration/run.sh tests/lib tests/integration/test_[a-r]*.py
    add tests/bench/small.sh
}

second() {
    export TAILRACE_PORT_BASE=$((${TAILRACE_PORT_BASE:-21000} + 100))
    add tests/stack/stack run mysql mariadb tests/differential/run.sh
    add tests/stack/stack run tests/integration/run.sh tests/integration/test_[s-z]*.py
    tests/stack/stack clean
    add tests/crash/run.sh
}

with_servers() {
    if [ -n "${TAILRACE_TEST_MYSQL:-}${TAILRACE_TEST_MARIADB:-}${TAILRACE_TEST_KAFKA:-}" ]; then # someone's, not for two at once
        first
        second
        return
    fi
    make -s -j2 crash-points bench-programs
    tests/test.sh second >"$other" 2>&1 &
    first
    wait
    cat "$other"
    count "$other" "the second half"
}

case ${1:-all} in
all)
    tests/stack/stack install || { echo "0 passed, 1 failed"; exit 1; }
    without_servers
    with_servers
    ;;
first | second) "$1" ;;
*)
    echo "usage: tests/test.sh [all|first|second]" >&2
    exit 64
    ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
