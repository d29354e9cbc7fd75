# SPDX-License-Identifier: Apache-2.0
"""The guard: a replay from any earlier offset leaves the targets byte for byte as they are, at every moment."""

import re

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from tests.integration.background import Background
from tests.integration.pipeline import APPLIERS, expect

KEYS = 60
REFUSED, DATA = 77, 65
each_format = pytest.mark.parametrize("redis_format", ["hash", "json"])


def documents(pipeline, *tables):
    """Every document of the tables as its bytes."""
    options = bson.codec_options.CodecOptions(document_class=RawBSONDocument)
    return {(table, bson.encode({"_id": found["_id"]})): found.raw for table in tables
            for found in pipeline.documents(table).with_options(codec_options=options).find()}


def objects(pipeline, *tables):
    """Every Redis key of the tables with what it holds, read at one moment."""
    keys = sorted(key for table in tables for key in pipeline.keys(f"{pipeline.name}:{table}:*"))
    reader = pipeline.redis.pipeline(transaction=True)
    for key in keys:
        reader.type(key)
    types = reader.execute() if keys else []
    for key, kind in zip(keys, types):
        reader.hgetall(key) if kind == b"hash" else reader.get(key)
    return dict(zip(keys, reader.execute() if keys else []))


READ = {"mongodb": documents, "redis": objects}


class Watch(Background):
    """Reads a target again and again in a thread of its own, and keeps what was ever other than `expected`."""

    def __init__(self, pipeline, target, expected, *tables):
        super().__init__()
        self.read = lambda: READ[target](pipeline, *tables)
        self.expected, self.wrong, self.looks = expected, [], 0

    def work(self):
        while not self.ended.is_set():
            found = self.read()
            self.looks += 1
            self.wrong += [(key, self.expected.get(key), found.get(key))
                           for key in {**found, **self.expected}
                           if found.get(key) != self.expected.get(key)][:3]


def history(database):
    """Rows that are changed often, deleted, put in again, and moved to other keys."""
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT, note VARCHAR(40))",
                 "CREATE TABLE u (a VARCHAR(20), b BIGINT UNSIGNED, n INT, PRIMARY KEY (b, a))")
    for i in range(KEYS):
        database.sql(f"INSERT INTO t VALUES ({i}, 0, NULL)",
                     f"INSERT INTO u VALUES ('k:{i}', {2**64 - 1 - i}, 0)")
    for n in range(1, 6):
        database.sql(f"UPDATE t SET n = {n}, note = 'version {n}'", f"UPDATE u SET n = {n}")
    database.sql("DELETE FROM t WHERE id % 3 = 0", "DELETE FROM u WHERE b % 3 = 0",
                 "UPDATE t SET id = id + 1000 WHERE id % 3 = 1",
                 "INSERT INTO t SELECT id - 1000, 7, 'again' FROM t WHERE id % 6 = 4 AND id > 999",
                 "UPDATE u SET a = CONCAT(a, '%') WHERE b % 3 = 1",
                 "UPDATE t SET n = n + 1")


def small_batches(pipeline, redis_format="hash"):
    pipeline.options["apply"]["batch_records"] = 25
    pipeline.options["redis"]["format"] = redis_format


def replay(pipeline, to, *tables, watched=True):
    """Applies again from `to` on, while what the targets show is watched; nothing may change."""
    before = {name: READ[name](pipeline, *tables) for name in APPLIERS}
    for name in APPLIERS:
        pipeline.offsets("reset", "apply", name, "--to", to, "--yes")
        with Watch(pipeline, name, before[name], *tables) as watch:
            started = expect(pipeline.start_applier(name, "--until-caught-up"), 0)
        applied = int(re.findall(r" records=(\d+)", started.log())[-1])
        assert applied > 0, "nothing was replayed"
        if watched:
            assert watch.looks > 3 and not watch.wrong, watch.wrong[:5]
        assert READ[name](pipeline, *tables) == before[name]
    return before


