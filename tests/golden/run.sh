#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [BUILD]: decodes every golden binlog with BUILD/bin/tailrace-cat (build) and compares the records byte by byte.
# A case is NAME.sql (what the server was told), NAME.binlog (what it wrote) and NAME.jsonl (what must come out, made by
# record.py from the server's own SELECT and mysqlbinlog). A case with NAME.refused instead of records past some point
# must end with exit 65 and that text in the reason, after the records of NAME.jsonl.
# Prints a line a case and ends with "N passed, N failed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../build}
cat_program=$build/bin/tailrace-cat
version=$("$cat_program" --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+[^ ]*' | head -1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

check_case() { # BINLOG
    local base=${1%.binlog} want=0 code
    [ ! -f "$base.refused" ] || want=65
    sed "s/\"version\":\"@VERSION@\"/\"version\":\"$version\"/" "$base.jsonl" > "$work/want"
    "$cat_program" "$1" > "$work/got" 2> "$work/err"
    code=$?
    [ "$code" = "$want" ] || { echo "exit $code instead of $want: $(cat "$work/err")"; return 1; }
    cmp -s "$work/want" "$work/got" || { diff "$work/want" "$work/got" | cut -c1-400 | head -4; return 1; }
    [ "$want" = 0 ] || grep -qF -f "$base.refused" "$work/err" ||
        { echo "the reason is: $(cat "$work/err")"; return 1; }
}

for binlog in "$here"/*/*.binlog; do
    name=${binlog#"$here"/}
    if reason=$(check_case "$binlog"); then
        echo "ok    golden/${name%.binlog}"
        passed=$((passed + 1))
    else
        echo "FAIL  golden/${name%.binlog}: $reason"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
