# SPDX-License-Identifier: Apache-2.0
"""What removes or moves rows without row events: TRUNCATE, DROP, RENAME, partitions."""

import re
import time

import pytest

from tests.integration import wait
from tests.integration.load import Load
from tests.integration.pipeline import APPLIERS, PARTITIONS, expect, stop
from tests.integration.test_guard import READ, documents, objects, replay, small_batches
from tests.integration.test_positions import each_source, table_with_rows

REFUSED = 77
ROWS = 200
JUST_MADE = 15


def rows(database, table, first, last):
    values = ", ".join(f"({number}, 'row {number}')" for number in range(first, last + 1))
    database.sql(f"CREATE TABLE IF NOT EXISTS {table} (id INT PRIMARY KEY, note VARCHAR(40))",
                 f"INSERT INTO {table} VALUES {values}")


def truncations(pipeline, table="t"):
    return [record for record in pipeline.topics.table(table)
            if record.value and record.change()["op"] == "t"]


def publish_and_apply(pipeline):
    pipeline.publish()
    pipeline.apply()


@each_source
def test_truncate(pipeline, database):
    """A record in each partition, and the copies are empty; what follows is not touched."""
    rows(database, "t", 1, ROWS)
    rows(database, "u", 1, 5)
    publish_and_apply(pipeline)
    database.sql("TRUNCATE TABLE t")
    rows(database, "t", ROWS - 5, ROWS + 5)
    publish_and_apply(pipeline)
    pipeline.assert_equal()

    sent = truncations(pipeline)
    assert sorted(record.partition for record in sent) == list(range(PARTITIONS))
    for record in sent:
        change = record.change()
        assert record.key == b"{}" and record.headers["partitions"] == str(PARTITIONS)
        assert change["before"] is None and change["after"] is None and change["transaction"] is None
        assert change["source"]["table"] == "t" and change["source"]["gtid"]
    assert documents(pipeline, "u") and len(documents(pipeline, "t")) == 11

    database.sql("TRUNCATE t", f"TRUNCATE TABLE {pipeline.name}.u", "TRUNCATE TABLE u")
    publish_and_apply(pipeline)
    assert documents(pipeline, "t", "u") == objects(pipeline, "t", "u") == {}


def test_truncate_of_what_was_just_made(pipeline, database):
    """The topic is made, and the table emptied, within milliseconds: the broker that is asked for the topic may
    not have heard of it yet."""
    tables = [f"t{number}" for number in range(JUST_MADE)]
    for table in tables:
        rows(database, table, 1, 2)
        database.sql(f"TRUNCATE TABLE {table}")
    publish_and_apply(pipeline)
    assert {table: len(truncations(pipeline, table)) for table in tables} == dict.fromkeys(tables, PARTITIONS)
    assert documents(pipeline, *tables) == objects(pipeline, *tables) == {}


def test_truncate_in_large_steps(pipeline, database):
    """More rows than a step has; a partition that begins with its truncation; both formats' keys."""
    pipeline.options["kafka"]["partitions"] = 2
    rows(database, "t", 1, 3500)
    publish_and_apply(pipeline)
    database.sql("TRUNCATE TABLE t", "INSERT INTO t VALUES (1, 'new')")
    publish_and_apply(pipeline)
    pipeline.assert_equal()
    rows(database, "a", 1, 1)
    pipeline.publish()
    database.sql("TRUNCATE TABLE a")
    publish_and_apply(pipeline)
    pipeline.assert_equal()
    pipeline.options["redis"]["format"] = "json"
    rows(database, "j", 1, 1500)
    publish_and_apply(pipeline)
    assert len(objects(pipeline, "j")) == 1500
    database.sql("TRUNCATE TABLE j")
    publish_and_apply(pipeline)
    assert objects(pipeline, "j") == {}


def test_table_without_a_topic(pipeline, database):
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "TRUNCATE TABLE t")
    rows(database, "u", 1, 1)
    publish_and_apply(pipeline)
    assert not any(name.endswith(".t") for name in pipeline.topics.names())
    pipeline.assert_equal()


