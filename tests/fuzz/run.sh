#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [SECONDS]: each fuzz target under libFuzzer with the address and undefined-behaviour sanitizers, SECONDS each
# (default 30). New inputs stay in build/fuzz/found; a crash is kept in build/fuzz and ends the run with 1.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-30}
for target in build/fuzz/fuzz/*_fuzz; do
    name=$(basename "$target" _fuzz)
    mkdir -p "build/fuzz/found/$name" "tests/fuzz/corpus/$name"
    echo "fuzz: $name for $seconds s"
    "$target" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=512 -print_final_stats=0 \
        -artifact_prefix="build/fuzz/$name-" "build/fuzz/found/$name" "tests/fuzz/corpus/$name" 2>&1 | tail -2
done
