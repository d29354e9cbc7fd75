# SPDX-License-Identifier: Apache-2.0
"""A load whose outcome is known: rows that count their own changes.

Table t holds `rows` counters, n = 0 at first. Every change adds 1 to n, so the changes of a key have to
be c with 0, u with 1, u with 2 … up to what SELECT says: one that is missing, doubled or out of order
shows.
"""

import random

from tests.integration.background import Background
from tests.integration.topics import by_key

TEXT = "x" * 100


class Load(Background):
    """Transactions of a few rows in a thread, until stopped; a context manager."""

    def __init__(self, database, rows=40, pause_s=0.002, is_new=True):
        super().__init__()
        self.database, self.rows, self.pause_s, self.is_new = database, rows, pause_s, is_new
        self.transactions = 0

    def __enter__(self):
        if self.is_new:
            create(self.database, self.rows)
        self.connection = self.database.connect(autocommit=False)
        return super().__enter__()

    def close(self):
        self.connection.close()

    def work(self):
        choose = random.Random(7)
        with self.connection.cursor() as cursor:
            while not self.ended.wait(self.pause_s):
                ids = tuple(choose.sample(range(self.rows), 3))
                cursor.execute("UPDATE t SET n = n + 1 WHERE id IN %s ORDER BY id", (ids,))
                self.connection.commit()
                self.transactions += 1


def create(database, rows):
    """The table with all counters at 0, in one transaction."""
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, text VARCHAR(100))",
                 "INSERT INTO t VALUES " + ", ".join(f"({number}, 0, '{TEXT}')"
                                                     for number in range(rows)))


def assert_each_change_once(pipeline):
    """Readers of committed records see each change of each key exactly once and in order."""
    final = dict(pipeline.database.rows("SELECT id, n FROM t"))
    found = {record.keys()["id"]: [(r.change()["op"], r.change()["after"]["n"]) for r in of_key]
             for of_key in by_key(pipeline.topics.table("t")).values() for record in of_key[:1]}
    assert set(found) == set(final)
    for key, n in final.items():
        assert found[key] == [("c", 0)] + [("u", number) for number in range(1, n + 1)], f"key {key}"
