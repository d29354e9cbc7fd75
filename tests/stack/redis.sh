# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # common.sh is read before it
# Redis 7 from Debian: redis://127.0.0.1. In memory only, but for TAILRACE_STACK_STORM.

redis_port=$(port 7)

install() { need redis-server redis-cli; }

start() {
    local dir keep=no
    dir=$(node_dir redis)
    [ -z "${TAILRACE_STACK_STORM:-}" ] || keep=yes
    mkdir -p "$dir/data"
    spawn redis redis-server --dir "$dir/data" --port "$redis_port" --bind 127.0.0.1 \
        --save '' --appendonly $keep --set-proc-title no \
        --daemonize no
    await redis 20
}

alive() {
    running redis && [ "$(redis-cli -h 127.0.0.1 -p "$redis_port" ping 2> /dev/null)" = PONG ]
}

env() { echo "redis://127.0.0.1:$redis_port"; }
version() { redis-server --version | sed -E 's/.* v=([^ ]+).*/\1/'; }
