# SPDX-License-Identifier: Apache-2.0
"""A storm: a mixed load while everything is killed, stopped and cut off; then everything has to be equal.

    tests/crash/with_stack.sh /usr/bin/python3 -m tests.crash.storm [--seconds 600] [--seed N]
        [--source mysql|mariadb] [--delivery exactly-once|at-least-once]

The seed gives the statements and the faults with their moments; what meets what is up to the machine. A
failure prints seed and difference and names the folder with configuration and logs. BUILD names another
build of the programs, such as build/asan.
"""

import argparse
import os
import random
import shutil
import sys
import time
from dataclasses import dataclass

from tests.crash import binlogs, verdict
from tests.crash.cluster import Cluster
from tests.crash.faults import SESSION_S, TRANSACTION_S, Faults
from tests.crash.supervisor import Supervisor
from tests.crash.workload import Workload
from tests.lib import programs, servers

FOLDER = programs.ROOT / "build/storm"
STEP_S = 0.1
GAP_S = (1.0, 4.0)  # between two faults
PATIENCE_S = 150  # after the storm
BULK_ROWS = {True: 4_000, False: 20_000}  # short storm or not
SHORT_S = 120
MEMORY_MOST_KIB = 256 * 1024
CLIENT_LIMITS_MS = 2500


@dataclass
class Options:
    """Of one storm."""

    seed: int
    seconds: float = 60
    source: str = "mysql"
    delivery: str = "exactly-once"
    environment: dict = None  # of our programs


class Failed(Exception):
    """The storm's text for people."""


def run(options, say=print):
    """One storm; raises Failed. Returns a line of figures."""
    storm = _Storm(options, say)
    try:
        return storm.run()
    except Exception as error:
        raise Failed(f"{storm.name}: seed {options.seed}, {options.seconds:g} s, {options.source},"
                     f" {options.delivery}: {type(error).__name__}: {error}\n"
                     f"logs: {storm.folder}; again: make crash SEED={options.seed}"
                     f" SECONDS={options.seconds:g} SOURCE={options.source}"
                     f" DELIVERY={options.delivery}") from error


