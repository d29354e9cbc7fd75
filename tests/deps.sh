#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# deps.sh [build|test|bench]: installs the Debian packages that building (or also testing, or also
# measuring) needs and that are not there yet; says nothing if there is nothing to do. Uses sudo where
# it is not root.
#
# It never removes a package, and never touches a service that was there before: the servers that
# the tests need are installed without being started, now or when the machine boots.
set -euo pipefail

build='gcc make pkg-config libc6-dev libmariadb-dev librdkafka-dev libmongoc-dev libbson-dev
    libhiredis-dev libdeflate-dev zlib1g-dev libzstd-dev libyajl-dev'
test='libcmocka-dev clang clang-format libclang-rt-14-dev
    mariadb-server-core mariadb-client redis-server redis-tools kcat libcurl4 liblzma5
    python3 python3-pip python3-pymysql python3-pymongo python3-bson-ext python3-redis python3-hiredis
    python3-confluent-kafka
    python3-pytest python3-cryptography
    ca-certificates curl man-db openssl procps'
bench='sysbench'
services=redis-server # those among them that the package would start
java_at_least=17
policy=/usr/sbin/policy-rc.d
marker='of tests/deps.sh: no service is started while it installs'
sudo=

say() { echo "deps: $*"; }
die() { say "$*" >&2; exit 1; }

installed() { # PACKAGE
    grep -qx "$1" <<< "$present"
}

# missing PACKAGE…: those that are not installed, one a line
missing() {
    local package
    present=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2> /dev/null |
        sed -n 's/^installed //p' || true)
    for package; do installed "$package" || echo "$package"; done
}

# A Java or Maven that does not come from Debian will do as well.
java_packages() {
    java_is_new_enough || echo "openjdk-$java_at_least-jre-headless"
    command -v mvn > /dev/null || echo maven
}

java_is_new_enough() {
    local major
    command -v java > /dev/null || return 1
    major=$(java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p')
    [ "${major:-0}" -ge "$java_at_least" ]
}

become_root() {
    [ "$(id -u)" != 0 ] || return 0
    command -v sudo > /dev/null ||
        die "neither root nor sudo; as root run: apt-get install --no-install-recommends $*"
    sudo=sudo
}

apt() { # ARG… of apt-get
    # shellcheck disable=SC2086 # empty when root
    $sudo env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -y -qq \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" > "$log" 2>&1
}

# An own policy-rc.d of the machine's administrator stays as it is.
hold_services() {
    [ ! -e "$policy" ] || return 0
    printf '#!/bin/sh\n# %s\nexit 101\n' "$marker" | $sudo tee "$policy" > /dev/null
    $sudo chmod 755 "$policy"
}

clean_up() {
    rm -f "$log"
    ! grep -qs "$marker" "$policy" || $sudo rm -f "$policy"
}

# Newly installed services would otherwise start with the machine.
disable_services() { # PACKAGE… just installed
    local package service
    for package; do
        for service in $services; do
            [ "$package" != "$service" ] || $sudo update-rc.d "$service" disable > "$log" 2>&1 ||
                say "could not disable the service $service"
        done
    done
}

install_packages() { # PACKAGE…
    become_root "$@"
    log=$(mktemp)
    trap clean_up EXIT
    trap 'exit 130' INT TERM HUP
    say "installing $*"
    apt update || say "warning: apt-get update: $(tail -n 1 "$log")"
    hold_services
    apt install --no-install-recommends --no-remove "$@" || {
        tail -n 20 "$log" >&2
        die "apt-get could not install them"
    }
    disable_services "$@"
}

case ${1:-test} in
build) wanted=$build ;;
test) wanted="$build $test $(java_packages)" ;;
bench) wanted="$build $test $bench $(java_packages)" ;;
*)
    echo "usage: tests/deps.sh [build|test|bench]" >&2
    exit 64
    ;;
esac
# shellcheck disable=SC2086 # a list of packages
wanted=$(missing $wanted)
# shellcheck disable=SC2086 # a list of packages
[ -z "$wanted" ] || install_packages $wanted
