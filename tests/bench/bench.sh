#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench.sh [all|decode|latency|verify]: measures every stage, or one of them, on servers of its own in build/bench-stack,
# and prints tables; docs/performance.md explains them. Raw figures: build/bench/bench.json.
#
#   BENCH_TRANSACTIONS  of sysbench oltp_write_only in the backlog, four row changes each (200000)
#   BENCH_RUNS          of each stage; the tables show medians (3)
#   BENCH_SECONDS       of each measurement of latency (6)
#   BENCH_ROWS          of the table that is compared (400000)
#
# Exit 0 when everything was measured, whatever the figures. Nothing is left running.
set -euo pipefail
cd "$(dirname "$0")/../.."

export TAILRACE_PORT_BASE=${TAILRACE_PORT_BASE:-22500} TAILRACE_STACK_DIR=${TAILRACE_STACK_DIR:-build/bench-stack}
export TAILRACE_STACK_BENCH=${TAILRACE_STACK_BENCH-1}
unset TAILRACE_TEST_{MYSQL,MARIADB,KAFKA,MONGODB,REDIS} # never with servers that hold someone's data
stack=tests/stack/stack
stage=${1:-all}
case $stage in
all | latency) servers='mysql kafka mongodb redis' ;;
verify) servers='mysql mongodb redis' ;;
decode) servers=mysql ;;
*)
    echo "usage: tests/bench/bench.sh [all|decode|latency|verify]" >&2
    exit 64
    ;;
esac

finish() {
    local status=$?
    trap '' INT TERM HUP
    if [ "$status" = 0 ]; then
        $stack clean
    else
        $stack stop
        echo "bench: failed; logs are in $TAILRACE_STACK_DIR and build/bench" >&2
    fi
    exit "$status"
}

$stack clean
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# shellcheck disable=SC2086 # a list of names
$stack start $servers
# shellcheck disable=SC2086 # a list of names
eval "$($stack env $servers)"
export PYTHONDONTWRITEBYTECODE=1
case $stage in
verify) /usr/bin/python3 -m tests.bench.verify ;;
*) /usr/bin/python3 -m tests.bench.bench "$stage" ;;
esac
