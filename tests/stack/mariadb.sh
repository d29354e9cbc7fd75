# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # common.sh is read before it
# MariaDB 10.11 from Debian with row events, full metadata and strict GTIDs:
# mysql://root@127.0.0.1, no password, no anonymous users. Nothing under /etc/mysql is read.

mariadb_server=/usr/sbin/mariadbd
mariadb_port=$(port 2)

install() { need "$mariadb_server" mariadb-install-db mariadb-admin; }

configure() { # DIR
    cat > "$1/my.cnf" <<CNF
[mariadbd]
$(root_option)
datadir=$1/data
tmpdir=$1/tmp
secure-file-priv=$1/files
socket=mariadb.sock
pid-file=mariadb.pid
port=$mariadb_port
bind-address=127.0.0.1
server-id=2
log-bin=binlog
binlog-format=ROW
binlog-row-metadata=FULL
gtid-strict-mode=ON
max-allowed-packet=1G
innodb-buffer-pool-size=128M
innodb-flush-log-at-trx-commit=2
CNF
}

# A fresh MariaDB has anonymous users, which shadow 'user'@'%' for connections from this machine.
# Its script wants a path without spaces, so the directory is named from where `spawn` runs it.
create_data() { # DIR
    rm -rf "$1/data.part"
    echo "DELETE FROM mysql.global_priv WHERE User = '';" > "$1/no-anonymous.sql"
    # shellcheck disable=SC2046 # one option or none
    spawn mariadb mariadb-install-db --no-defaults $(root_option --) --datadir=./data.part \
        --auth-root-authentication-method=normal --skip-test-db --extra-file=no-anonymous.sql
    finish mariadb
    mv "$1/data.part" "$1/data"
}

start() {
    local dir
    dir=$(node_dir mariadb)
    mkdir -p "$dir"/{tmp,files}
    configure "$dir"
    [ -d "$dir/data" ] || create_data "$dir"
    spawn mariadb "$mariadb_server" --defaults-file="$dir/my.cnf"
    await mariadb 60
}

alive() {
    running mariadb && mariadb-admin --no-defaults --silent -uroot -h127.0.0.1 \
        -P"$mariadb_port" ping > /dev/null 2>&1
}

env() { echo "mysql://root@127.0.0.1:$mariadb_port"; }
version() { "$mariadb_server" --version | sed -E 's/.* Ver ([^ ]+)-MariaDB.*/\1/'; }
