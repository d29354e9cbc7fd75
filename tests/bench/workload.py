# SPDX-License-Identifier: Apache-2.0
"""The workload: sysbench's oltp_write_only against one table, one binlog file a run.

Keys are chosen uniformly. With sysbench's usual hot keys most changes of a batch would be of a few rows, of
which only the last counts, and the appliers would have little to write.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lib import servers
from tests.lib.programs import Failed

DB = "sbtest"
THREADS = 4
SEED = 63
CHANGES = 4  # of a transaction: two updates, a delete, an insert
ROWS_LEAST, ROWS_MOST = 1000, 400000
ROWS_A_TABLE = 64  # before it is measured: none of 8 partitions stays empty, nearly always
TABLE_OF_PACED_LOAD = """CREATE TABLE sbtest.paced (id INT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT
    NULL, pad CHAR(60) NOT NULL)"""


@dataclass
class Backlog:
    """One binlog file that is complete."""

    name: str
    path: Path

    @property
    def bytes(self):
        return self.path.stat().st_size


class Workload:
    """Makes backlogs. `data`: the data directory of the MySQL server, on this machine."""

    def __init__(self, mysql_url, data, transactions):
        self.address = servers.mysql_address(mysql_url)
        self.mysql = servers.mysql(mysql_url)
        self.data, self.transactions = Path(data), transactions
        self.rows = min(max(2 * transactions, ROWS_LEAST), ROWS_MOST)
        self.runs = 0

    def prepare(self):
        """Creates and fills the tables."""
        self._sql(f"CREATE DATABASE {DB}")
        self._sql(TABLE_OF_PACED_LOAD)
        self._sql(f"INSERT INTO {DB}.paced VALUES (0, 0, '', '')")  # so that its topic is made
        return self._backlog(lambda: self._sysbench("prepare"))

    def run(self, transactions):
        """Another sequence of them in each run."""
        self.runs += 1
        return self._backlog(lambda: self._sysbench("run", f"--events={transactions}"))

    def create(self, shape):
        """Its tables, empty."""
        for name, definition in shape.tables.items():
            self._sql(f"CREATE DATABASE IF NOT EXISTS {name.partition('.')[0]}")
            self._sql(f"CREATE TABLE {name} ({definition})")

    def begin(self, shape):
        """A few rows in each of its tables, so that its topic is made and each partition has been written to:
        the first record of a partition costs a broker some ten milliseconds, once."""
        rows = ", ".join(f"({-n})" for n in range(ROWS_A_TABLE))
        for name in shape.tables:
            self._sql(f"INSERT INTO {name} (id) VALUES {rows}")

    def fill(self, shape):
        """The rows of a shape."""
        self._sql(f"SET cte_max_recursion_depth = {2 * shape.rows}")
        return self._backlog(lambda: shape.fill(self._sql, shape.rows))

    def count(self, table=f"{DB}.sbtest1"):
        with self.mysql.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            return cursor.fetchone()[0]

    def _backlog(self, make):
        self._rotate()  # what was written before, by the load of latency too, is none of it
        with self.mysql.cursor() as cursor:
            cursor.execute("SHOW BINARY LOG STATUS")
            name = cursor.fetchone()[0]
        make()
        self._rotate()
        return Backlog(name, self.data / name)

    def _sysbench(self, command, *options):
        arguments = ["sysbench", "oltp_write_only", "--db-driver=mysql",
                     f"--mysql-host={self.address['host']}", f"--mysql-port={self.address['port']}",
                     f"--mysql-user={self.address['user']}", f"--mysql-db={DB}", "--tables=1",
                     "--rand-type=uniform",
                     f"--table-size={self.rows}", f"--threads={THREADS}",
                     f"--rand-seed={SEED + self.runs}",
                     "--time=0", *options, command]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}")

    def _rotate(self):
        self._sql("FLUSH BINARY LOGS")

    def _sql(self, statement):
        with self.mysql.cursor() as cursor:
            cursor.execute(statement)
