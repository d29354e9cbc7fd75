# SPDX-License-Identifier: Apache-2.0
"""How long after its COMMIT was sent a row change is visible, under a steady load.

One target at a time, with the publisher and, if it is a store, its applier running; watch.py says how each is
watched.
"""

import subprocess
import sys
from urllib.parse import urlsplit

from tests.bench.brokers import verify_partitions
from tests.lib.programs import ROOT, Failed, Program

ROWS = 4  # a transaction
SAMPLES_PER_SECOND = 100
TIMEOUT_SECONDS = 300
RATES = {"kafka": (500, 2000), "mongodb": (10, 500, 2000), "redis": (10, 500, 2000)}
TOPIC = "bench.sbtest.paced"
BY_DEFAULT = "kafka by default"
# So many times as long as a measurement, at the highest rate, before any is taken
BROKERS_WARM_UP = 20  # until the brokers have compiled their code
TARGET_WARM_UP = 2


class Latency:
    """Measures into `figures`, one dict a target and rate."""

    def __init__(self, runner, addresses, config, seconds):
        self.runner, self.addresses, self.config, self.seconds = runner, addresses, config, seconds
        self.next_id = 1
        self.figures = []
        self.peak_rss_kib = {}

    def measure(self):
        """All targets at all rates with brokers that were told to verify less (docs/performance.md); before
        them Kafka as its brokers are by default."""
        publisher = self._program("tailrace-publish")
        try:
            publisher.start()
            self._measure_rate("kafka", RATES["kafka"][-1], BROKERS_WARM_UP * self.seconds)
            for rate in RATES["kafka"]:
                self.figures.append(self._measure_rate("kafka", rate) | {"target": BY_DEFAULT})
            verify_partitions(self.addresses["kafka"], False)
            for target, rates in RATES.items():
                applier = None if target == "kafka" else self._program(f"tailrace-apply-{target}")
                self._measure_target(publisher, applier, target, rates)
        finally:
            publisher.end()
            verify_partitions(self.addresses["kafka"], True)
        self._keep_rss(publisher)
        return self.figures

    def _measure_target(self, publisher, applier, target, rates):
        try:
            if applier:
                applier.start()
            self._wait_until_seen(target)
            self._measure_rate(target, rates[-1], TARGET_WARM_UP * self.seconds)
            for rate in rates:
                self.figures.append(self._measure_rate(target, rate))
                publisher.check()
            if applier and applier.stop() != 0:
                raise applier.failure("did not end well")
        finally:
            if applier:
                applier.end()
                self._keep_rss(applier)

    def _wait_until_seen(self, target):
        """Until the first rows arrive, so that what is measured is not a start."""
        self._measure_rate(target, 40, seconds=0.5)

    def _measure_rate(self, target, rate, seconds=None):
        """`rate`: row changes a second; the slowest rate is of transactions of one row."""
        rows = ROWS if rate >= 40 else 1
        per_second = rate // rows
        n = max(int(per_second * (seconds or self.seconds)), 10)
        first, last = self.next_id, self.next_id + n * rows - 1
        self.next_id = last + 1
        step = max(1, per_second // SAMPLES_PER_SECOND) * rows
        watched = {"kafka": (self.addresses["kafka"], TOPIC, last),
                   "mongodb": (self.addresses["mongodb"], first + rows - 1, step, last),
                   "redis": (self.addresses["redis"], first + rows - 1, step, last)}[target]
        with self._python("tests.bench.watch", target, *watched) as watch:
            if watch.stdout.readline().strip() != "ready":
                raise Failed(f"the watch of {target} did not start")
            sent = self._load(first, n, per_second, rows)
            seen = self._pairs(watch.communicate(timeout=TIMEOUT_SECONDS)[0])
        return self._figure(target, rate, sent, seen, set(range(first + rows - 1, last + 1, step)))

    def load(self, rate, seconds):
        """A process that inserts so many rows a second, for whoever measures something else meanwhile."""
        n = max(int(rate // ROWS * seconds), 1)
        first, self.next_id = self.next_id, self.next_id + n * ROWS
        return subprocess.Popen(self._load_command(first, n, rate // ROWS, ROWS),
                                stdout=subprocess.DEVNULL)

    def _load(self, first, n, per_second, rows):
        """id of the last row of each transaction → when its COMMIT was sent."""
        done = subprocess.run(self._load_command(first, n, per_second, rows), check=True,
                              capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        return self._pairs(done.stdout)

    def _load_command(self, first, n, per_second, rows):
        address = urlsplit(self.addresses["mysql"])
        return [self.runner.program("paced_load"), address.hostname, str(address.port), str(first), str(n),
                str(per_second), str(rows)]

    def _figure(self, target, rate, sent, seen, wanted):
        missing = wanted - seen.keys()
        if missing:
            raise Failed(f"{len(missing)} of {len(wanted)} rows did not become visible in {target}")
        rows = sorted(sent.keys() & seen.keys())
        times = sorted(sent.values())
        seconds = (times[-1] - times[0]) / 1e6 or 1
        per_transaction = ROWS if rate >= 40 else 1
        values = sorted((seen[row] - sent[row]) / 1000 for row in rows)
        return {"target": target, "rate": rate, "reached": (len(times) - 1) * per_transaction / seconds,
                "samples": len(values), "p50_ms": quantile(values, 0.5),
                "p99_ms": quantile(values, 0.99), "max_ms": values[-1]}

    @staticmethod
    def _pairs(text):
        return dict(map(int, line.split()) for line in text.splitlines())

    def _program(self, name):
        return Program([name, "-c", self.config], self.runner.directory)

    def _keep_rss(self, program):
        self.peak_rss_kib[program.label] = max(self.peak_rss_kib.get(program.label, 0),
                                               program.peak_rss_kib)

    @staticmethod
    def _python(module, *arguments):
        return subprocess.Popen([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT,
                                stdout=subprocess.PIPE, text=True)


def quantile(values, part):
    """Of sorted values: the smallest that `part` of them do not exceed."""
    return values[min(int(part * len(values)), len(values) - 1)]
