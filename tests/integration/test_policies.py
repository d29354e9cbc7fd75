# SPDX-License-Identifier: Apache-2.0
"""Redis as a cache: [redis] policy, ttl and key, and what `tailrace verify` says of it."""

import json
import time

import pytest

from tests.integration.load import Load
from tests.integration.pipeline import expect
from tests.integration.test_guard import Watch, objects
from tests.integration.verifying import DIFFERENT, UNKNOWN, prepare, verify

CONFIG, REFUSED = 78, 77


class Cache:
    """The table t and an application that fills Redis with its rows by itself."""

    def __init__(self, pipeline, redis_format="hash", **options):
        self.pipeline, self.is_json = pipeline, redis_format == "json"
        pipeline.options["redis"].update(format=redis_format, **options)
        prepare(pipeline)
        pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT, s VARCHAR(40))", "INSERT INTO t VALUES "
                              + ", ".join(f"({n}, 0, 'row {n}')" for n in range(1, 9)))

    def key(self, id_):
        return f"{self.pipeline.name}:t:{id_}"

    def put(self, *ids, ttl_s=None):
        """As they are in the source now, or as given: {id: row}."""
        for id_ in ids:
            row = self.row(id_)
            redis = self.pipeline.redis.pipeline(transaction=True)
            redis.delete(self.key(id_))
            if self.is_json:
                redis.set(self.key(id_), json.dumps(row))
            else:
                redis.hset(self.key(id_), mapping=row)
            if ttl_s:
                redis.expire(self.key(id_), ttl_s)
            redis.execute()

    def row(self, id_):
        [(n, s)] = self.pipeline.database.rows(f"SELECT n, s FROM t WHERE id = {id_}")
        return {"id": id_, "n": n, "s": s}

    def get(self, id_):
        """{column: text} and the guard; None: it is not there."""
        if self.is_json:
            found = json.loads(self.pipeline.redis.get(self.key(id_)) or "null")
        else:
            found = {name.decode(): value.decode()
                     for name, value in self.pipeline.redis.hgetall(self.key(id_)).items()} or None
        return found and {name: str(value) for name, value in found.items()}

    def assert_shows(self, id_, *, guarded):
        found = self.get(id_)
        assert (found.pop("_tailrace", None) is not None) == guarded
        assert found == {name: str(value) for name, value in self.row(id_).items()}

    def ids(self):
        return {int(key.rsplit(b":", 1)[1]) for key in self.pipeline.keys(f"{self.pipeline.name}:t:*")}

    def carry(self, *statements):
        """Runs them and applies what they did."""
        self.pipeline.database.sql(*statements)
        self.pipeline.publish()
        self.pipeline.apply("redis")

    def replay(self):
        self.pipeline.offsets("reset", "apply", "redis", "--to", "earliest", "--yes")
        expect(self.pipeline.start_applier("redis", "--until-caught-up"), 0)


@pytest.mark.parametrize("redis_format", ["hash", "json"])
def test_refresh(pipeline, redis_format):
    """Only keys that are there are written; they keep their time to live. A replay writes nothing, and removes
    what it cannot tell."""
    cache = Cache(pipeline, redis_format, policy="refresh")
    cache.put(1, 2)
    cache.put(3, ttl_s=1000)
    cache.carry("UPDATE t SET n = n + 1, s = 'first'", "DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES (9, 9, 'new')")
    assert cache.ids() == {1, 3} and pipeline.keys(f"tailrace:tombstone:{pipeline.name}:*") == []
    for id_ in (1, 3):
        cache.assert_shows(id_, guarded=True)
    assert pipeline.redis.ttl(cache.key(1)) == -1 and 900 < pipeline.redis.ttl(cache.key(3)) <= 1000
    report = verify(pipeline, "--target", "redis")
    [line] = report.tables("redis")
    assert (line["source_rows"], line["target_rows"], line["absent"]) == (8, 2, 6)
    assert "not cached" in line["absent_because"] and "6 rows are not there: not cached" in report.text
    verify(pipeline, "--target", "redis", "--counts")

    with Watch(pipeline, "redis", objects(pipeline, "t"), "t") as watch:
        cache.replay()
    assert watch.looks > 3 and not watch.wrong
    cache.put(4)
    cache.replay()
    assert cache.ids() == {1, 3}
    # what stands in the cache has to be right
    cache.put(4, 5, 6)
    pipeline.redis.rename(cache.key(6), cache.key(66))
    pipeline.redis.delete(cache.key(5))
    pipeline.redis.set(cache.key(5), "5")
    pipeline.database.sql("SET SESSION sql_log_bin = 0", "UPDATE t SET n = 77 WHERE id = 4",
                          "SET SESSION sql_log_bin = 1")
    report = verify(pipeline, "--target", "redis", code=DIFFERENT)
    what = {(key, is_) for _, key, is_, _ in report.found("redis")}
    assert what == {('{"id":4}', "different"), ('{"id":5}', "different"), ('{"id":66}', "extra")}


