# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # common.sh is read before it
# Oracle MySQL 9.7 with GTIDs and full row metadata: mysql://root@127.0.0.1, no password; and on
# request a replica of it, by GTID, which is read-only until somebody promotes it, or a server of
# its own with neither, as it is by default.
#
# Debian carries it only in sid, whose libc is newer than Debian 12's. So the packages and all they
# need are unpacked into a tree in the cache, without touching the system, and run through the
# tree's own dynamic loader. The same tree holds Oracle's libmysqlclient, librdkafka, yajl, cmocka,
# libdeflate, zlib and zstd with their headers: a sysroot for building against that client (client_flags).

# Raise the revision when the list of packages changes: caches of before are then not used.
mysql_release=9.7
mysql_tree=$cache/mysql-$mysql_release-2
mysql_packages='mysql-server-core mysql-client-core libmysqlclient-dev libc6-dev librdkafka-dev
    libyajl-dev libcmocka-dev libdeflate-dev zlib1g-dev libzstd-dev'
# Needed by maintainer scripts only, which nobody runs here.
mysql_unneeded='systemd|perl|passwd|iproute2'
mysql_triplet=x86_64-linux-gnu
mysql_loader=ld-linux-x86-64.so.2

mysql_port() { # NODE
    case $1 in
    mysql) port 1 ;;
    mysql-replica) port 9 ;;
    mysql-plain) port 11 ;;
    esac
}

install() { cached "${mysql_tree##*/}" fill_tree; }

fill_tree() { # DIR
    need apt-get dpkg-deb
    say "MySQL $mysql_release and its client library: fetching packages of Debian sid (80 MB)"
    private_apt "$1"
    (
        export APT_CONFIG=$1/apt/apt.conf
        retry quietly apt-get -qq update
        cd "$1/apt" || exit
        # shellcheck disable=SC2086 # a list of packages
        apt-get -qq --simulate install $mysql_packages | awk '$1 == "Inst" { print $2 }' |
            grep -Ev "^($mysql_unneeded)" > names
        retry quietly xargs -a names apt-get -qq download
    )
    unpack_tree "$1"
    rm -rf "$1/apt"
}

# private_apt DIR: an apt with its own lists and an empty record of what is installed, for sid on
# the mirror that this machine uses anyway. It checks signatures and hashes as ever.
private_apt() {
    local apt=$1/apt mirror
    mkdir -p "$apt"/{state/lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d}
    : > "$apt/state/status"
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || die "no Debian mirror in /etc/apt/sources.list or sources.list.d"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" \
        > "$apt/etc/sources.list"
    cat > "$apt/apt.conf" <<CONF
Dir::State "$apt/state"; Dir::State::status "$apt/state/status"; Dir::Cache "$apt/cache";
Dir::Etc "$apt/etc"; Dir::Etc::sourcelist "$apt/etc/sources.list"; Dir::Etc::sourceparts "-";
APT::Install-Recommends "false"; APT::Sandbox::User ""; Acquire::Languages "none";
Acquire::Check-Valid-Until "false"; Acquire::Retries "3";
CONF
}

debian_mirror() {
    local lists=/etc/apt/sources.list
    { cat $lists.d/debian.sources $lists $lists.d/*.list 2> /dev/null || true; } |
        sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb .*(https?:[^ ]*debian\/?) .*/\1/p' | sed -n 1p
}

unpack_tree() { # DIR
    local deb link
    for deb in "$1"/apt/*.deb; do dpkg-deb -x "$deb" "$1"; done
    for link in lib lib64 bin; do
        [ -e "$1/$link" ] || ln -s "usr/$link" "$1/$link"
    done
    tree_program "$1" sbin/mysqld
    "${program[@]}" --version | sed -nE 's/.* Ver ([0-9.]+).*/\1/p' > "$1/version"
    case $(cat "$1/version") in
    "$mysql_release".*) ;;
    *) say "note: sid now carries MySQL $(cat "$1/version"), not $mysql_release" ;;
    esac
}

# tree_program TREE NAME: sets `program` to the words that run it, e.g. bin/mysqladmin.
tree_program() {
    program=("$1/usr/lib64/$mysql_loader" --library-path
        "$1/usr/lib/$mysql_triplet:$1/usr/lib/mysql" "$1/usr/$2")
}

# tool NAME ARG…: one of MySQL's own programs, such as mysqlbinlog
tool() {
    tree_program "$mysql_tree" "bin/$1"
    exec "${program[@]}" "${@:2}"
}