@each_format
def test_replay_from_anywhere(pipeline, database, redis_format):
    small_batches(pipeline, redis_format)
    history(database)
    pipeline.publish()
    pipeline.apply()
    if redis_format == "hash":
        pipeline.assert_equal()
    places = pipeline.places("redis")
    middle = min(item["end"] for (table, _), item in places.items() if table == "t") // 2
    replay(pipeline, "earliest", "t", "u")
    replay(pipeline, f"offset:{middle}", "t", "u")

    database.sql("UPDATE t SET n = 99", "DELETE FROM u LIMIT 5", "INSERT INTO t VALUES (-1, 1, 'new')")
    pipeline.publish()
    for name in APPLIERS:  # half old, half new
        pipeline.offsets("reset", "apply", name, "--to", f"offset:{middle}", "--yes")
    pipeline.apply()
    if redis_format == "hash":
        pipeline.assert_equal()
    else:
        pipeline.assert_equal("mongodb")
    replay(pipeline, "earliest", "t", "u")


def test_without_the_guard_it_walks_back(pipeline, database):
    """What the test before would see if it did not work; the end is the same."""
    small_batches(pipeline)
    pipeline.options["apply"]["guard"] = "off"
    history(database)
    pipeline.converge()
    assert all("_tailrace" not in found for found in pipeline.documents("t").find())
    assert all(b"_tailrace" not in pipeline.redis.hgetall(key) for key in pipeline.keys(f"{pipeline.name}:*"))
    pipeline.options["apply"]["batch_records"] = 2
    for name in APPLIERS:
        before = READ[name](pipeline, "t", "u")
        seen = []
        for _ in range(5):
            pipeline.offsets("reset", "apply", name, "--to", "earliest", "--yes")
            with Watch(pipeline, name, before, "t", "u") as watch:
                expect(pipeline.start_applier(name, "--until-caught-up"), 0)
            assert READ[name](pipeline, "t", "u") == before
            seen += watch.wrong
            if seen:
                break
        assert seen


def test_guard_switched_on_later(pipeline, database):
    """What was written without it is written again by a replay, once."""
    small_batches(pipeline)
    pipeline.options["apply"]["guard"] = "off"
    history(database)
    pipeline.converge()
    pipeline.options["apply"]["guard"] = "on"
    for name in APPLIERS:
        pipeline.offsets("reset", "apply", name, "--to", "earliest", "--yes")
    pipeline.apply()
    pipeline.assert_equal()
    replay(pipeline, "earliest", "t", "u")


def test_replay_of_partial_images(pipeline, database):
    """A patch whose object shows some of what was merged into it. (A JSON string takes no patch.)"""
    pipeline.options["kafka"]["partitions"] = 1
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, c INT)")
    session = database.connect()
    with session.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (1, 0, 0, NULL), (2, 0, 0, 0), (3, 0, 0, 0)")
        cursor.execute("SET binlog_row_image = MINIMAL")
        for n in range(1, 9):
            cursor.execute(f"UPDATE t SET {'abc'[n % 3]} = {n} WHERE id <= 2")
            cursor.execute(f"UPDATE t SET {'bca'[n % 3]} = NULL WHERE id = 1")
        cursor.execute("DELETE FROM t WHERE id = 2")
    session.close()
    pipeline.converge()
    end = pipeline.places("redis")["t", 0]["end"]
    for records in (1000, 3):
        pipeline.options["apply"]["batch_records"] = records
        for offset in range(0, end, 4):
            for name in APPLIERS:
                pipeline.offsets("reset", "apply", name, "--to", f"offset:{offset}", "--yes")
            before = {name: READ[name](pipeline, "t") for name in APPLIERS}
            pipeline.apply()
            assert {name: READ[name](pipeline, "t") for name in APPLIERS} == before