class _Storm:
    def __init__(self, options, say):
        self.options, self.say = options, say
        self.name = f"storm{options.seed}{'m' if options.source == 'mariadb' else ''}" \
                    f"{'l' if options.delivery == 'at-least-once' else ''}"
        self.folder = FOLDER / self.name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.began = time.monotonic()
        self.log = open(self.folder / "storm.log", "w", encoding="utf-8")

    def run(self):
        options = self.options
        with Cluster(options.source, "kafka", "mongodb", "redis") as cluster:
            self._clear_source(cluster)
            workload = Workload(options.source, cluster.direct[options.source], self.name, options.seed,
                                BULK_ROWS[options.seconds <= SHORT_S])
            workload.create()
            supervisor = Supervisor(self.folder, self._configure(cluster), options.environment)
            try:
                faults = self._blow(cluster, supervisor, workload)
                figures = self._judge(cluster, supervisor, workload)
            finally:
                workload.ended.set()
                supervisor.heal()
                supervisor.end_hard()
        count = sum(faults.done.values())
        self.log.close()
        shutil.rmtree(self.folder)
        return (f"{self.name}: {count} faults in {options.seconds:g} s ({options.source}, {options.delivery}),"
                f" {figures}; " + ", ".join(f"{name} {n}" for name, n in sorted(faults.done.items())))

    def _tell(self, text):
        self.log.write(f"{time.strftime('%H:%M:%S')} {time.monotonic() - self.began:7.2f} {text}\n")
        self.log.flush()

    # --- before ---------------------------------------------------------------------------------

    def _clear_source(self, cluster):
        """A new binlog file and no table but this storm's own."""
        connection = servers.mysql(cluster.direct[self.options.source])
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self.name}")
            cursor.execute("FLUSH BINARY LOGS")
            cursor.execute("SHOW BINARY LOGS")
            self.first_file = cursor.fetchall()[-1][0]
        connection.close()

    def _configure(self, cluster):
        addresses = dict(cluster.addresses)
        limits = f"socketTimeoutMS={CLIENT_LIMITS_MS}&serverSelectionTimeoutMS={CLIENT_LIMITS_MS}" \
                 f"&connectTimeoutMS={CLIENT_LIMITS_MS}"
        addresses["mongodb"] += "&" + limits
        sections = programs.config(
            self.name, addresses, source={"server_id": 10**6 + self.options.seed % 10**9, "heartbeat": "500ms"},
            kafka={"partitions": 4, "replication": 2, "session.timeout.ms": SESSION_S * 1000,
                   "heartbeat.interval.ms": 500, "transaction.timeout.ms": TRANSACTION_S * 1000,
                   "socket.timeout.ms": CLIENT_LIMITS_MS, "message.timeout.ms": TRANSACTION_S * 1000,
                   "reconnect.backoff.max.ms": 1000, "topic.metadata.refresh.interval.ms": 1000},
            publish={"start": f"{self.first_file}:4", "delivery": self.options.delivery, "on_drop": "truncate",
                     "transaction_bytes": "256KiB"},
            tables={"include": f"{self.name}.*"}, apply={"workers": 2, "batch_records": 200},
            redis={"timeout": f"{CLIENT_LIMITS_MS}ms"})
        return programs.write_config(self.folder / "tailrace.conf", sections)

    # --- the storm ------------------------------------------------------------------------------

    def _blow(self, cluster, supervisor, workload):
        rng = random.Random(self.options.seed)
        faults = Faults(cluster, supervisor, rng, self._tell, self.options.delivery == "exactly-once")
        supervisor.add("publish-a", "tailrace-publish")
        for target in ("mongodb", "redis"):
            for number in (1, 2):
                supervisor.add(f"{target}-{number}", f"tailrace-apply-{target}")
        workload.start()
        end = time.monotonic() + self.options.seconds
        next_fault = time.monotonic() + 3
        while (now := time.monotonic()) < end:
            self._check(supervisor, workload)
            faults.step(now)
            if now >= next_fault:
                faults.begin(now)
                next_fault = now + rng.uniform(*GAP_S)
            time.sleep(STEP_S)
        faults.end()
        supervisor.heal()
        cluster.heal()
        self._tell("all is healed")
        return faults

    def _check(self, supervisor, workload):
        if supervisor.failures or workload.unexpected:
            raise Failed("; ".join(supervisor.failures + workload.unexpected))

    # --- after ----------------------------------------------------------------------------------

    def _judge(self, cluster, supervisor, workload):
        workload.stop()
        self._when_back(workload.settle)
        begin = time.monotonic()
        verdict.wait_until_caught_up(str(self.folder / "tailrace.conf"), PATIENCE_S,
                                     lambda: self._check(supervisor, workload))
        caught_up_s = time.monotonic() - begin
        supervisor.end()
        self._check(supervisor, workload)
        self._tell("caught up")
        changes = verdict.check_topics(
            cluster.direct["kafka"], self.name, self.name, self._changes(cluster),
            duplicates=self.options.delivery == "at-least-once")
        addresses = {"mysql": cluster.direct[self.options.source], "redis": cluster.direct["redis"],
                     "mongodb": cluster.direct["mongodb"]}
        rows = verdict.check_targets(addresses, self.name)
        most = max(supervisor.peak_rss_kib().values())
        if most > MEMORY_MOST_KIB and "san" not in os.environ.get("BUILD", ""):
            raise Failed(f"a process had {most} KiB of memory: {supervisor.peak_rss_kib()}")
        return (f"{workload.transactions} transactions, {changes} changes, tables emptied {workload.emptied} times,"
                f" {rows} rows equal, caught up {caught_up_s:.0f} s after it, {supervisor.restarts} restarts,"
                f" {supervisor.fenced} fenced, {most // 1024} MiB at most")

    def _when_back(self, action):
        end = time.monotonic() + 60
        while True:
            try:
                return action()
            except servers.pymysql.MySQLError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def _changes(self, cluster):
        connection = servers.mysql(cluster.direct[self.options.source])
        with connection.cursor() as cursor:
            cursor.execute("FLUSH BINARY LOGS")
            cursor.execute("SELECT @@log_bin_basename")
            base = cursor.fetchone()[0]
            cursor.execute("SHOW BINARY LOGS")
            names = [row[0] for row in cursor.fetchall()][:-1]
        connection.close()
        names = names[names.index(self.first_file):]
        folder = os.path.dirname(base)
        return binlogs.changes(self.options.source, [os.path.join(folder, name) for name in names], self.name)


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--source", choices=("mysql", "mariadb"), default="mysql")
    parser.add_argument("--delivery", choices=("exactly-once", "at-least-once"), default="exactly-once")
    options = Options(**vars(parser.parse_args(arguments)))
    print(f"storm: seed {options.seed}, {options.seconds:g} s, {options.source}, {options.delivery}", flush=True)
    try:
        print(run(options))
    except Failed as error:
        print(f"FAILED: {error}\n0 passed, 1 failed")
        return 1
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
