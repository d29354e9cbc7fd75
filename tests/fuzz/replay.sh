#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# replay.sh BUILD: every corpus file through its fuzz target, built as an ordinary program. A corpus is
# tests/fuzz/corpus/NAME for NAME_fuzz.c; the golden binlogs, without their magic, are one for the decoder.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$1 passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/binlog"
for file in tests/golden/*/*.binlog; do
    tail -c +5 "$file" > "$work/binlog/$(echo "$file" | tr / _)"
done
for target in "$build"/fuzz/*_replay; do
    name=$(basename "$target" _replay)
    for file in tests/fuzz/corpus/"$name"/* "$work/$name"/*; do
        [ -f "$file" ] || continue
        if timeout 20 "$target" "$file"; then passed=$((passed + 1)); else
            failed=$((failed + 1)); echo "FAILED: $name $file"
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
