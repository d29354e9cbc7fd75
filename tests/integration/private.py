# SPDX-License-Identifier: Apache-2.0
"""Servers of one test alone, for settings and damage that no shared server should see."""

import os
import socket
import subprocess
from contextlib import contextmanager

from tests.integration import wait
from tests.lib import servers


@contextmanager
def mariadb(folder, *options):
    """The URL of an empty MariaDB with full row metadata; `options` are more of mariadbd's."""
    data, tmp, port = folder / "mariadb", folder / "mariadb-tmp", _free_port()
    tmp.mkdir()  # its own: a server that starts removes all temporary tables from there
    user = ["--user=root"] if os.geteuid() == 0 else []
    base = ["--no-defaults", *user, f"--datadir={data}", f"--tmpdir={tmp}"]
    subprocess.run(["mariadb-install-db", *base, "--auth-root-authentication-method=normal",
                    "--skip-test-db"], check=True, capture_output=True)
    command = ["/usr/sbin/mariadbd", *base, f"--port={port}", "--bind-address=127.0.0.1",
               "--socket=private.sock", "--server-id=77", "--binlog-format=ROW",
               "--binlog-row-metadata=FULL", "--innodb-buffer-pool-size=16M",
               "--innodb-flush-log-at-trx-commit=0", *options]
    url = f"mysql://root@127.0.0.1:{port}"
    with _running(command, folder / "mariadb.log", lambda: servers.mysql(url).close()):
        with servers.mysql(url).cursor() as cursor:
            cursor.execute("DELETE FROM mysql.global_priv WHERE User = ''")
            cursor.execute("FLUSH PRIVILEGES")
        yield url


@contextmanager
def redis(folder, *options, password=""):
    """The port of an empty Redis; `options` are more of redis-server's."""
    port = _free_port()
    url = f"redis://:{password}@127.0.0.1:{port}"
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
               folder, "--requirepass", password, *options]
    with _running(command, folder / "redis.log", lambda: servers.redis(url).ping()):
        yield port


@contextmanager
def _running(command, log_path, ask):
    """The process, from its first answer on until the block ends."""
    with open(log_path, "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait.until(lambda: _answers(process, ask), f"{command[0]} (see {log_path})")
        yield
    finally:
        process.kill()
        process.wait()


def _answers(process, ask):
    assert process.poll() is None, f"{process.args[0]} ended with {process.returncode}"
    try:
        ask()
    except Exception:  # whatever its client raises while it starts
        return False
    return True


def _free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