def test_refresh_never_creates(pipeline):
    """While rows change all the time, a key that somebody removes stays away until he puts it there again."""
    pipeline.options["redis"].update(policy="refresh")
    with Load(pipeline.database, rows=10) as load:
        pipeline.start_publisher()
        pipeline.start_applier("redis")
        key, deadline, refreshed = f"{pipeline.name}:t:5", time.monotonic() + 30, 0
        while refreshed < 20:
            assert time.monotonic() < deadline, f"refreshed {refreshed} times"
            pipeline.redis.hset(key, mapping={"id": 5, "n": -1, "text": "mine"})
            time.sleep(0.02)
            refreshed += pipeline.redis.hget(key, "n") != b"-1"
            pipeline.redis.delete(key)
            for _ in range(20):
                assert not pipeline.redis.exists(key)
        assert load.transactions > 20


def test_refresh_with_partial_images_and_truncation(pipeline):
    """Some columns go into a hash that is there; what is no hash is removed, as is everything by a truncation."""
    cache = Cache(pipeline, policy="refresh", ttl="1h")
    cache.carry("SELECT 1")
    cache.put(1, 2)
    pipeline.redis.set(cache.key(3), "no hash")
    with pipeline.database.connect() as session, session.cursor() as cursor:
        cursor.execute("SET binlog_row_image = MINIMAL")
        cursor.execute("UPDATE t SET s = NULL WHERE id = 1")
        cursor.execute("UPDATE t SET n = 5 WHERE id > 1")
    cache.carry("INSERT INTO t VALUES (9, 9, 'new')")
    assert cache.ids() == {1, 2}
    assert cache.get(1).items() >= {("id", "1"), ("n", "0")} and "s" not in cache.get(1)
    assert cache.get(2)["n"] == "5" and 3500 < pipeline.redis.ttl(cache.key(2)) <= 3600
    cache.put(4, 5)
    cache.carry("TRUNCATE TABLE t", "INSERT INTO t VALUES (1, 1, 'again')")
    assert cache.ids() == set()
    [line] = verify(pipeline, "--target", "redis").tables()
    assert line["absent"] == 1


def test_invalidate(pipeline):
    cache = Cache(pipeline, "json", policy="invalidate")
    cache.put(*range(1, 9))
    cache.carry("UPDATE t SET n = 1 WHERE id < 3")  # the rows were all inserted before
    assert cache.ids() == set() and pipeline.keys(f"tailrace:tombstone:{pipeline.name}:*") == []
    cache.put(*range(1, 7))
    with pipeline.database.connect() as session, session.cursor() as cursor:
        cursor.execute("SET binlog_row_image = MINIMAL")
        cursor.execute("UPDATE t SET n = n + 1 WHERE id IN (1, 2)")
    cache.carry("DELETE FROM t WHERE id = 3", "UPDATE t SET id = 40 WHERE id = 4")
    assert cache.ids() == {5, 6}
    [line] = verify(pipeline, "--target", "redis").tables()
    assert (line["absent"], line["result"]) == (5, "equal")
    pipeline.redis.set(cache.key(5), json.dumps({"id": 5, "n": 1000, "s": "row 5"}))
    report = verify(pipeline, "--target", "redis", code=DIFFERENT)
    assert report.found("redis") == {("t", '{"id":5}', "different", ("n",))}
    cache.replay()
    assert cache.ids() == set()


