# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # common.sh is read before it
# MariaDB 10.11 from Debian with row events, full metadata and strict GTIDs:
# mysql://root@127.0.0.1, no password, no anonymous users; and on request a replica of it, by GTID,
# which is read-only until somebody promotes it. Nothing under /etc/mysql is read.

mariadb_server=/usr/sbin/mariadbd

mariadb_port() { # NODE
    case $1 in
    mariadb) port 2 ;;
    mariadb-replica) port 10 ;;
    esac
}

install() { need "$mariadb_server" mariadb-install-db mariadb-admin mariadb; }

configure() { # NODE DIR
    cat > "$2/my.cnf" <<CNF
[mariadbd]
$(root_option)
datadir=$2/data
tmpdir=$2/tmp
secure-file-priv=$2/files
socket=mariadb.sock
pid-file=mariadb.pid
port=$(mariadb_port "$1")
bind-address=127.0.0.1
log-bin=binlog
binlog-format=ROW
binlog-row-metadata=FULL
gtid-strict-mode=ON
max-allowed-packet=1G
innodb-buffer-pool-size=128M
innodb-flush-log-at-trx-commit=2
$(role "$1")
$(storm_options)
CNF
}

role() { # NODE
    case $1 in
    mariadb) echo server-id=2 ;;
    mariadb-replica) printf '%s\n' server-id=12 read-only=ON log-slave-updates=ON ;;
    esac
}

# A fresh MariaDB has anonymous users, which shadow 'user'@'%' for connections from this machine.
# Its script wants a path without spaces, so the directory is named from where `spawn` runs it.
# A server that starts removes all temporary tables from its TMPDIR, another's too.
create_data() { # NODE DIR
    rm -rf "$2/data.part"
    echo "DELETE FROM mysql.global_priv WHERE User = '';" > "$2/no-anonymous.sql"
    # shellcheck disable=SC2046 # one option or none
    spawn "$1" env TMPDIR="$2/tmp" mariadb-install-db --no-defaults $(root_option --) --datadir=./data.part \
        --auth-root-authentication-method=normal --skip-test-db --extra-file=no-anonymous.sql
    finish "$1"
    mv "$2/data.part" "$2/data"
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
        create_data "$1" "$dir"
        new=yes
    fi
    spawn "$1" "$mariadb_server" --defaults-file="$dir/my.cnf"
    await "$1" 60
    [ "$new$1" != yesmariadb-replica ] || replicate "$1"
}

# It remembers this when it starts again, unless it was promoted.
replicate() { # NODE
    mariadb --no-defaults -uroot -h127.0.0.1 -P"$(mariadb_port "$1")" <<SQL >> \
        "$(node_dir "$1")/log" 2>&1 || fail "$1" "could not be made a replica"
CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = $(mariadb_port mariadb),
    MASTER_USER = 'root', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1;
START SLAVE;
SQL
}

alive() { # NODE
    running "$1" && mariadb-admin --no-defaults --silent -uroot -h127.0.0.1 \
        -P"$(mariadb_port "$1")" ping > /dev/null 2>&1
}

env() { echo "mysql://root@127.0.0.1:$(mariadb_port "$1")"; } # NODE
version() { "$mariadb_server" --version | sed -E 's/.* Ver ([^ ]+)-MariaDB.*/\1/'; }