@each_source
def test_temporary_tables_are_others(pipeline, database):
    """A temporary table hides a table of the same name: neither TRUNCATE nor DROP is that table's."""
    pipeline.options["publish"]["on_drop"] = "truncate"
    rows(database, "t", 1, 5)
    database.sql("CREATE TEMPORARY TABLE t (id INT PRIMARY KEY, note TEXT)", "INSERT INTO t VALUES (9, 'x')",
                 "TRUNCATE TABLE t", "DROP TABLE t", "CREATE TEMPORARY TABLE t (id INT)",
                 "DROP TABLE IF EXISTS t", "CREATE TEMPORARY TABLE t (id INT)")
    database.reconnect()
    rows(database, "t", 6, 7)
    publish_and_apply(pipeline)
    pipeline.assert_equal()
    assert len(documents(pipeline, "t")) == 7


def test_replay_across_truncations(pipeline, database):
    """From anywhere, nothing that was truncated is seen again."""
    small_batches(pipeline)
    for number in range(3):
        rows(database, "t", 1, 60)
        database.sql("UPDATE t SET note = 'changed' WHERE id % 2", "DELETE FROM t WHERE id % 5 = 0",
                     "TRUNCATE TABLE t")
        rows(database, "u", 100 * number, 100 * number + 50)
    rows(database, "t", 10, 20)
    publish_and_apply(pipeline)
    pipeline.assert_equal()
    replay(pipeline, "earliest", "t", "u")
    middle = min(record.offset for record in truncations(pipeline)) + 5
    replay(pipeline, f"offset:{middle}", "t", "u", watched=False)
    pipeline.assert_equal()


COUNT = {"mongodb": lambda pipeline: pipeline.documents("t").estimated_document_count(),
         "redis": lambda pipeline: len(pipeline.keys(f"{pipeline.name}:t:*"))}


@pytest.mark.parametrize("name", APPLIERS)
def test_killed_while_truncating(pipeline, database, name):
    """Whenever it is killed, it goes on, and rows written behind the truncation stay."""
    pipeline.options["kafka"]["partitions"] = 1
    pipeline.options["apply"]["batch_records"] = 100000
    rows(database, "t", 1, 20000)
    pipeline.publish()
    pipeline.apply(name)
    database.sql("TRUNCATE TABLE t")
    rows(database, "t", 1, 500)
    pipeline.publish()
    seen = []
    while len(seen) < 4 and not any(500 < n < 20000 for n in seen):
        before = COUNT[name](pipeline)
        started = pipeline.start_applier(name)
        wait.until(lambda n=before: COUNT[name](pipeline) < n or started.process.poll() is not None,
                   "a step of the truncation", pause_s=0)
        started.kill()
        seen.append(COUNT[name](pipeline))
    expect(pipeline.start_applier(name, "--until-caught-up"), 0)
    pipeline.assert_equal(name)
    assert any(500 < n < 20000 for n in seen), seen  # it was killed in the middle


