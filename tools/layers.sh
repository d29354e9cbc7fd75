#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Includes go one way: a folder may include itself and what stands beside it here, nothing else. Prints every include
# that breaks the rule; exit 1 when there is one.
set -eu
cd "$(dirname "$0")/.."

allowed() { # FOLDER: the folders that it may include
    case $1 in
    common) echo common ;;
    record) echo common record ;;
    kafka) echo common kafka ;;
    binlog) echo common record binlog ;;
    publisher) echo common record kafka binlog publisher ;;
    appliers/core) echo common record kafka appliers/core ;;
    appliers/*) echo "common record appliers/core $1" ;;
    verify) echo common record kafka verify ;;
    cli) echo common record binlog cli ;;
    esac
}

# A sink sees of the core only its seam.
seam='appliers/core/sink.h appliers/core/batch.h appliers/core/beside.h appliers/core/truncation.h appliers/core/main.h'

broken=0
for file in $(git ls-files --cached --others --exclude-standard -- '*.c' '*.h' ':!tests'); do
    folder=$(dirname "$file")
    for include in $(sed -n 's/^#include "\(.*\)".*/\1/p' "$file"); do
        case " $(allowed "$folder") " in
        *" $(dirname "$include") "*) ;;
        *) echo "$file includes $include: $folder may include only: $(allowed "$folder")"; broken=1 ;;
        esac
        case $folder:$include in
        appliers/core:*) ;;
        appliers/*:appliers/core/*)
            case " $seam " in
            *" $include "*) ;;
            *) echo "$file includes $include: a sink includes only: $seam"; broken=1 ;;
            esac ;;
        esac
    done
done
exit $broken
