# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # some variables are for the server files
# What all server files share: where things are, the download cache, and the life of a process.
#
# A server file (mysql.sh, mariadb.sh, kafka.sh, mongodb.sh, redis.sh) is read together with this
# one into a subshell of its own and defines the same six functions:
#
#     install            fetch what apt cannot install into the cache; instant when it is there
#     start NODE…        start the nodes that are down; return when each of them answers
#     alive NODE         does the node answer a client now?
#     stop NODE…         end the nodes in good order
#     env NODE           the address for a client
#     version            of the software, for people
#
# A node is one process. Its directory is STACK_DIR/NODE and holds data/, its configuration, log
# (kept until `stack clean`) and pid. Invariant: a process counts as ours only while its working
# directory lies in the node's directory, so a number that the system has given to another
# process is never signalled.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
project=$(cd "$here/../.." && pwd -P)
cache=${TAILRACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tailrace}
port_base=${TAILRACE_PORT_BASE:-21000}
default_dir=build/stack
[ "$port_base" = 21000 ] || default_dir=build/stack-$port_base
stack_dir=${TAILRACE_STACK_DIR:-$default_dir}
stack_dir=$(cd "$project" && realpath -m "$stack_dir") # as /proc shows it, without links
python=/usr/bin/python3 # Debian's own, which sees the python3-* packages
stop_seconds=10

say() { echo "stack: $*" >&2; }
die() { say "$*"; exit 1; }

need() { # COMMAND…
    local command
    for command; do
        command -v "$command" > /dev/null || die "$command is missing: run tests/deps.sh test"
    done
}

port() { echo $((port_base + $1)); }
node_dir() { echo "$stack_dir/$1"; }

retry() { # COMMAND ARG…: three tries, for what depends on the network
    local try
    for try in 1 2 3; do
        "$@" && return
        say "try $try of 3 failed: $*"
        [ "$try" = 3 ] || sleep $((try * 3))
    done
    return 1
}

quietly() { # COMMAND ARG…: what it prints matters only when it fails
    local output
    output=$("$@" 2>&1) || { echo "$output" >&2; return 1; }
}

# cached NAME FILL: cache/NAME is whole or absent: `FILL DIR` fills a part directory, which then
# gets its name. One process fills, the others wait for it.
cached() {
    local dir=$cache/$1 fill=$2
    [ ! -d "$dir" ] || return 0
    mkdir -p "$cache"
    (
        flock 8
        [ ! -d "$dir" ] || exit 0
        rm -rf "$dir.part"
        mkdir "$dir.part"
        "$fill" "$dir.part"
        mv "$dir.part" "$dir"
        say "$1 is in $cache"
    ) 8> "$dir.lock"
}

# MySQL and MariaDB run as root only when they are told to.
root_option() { # [PREFIX]
    [ "$(id -u)" != 0 ] || echo "${1:-}user=root"
}

# For TAILRACE_STACK_STORM: many binlog files, and a reader that is stuck is given up soon.
storm_options() {
    [ -z "${TAILRACE_STACK_STORM:-}" ] || printf '%s\n' max-binlog-size=8M net-write-timeout=5
}

pid_of() { cat "$(node_dir "$1")/pid" 2> /dev/null; }

running() { # NODE
    local pid cwd
    pid=$(pid_of "$1") && [ -n "$pid" ] || return 1
    cwd=$(readlink "/proc/$pid/cwd" 2> /dev/null) || return 1 # gone, a zombie, or another user's
    case $cwd/ in "$(node_dir "$1")"/*) ;; *) return 1 ;; esac
}

# spawn NODE COMMAND ARG…: the process leads a session of its own and notes its pid itself, so that
# it can be found and stopped even if this script is killed at any moment. It holds no lock of ours.
spawn() {
    local dir
    dir=$(node_dir "$1")
    shift
    rm -f "$dir/pid"
    # shellcheck disable=SC2016 # for the inner shell
    setsid bash -c 'cd "$1" && shift && echo $$ > pid.part && mv pid.part pid && exec "$@"' \
        spawn "$dir" "$@" >> "$dir/log" 2>&1 < /dev/null 8>&- 9>&- &
    until [ -s "$dir/pid" ]; do sleep 0.01; done
}

# finish NODE: waits for a spawned process that ends by itself, and succeeds if it did.
finish() {
    wait $! || fail "$1" "could not be set up"
}

fail() { # NODE REASON
    say "$1 $2; the end of $(node_dir "$1")/log:"
    tail -n 40 "$(node_dir "$1")/log" >&2
    exit 1
}

answers() { # PORT: does anything accept connections there?
    (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}

await() { # NODE SECONDS
    local end=$((SECONDS + $2))
    until alive "$1"; do
        running "$1" || fail "$1" "ended while starting"
        [ "$SECONDS" -lt "$end" ] || fail "$1" "did not answer within $2 s"
        sleep 0.1
    done
}

signal() { # SIGNAL NODE: the whole session, so also the children of a set-up script
    kill -"$1" -- -"$(pid_of "$2")" 2> /dev/null || true
}

gone() { # NODE SECONDS
    local tenths=$(($2 * 10))
    while running "$1"; do
        [ "$tenths" -gt 0 ] || return 1
        tenths=$((tenths - 1))
        sleep 0.1
    done
    rm -f "$(node_dir "$1")/pid"
}

halt() { # NODE…: politely, all at once; by force what is still there after stop_seconds
    local node
    for node; do ! running "$node" || signal TERM "$node"; done
    for node; do gone "$node" "$stop_seconds" || slay "$node"; done
}

slay() { # NODE…
    local node
    for node; do ! running "$node" || signal KILL "$node"; done
    for node; do gone "$node" 5 || die "$node (pid $(pid_of "$node")) does not end"; done
}

stop() { halt "$@"; }
