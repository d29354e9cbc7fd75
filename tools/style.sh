#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a machine can see of the style: formatting, line length, an SPDX line, functions of 70 lines at most, files of 700,
# no spoiled scripts. Prints each place; exit 1 when there is one.
set -eu
cd "$(dirname "$0")/.."
sources=$(git ls-files --cached --others --exclude-standard -- '*.c' '*.h')
wrong=0

# shellcheck disable=SC2086 # a list of names without spaces
clang-format --dry-run -Werror $sources || wrong=1

for file in $sources; do
    head -1 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || { echo "$file:1: no SPDX line"; wrong=1; }
done

# shellcheck disable=SC2086 # characters, not bytes, are columns
LC_ALL=C.UTF-8 grep -nHE '^.{101,}' $(echo "$sources" | grep -v charset_table) && wrong=1

# shellcheck disable=SC2086
awk '
    FNR == 1 { start = 0; if (last > 700 && name !~ /charset_table/) { print name ": " last " lines"; bad = 1 } }
    { name = FILENAME; last = FNR }
    /^\{$/ { start = FNR }
    /^\}/ { if (start && FNR - start > 70) { print FILENAME ":" start ": a function of " FNR - start " lines"; bad = 1 } start = 0 }
    END { exit bad }
' $sources || wrong=1

for script in $(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run tests/stack/stack); do
    bash -n "$script" || wrong=1
done
exit $wrong