def test_replay_across_a_change_of_the_keys_type(pipeline, database):
    """1 as an int32 and as an int64 is one document."""
    small_batches(pipeline)
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT)", "INSERT INTO t VALUES (1, 1), (2, 1), (3, 1)",
                 "UPDATE t SET n = 2", "ALTER TABLE t MODIFY id BIGINT", "UPDATE t SET n = 3 WHERE id < 3",
                 "DELETE FROM t WHERE id = 2")
    pipeline.publish()
    pipeline.apply()
    replay(pipeline, "earliest", "t", watched=False)
    assert pipeline.documents("t").count_documents({}) == 2


def test_refilled_by_hand(pipeline, database):
    """Objects that somebody removed leave no tombstones: a replay brings them back."""
    history(database)
    pipeline.converge()
    pipeline.documents("t").drop()
    pipeline.redis.delete(*pipeline.keys(f"{pipeline.name}:t:*"))
    for name in APPLIERS:
        pipeline.offsets("reset", "apply", name, "--to", "earliest", "--yes")
    pipeline.apply()
    pipeline.assert_equal()


def test_tombstones_expire(pipeline, database):
    pipeline.options["apply"]["guard_time"] = "2h"
    history(database)
    pipeline.converge()
    keys = pipeline.keys(f"tailrace:tombstone:{pipeline.name}:*")
    assert len(keys) >= KEYS // 3
    assert all(7100 < pipeline.redis.ttl(key) <= 7200 for key in keys)
    tombstones = pipeline.mongodb.tailrace.tombstones
    assert tombstones.count_documents({"_id.db": pipeline.name}) == len(keys)
    found = tombstones.find_one({"_id.db": pipeline.name})
    now = pipeline.mongodb.admin.command("hello")["localTime"]
    assert 7000 < (found["expires"] - now).total_seconds() <= 7200

    tombstones.update_many({"_id.db": pipeline.name}, {"$set": {"expires": now}})
    database.sql("DELETE FROM t WHERE id = 2")
    pipeline.publish()
    pipeline.apply("mongodb")
    assert [found["_id"]["key"] for found in tombstones.find({"_id.db": pipeline.name})] == [2]


def test_topic_made_anew(pipeline, database):
    """Offsets begin at 0 again: what the guard knows of the old topic does not hold changes back."""
    history(database)
    pipeline.converge()
    pipeline.topics.remove()
    database.sql("UPDATE t SET n = 5", "DELETE FROM t WHERE id = 2", "UPDATE u SET n = n + 1")
    pipeline.options["publish"]["start"] = f"gtid:{database.start}"
    pipeline.publish()
    for name in APPLIERS:
        pipeline.offsets("reset", "apply", name, "--to", "earliest", "--yes")
    pipeline.apply()
    pipeline.assert_equal()


@pytest.mark.parametrize("name", APPLIERS)
def test_column_of_that_name(pipeline, database, name):
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, _tailrace INT)", "INSERT INTO t VALUES (1, 1)")
    pipeline.publish()
    log = expect(pipeline.start_applier(name, "--until-caught-up"), REFUSED).log()
    assert f"{pipeline.name}.t" in log and "_tailrace" in log and "guard = off" in log
    assert READ[name](pipeline, "t") == {}


def test_row_of_nulls(pipeline, database):
    """With its guard a hash is never empty."""
    pipeline.options["publish"]["keyless"] = "whole-row"
    database.sql("CREATE TABLE t (a INT, b INT)", "INSERT INTO t VALUES (NULL, NULL)")
    pipeline.publish()
    pipeline.apply()
    [key] = pipeline.keys(f"{pipeline.name}:t:*")
    assert list(pipeline.redis.hgetall(key)) == [b"_tailrace"]
    database.sql("DELETE FROM t")
    pipeline.publish()
    pipeline.apply()
    assert objects(pipeline, "t") == documents(pipeline, "t") == {}
