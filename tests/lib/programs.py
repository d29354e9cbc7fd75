# SPDX-License-Identifier: Apache-2.0
"""Our programs as processes: start, stop, kill, wait, their logs, exit codes and peak memory.

The programs are those of BUILD/bin (environment variable BUILD, default build).
"""

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.02
RSS_SAMPLE_SECONDS = 0.1
LOG_END_LINES = 15


class Failed(Exception):
    """A program did not do what was expected; the text ends with the end of its log."""


def binary(name):
    """The path of one of our programs."""
    return str(ROOT / os.environ.get("BUILD", "build") / "bin" / name)


def config(name, addresses, **sections):
    """The sections of a configuration file for source `name` and these servers ("mysql" or "mariadb",
    "kafka", "mongodb", "redis"), with `sections` (section={key: value}) put over them."""
    source = urlsplit(addresses.get("mysql") or addresses["mariadb"])
    result = {"source": {"name": name, "host": source.hostname, "port": source.port,
                         "user": source.username or "root"},
              "kafka": {"bootstrap.servers": addresses["kafka"]}}
    if "mongodb" in addresses:
        result["mongodb"] = {"uri": addresses["mongodb"]}
    if "redis" in addresses:
        redis = urlsplit(addresses["redis"])
        result["redis"] = {"host": redis.hostname, "port": redis.port or 6379}
    for section, keys in sections.items():
        result[section] = {**result.get(section, {}), **keys}
    return result


def write_config(path, sections):
    """Writes the INI file and returns its path."""
    text = "\n".join(f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
                     for section, keys in sections.items())
    Path(path).write_text(text, encoding="utf-8")
    return str(path)


class Program:
    """One of our programs, which may be started again after it has ended. Its output goes to
    `directory`/`label`.log, of which every start continues the end, and its number to `label`.pid."""

    def __init__(self, command, directory, label=None, environment=None):
        self.command = [binary(command[0]), *command[1:]]
        self.label = label or command[0]
        self.log_path = Path(directory) / f"{self.label}.log"
        self.pid_path = Path(directory) / f"{self.label}.pid"
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        self.started_at = 0  # in the log
        self.peak_rss_kib = 0  # over all starts

    def start(self, *more):
        """Starts it, with more arguments this time; returns itself."""
        assert not self.alive(), f"{self.label} runs already"
        with open(self.log_path, "ab") as log:
            self.started_at = log.tell()
            self.process = subprocess.Popen(
                [*self.command, *more], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment, start_new_session=True)
        self.pid_path.write_text(f"{self.process.pid}\n", encoding="ascii")
        threading.Thread(target=self._watch_rss, args=(self.process,), daemon=True).start()
        return self

    def alive(self):
        """Is it running?"""
        return self.process is not None and self.process.poll() is None

    def wait(self, timeout):
        """Waits until it ends by itself; returns the exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise self.failure(f"has not ended within {timeout} s") from None

    def run(self, *more, timeout=60):
        """Starts it and expects it to end with exit code 0."""
        code = self.start(*more).wait(timeout)
        if code != 0:
            raise self.failure(f"ended with exit code {code}")

    def stop(self, timeout=10):
        """SIGTERM; returns the exit code."""
        self._signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        """SIGKILL, nothing can be tidied up."""
        self._signal(signal.SIGKILL)
        self.wait(10)

    def end(self):
        """Makes sure that it does not run any more."""
        if self.alive():
            self.process.kill()
            self.process.wait(10)

    def end_gently(self):
        """The same, but first by SIGTERM: what is killed may leave a transaction open that holds others up."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.end()

    def log(self):
        """What it has printed since it was last started."""
        with open(self.log_path, "rb") as log:
            log.seek(self.started_at)
            return log.read().decode(errors="replace")

    def wait_for(self, pattern, timeout=20):
        """Waits for a line of the log that contains the regular expression; returns the match."""
        end = time.monotonic() + timeout
        while True:
            ended = not self.alive()
            match = re.search(pattern, self.log())
            if match:
                return match
            if ended or time.monotonic() > end:
                why = "ended" if ended else f"waited {timeout} s"
                raise self.failure(f"did not print {pattern} ({why})")
            time.sleep(POLL_SECONDS)

    def check(self):
        """Failed unless it is running."""
        if not self.alive():
            raise self.failure(f"ended unexpectedly with exit code {self.process.returncode}")

    def failure(self, what):
        """The exception, to be raised, with the end of the log."""
        end = "\n".join(self.log().splitlines()[-LOG_END_LINES:])
        return Failed(f"{self.label} {what}; the end of {self.log_path}:\n{end}")

    def _signal(self, number):
        self.check()
        self.process.send_signal(number)

    def _watch_rss(self, process):
        """The kernel's high-water mark, read again and again: wait4's figure would contain our own
        memory from before the exec. What happens in the last tenth of a second may be missed."""
        while process.poll() is None:
            self.peak_rss_kib = max(self.peak_rss_kib, _high_water_kib(process.pid))
            time.sleep(RSS_SAMPLE_SECONDS)


def _high_water_kib(pid):
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match[1]) if match else 0
