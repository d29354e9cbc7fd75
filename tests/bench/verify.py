# SPDX-License-Identifier: Apache-2.0
"""How fast `tailrace verify` is on equal tables, beside the bare reading of both sides.

    python3 -m tests.bench.verify

tests/bench/bench.sh verify runs it with servers of its own.
"""

import os
import subprocess
import sys
from urllib.parse import urlsplit

import pymysql.cursors
from bson import Int64

from tests.bench import stages
from tests.bench.bench import DIRECTORY, say
from tests.bench.run import Figures, Runner
from tests.bench.workload import Workload
from tests.lib import servers
from tests.lib.programs import ROOT, Failed, binary, config, write_config

ROWS = int(os.environ.get("BENCH_ROWS", "400000"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
WANTED_ROWS_PER_SECOND, WANTED_SHARE, WANTED_RSS_MIB = 250000, 0.7, 128
SERVERS = ("mysql", "mongodb", "redis")
FILL_ROWS = 2000
NO_KAFKA = "127.0.0.1:9"  # equal tables are told without it


class Bench:
    """One table of sysbench, copied once; then each way of reading it, in turns."""

    def __init__(self, stack):
        self.addresses = servers.addresses("mysql", "mongodb", "redis")
        self.runner = Runner(DIRECTORY, stack)
        self.config = str(DIRECTORY / "tailrace.conf")
        self.cache_config = str(DIRECTORY / "cache.conf")
        self.workload = Workload(self.addresses["mysql"], stack / "mysql/data", ROWS // 2)
        self.workload.rows = ROWS
        self.figures = {}

    def prepare(self):
        """The table by sysbench; its copies are written here, as the appliers would write them."""
        options = config(stages.SOURCE, {**self.addresses, "kafka": NO_KAFKA}, source={"tls": "off"},
                         tables={"include": "sbtest.sbtest1"})
        write_config(self.config, options)
        options["redis"]["policy"] = "refresh"
        write_config(self.cache_config, options)
        say(f"{ROWS} rows")
        self.workload.prepare()
        documents = servers.mongodb(self.addresses["mongodb"]).sbtest.sbtest1
        redis = servers.redis(self.addresses["redis"]).pipeline(transaction=False)
        with servers.mysql(self.addresses["mysql"]).cursor(pymysql.cursors.SSDictCursor) as cursor:
            cursor.execute("SELECT * FROM sbtest.sbtest1")
            for rows in iter(lambda: cursor.fetchmany(FILL_ROWS), []):
                documents.insert_many([{"_id": row["id"], **row, "_tailrace": {"p": 0, "o": Int64(row["id"])}}
                                       for row in rows])
                for row in rows:
                    redis.hset(f"sbtest:sbtest1:{row['id']}",
                               mapping={**row, "_tailrace": f"0:{row['id']}"})
                redis.execute()

    def run(self):
        mysql = urlsplit(self.addresses["mysql"])
        redis = urlsplit(self.addresses["redis"])
        limits = {"mongodb": ("mongodb", self.addresses["mongodb"]),
                  "redis": ("redis", redis.hostname, redis.port)}
        for number in range(RUNS):
            for target, arguments in limits.items():
                say(f"{target}, {number + 1} of {RUNS}")
                self._keep(f"tailrace-verify --target {target}", self.runner.ours(
                    [binary("tailrace-verify"), "-c", self.config, "--target", target], ROWS))
                self._keep(f"limit: both read, {target}", self.runner.limit(
                    "verify_limit", mysql.hostname, mysql.port, *arguments, rows=ROWS))
            state = str(DIRECTORY / "state")
            self._keep("the same with --resume, mongodb", self.runner.ours(
                [binary("tailrace-verify"), "-c", self.config, "--target", "mongodb", "--resume", state], ROWS))
            self._keep("redis as a cache with all rows", self.runner.ours(
                [binary("tailrace-verify"), "-c", self.cache_config, "--target", "redis"], ROWS))

    def report(self):
        """Lines with the median of each; True when it is what is wanted."""
        good = True
        print(f"\n{'':34} {'rows/s':>10} {'CPU s/M rows':>13} {'RSS MiB':>8}  servers, CPU s/M rows")
        for name in self.figures:
            figures = self._median(name)
            used = ", ".join(f"{server} {1e6 * cpu / ROWS:.1f}" for server, cpu in
                             sorted(figures.servers.items()) if server in SERVERS and cpu)
            print(f"{name:34} {figures.rows_per_second():10,.0f} {figures.cpu_per_million():13.2f} "
                  f"{figures.peak_rss_kib / 1024:8.1f}  {used}")
        for target in ("mongodb", "redis"):
            ours = self._median(f"tailrace-verify --target {target}")
            limit = self._median(f"limit: both read, {target}")
            share = ours.rows_per_second() / limit.rows_per_second()
            met = ((ours.rows_per_second() >= WANTED_ROWS_PER_SECOND or share >= WANTED_SHARE)
                   and ours.peak_rss_kib / 1024 < WANTED_RSS_MIB)
            good = good and met
            print(f"{target}: {100 * share:.0f} % of the bare reading of both sides; wanted are "
                  f"{WANTED_ROWS_PER_SECOND:,} rows/s or {100 * WANTED_SHARE:.0f} %, below "
                  f"{WANTED_RSS_MIB} MiB: {'met' if met else 'short'}")
        return good

    def _keep(self, name, figures):
        self.figures.setdefault(name, []).append(figures)

    def _median(self, name):
        runs = sorted(self.figures[name], key=Figures.rows_per_second)
        return runs[len(runs) // 2]


def main():
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    bench = Bench(ROOT / os.environ["TAILRACE_STACK_DIR"])
    try:
        bench.prepare()
        bench.run()
    except (Failed, TimeoutError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    bench.report()
    return 0


if __name__ == "__main__":
    sys.exit(main())
