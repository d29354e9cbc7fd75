# SPDX-License-Identifier: Apache-2.0
"""Snapshots under load: accounts of two tables whose money moves between them, rows that come and go, and
kills. The targets know the rows from before only through snapshots, so a row that was copied at the wrong
moment, twice in the wrong order, or not at all shows in the comparison."""

import random
import re
import time

from tests.integration.background import Background
from tests.integration.pipeline import expect
from tests.integration.test_snapshot import SERVERS, progress, readable, snapshot  # noqa: F401 (a fixture)

ACCOUNTS = 3000  # in each table
START = 1000
ROUNDS = 2


class Transfers(Background):
    """Transactions that keep the sum of all accounts, in a thread; a context manager."""

    def __init__(self, database, seed):
        super().__init__()
        self.connection, self.choose = database.connect(autocommit=False), random.Random(seed)
        self.done = 0

    def close(self):
        self.connection.close()

    def work(self):
        with self.connection.cursor() as cursor:
            while not self.ended.wait(0.001):
                self._transfer(cursor)
                self.connection.commit()
                self.done += 1

    def _transfer(self, cursor):
        """One account pays another; sometimes the payer is closed and opened again under a new number."""
        payer, payee = self.choose.randrange(ACCOUNTS), self.choose.randrange(ACCOUNTS)
        cursor.execute("UPDATE giro SET money = money - 7 WHERE id = %s", (payer,))
        paid = cursor.rowcount
        cursor.execute("INSERT INTO saving VALUES (%s, %s, 'x') ON DUPLICATE KEY UPDATE"
                       " money = money + VALUES(money)", (payee, 7 * paid))
        if self.done % 5 == 0:
            moved = self.choose.randrange(ACCOUNTS)
            cursor.execute("UPDATE IGNORE giro SET id = id + %s WHERE id = %s", (ACCOUNTS, moved))
        if self.done % 7 == 0:
            gone = self.choose.randrange(ACCOUNTS)
            cursor.execute("SELECT money FROM saving WHERE id = %s FOR UPDATE", (gone,))
            for money, in cursor.fetchall():
                cursor.execute("DELETE FROM saving WHERE id = %s", (gone,))
                cursor.execute("INSERT INTO saving VALUES (%s, %s, 'y') ON DUPLICATE KEY UPDATE"
                               " money = money + VALUES(money)", (gone + ACCOUNTS, money))


def total(database):
    return database.value("SELECT (SELECT SUM(money) FROM giro) + (SELECT SUM(money) FROM saving)")


def make_accounts(database):
    for table in ("giro", "saving"):
        database.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, money BIGINT NOT NULL, note VARCHAR(9))",
                     f"INSERT INTO {table} VALUES " + ",".join(f"({n},{START},'')" for n in range(ACCOUNTS)))


def copy_under_load(pipeline, choose):
    """A snapshot of both tables while money moves and the publisher is killed; returns the kills."""
    kills = 0
    publisher = pipeline.start_publisher()
    publisher.wait_for("started")
    number = snapshot(pipeline, f"{pipeline.name}.*").strip()
    while progress(pipeline, number)[0] != "done":
        if kills < 3 and choose.random() < 0.7:
            time.sleep(choose.uniform(0.02, 0.5))
            publisher.kill()
            kills += 1
            publisher = pipeline.start_publisher()
            publisher.wait_for("started")
    return publisher, kills


@SERVERS
def test_consistent(readable, figures):
    """When the stream has passed what the snapshot saw, the targets are the source, each time."""
    pipeline, database = readable, readable.database
    choose = random.Random(11)
    make_accounts(database)
    pipeline.options["publish"] |= {"start": "latest", "transaction_bytes": "64KiB"}
    pipeline.options["snapshot"] = {"pause": "5ms"}
    pipeline.publish()
    money, transfers, kills, p99 = total(database), 0, 0, []
    for turn in range(ROUNDS):
        with Transfers(database, turn) as load:
            publisher, killed = copy_under_load(pipeline, choose)
            snapshot(pipeline, f"{pipeline.name}.giro", f"{pipeline.name}.saving", "--wait")
        p99 += [int(ms) for ms in re.findall(r"snapshot ended.* pause_p99_ms=(\d+)", publisher.log())]
        publisher.stop()
        transfers, kills = transfers + load.done, kills + killed
        pipeline.converge()
        assert total(database) == money
        copied = {table: sum(document["money"] for document in pipeline.documents(table).find())
                  for table in ("giro", "saving")}
        assert sum(copied.values()) == money
        for table in ("giro", "saving"):  # the next round has to find every row again
            pipeline.documents(table).drop()
        for key in pipeline.keys(f"{pipeline.name}:*"):
            pipeline.redis.delete(key)
    assert transfers > 100 and kills > 0
    figures(f"{transfers} transfers, {kills} kills; pause p99 {max(p99)} ms where 5 ms are allowed")


def test_pause(readable, figures):
    """The stream stands still for a chunk no longer than it may, by default 50 ms."""
    pipeline, database = readable, readable.database
    pipeline.options["publish"]["start"] = "latest"
    database.sql("CREATE TABLE digit (d INT PRIMARY KEY)",
                 "INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
                 "CREATE TABLE t (id INT PRIMARY KEY, k INT, c CHAR(120), pad CHAR(60))",
                 "INSERT INTO t SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS id, 7,"
                 " REPEAT('c', 119), REPEAT('p', 59) FROM digit a, digit b, digit c, digit d, digit e")
    database.sql("INSERT INTO t SELECT id + 100000, k, c, pad FROM t")
    publisher = pipeline.start_publisher()
    publisher.wait_for("started")
    snapshot(pipeline, f"{pipeline.name}.t", "--wait")
    line = publisher.wait_for(r"snapshot ended.* rows=(\d+) .*chunks=(\d+) pause_p99_ms=(\d+)")
    busy = publisher.wait_for(r"all rows of a table are out.* busy_ms=(\d+)")
    publisher.stop()
    assert expect(publisher, 0) is publisher
    rows, chunks, p99 = (int(group) for group in line.groups())
    figures(f"{rows} rows, {chunks} chunks, pause p99 {p99} ms, {rows * 1000 // max(int(busy[1]), 1)} rows/s while reading")
    assert rows == 200000 and chunks > 10 and p99 <= 100  # 50 ms where nothing else runs
