#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sanitized.sh VARIANT ARG… of the storm: a storm of a minute on the programs of build/VARIANT. What a sanitizer finds ends
# the program, and with that the storm fails.
set -u
variant=$1
shift
cd "$(dirname "$0")/../.." || exit 1
# libmongoc 1.23 and librdkafka keep what they allocate once for the life of the process
export BUILD=build/$variant ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1
exec tests/crash/with_stack.sh /usr/bin/python3 -m tests.crash.storm --seconds 60 "$@"