@pytest.mark.parametrize("redis_format", ["hash", "json"])
def test_ttl(pipeline, redis_format):
    """Each write begins the time anew; a replay brings nothing back whose time was up."""
    cache = Cache(pipeline, redis_format, ttl="1h")
    cache.carry("DELETE FROM t WHERE id = 8")
    assert all(3500 < pipeline.redis.ttl(cache.key(id_)) <= 3600 for id_ in range(1, 8))
    pipeline.redis.expire(cache.key(1), 100)
    pipeline.redis.pexpire(cache.key(2), 1)
    cache.carry("UPDATE t SET n = 1 WHERE id = 1")
    assert 3500 < pipeline.redis.ttl(cache.key(1))
    [line] = verify(pipeline, "--target", "redis").tables()
    assert (line["absent"], line["missing"], line["absent_because"]) == (1, 0, "expired ([redis] ttl)")
    with Watch(pipeline, "redis", objects(pipeline, "t"), "t") as watch:
        cache.replay()
    assert watch.looks > 3 and not watch.wrong and cache.ids() == {1, 3, 4, 5, 6, 7}
    cache.carry("UPDATE t SET n = 2 WHERE id = 2")
    cache.assert_shows(2, guarded=True)


def test_key_template(pipeline):
    """Rows, tombstones and truncations follow it, and verify finds the same keys."""
    name = pipeline.name
    cache = Cache(pipeline, key="tail:{table}:x-{db}::{key}")
    cache.carry("CREATE TABLE pairs (a VARCHAR(20), b VARCHAR(20), PRIMARY KEY (a, b))",
                "INSERT INTO pairs VALUES ('1', '23'), ('12', '3'), ('a:b', 'c'), ('a', 'b:%c')",
                "DELETE FROM t WHERE id = 8")
    assert pipeline.keys(f"tail:pairs:x-{name}::*") == sorted(
        f"tail:pairs:x-{name}::{parts}".encode() for parts in ("1:23", "12:3", "a%3Ab:c", "a:b%3A%25c"))
    assert pipeline.keys("tailrace:tombstone:*" + name + "*") == [f"tailrace:tombstone:tail:t:x-{name}::8".encode()]
    assert [line["target_rows"] for line in verify(pipeline, "--target", "redis").tables()] == [4, 7]
    pipeline.redis.hset(f"tail:t:x-{name}::5", "n", "6")
    pipeline.redis.copy(f"tail:t:x-{name}::6", f"tail:t:x-{name}::666")
    report = verify(pipeline, "--target", "redis", code=DIFFERENT)
    assert {(key, what) for _, key, what, _ in report.found("redis")} == {
        ('{"id":5}', "different"), ('{"id":666}', "extra")}
    cache.carry("TRUNCATE TABLE t")
    assert len(pipeline.keys(f"tail:*x-{name}::*")) == 4


def test_key_template_that_leaves_out_a_name(pipeline):
    """It is taken where [tables] names a single one, and then no other is."""
    pipeline.options["redis"]["key"] = "c:{key}"
    log = expect(pipeline.start_applier("redis", "--until-caught-up"), CONFIG).log()
    assert "single" in log
    pipeline.database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    prepare(pipeline)
    assert "single" in verify(pipeline, "--target", "redis", code=UNKNOWN).text
    pipeline.options["tables"]["include"] = f"{pipeline.name}.t"
    pipeline.options["redis"]["key"] = f"{pipeline.name}:{{key}}"
    pipeline.publish()
    pipeline.apply("redis")
    assert pipeline.redis.hget(f"{pipeline.name}:1", "id") == b"1"
    verify(pipeline, "--target", "redis")
    pipeline.options["tables"]["include"] = f"{pipeline.name}.u"
    pipeline.database.sql("CREATE TABLE u (id INT PRIMARY KEY)", "INSERT INTO u VALUES (1)")
    pipeline.publish()
    pipeline.options["tables"]["include"] = f"{pipeline.name}.t"
    log = expect(pipeline.start_applier("redis", "--until-caught-up"), REFUSED).log()
    assert f"{pipeline.name}.u" in log and "leaves out" in log
