# SPDX-License-Identifier: Apache-2.0
"""tests/stack/stack from Python."""

import os
import shlex
import signal
import subprocess
from contextlib import contextmanager

from tests.lib.programs import ROOT

STACK = str(ROOT / "tests/stack/stack")
MYSQLBINLOG = [STACK, "mysql-tool", "mysqlbinlog"]


def call(*arguments, environment=None):
    """What it printed."""
    done = subprocess.run([STACK, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


def address(server, environment=None):
    """The server's, as it is in the environment of what `run` runs."""
    return shlex.split(call("env", server, environment=environment).splitlines()[0])[-1].split("=", 1)[1]


def pid(server):
    """Of a server that runs."""
    return int(call("status", server).split()[-1])


@contextmanager
def asleep(*names):
    """They answer nobody while the block lasts."""
    processes = [pid(name) for name in names]
    try:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


@contextmanager
def started(server):
    """The address of a server that is not among the usual ones, while the block lasts."""
    call("start", server)
    try:
        yield address(server)
    finally:
        call("stop", server)
