#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh [stop]: the whole path on this machine, MySQL → Kafka → MongoDB and Redis, with servers
# of its own in build/demo; demo.py tells the story. The last line is "demo: equal" (exit 0), "demo:
# different" (exit 1), or "demo: failed" when it did not come to the comparison.
#
# Nothing is left running, also after Ctrl-C or a failure; only the logs are kept then. With KEEP=1 all
# of it is left running until `demo.sh stop` or the next demo.
set -euo pipefail
cd "$(dirname "$0")/../.."

export TAILRACE_PORT_BASE=${TAILRACE_PORT_BASE:-21500} TAILRACE_STACK_DIR=${TAILRACE_STACK_DIR:-build/demo}
unset TAILRACE_TEST_{MYSQL,MARIADB,KAFKA,MONGODB,REDIS} # never with servers that hold someone's data
directory=$TAILRACE_STACK_DIR
stack=tests/stack/stack
own_files='tailrace.conf password'

# Ends our programs of an earlier demo. A number counts as ours only while its process works in this
# checkout and has our configuration file.
end_programs() {
    local file pid
    for file in "$directory"/tailrace-*.pid; do
        [ -f "$file" ] || continue
        pid=$(cat "$file")
        [ "$(readlink "/proc/$pid/cwd")" != "$PWD" ] ||
            ! grep -qzF "$directory/tailrace.conf" "/proc/$pid/cmdline" || kill -KILL "$pid"
        rm -f "$file"
    done
}

remove() {
    end_programs
    for file in $own_files; do rm -f "$directory/$file"; done
    rm -f "$directory"/tailrace-*.log
    $stack clean
}

finish() {
    local status=$?
    trap '' INT TERM HUP
    case $status in
    0) [ "${KEEP:-}" = 1 ] || remove ;;
    *)
        end_programs
        $stack stop
        echo "Logs are in $directory: tailrace-*.log, and one for each server in its folder."
        ;;
    esac
    case $status in
    0) echo "demo: equal" ;;
    1) echo "demo: different" ;;
    *) echo "demo: failed" ;;
    esac
    exit "$status"
}

remove
[ "${1:-}" != stop ] || exit 0

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
export DEMO_BEGAN=${EPOCHREALTIME/,/.}
echo "   0.0 s  starting MySQL, two Kafka brokers, MongoDB and Redis in $directory"
$stack start mysql kafka mongodb redis || exit 2
eval "$($stack env mysql kafka mongodb redis)"
/usr/bin/python3 -m tests.demo.demo "$directory"
