# SPDX-License-Identifier: Apache-2.0
"""`tailrace verify` while rows change and appliers are killed: never a difference that is not there, and
always the one that is. VERIFY_LOAD_SECONDS makes it longer: 600 for the ten minutes of the claim, half of them
with the damaged row."""

import os
import random
import time

import pytest

from tests.integration.background import Background
from tests.integration.damage import ABSENT, Mongodb, RedisHash
from tests.integration.verifying import DIFFERENT, EQUAL, Verify, prepare

SECONDS = float(os.environ.get("VERIFY_LOAD_SECONDS", "10"))
ROWS = 5000
CHANGES_A_SECOND = 2000
ROWS_A_CHANGE = 10  # of one statement
RESTING_ID = 10**6  # rows from here on are left alone
BEAT_ID = 2 * RESTING_ID  # its n says up to which second the target has come
BEHIND_S = 12  # changes wait where the applier is further behind: it lasts half as long to take over
KILL_EVERY_S = 12  # the next one takes over after the session timeout of 6 s
DAMAGES = {"mongodb": Mongodb, "redis": RedisHash}


class Changes(Background):
    """Updates, deletes, inserts and key changes of random rows, at a steady rate, unless the machine is too
    slow for it: then the applier would be further behind with each kill, and verify wait for ever longer."""

    def __init__(self, database, target):
        super().__init__()
        self.connection = database.connect()
        self.target = target
        self.rows = 0
        self.second = 0
        self.held_s = 0

    def close(self):
        self.connection.close()

    def is_behind(self):
        reached = self.target.get("t", BEAT_ID, "n")
        return reached is not ABSENT and self.second - int(reached) > BEHIND_S

    def hold_back(self, cursor, second):
        if second == self.second:
            return
        self.second = second
        cursor.execute("UPDATE t SET n = %s WHERE id = %s", (second, BEAT_ID))
        begin = time.monotonic()
        while self.is_behind() and not self.ended.wait(0.1):
            pass
        self.held_s += time.monotonic() - begin

    def work(self):
        choose = random.Random(11)
        begin = time.monotonic()
        with self.connection.cursor() as cursor:
            while not self.ended.is_set():
                self.hold_back(cursor, int(time.monotonic() - begin))
                ids = tuple(choose.sample(range(ROWS), ROWS_A_CHANGE))
                kind = choose.random()
                if kind < 0.6:
                    cursor.execute("UPDATE t SET n = n + 1, price = n / 7 WHERE id IN %s", (ids,))
                elif kind < 0.7:  # back and forth: a row that looks the same at two moments
                    cursor.execute("UPDATE t SET n = 1 - n WHERE id < 10")
                elif kind < 0.85:
                    cursor.execute("DELETE FROM t WHERE id IN %s", (ids,))
                else:
                    cursor.executemany("INSERT INTO t VALUES (%s, 0, 1.5, 'new')"
                                       " ON DUPLICATE KEY UPDATE s = CONCAT(s, '+')",
                                       [(id_,) for id_ in ids])
                self.rows += cursor.rowcount
                pause_s = begin + self.held_s + self.rows / CHANGES_A_SECOND - time.monotonic()
                self.ended.wait(max(0, pause_s))


class Kills(Background):
    """An applier that is killed every few seconds and started again; and the publisher, started again
    should it end, as a supervisor does."""

    def __init__(self, pipeline, applier):
        super().__init__()
        self.program = pipeline.start_applier(applier)
        self.publisher = pipeline.start_publisher()
        self.n = 0

    def work(self):
        pause_s = 1  # the first one soon
        while not self.ended.wait(pause_s):
            pause_s = KILL_EVERY_S
            self.program.kill()
            self.n += 1
            self.program.start()
            if not self.publisher.alive():
                self.publisher.start()


def create(database):
    database.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, n INT, price DECIMAL(20,6), s VARCHAR(200))",
        "INSERT INTO t SELECT n, n % 2, n / 3, CONCAT('row ', n) FROM (WITH RECURSIVE numbers AS (SELECT 0 n"
        f" UNION ALL SELECT n + 1 FROM numbers WHERE n < 999) SELECT a.n * 1000 + b.n n FROM numbers a"
        f" JOIN numbers b WHERE a.n < {ROWS // 1000}) some",
        f"INSERT INTO t SELECT id + {RESTING_ID}, n, price, s FROM t WHERE id < 1000",
        f"INSERT INTO t VALUES ({BEAT_ID}, 0, 0, 'beat')")


def verify_for(pipeline, target, seconds, expected):
    """Runs it again and again; each run has to find exactly that. How many runs there were."""
    end = time.monotonic() + seconds
    runs = 0
    while runs == 0 or time.monotonic() < end:
        run = Verify(pipeline, "--target", target, patience_s=180)
        assert run.code == (DIFFERENT if expected else EQUAL), run
        assert run.found(target) == expected, run
        runs += 1
    return runs


@pytest.mark.parametrize("target, options", [
    pytest.param("mongodb", {}, id="mongodb"), pytest.param("redis", {}, id="redis"),
    pytest.param("redis", {"policy": "refresh"}, id="redis-refresh", marks=pytest.mark.long),
    pytest.param("redis", {"policy": "invalidate"}, id="redis-invalidate", marks=pytest.mark.long),
    pytest.param("redis", {"ttl": "1h"}, id="redis-ttl", marks=pytest.mark.long)])
def test_under_load(pipeline, target, options, figures):
    pipeline.options["log"]["level"] = "info"
    prepare(pipeline)
    create(pipeline.database)
    pipeline.publish()
    pipeline.apply(target)
    pipeline.options[target].update(options)  # all rows are cached by now
    begin = time.monotonic()
    damage = DAMAGES[target](pipeline)
    with Kills(pipeline, target) as kills, Changes(pipeline.database, damage) as changes:
        runs = verify_for(pipeline, target, SECONDS / 2, set())
        damage.flip("t", RESTING_ID + 7, "price")
        runs += verify_for(pipeline, target, SECONDS / 2,
                           {("t", f'{{"id":{RESTING_ID + 7}}}', "different", ("price",))})
    seconds = time.monotonic() - begin
    figures(f"{runs} runs of verify in {seconds:.0f} s, {changes.rows / seconds:.0f} changes/s, "
            f"{kills.n} kills, held back for {changes.held_s:.0f} s")
