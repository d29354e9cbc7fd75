#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# small.sh: the bench once with as little as it takes, only to see that it works: each stage has its table, each target
# its line. What is measured is worth nothing. The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
output=$(mktemp)
trap 'rm -f "$output"' EXIT
passed=0 failed=0

# expect WHAT COMMAND…: one test.
expect() {
    local what=$1
    shift
    if "$@"; then
        echo "ok       bench: $what"
        passed=$((passed + 1))
    else
        echo "FAILED   bench: $what"
        failed=$((failed + 1))
    fi
}

has_line() { # beginning with TEXT
    grep -qF -- "$1" "$output"
}

has_targets() {
    grep -c '^target: .*: \(met\|short by .*\)$' "$output" | grep -qx 31
}

tests/deps.sh bench && make -s -j2 all bench-programs && make -s oracle || { echo "0 passed, 1 failed"; exit 1; }
TAILRACE_STACK_BENCH='' BENCH_TRANSACTIONS=100 BENCH_RUNS=1 BENCH_SECONDS=0.2 tests/bench/bench.sh all >"$output"
expect "ends well" [ $? = 0 ]
for stage in "Decode a file" "Server → decoded" "Server → Kafka, exactly once" "Kafka → MongoDB" "Kafka → Redis" \
    "A quarter of the backlog" "Rows of 600 bytes" "100 columns" "One transaction of" "50 tables" "One compressed transaction" \
    "Rows in few and in many tables" "Commit → visible"; do
    expect "$stage" has_line "$stage"
done
expect "a line for each target" has_targets
[ "$failed" = 0 ] || cat "$output"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
