# SPDX-License-Identifier: Apache-2.0
"""The stack's servers as processes that can be hurt, and a proxy before each of them.

A node is brought back with the command line that it had: `stack start` would wait for the others, which
may be down or stopped on purpose.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.lib import programs, servers

PROXY_OFFSET = 20  # of a proxy's port from its server's
SECOND_LISTENER = 10  # of a broker's second listener, which sends its clients to the proxy
NODES = {"mysql": ["mysql"], "mariadb": ["mariadb"], "kafka": ["kafka-a", "kafka-b"],
         "mongodb": ["mongodb"], "redis": ["redis"]}


class Node:
    """One server process, running when this is made."""

    def __init__(self, name, directory):
        self.name, self.directory = name, Path(directory)
        self.process = None  # once it was started by us
        self.is_stopped = False
        at = Path(f"/proc/{self.pid()}")
        self.command = (at / "cmdline").read_bytes().split(b"\0")[:-1]

    def pid(self):
        return int((self.directory / "pid").read_text(encoding="ascii"))

    def alive(self):
        """Is there a process, stopped or not?"""
        try:
            status = Path(f"/proc/{self.pid()}/stat").read_text(encoding="ascii", errors="replace")
            cwd = os.readlink(f"/proc/{self.pid()}/cwd")
        except OSError:
            return False
        return status.rsplit(") ")[-1][0] not in "ZX" and (cwd + "/").startswith(str(self.directory))

    def _has_threads(self):
        """Those of a process that was killed end one by one, and the last of them closes the port."""
        try:
            return len(os.listdir(f"/proc/{self.pid()}/task")) > 1
        except OSError:
            return False

    def kill(self):
        """As kill -9 does, and waits until all of it is gone."""
        was_alive = self.alive()
        if was_alive:
            os.killpg(self.pid(), signal.SIGKILL)
        while self.alive() or (was_alive and self._has_threads()):
            time.sleep(0.01)
        if self.process:
            self.process.wait()
        self.is_stopped = False

    def stop(self):
        """SIGSTOP."""
        if self.alive():
            os.killpg(self.pid(), signal.SIGSTOP)
            self.is_stopped = True

    def go_on(self):
        """SIGCONT."""
        if self.alive():
            os.killpg(self.pid(), signal.SIGCONT)
        self.is_stopped = False

    def start(self):
        """Starts it again if it is down; does not wait for its answers."""
        if self.alive():
            return
        for lock in self.directory.glob("data/*.sock.lock"):
            lock.unlink()
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(self.command, cwd=self.directory, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        (self.directory / "pid").write_text(f"{self.process.pid}\n", encoding="ascii")


class Cluster:
    """All nodes of `kinds` (as in TAILRACE_TEST_…) and the proxies; a context manager."""

    def __init__(self, *kinds):
        base = Path(os.environ["TAILRACE_STACK_DIR"])
        base = base if base.is_absolute() else programs.ROOT / base
        self.direct = servers.addresses(*kinds)
        self.nodes = {name: Node(name, base.resolve() / name) for kind in kinds
                      for name in NODES[kind]}
        self.addresses = {kind: _proxied(kind, address) for kind, address in self.direct.items()}
        self.proxy = None

    def __enter__(self):
        ports = [f"{name}={port + PROXY_OFFSET}:{port + (SECOND_LISTENER if 'kafka' in name else 0)}"
                 for name, port in self._ports()]
        self.proxy = subprocess.Popen([sys.executable, "-m", "tests.crash.proxy", *ports], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=programs.ROOT)
        assert self.proxy.stdout.readline() == "ready\n", "the proxy did not start"
        return self

    def __exit__(self, *_):
        self.heal()
        self.proxy.stdin.close()
        self.proxy.stdout.close()
        self.proxy.wait(10)

    def harm(self, node, *command):
        """A command of tests/crash/proxy.py."""
        self.proxy.stdin.write(" ".join(map(str, [node, *command])) + "\n")
        self.proxy.stdin.flush()

    def heal(self):
        """All nodes run, all proxies pass."""
        for node in self.nodes.values():
            if node.is_stopped:
                node.go_on()
            node.start()
            self.harm(node.name, "pass")

    def _ports(self):
        for kind, address in self.direct.items():
            where = address.split(",") if kind == "kafka" else [urlsplit(address).netloc]
            for name, one in zip(NODES[kind], where):
                yield name, int(one.rsplit(":", 1)[1])


def _proxied(kind, address):
    """The address through the proxy. Of a replica set the client would go to the members' own addresses."""
    if kind == "kafka":
        return ",".join(_moved(one) for one in address.split(","))
    parts = urlsplit(address)
    moved = f"{parts.scheme}://{_moved(parts.netloc)}"
    return moved + "/?directConnection=true" if kind == "mongodb" else moved


def _moved(where):
    host, port = where.rsplit(":", 1)
    return f"{host}:{int(port) + PROXY_OFFSET}"
