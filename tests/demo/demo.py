# SPDX-License-Identifier: Apache-2.0
"""The demo, after its servers have started: tests/demo/demo.sh runs it in their environment.

    python3 -m tests.demo.demo DIRECTORY

Puts the configuration, logs and pids of the programs into DIRECTORY. Exit 0 when the last comparison says
equal, 1 when it says different, 2 when the demo could not come that far. With KEEP=1 the programs
are left running.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from urllib.parse import urlsplit

from tests.demo import latency
from tests.demo.load import Load
from tests.lib import compare, servers
from tests.lib.programs import Failed, Program, binary, config, write_config

NAME, DB = "demo", "vietnam"
HERE = Path(__file__).parent
TABLES = ("provinces", "districts", "people", "visits")
LOAD_SECONDS = 10
KILL_APPLIER_AT, ALTER_AT, KILL_PUBLISHER_AT = 2, 4.5, 6
DOWN_SECONDS = 1
COPY_SECONDS = 120  # patience
ACCOUNT_PASSWORD = "Sông Hương"
BEGAN = float(os.environ.get("DEMO_BEGAN") or time.time())


class Demo:
    """The story, one method a chapter, in the order of run()."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.addresses = servers.addresses("mysql", "kafka", "mongodb", "redis")
        self.mysql = servers.mysql(self.addresses["mysql"])
        self.mongodb = servers.mongodb(self.addresses["mongodb"])
        self.redis = servers.redis(self.addresses["redis"])
        self.config = self.directory / "tailrace.conf"
        self.publisher = self._program("tailrace-publish")
        self.appliers = {"MongoDB": self._program("tailrace-apply-mongodb"),
                         "Redis": self._program("tailrace-apply-redis")}
        self.programs = [self.publisher, *self.appliers.values()]
        self.figures = []

    def run(self):
        """Returns the exit code."""
        self.create_data()
        self.copy()
        self.measure_latency()
        self.load()
        self.catch_up()
        self.replay()
        return self.judge() or self.repair()

    def create_data(self):
        say("creating provinces, districts, people and visits of Vietnam in MySQL by plain SQL")
        for script in ("schema.sql", "people.sql"):
            self._sql_script(HERE / script)
        self._create_account()
        write_config(self.config, self._config())
        say(f"there are {sum(self._source_counts()):,} rows in {len(TABLES)} tables, "
            f"and {self.config} for the programs")

    def copy(self):
        """The first copy of everything, while nothing else happens."""
        say("starting tailrace-publish, tailrace-apply-mongodb and tailrace-apply-redis")
        rows = sum(self._source_counts())
        counts = {"MongoDB": self._mongodb_rows, "Redis": self.redis.dbsize}
        start = time.monotonic()
        for program in self.programs:
            program.start()
        while counts:
            for store in [store for store, count in counts.items() if count() >= rows]:
                seconds = time.monotonic() - start
                self.figures.append(f"throughput  {rows / seconds:,.0f} rows/s from the start of the "
                                    f"programs until all {rows:,} are in {store}")
                say(f"all rows are in {store} after {seconds:.1f} s")
                del counts[store]
            self._check(f"{', '.join(counts)} not filled", start + COPY_SECONDS)
            time.sleep(0.05)

    def measure_latency(self):
        say(f"measuring {latency.COMMITS} single commits on their way to both stores")
        for store, values in latency.measure(self.addresses).items():
            p50, p99 = (1000 * latency.quantile(values, part) for part in (0.5, 0.99))
            self.figures.append(f"latency     p50 {p50:.1f} ms, p99 {p99:.1f} ms from the commit in "
                                f"MySQL until visible in {store}")

    def load(self):
        """Changes of every kind, while programs are killed and tables altered."""
        say(f"changing data for {LOAD_SECONDS} s: inserts, updates, deletes, changes of keys")
        load = Load(self.addresses["mysql"])
        start = time.monotonic()
        load.start()
        sleep_until(start + KILL_APPLIER_AT)
        self._kill(self.appliers["MongoDB"])
        sleep_until(start + ALTER_AT)
        self._alter()
        sleep_until(start + KILL_PUBLISHER_AT)
        self._kill(self.publisher)
        sleep_until(start + LOAD_SECONDS)
        load.finish()
        say(f"{load.transactions:,} transactions changed {load.rows:,} rows")

    def catch_up(self):
        """Stops the programs in good order, and lets each come to the end of what there is."""
        for program in self.programs:
            start = time.monotonic()
            code = program.stop()
            if code != 0:
                raise program.failure(f"ended with exit code {code} after SIGTERM")
            say(f"{program.label} stopped {time.monotonic() - start:.2f} s after SIGTERM")
        start = time.monotonic()
        self.publisher.run("--until-caught-up")
        for applier in self.appliers.values():
            applier.start("--until-caught-up")
        for applier in self.appliers.values():
            code = applier.wait(COPY_SECONDS)
            if code != 0:
                raise applier.failure(f"ended with exit code {code}")
        say(f"all have caught up, {time.monotonic() - start:.1f} s with their starts")

    def replay(self):
        """Redis is filled again out of Kafka's log, from its beginning, over what it holds."""
        say("resetting tailrace-apply-redis to the beginning, to replay everything")
        command = [binary("tailrace"), "offsets", "reset", "apply", "redis", "--to", "earliest",
                   "--yes", "-c", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: exit code {done.returncode}\n"
                         f"{done.stdout}{done.stderr}")
        start = time.monotonic()
        self.appliers["Redis"].run("--until-caught-up", timeout=COPY_SECONDS)
        say(f"replayed in {time.monotonic() - start:.1f} s")

    def judge(self):
        """Prints the figures; compares all values, first by a script that shares nothing with tailrace."""
        say("comparing every value of every row in MySQL, MongoDB and Redis")
        results = compare.compare(self.addresses, [f"{DB}.*"])
        print(*self._verdicts(results), "", *self.figures, sep="\n")
        print(*(f"memory      {program.peak_rss_kib / 1024:.0f} MB at most in {program.label}"
                for program in self.programs), "", sep="\n")
        return 0 if all(result.equal() for result in results) else 1

    def repair(self):
        """Damages both copies by hand; `tailrace verify` has to find that and nothing else, to repair it,
        and to have the last word: its exit code."""
        for program in self.programs:
            program.start()
        say("changing a value in MongoDB and deleting a key in Redis, past tailrace")
        self.mongodb[DB].people.update_one({"_id": 7}, {"$set": {"name": "nobody"}})
        self.redis.delete(f"{DB}:people:8")
        say("tailrace verify")
        if self._verify() != 1:
            raise Failed("the damage was not found")
        say("tailrace verify --repair")
        if self._verify("--repair") != 0:
            raise Failed("the damage was not repaired")
        say("tailrace verify")
        return self._verify()

    def _verify(self, *arguments):
        """Its output goes on; its exit code is returned."""
        command = [binary("tailrace"), "verify", "-c", str(self.config), *arguments]
        sys.stdout.flush()
        return subprocess.run(command, check=False, timeout=COPY_SECONDS).returncode

    def leave_running(self):
        """Prints what to try."""
        mysql, redis = urlsplit(self.addresses["mysql"]), urlsplit(self.addresses["redis"])
        client = "mysql --default-character-set=utf8mb4" if shutil.which("mysql") else "mariadb"
        print(f"""\
Servers and programs are running. Try:

  cat {self.config}
  {client} -h {mysql.hostname} -P {mysql.port} -u root {DB}
      UPDATE people SET name = 'Võ Nguyên Giáp', income = 1.50 WHERE id = 7;
  redis-cli -h {redis.hostname} -p {redis.port} hgetall {DB}:people:7 | cat
  /usr/bin/python3 -c "import pymongo; print(pymongo.MongoClient(
      '{self.addresses["mongodb"]}').{DB}.people.find_one({{'_id': 7}}))"
  kcat -b {self.addresses["kafka"].split(",")[0]} -C -t {NAME}.{DB}.people -o -1 -e
  {binary("tailrace")} offsets show -c {self.config}
  {binary("tailrace")} verify -c {self.config}
  tail -f {self.directory}/*.log
  tests/demo/demo.sh stop      # ends and removes all of it
""")

    def end_programs(self):
        """Whatever happened, none of them runs any more."""
        for program in self.programs:
            program.end()

    def _program(self, name):
        return Program([name, "-c", str(self.config)], self.directory)

    def _config(self):
        secret = self.directory / "password"
        secret.touch(mode=0o600)
        secret.write_text(ACCOUNT_PASSWORD + "\n", encoding="utf-8")
        return config(NAME, self.addresses,
                      source={"user": "tailrace", "password_file": secret},
                      kafka={"partitions": 4, "replication": 2},
                      tables={"include": f"{DB}.*"})

    def _create_account(self):
        with self.mysql.cursor() as cursor:
            cursor.execute("CREATE USER tailrace IDENTIFIED BY %s", (ACCOUNT_PASSWORD,))
            cursor.execute("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO tailrace")
            cursor.execute(f"GRANT SELECT ON {DB}.* TO tailrace")  # for verify and snapshot

    def _sql_script(self, path):
        """Statements end with a semicolon at the end of a line."""
        lines = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
                 if not line.startswith("--")]
        with self.mysql.cursor() as cursor:
            for statement in "".join(lines).split(";\n"):
                if statement.strip():
                    cursor.execute(statement)

    def _alter(self):
        """A column that there is changes its type, and a new one is filled in every row."""
        say("ALTER TABLE people MODIFY income …, ALTER TABLE districts ADD people …")
        with self.mysql.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {DB}.people MODIFY income DECIMAL(14,2)")
            cursor.execute(f"ALTER TABLE {DB}.districts ADD people INT UNSIGNED AFTER number")
            cursor.execute(f"UPDATE {DB}.districts d LEFT JOIN"
                           f" (SELECT province, district, COUNT(*) AS n FROM {DB}.people"
                           " GROUP BY province, district) p"
                           " ON p.province = d.province AND p.district = d.number"
                           " SET d.people = IFNULL(p.n, 0)")

    def _kill(self, program):
        program.kill()
        say(f"{program.label} killed with SIGKILL")
        time.sleep(DOWN_SECONDS)
        program.start()
        say(f"{program.label} started again")

    def _source_counts(self):
        with self.mysql.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"SELECT COUNT(*) FROM {DB}.{table}")
                yield cursor.fetchone()[0]

    def _mongodb_rows(self):
        return sum(self.mongodb[DB][table].estimated_document_count() for table in TABLES)

    def _check(self, what, deadline):
        for program in self.programs:
            program.check()
        if time.monotonic() > deadline:
            raise Failed(f"{what} within {COPY_SECONDS} s")

    @staticmethod
    def _verdicts(results):
        """A line for each table, with the rows of all three and whether they are equal."""
        yield f"\n{'table':18} {'MySQL':>9} {'MongoDB':>9} {'Redis':>9}  contents"
        for table in dict.fromkeys(result.table for result in results):
            mongodb, redis = (next(result for result in results
                                   if (result.table, result.target) == (table, target))
                              for target in ("mongodb", "redis"))
            equal = mongodb.equal() and redis.equal()
            yield (f"{table:18} {mongodb.source_rows:9,} {mongodb.target_rows:9,} "
                   f"{redis.target_rows:9,}  {'equal' if equal else 'DIFFERENT'}")
        for result in results:
            yield from result.examples


def say(text):
    """One line with the time since the demo began."""
    print(f"{time.time() - BEGAN:6.1f} s  {text}", flush=True)


def sleep_until(moment):
    time.sleep(max(0, moment - time.monotonic()))


def main(directory):
    """Tells the story; what could not be done ends it with a message and exit code 2."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    demo, keep = Demo(directory), False
    try:
        code = demo.run()
        if os.environ.get("KEEP") == "1":
            demo.leave_running()
            keep = True
        return code
    except (Failed, TimeoutError) as error:
        say(f"FAILED: {error}")
    except KeyboardInterrupt:
        return 130
    except Exception:  # so that exit code 1 only ever means different
        traceback.print_exc()
    finally:
        if not keep:
            demo.end_programs()
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
