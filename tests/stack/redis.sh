# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # common.sh is read before it
# Redis 7 from Debian, in memory only: redis://127.0.0.1.

redis_port=$(port 7)

install() { need redis-server redis-cli; }

start() {
    local dir
    dir=$(node_dir redis)
    mkdir -p "$dir/data"
    spawn redis redis-server --dir "$dir/data" --port "$redis_port" --bind 127.0.0.1 \
        --save '' --appendonly no --daemonize no
    await redis 20
}

alive() {
    running redis && [ "$(redis-cli -h 127.0.0.1 -p "$redis_port" ping 2> /dev/null)" = PONG ]
}

env() { echo "redis://127.0.0.1:$redis_port"; }
version() { redis-server --version | sed -E 's/.* v=([^ ]+).*/\1/'; }