@each_source
def test_truncate_under_load(pipeline, database):
    """Again and again, while rows are written, by running processes that are killed."""
    started = [pipeline.start_publisher(), *map(pipeline.start_applier, APPLIERS)]
    with Load(database, rows=60) as load:
        for number in range(6):
            time.sleep(0.4)
            database.sql("TRUNCATE TABLE t",
                         "INSERT INTO t VALUES " + ", ".join(f"({i}, 0, 'x')" for i in range(60)))
            if number % 2:
                started[number // 2].kill()
                started.append(pipeline.start_publisher() if number < 2 else
                               pipeline.start_applier(APPLIERS[number // 2 - 1]))
        assert load.transactions > 100
    wait.until(pipeline.is_equal, "the same content")
    for one in started:
        if one.process.poll() is None:
            stop(one)


# --- without the guard -------------------------------------------------------------------------------


def test_truncate_without_the_guard(pipeline, database):
    """With one partition it is known whose the objects are; with more of them it is refused, and done once the
    guard is on."""
    pipeline.options["apply"]["guard"] = "off"
    pipeline.options["kafka"]["partitions"] = 1
    rows(database, "t", 1, 50)
    publish_and_apply(pipeline)
    database.sql("TRUNCATE TABLE t")
    rows(database, "t", 40, 60)
    publish_and_apply(pipeline)
    pipeline.assert_equal()

    pipeline.options["kafka"]["partitions"] = PARTITIONS
    rows(database, "u", 1, 50)
    publish_and_apply(pipeline)
    database.sql("TRUNCATE TABLE u")
    rows(database, "u", 40, 60)
    pipeline.publish()
    for name in APPLIERS:
        log = expect(pipeline.start_applier(name, "--until-caught-up"), REFUSED).log()
        assert "guard = on" in log and f"{pipeline.name}.u" in log
    pipeline.options["apply"]["guard"] = "on"
    pipeline.apply()
    pipeline.assert_equal()


@pytest.mark.parametrize("name", APPLIERS)
def test_objects_without_a_guard_behind_a_truncation(pipeline, database, name):
    """The guard was off for a while in which one partition was behind the truncation and others were not:
    nobody knows whose objects these are."""
    rows(database, "t", 1, 40)
    pipeline.publish()
    pipeline.apply(name)
    database.sql("TRUNCATE TABLE t")
    pipeline.publish()
    pipeline.apply(name)
    if name == "mongodb":
        pipeline.documents("t").insert_one({"_id": 5, "id": 5, "note": "whose?"})
    else:
        pipeline.redis.hset(f"{pipeline.name}:t:5", mapping={"id": 5, "note": "whose?"})
    last = max(truncations(pipeline), key=lambda record: record.partition)
    pipeline.offsets("reset", "apply", name, "--to", f"offset:{last.topic}:{last.partition}:{last.offset}", "--yes")
    if name == "mongodb":  # as if this partition had not come to it
        pipeline.mongodb.tailrace.checkpoints.update_one(
            {"_id.topic": last.topic, "_id.group": f"{pipeline.name}.apply.mongodb", "_id.partition": last.partition},
            {"$unset": {"truncated": 1, "truncated_at": 1}})
    else:
        pipeline.redis.hdel(f"tailrace:checkpoint:{pipeline.name}.apply.redis:{last.topic}:{last.partition}",
                            "truncated", "truncated_at")
    log = expect(pipeline.start_applier(name, "--until-caught-up"), REFUSED).log()
    assert "carries no guard" in log and f"tailrace snapshot {pipeline.name}.t" in log
    assert len(READ[name](pipeline, "t")) == 1


# --- DROP --------------------------------------------------------------------------------------------


def test_drop_keeps(pipeline, database):
    rows(database, "t", 1, 5)
    rows(database, "u", 1, 5)
    pipeline.publish()
    database.sql("DROP TABLE t")
    log = pipeline.publish().log()
    pipeline.apply()
    assert "its copies stay" in log and "table=t" in log
    assert len(documents(pipeline, "t")) == len(objects(pipeline, "t")) == 5
    pipeline.assert_equal(tables="u")


@each_source
def test_drop_truncates(pipeline, database):
    pipeline.options["publish"]["on_drop"] = "truncate"
    for table in "abcd":
        rows(database, table, 1, 5)
    pipeline.publish()
    database.sql("DROP TABLE IF EXISTS a, b, nothing")
    if database.kind == "mariadb":
        database.sql("CREATE OR REPLACE TABLE c (id INT PRIMARY KEY)")
    else:
        database.sql("DROP TABLE c", "CREATE TABLE c (id INT PRIMARY KEY)")
    database.sql("INSERT INTO c VALUES (3)")
    publish_and_apply(pipeline)
    assert documents(pipeline, "a", "b") == objects(pipeline, "a", "b") == {}
    assert len(documents(pipeline, "d")) == 5
    pipeline.assert_equal()
    database.sql(f"DROP DATABASE {pipeline.name}", f"CREATE DATABASE {pipeline.name}")
    publish_and_apply(pipeline)
    assert documents(pipeline, "a", "b", "c", "d") == objects(pipeline, "a", "b", "c", "d") == {}


# --- RENAME ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source, ghost, gone", [
    ("mysql", "_t_gho", "_t_del"), ("mariadb", "__t_new", "__t_old")], indirect=["source"])
def test_swap_by_a_schema_change(pipeline, database, ghost, gone):
    """gh-ost and pt-online-schema-change: the copies of the table have its rows; the new column comes with the
    next change of each row, as after ALTER TABLE."""
    rows(database, "t", 1, 20)
    database.sql(f"CREATE TABLE {ghost} LIKE t", f"ALTER TABLE {ghost} ADD extra INT NOT NULL DEFAULT 7",
                 f"INSERT INTO {ghost} (id, note) SELECT * FROM t", "UPDATE t SET note = 'late' WHERE id = 3",
                 f"REPLACE INTO {ghost} (id, note) SELECT * FROM t WHERE id = 3",
                 f"RENAME TABLE t TO {gone}, {ghost} TO t", f"DROP TABLE {gone}",
                 "INSERT INTO t VALUES (21, 'new', 1)", "DELETE FROM t WHERE id = 1")
    log = pipeline.publish().log()
    pipeline.apply()
    assert "a table is swapped" in log
    found = {row["_id"]: row for row in pipeline.documents("t").find()}
    assert {number: row["note"] for number, row in found.items()} == dict(
        database.rows("SELECT id, note FROM t"))
    database.sql("UPDATE t SET extra = extra + 1")
    publish_and_apply(pipeline)
    pipeline.assert_equal(tables="t")


@pytest.mark.parametrize("source, statement", [
    ("mysql", "ALTER TABLE t RENAME u"), ("mysql", "RENAME TABLE t TO old, staging TO t"),
    ("mariadb", "RENAME TABLE _t_new TO t2")], indirect=["source"])
def test_rename_is_refused(pipeline, database, statement):
    """Rows that come to another name do so without row events."""
    for table in ("t", "staging", "_t_new"):
        rows(database, table, 1, 3)
    database.sql(statement)
    rows(database, "later", 1, 1)
    log = expect(pipeline.start_publisher("--until-caught-up"), REFUSED).log()
    assert "is renamed to it" in log and "on_unlogged = accept" in log
    assert f"{pipeline.name}.later" not in log

    pipeline.options["publish"]["on_unlogged"] = "accept"
    log = pipeline.publish().log()
    assert "mend the copies" in log
    pipeline.apply()
    pipeline.assert_equal(tables="later")


def test_rename_out_of_sight(pipeline, database):
    """To a name that is not read: as a table that is dropped."""
    pipeline.options["publish"]["on_drop"] = "truncate"
    pipeline.options["tables"]["exclude"] = "*.hidden"
    rows(database, "t", 1, 3)
    pipeline.publish()
    database.sql("RENAME TABLE t TO hidden")
    publish_and_apply(pipeline)
    assert documents(pipeline, "t") == objects(pipeline, "t") == {}


# --- partitions --------------------------------------------------------------------------------------

PARTITIONED = ("CREATE TABLE p (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION low VALUES LESS THAN "
               "(10), PARTITION high VALUES LESS THAN MAXVALUE)", "INSERT INTO p VALUES (1), (2), (11), (12)")


@pytest.mark.parametrize("source, statement", [
    ("mysql", "ALTER TABLE p EXCHANGE PARTITION low WITH TABLE q"),
    ("mysql", "ALTER TABLE q DISCARD TABLESPACE"), ("mariadb", "ALTER TABLE p TRUNCATE PARTITION low")],
    indirect=["source"])
def test_partitions_are_refused(pipeline, database, statement):
    database.sql(*PARTITIONED, "CREATE TABLE q (id INT PRIMARY KEY)", "INSERT INTO q VALUES (5)")
    pipeline.publish()
    database.sql(statement)
    log = expect(pipeline.start_publisher("--until-caught-up"), REFUSED).log()
    assert f"table {pipeline.name}." in log and "without row events" in log
    behind = re.search(r"offsets reset publisher --to ([\w.:,-]+)", log)[1]
    rows(database, "later", 1, 1)
    pipeline.offsets("reset", "publisher", "--to", behind, "--yes")
    publish_and_apply(pipeline)
    pipeline.assert_equal(tables="later")


def test_partitions_that_keep_rows(pipeline, database):
    database.sql(*PARTITIONED,
                 "ALTER TABLE p REORGANIZE PARTITION high INTO (PARTITION mid VALUES LESS THAN (12), "
                 "PARTITION top VALUES LESS THAN MAXVALUE)", "INSERT INTO p VALUES (13)",
                 "ALTER TABLE p REBUILD PARTITION mid", "ALTER TABLE p REMOVE PARTITIONING",
                 "UPDATE p SET id = id + 100 WHERE id = 1")
    publish_and_apply(pipeline)
    pipeline.assert_equal()


def test_excluded_tables_do_as_they_like(pipeline, database):
    pipeline.options["tables"]["exclude"] = "*.p, *.q, *.q2"
    database.sql(*PARTITIONED, "ALTER TABLE p DROP PARTITION low", "CREATE TABLE q (id INT PRIMARY KEY)",
                 "RENAME TABLE q TO q2", "TRUNCATE TABLE q2", "DROP TABLE q2")
    table_with_rows(database, 1, 2)
    publish_and_apply(pipeline)
    pipeline.assert_equal(tables="t")
