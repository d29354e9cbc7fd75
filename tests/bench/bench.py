# SPDX-License-Identifier: Apache-2.0
"""The bench, after its servers have started: tests/bench/bench.sh runs it in their environment.

    python3 -m tests.bench.bench all|decode|latency
"""

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

from tests.bench import report, shapes, stages
from tests.bench.latency import Latency
from tests.bench.run import Runner
from tests.bench.workload import Workload
from tests.lib import servers
from tests.lib.programs import ROOT, Failed, config, write_config

DIRECTORY = ROOT / "build/bench"
DECODE = "Decode a file"
LIVE, LIVE_MYSQL = (f"Server → decoded, {library}" for library in ("libmariadb", "libmysqlclient"))
PUBLISH, MONGODB, REDIS = "Server → Kafka, exactly once", "Kafka → MongoDB", "Kafka → Redis"
ROWS_A_TRANSACTION = 20  # of the backlog: so many rows has the large one of the other workloads
ROWS_A_COMPRESSED = 8  # likewise, of the compressed transaction
ROWS_MOST = 1_000_000
TABLES_MOST = 5000
SHORT_TIMES = 3  # stages that take less than a second are measured so often in each run
TIMES_COMPARED = 15  # what takes a tenth of a second and is compared
COMPRESSED = "One compressed transaction, decoded from a file"
DECODED_TABLES = "Rows in few and in many tables, decoded from a file"
WHOLE, HALF, UNDER_LOAD = "whole", "half", "whole, under load"
LOAD_RATE, LOAD_SECONDS = 500, 60
COUNTED = "A quarter of the backlog, allocations counted"
COUNTED_PART = 4
IDLE = "Start and end, with nothing to do"


