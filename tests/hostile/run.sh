#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh PROGRAM: hostile.c over all golden binlogs, on two processors. HOSTILE_FLIPS: how many flipped bits in all
# (10000); HOSTILE_SEED: which ones (the same every time). Prints what fails and ends on "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
program=$1 flips=${HOSTILE_FLIPS:-10000} seed=${HOSTILE_SEED:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ASAN_OPTIONS=detect_leaks=1:max_allocation_size_mb=64:allocator_may_return_null=0:quarantine_size_mb=1

echo "hostile: seed $seed, $flips flipped bits"
# Cutting costs the square of a file's size: the largest are dealt out first.
ls -S tests/golden/*/*.binlog | awk -v work="$work" '{ print > (work "/files" NR % 2) }'
for half in 0 1; do
    # shellcheck disable=SC2046 # no golden case has a space in its name
    "$program" $((2 * seed + half)) $((flips / 2 + flips % 2 * half)) $(cat "$work/files$half") > "$work/log$half" 2>&1 &
done
wait
grep -hv ' passed, [0-9]* failed$' "$work"/log?
cat "$work"/log? | awk '
    / passed, [0-9]+ failed$/ { passed += $1; failed += $3; ended++ }
    END { if (ended != 2) failed++; print passed + 0 " passed, " failed + 0 " failed"; exit failed != 0 }'