mysql_spawn() { # NODE ARG… of mysqld
    tree_program "$mysql_tree" sbin/mysqld
    spawn "$1" "${program[@]}" --defaults-file="$(node_dir "$1")/my.cnf" "${@:2}"
}

# The socket's name is relative to the data directory: a deep checkout cannot make it too long.
configure() { # NODE DIR
    cat > "$2/my.cnf" <<CNF
[mysqld]
$(root_option)
basedir=$mysql_tree/usr
lc-messages-dir=$mysql_tree/usr/share/mysql
character-sets-dir=$mysql_tree/usr/share/mysql/charsets
plugin-dir=$mysql_tree/usr/lib/mysql/plugin
datadir=$2/data
tmpdir=$2/tmp
secure-file-priv=$2/files
socket=mysql.sock
pid-file=mysql.pid
port=$(mysql_port "$1")
bind-address=127.0.0.1
mysqlx=0
gtid-mode=ON
enforce-gtid-consistency=ON
binlog-row-metadata=FULL
binlog-row-value-options=
binlog-transaction-compression=OFF
max-allowed-packet=1G
innodb-buffer-pool-size=256M
innodb-flush-log-at-trx-commit=2
sync-binlog=0
$(role "$1")
$(storm_options)
CNF
}

role() { # NODE
    case $1 in
    mysql) echo server-id=1 ;;
    mysql-replica) printf '%s\n' server-id=11 read-only=ON ;;
    mysql-plain) printf '%s\n' server-id=13 gtid-mode=OFF enforce-gtid-consistency=OFF binlog-row-metadata=MINIMAL ;;
    esac
}

start() { # NODE…
    local node
    for node; do start_one "$node"; done
}

start_one() { # NODE
    local dir new=
    dir=$(node_dir "$1")
    mkdir -p "$dir"/{tmp,files}
    configure "$1" "$dir"
    if [ ! -d "$dir/data" ]; then
        rm -rf "$dir/data.part"
        mysql_spawn "$1" --initialize-insecure --datadir="$dir/data.part"
        finish "$1"
        mv "$dir/data.part" "$dir/data"
        new=yes
    fi
    # mysqld would take a killed predecessor that nobody has reaped yet for a living one.
    rm -f "$dir/data/mysql.sock.lock"
    mysql_spawn "$1"
    await "$1" 60
    [ "$new$1" != yesmysql-replica ] || replicate "$1"
}

# It remembers this when it starts again, unless it was promoted.
replicate() { # NODE
    tree_program "$mysql_tree" bin/mysql
    "${program[@]}" --no-defaults -uroot -h127.0.0.1 -P"$(mysql_port "$1")" <<SQL >> \
        "$(node_dir "$1")/log" 2>&1 || fail "$1" "could not be made a replica"
CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = $(mysql_port mysql),
    SOURCE_USER = 'root', SOURCE_AUTO_POSITION = 1, SOURCE_CONNECT_RETRY = 1;
START REPLICA;
SQL
}

alive() { # NODE
    running "$1" || return 1
    tree_program "$mysql_tree" bin/mysqladmin
    "${program[@]}" --no-defaults --silent -uroot -h127.0.0.1 -P"$(mysql_port "$1")" ping \
        > /dev/null 2>&1
}

env() { echo "mysql://root@127.0.0.1:$(mysql_port "$1")"; } # NODE
version() { cat "$mysql_tree/version"; }

# client_flags: for a Makefile to include. RPATH, not RUNPATH: with the latter the libstdc++ that
# libmysqlclient needs would come from the system and be too old. All that such a program links
# comes from the tree. The plug-in directory is needed for servers with mysql_native_password
# (mysql_options MYSQL_PLUGIN_DIR, or LIBMYSQL_PLUGIN_DIR).
client_flags() {
    local lib=$mysql_tree/usr/lib/$mysql_triplet
    echo "MYSQLCLIENT_CFLAGS = --sysroot=$mysql_tree -isystem $mysql_tree/usr/include/mysql"
    echo "MYSQLCLIENT_LDFLAGS = --sysroot=$mysql_tree -L$lib -Wl,--disable-new-dtags" \
        "-Wl,-rpath,$lib -Wl,-rpath-link,$lib -Wl,--dynamic-linker=$lib/$mysql_loader"
    echo "MYSQLCLIENT_PLUGIN_DIR = $mysql_tree/usr/lib/mysql/plugin"
}
