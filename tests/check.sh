#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check.sh BUILD: all tests that need no servers, run from the root after the build. A line for each that fails, with its
# output; the last line is "N passed, N failed".
set -u
build=$1
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# counted NAME PASSED FAILED: adds to the sums and says so.
counted() {
    passed=$((passed + $2)) failed=$((failed + $3))
    printf '%-8s %s (%s passed, %s failed)\n' "$([ "$3" = 0 ] && echo ok || echo FAILED)" "$1" "$2" "$3"
}

# step NAME COMMAND…: one test.
step() {
    local name=$1
    shift
    if "$@" > "$log" 2>&1; then counted "$name" 1 0; else counted "$name" 0 1; cat "$log"; fi
}

# A cmocka program counts its tests itself; one that dies without its closing lines is one failure.
unit() {
    local name=${1#"$build"/unit/} good bad status
    "$1" > "$log" 2>&1
    status=$?
    good=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log")
    bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | head -1)
    good=${good:-0} bad=${bad:-0}
    [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
    [ $((good + bad)) != 0 ] || bad=1
    counted "unit/$name" "$good" "$bad"
    [ "$bad" = 0 ] || cat "$log"
}

# A suite that ends on its own "N passed, N failed".
suite() {
    local name=$1 last
    shift
    "$@" > "$log" 2>&1
    last=$(tail -1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
    # shellcheck disable=SC2086 # two words
    counted "$name" ${last:-0 1}
    case ${last:-0 1} in *" 0") ;; *) cat "$log" ;; esac
}

step layers tools/layers.sh
step style tools/style.sh
step options tools/options.sh "$build/bin"
while read -r program; do unit "$program"; done < <(find "$build/unit" -name '*_test' -type f | sort)
suite golden tests/golden/run.sh "$build"
suite corpus tests/fuzz/replay.sh "$build"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