class Bench:
    """All stages, `runs` times; figures[stage][name] has a Figures of each run."""

    def __init__(self, stack, transactions, runs, seconds):
        self.addresses = {"mysql": servers.address("mysql")}
        self.runner = Runner(DIRECTORY, stack)
        self.mysql_runner = Runner(DIRECTORY, stack, "build/mysql")
        self.workload = Workload(self.addresses["mysql"], stack / "mysql/data", transactions)
        self.runs, self.seconds = runs, seconds
        self.figures = defaultdict(lambda: defaultdict(list))
        self.latency = []
        self.allocations = {}
        self.peak_rss_kib = {}
        self.by_shape = {}  # (shape, program) → the median of its Figures
        self.config = str(DIRECTORY / "tailrace.conf")

    def run_decode(self):
        """Only the stages that decode: a file, and what comes from a server."""
        self._prepare()
        backlog, rows = self._backlog(self.workload.transactions)
        for _ in range(self.runs):
            self._decode(backlog, rows)
            self._live(backlog, rows)
        self._compressed()

    def run_latency(self):
        """Only how long a change is on its way, with nothing else in the servers."""
        self._configure()
        self._prepare()
        stages.publish(self.runner, self.config)
        self._latency(Latency(self.runner, self.addresses, self.config, self.seconds))

    def _configure(self):
        self.addresses |= servers.addresses("kafka", "mongodb", "redis")
        write_config(self.config, config(
            stages.SOURCE, self.addresses, source={"tls": "off"},  # as the limit
            kafka={"partitions": stages.PARTITIONS, "replication": 1},
            publish={"start": "earliest"},
            tables={"include": "sbtest.*, shapes.*"}))

    def run_all(self):
        self._configure()
        initial = self._prepare()
        self._copy_initial(initial)
        latency = Latency(self.runner, self.addresses, self.config, self.seconds)
        self._latency(latency)  # first: MongoDB writes for minutes what a backlog left
        for _ in range(self.runs):
            backlog, rows = self._backlog(self.workload.transactions)
            self._decode(backlog, rows)
            self._live(backlog, rows)
            self._path(backlog, rows)
        self._idle()
        self._count_path()
        self._shapes(latency)
        self._compressed()
        self._check_copies()

    def _latency(self, latency):
        say("latency")
        self.latency = latency.measure()
        self.peak_rss_kib = latency.peak_rss_kib

    def medians(self, stage):
        """name → Figures; of our programs less what they need to start and end."""
        result = {name: report.median(runs) for name, runs in self.figures[stage].items()}
        for name, runs in self.figures[IDLE].items():
            if name in result and stage != IDLE:
                result[name] = result[name].without(runs[0])
        return result

    def judge(self):
        """The targets, as far as their stages were run."""
        targets = report.Targets()
        if DECODE in self.figures:
            report.judge_decode(targets, self.medians(DECODE), self.allocations)
            for stage in (LIVE, LIVE_MYSQL):
                report.judge_live(targets, stage, self.medians(stage))
            report.judge_compressed(targets, self.medians(COMPRESSED))
        if PUBLISH in self.figures:
            report.judge_path(targets, *map(self.medians, (LIVE, PUBLISH, MONGODB, REDIS)))
            report.judge_shapes(targets, self.by_shape)
            report.judge_memory(targets, self._memory())
        if self.latency:
            report.judge_latency(targets, self.latency)
        return targets

    def settings(self):
        return {"transactions": self.workload.transactions, "table_rows": self.workload.rows,
                "runs": self.runs, "latency_seconds": self.seconds}

    def _prepare(self):
        say(f"sysbench prepare, {self.workload.rows:,} rows")
        return self.workload.prepare()

    def _backlog(self, transactions):
        say(f"sysbench oltp_write_only, {transactions:,} transactions")
        backlog = self.workload.run(transactions)
        rows = stages.count(backlog)
        say(f"{backlog.name}: {rows:,} changes, {backlog.bytes / 1e6:.0f} MB")
        return backlog, rows

    def _copy_initial(self, initial):
        """Both targets, and the places of the limits, get the rows that the backlog changes."""
        say("copying the rows that there are")
        stages.publish(self.runner, self.config)
        records = stages.write_records(self.runner, initial)
        for target in ("mongodb", "redis"):
            stages.apply(self.runner, self.config, target)
        stages.mongodb_limit(self.runner, self.addresses["mongodb"], records)
        stages.redis_limits(self.runner, self.addresses["redis"], records)

    def _decode(self, backlog, rows):
        say(DECODE)
        for _ in range(SHORT_TIMES):
            self._keep(DECODE, stages.decode(self.runner, backlog, rows))
        self.allocations = stages.allocations(self.runner, backlog, rows)

    def _live(self, backlog, rows):
        say(LIVE)
        for _ in range(SHORT_TIMES):
            self._keep(LIVE, stages.live(self.runner, self.addresses["mysql"], backlog, rows))
            self._keep(LIVE_MYSQL, stages.live(self.mysql_runner, self.addresses["mysql"], backlog, rows))

    def _path(self, backlog, rows):
        size, runner, addresses = backlog.bytes, self.runner, self.addresses
        records = stages.write_records(runner, backlog)
        self._between(PUBLISH, partial(stages.produce_limits, runner, addresses["kafka"], records, size),
                      "tailrace-publish", partial(stages.publish, runner, self.config, rows, size))
        say(MONGODB)
        self._keep(MONGODB, {
            "tailrace-apply-mongodb": stages.apply(runner, self.config, "mongodb", rows, size),
            "limit: libmongoc": stages.mongodb_limit(runner, addresses["mongodb"], records, size)})
        self._between(REDIS, partial(stages.redis_limits, runner, addresses["redis"], records, size),
                      "tailrace-apply-redis", partial(stages.apply, runner, self.config, "redis", rows, size))

    def _between(self, stage, limits, name, ours):
        """Ours between two runs of the limits: what comes first meets brokers that have less compiled, or a disk
        that still writes what the stage before left. MongoDB's limit runs once: it writes nothing where the
        document is there as it is."""
        say(stage)
        before = limits()
        self._keep(stage, {name: ours()})
        self._keep(stage, before)
        self._keep(stage, limits())

    def _count_path(self):
        """Counting takes time itself, so not while the limits stand beside."""
        backlog, rows = self._backlog(self.workload.transactions // COUNTED_PART)
        self._keep(COUNTED, stages.path(self.runner, self.config, rows, backlog.bytes))

    def _shapes(self, latency):
        """Workloads of other kinds: the whole path with allocations counted, then only decoding."""
        rows = min(ROWS_A_TRANSACTION * self.workload.transactions, ROWS_MOST)
        made, loaded = shapes.of_path(rows), shapes.under_load(rows)
        self._make([loaded, *(shape for _, shape in made)])
        for kind, shape in made:
            say(shape.name)
            size = self.workload.fill(shape).bytes
            self._keep_shape(kind, shape, stages.path(self.runner, self.config, shape.rows, size))
        self._under_load(loaded, latency)
        self._tables(shapes.of_decoding(min(TABLES_MOST, self.workload.transactions // 10)))

    def _make(self, made):
        """The tables, with what makes their topics, in all targets."""
        for shape in made:
            self.workload.create(shape)
            self.workload.begin(shape)
        stages.path(self.runner, self.config)

    def _under_load(self, shape, latency):
        """How fast a lag is worked off while changes come in: the same transaction, published once more."""
        say(f"{shape.name} under load")
        size = self.workload.fill(shape).bytes
        load = latency.load(LOAD_RATE, LOAD_SECONDS)
        figures = self.runner.counted(stages.publish_command(self.config), shape.rows, size)
        load.terminate()
        load.wait()
        for target in ("mongodb", "redis"):
            stages.apply(self.runner, self.config, target)
        shape.name += f", {LOAD_RATE} changes/s meanwhile"
        self._keep_shape(UNDER_LOAD, shape, {"tailrace-publish": figures})

    def _keep_shape(self, kind, shape, lines):
        stage = capital(shape.name)
        self._keep(stage, lines)
        self.by_shape |= {(kind, name): report.median(self.figures[stage][name]) for name in lines}

    def _compressed(self):
        say(COMPRESSED)
        made = shapes.compressed(ROWS_A_COMPRESSED * self.workload.transactions)
        self._decode_shapes(COMPRESSED, made, SHORT_TIMES)

    def _tables(self, made):
        say(DECODED_TABLES)
        self._decode_shapes(DECODED_TABLES, made.values(), TIMES_COMPARED)
        figures = self.figures[DECODED_TABLES]
        self.by_shape |= {(kind, "tailrace-cat"): report.median(figures[shape.name])
                          for kind, shape in made.items()}

    def _decode_shapes(self, stage, made, times):
        """In turns, so that a slow minute of the machine is one of each."""
        for shape in made:
            self.workload.create(shape)
        backlogs = [(shape, self.workload.fill(shape)) for shape in made]
        for _ in range(times):
            for shape, backlog in backlogs:
                self._keep(stage, {shape.name: stages.count_changes(self.runner, backlog, shape.rows)})

    def _idle(self):
        """What it costs our programs to connect, find their place and end."""
        self._keep(IDLE, stages.path(self.runner, self.config))

    def _keep(self, stage, lines):
        for name, figures in lines.items():
            self.figures[stage][name].append(figures)

    def _memory(self):
        peak = dict(self.peak_rss_kib)
        for stage in self.figures.values():
            for name, runs in stage.items():
                if name in peak:
                    peak[name] = max(peak[name], *(run.peak_rss_kib for run in runs))
        return peak

    def _check_copies(self):
        """A figure of a path that loses rows is worth nothing."""
        wanted = self.workload.count()
        mongodb = servers.mongodb(self.addresses["mongodb"]).sbtest.sbtest1.count_documents({})
        redis = servers.redis(self.addresses["redis"])
        found = sum(1 for _ in redis.scan_iter(match="sbtest:sbtest1:*", count=10000))
        if not wanted == mongodb == found:
            raise Failed(f"sbtest1 has {wanted} rows, {mongodb} in MongoDB and {found} in Redis")


def print_report(bench, targets):
    machine = report.machine()
    print(f"\n{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux "
          f"{machine['kernel']}; client and servers on it; median of {bench.runs}")
    for stage in bench.figures:
        if stage != IDLE:
            print(*report.table(stage, bench.medians(stage)), sep="\n")
    for name, runs in bench.figures[IDLE].items():
        print(f"  (less the {runs[0].seconds:.2f} s, {runs[0].cpu:.2f} CPU s and {runs[0].allocations:,} "
              f"allocations in which {name} starts and ends)")
    if bench.latency:
        print(*report.latency_table(bench.latency), sep="\n")
    print("", *targets.text(), sep="\n")


def capital(text):
    return text[0].upper() + text[1:]


def say(text):
    """A line with the time of day: a bench takes minutes."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def main(stage):
    """The exit code: 0 when everything was measured."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    bench = Bench(ROOT / Path(os.environ["TAILRACE_STACK_DIR"]),
                  int(os.environ.get("BENCH_TRANSACTIONS", "200000")),
                  int(os.environ.get("BENCH_RUNS", "3")), float(os.environ.get("BENCH_SECONDS", "6")))
    try:
        {"all": bench.run_all, "decode": bench.run_decode, "latency": bench.run_latency}[stage]()
    except (Failed, TimeoutError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        (DIRECTORY / stages.RECORDS).unlink(missing_ok=True)  # as large as the backlog and more
    targets = bench.judge()
    report.write_json(DIRECTORY / "bench.json", bench.settings(), bench.figures, bench.latency, targets)
    print_report(bench, targets)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
