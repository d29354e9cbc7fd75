# SPDX-License-Identifier: Apache-2.0
"""Runs a command and says what it used: the figures of one run, as every table has them."""

import json
import os
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.lib.programs import ROOT, Failed

TICKS = os.sysconf("SC_CLK_TCK")
TIMEOUT_SECONDS = 1800


@dataclass
class Figures:
    """One run of one program. `servers`: CPU seconds of each server meanwhile; `allocations`: 0 where they
    were not counted."""

    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    peak_rss_kib: int = 0
    switches: int = 0
    allocations: int = 0
    servers: dict = field(default_factory=dict)

    def without(self, idle):
        """Less the time, CPU and allocations that a run with nothing to do takes to start and end; time and
        CPU unchanged where hardly more than that was measured."""
        allocations = max(self.allocations - idle.allocations, 0)
        if self.seconds < 2 * idle.seconds:
            return replace(self, allocations=allocations)
        return replace(self, allocations=allocations, seconds=self.seconds - idle.seconds,
                       cpu=max(self.cpu - idle.cpu, 0.0))

    def rows_per_second(self):
        return self.rows / self.seconds

    def bytes_per_second(self):
        return self.bytes / self.seconds

    def cpu_per_million(self):
        return 1e6 * self.cpu / self.rows if self.rows else 0.0


class Runner:
    """Commands whose working files lie in `directory`; `stack` is where the servers' pid files are. The bench's
    own programs are those of `build`."""

    def __init__(self, directory, stack, build=os.environ.get("BUILD", "build")):
        self.directory, self.stack, self.build = Path(directory), Path(stack), build

    def program(self, name):
        """The path of a program of the bench."""
        return str(ROOT / self.build / "bench/bin" / name)

    def ours(self, command, rows=0, size=0, output=None, environment=None):
        """Any command under measure: its whole life. `output`: a path for its standard output."""
        usage = self.directory / "usage.json"
        before = self.server_cpu()
        with open(output or self.directory / "output.log", "wb") as out:
            self._check([self.program("measure"), str(usage), *command], stdout=out,
                        environment=environment)
        return self._figures(json.loads(usage.read_text("ascii")), before, rows, size)

    def counted(self, command, rows=0, size=0, output=None):
        """The same, with its calls of malloc, calloc and realloc, those of its libraries included."""
        path = self.directory / "allocations"
        figures = self.ours(command, rows, size, output, environment={
            "LD_PRELOAD": self.program("allocations.so"), "BENCH_ALLOCATIONS": str(path)})
        figures.allocations = int(path.read_text("ascii"))
        return figures

    def limit(self, name, *arguments, rows=None, size=None):
        """One of the limits, which measures itself without what it has to prepare."""
        before = self.server_cpu()
        done = self._check([self.program(name), *map(str, arguments)], stdout=subprocess.PIPE)
        used = json.loads(done.stdout)
        return self._figures(used, before, used["rows"] if rows is None else rows,
                             used["bytes"] if size is None else size)

    def server_cpu(self):
        """name of the server → CPU seconds that it has used since it started."""
        used = {}
        for pid_file in self.stack.glob("*/pid"):
            try:
                stat = Path(f"/proc/{pid_file.read_text('ascii').split()[0]}/stat").read_text("ascii")
            except (OSError, IndexError):
                continue
            numbers = stat.rpartition(")")[2].split()
            used[pid_file.parent.name] = (int(numbers[11]) + int(numbers[12])) / TICKS
        return used

    def _figures(self, used, before, rows, size):
        after = self.server_cpu()
        return Figures(rows, size, used["seconds"], used["user"] + used["system"],
                       used["peak_rss_kib"], used["switches_wanted"] + used["switches_forced"], 0,
                       {name: round(after[name] - cpu, 2) for name, cpu in before.items()
                        if name in after})

    def _check(self, command, stdout, environment=None):
        log = self.directory / "errors.log"
        with open(log, "wb") as errors:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=errors,
                                  env={**os.environ, **(environment or {})}, check=False,
                                  timeout=TIMEOUT_SECONDS)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: exit code {done.returncode}\n"
                         + log.read_text("utf-8", errors="replace")[-2000:])
        return done
