#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# options.sh BIN: the table of options in common/options.c against everything that repeats it: the sample in etc/ is
# exactly what the table prints, and the manual page of the file names every key. Every long option of a program stands
# in its manual page.
set -eu
cd "$(dirname "$0")/.."
bin=$1
wrong=0

"$bin/tailrace" --sample-configuration | diff -u etc/tailrace.conf - || {
    echo "etc/tailrace.conf is not what the table of options says: make sample"
    wrong=1
}

for key in $("$bin/tailrace" --sample-configuration | sed -n 's/^#\{0,1\}\([a-z_.]*\) =.*/\1/p'); do
    grep -q "^\.B $key\$" docs/man/tailrace.conf.5 || {
        echo "docs/man/tailrace.conf.5 does not name $key"
        wrong=1
    }
done

for program in "$bin"/tailrace*; do
    page=docs/man/$(basename "$program").1
    [ -f "$page" ] || { echo "$page is missing"; wrong=1; continue; }
    for option in $("$program" --help | sed -n 's/^ *\(-., \)\{0,1\}--\([a-z-]*\).*/\2/p'); do
        grep -q -e "--$option" "$page" || { echo "$page does not name --$option"; wrong=1; }
    done
done
exit $wrong
