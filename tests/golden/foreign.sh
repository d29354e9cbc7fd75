#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# foreign.sh [BUILD]: decodes the binlogs that MySQL and MariaDB carry for their own tests (many versions, odd and broken
# ones) with BUILD/bin/tailrace-cat (build) and compares exit code, number of records and reason with foreign.list.
# The packages are fetched once, and only their binlogs are kept in the cache: mysql-testsuite (Debian sid, 340 MB),
# mariadb-test and mariadb-test-data (of this system's Debian). A binlog that the list lacks must decode or stop with a
# reason. Prints a line for each that fails and ends with "N passed, N failed".

# shellcheck source=SCRIPTDIR/../stack/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../stack/common.sh"
# shellcheck source=SCRIPTDIR/../stack/mysql.sh
. "$here/mysql.sh"

build=${1:-$project/build}
list=$project/tests/golden/foreign.list
tree=$cache/foreign-binlogs-1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

fill() { # DIR
    need apt-get dpkg-deb
    say "binlogs of other versions: fetching the test suites of MySQL and MariaDB (370 MB)"
    private_apt "$1"
    mkdir "$1"/{mysql,mariadb}
    (
        export APT_CONFIG=$1/apt/apt.conf
        retry quietly apt-get -qq update
        cd "$1/apt"
        retry quietly apt-get -qq download mysql-testsuite
    )
    # shellcheck disable=SC2031 # the system's own apt again
    (cd "$1/apt" && retry quietly apt-get -qq -o APT::Sandbox::User="" download mariadb-test mariadb-test-data)
    local deb
    for deb in "$1"/apt/*.deb; do
        case $deb in */mysql-*) keep_binlogs "$deb" "$1/mysql" ;; *) keep_binlogs "$deb" "$1/mariadb" ;; esac
    done
    rm -rf "$1/apt"
}

keep_binlogs() { # DEB DIR
    local file
    mkdir "$work/deb"
    dpkg-deb --fsys-tarfile "$1" | tar -xC "$work/deb" --wildcards '*/std_data/*' 2> /dev/null || true
    while read -r -d '' file; do
        case $(head -c 4 "$file" | od -An -tx1) in
        " fe 62 69 6e" | " fd 62 69 6e") install_binlog "$file" "$2/${file#*/mysql-test/}" ;;
        esac
    done < <(find "$work/deb" -type f -print0)
    rm -rf "$work/deb"
}

install_binlog() { # FILE TARGET
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2"
}

# outcome FILE: sets code, records and reason.
outcome() {
    code=0
    timeout 60 "$build/bin/tailrace-cat" "$1" > "$work/out" 2> "$work/err" || code=$?
    records=$(wc -l < "$work/out")
    reason=$(cat "$work/err")
}

check() { # NAME
    local want_code want_records want_reason
    outcome "$tree/$1"
    read -r _ want_code want_records want_reason < <(grep -m 1 "^$1 " "$list" || echo "$1 any")
    if [ "$want_code" = any ]; then
        [ "$code" = 0 ] || { [ "$code" = 65 ] && [ -n "$reason" ]; }
    else
        [ "$code $records" = "$want_code $want_records" ] && [[ $reason == *"$want_reason"* ]]
    fi
}

cached "${tree##*/}" fill
while read -r name; do
    if check "$name"; then
        passed=$((passed + 1))
    else
        echo "FAIL  foreign/$name: exit $code, $records records, $reason"
        failed=$((failed + 1))
    fi
done < <({ cd "$tree" && find . -type f -printf '%P\n'; grep -oE '^m[^ ]+' "$list"; } | sort -u)
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
