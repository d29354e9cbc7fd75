#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized.sh VARIANT ARG… of the storm: a storm of a minute on the programs of build/VARIANT. What a sanitizer finds ends
# the program, and with that the storm fails. With tsan then also what a storm does not do and threads are in:
# appliers that come and go, copies, dead letters, DDL, comparing.
set -u
variant=$1
shift
cd "$(dirname "$0")/../.." || exit 1
# libmongoc 1.23 and librdkafka keep what they allocate once for the life of the process
export BUILD=build/$variant ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp ignore_noninstrumented_modules=1 halt_on_error=1"
tests/crash/with_stack.sh /usr/bin/python3 -m tests.crash.storm --seconds 60 "$@" || exit
[ "$variant" = tsan ] || exit 0
unset "${!TAILRACE_TEST_@}"
exec tests/stack/stack run mysql mariadb kafka mongodb redis tests/integration/run.sh -k "$(paste -sd' ' <<'TESTS'
test_processes_come_and_go_under_load or test_two_processes_and_replays_under_load or test_two_among_a_thousand
or test_tables_change_under_load or (test_snapshot_load and test_consistent) or (test_verify and test_right_copies_are_equal)
or test_changes_arrive_while_it_runs or test_takes_over_from_a_killed_one or test_watch_follows_the_stream
or (test_verify_load and test_under_load and not redis)
TESTS
)"
