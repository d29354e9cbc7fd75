# SPDX-License-Identifier: Apache-2.0
"""Exactly once, whatever is killed when."""

import random
import re
import time

import pymongo
import pymongo.errors
import pytest

from tests.integration import load, wait
from tests.integration.pipeline import APPLIERS, expect, stop
from tests.integration.load import Load, assert_each_change_once
from tests.integration.test_positions import each_source
from tests.lib import stack

LARGE_ROWS = 100_000
PROGRAMS = ("tailrace-publish", *(f"tailrace-apply-{name}" for name in APPLIERS))
each_applier = pytest.mark.parametrize("applier", APPLIERS)


def insert_large(database, rows=LARGE_ROWS):
    """So many rows in one transaction, of one statement."""
    database.sql("CREATE TABLE digit (d INT PRIMARY KEY)",
                 "INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
                 "CREATE TABLE large (id INT PRIMARY KEY, text VARCHAR(100))",
                 "INSERT INTO large SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS id,"
                 " REPEAT('x', 50) FROM digit a, digit b, digit c, digit d, digit e"
                 f" HAVING id < {rows}")


def kill_publishers(pipeline, seconds, between=lambda: None):
    """One after the other, at any time after its start: while it connects, reads, sends, commits. How many."""
    moments = random.Random(3)
    kills, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        publisher = pipeline.start_publisher()
        time.sleep(moments.uniform(0.05, 0.9))
        publisher.check()
        publisher.kill()
        between()
        kills += 1
    return kills


@each_source
def test_publisher_killed_under_load(pipeline, database):
    with Load(database) as running:
        kills = kill_publishers(pipeline, 6)
    assert kills > 5 and running.transactions > 100
    pipeline.converge()
    assert_each_change_once(pipeline)


@pytest.mark.parametrize("client", ["libmariadb", "libmysqlclient"], indirect=True)
def test_publisher_killed_in_a_large_transaction(pipeline, database, client):
    """It goes on within the transaction: what is out before the kill is not sent again."""
    pipeline.options["publish"]["transaction_bytes"] = "256KiB"
    insert_large(database)
    rows = 0
    for _ in range(3):
        publisher = pipeline.start_publisher()
        wait.until(lambda: rows_out(pipeline) > rows, f"more than {rows} rows", pause_s=0)
        publisher.kill()
        rows = rows_out(pipeline)
        assert rows < LARGE_ROWS, "it was through before it was killed"
    pipeline.publish()
    found = [record.keys()["id"] for record in pipeline.topics.table("large")]
    assert len(found) == len(set(found)) == LARGE_ROWS
    assert {record["transaction"]["total_order"] for record in pipeline.topics.changes(
        f"{pipeline.name}.large")} == set(range(1, LARGE_ROWS + 1))


def rows_out(pipeline):
    """How many rows of an unfinished transaction the newest checkpoint tells of."""
    checkpoint = pipeline.checkpoint()
    return checkpoint["rows"] if checkpoint else 0


@each_applier
def test_applier_killed_in_the_middle(pipeline, database, applier):
    """Killed twice with a part of the rows applied. (The group waits for a dead member's session.)"""
    pipeline.options["apply"]["batch_records"] = 50
    insert_large(database, 30_000)
    pipeline.publish()
    applied = 0
    for _ in range(2):
        started = pipeline.start_applier(applier)
        wait.until(lambda: count(pipeline, applier) > applied, f"more than {applied} rows")
        started.kill()
        applied = count(pipeline, applier)
        assert 0 < applied < 30_000, "it was through before it was killed"
        database.sql("UPDATE large SET text = CONCAT(text, '+') WHERE id % 100 = 7",
                     "DELETE FROM large WHERE id % 1000 = 11", "UPDATE large SET id = -id - 1 WHERE id = 1")
        pipeline.publish()
    pipeline.apply(applier)
    pipeline.assert_equal(applier)


def count(pipeline, applier):
    """Rows of the table large in the target."""
    if applier == "mongodb":
        return pipeline.documents("large").estimated_document_count()
    return len(pipeline.keys(f"{pipeline.name}:large:*"))


def test_transaction_left_open(pipeline, database):
    """MongoDB keeps a killed client's transaction open for a minute, and with it the checkpoints; the
    applier that follows ends it."""
    load.create(database, 10)
    pipeline.converge()
    killed = pymongo.MongoClient(pipeline.addresses["mongodb"], appname="tailrace elsewhere:4242")
    checkpoints = killed.tailrace.checkpoints
    ours = {"_id.group": f"{pipeline.name}.apply.mongodb"}
    checkpoints.update_many(ours, {"$set": {"owner": "elsewhere:4242:0123456789abcdef"}})
    with killed.start_session() as session:
        session.start_transaction()
        assert checkpoints.update_many(ours, {"$set": {"offset": -2}}, session=session).modified_count
        killed[pipeline.name].t.delete_many({}, session=session)
        database.sql("UPDATE t SET n = n + 1")
        pipeline.publish()
        expect(pipeline.start_applier("mongodb", "--until-caught-up"), 0, patience_s=15)
        pipeline.assert_equal("mongodb")
        with pytest.raises(pymongo.errors.OperationFailure):
            session.commit_transaction()
    killed.close()


def test_all_killed_under_load(pipeline, database):
    """The three processes at once, again and again, and they all go on."""
    moments = random.Random(5)
    with Load(database):
        for _ in range(2):
            started = [pipeline.start_publisher(), *map(pipeline.start_applier, APPLIERS)]
            time.sleep(moments.uniform(1, 2))
            for process in moments.sample(started, 3):
                process.check()
                process.kill()
    pipeline.converge()
    assert_each_change_once(pipeline)


def test_terminated_under_load(pipeline, database):
    """SIGTERM ends each program within a second, in good order; nothing is missing afterwards."""
    with Load(database, pause_s=0.001):
        for _ in range(3):
            started = [pipeline.start_publisher(), *map(pipeline.start_applier, APPLIERS)]
            time.sleep(1.2)
            for process in started:
                stop(process)
    pipeline.converge()
    assert_each_change_once(pipeline)


@pytest.fixture(params=[("publish", "mysql"), ("publish", "kafka"), ("apply-mongodb", "mongodb"),
                        ("apply-mongodb", "kafka"), ("apply-redis", "redis"), ("apply-redis", "kafka")],
                ids=lambda pair: f"{pair[0]} without {pair[1]}")
def held_up(request):
    """The program, and the servers that it waits for."""
    program, server = request.param
    return f"tailrace-{program}", ["kafka-a", "kafka-b"] if server == "kafka" else [server]


@pytest.mark.own("source", "kafka", "mongodb", "redis")
def test_terminated_while_a_server_sleeps(pipeline, database, held_up):
    """One that answers nobody holds no stop up, neither at work nor at the start."""
    program, sleepers = held_up
    with Load(database, pause_s=0.001):
        pipeline.publish()
        others = [pipeline.start(name) for name in PROGRAMS if name != program]
        stopping = pipeline.start(program)
        time.sleep(1.2)
        with stack.asleep(*sleepers):
            time.sleep(1.5)
            stop(stopping)
            if program.endswith(sleepers[0]):
                assert "without the outcome of a batch in flight" in stopping.log()
            stopping = pipeline.start(program)
            time.sleep(1.5)
            stop(stopping)
    for other in others:
        stop(other)
    pipeline.converge()
    assert_each_change_once(pipeline)


@pytest.mark.own("redis")
def test_terminated_while_a_failed_session_ends(pipeline, database):
    """Its topic was made anew, and Redis has not answered yet: what is in flight is waited for, but no
    longer than a stop may take."""
    pipeline.options["redis"]["timeout"] = "60s"
    load.create(database, 10)
    pipeline.publish()
    applier = pipeline.start_applier("redis")
    wait.until(lambda: pipeline.is_equal("redis"), "redis to be equal")
    with stack.asleep("redis"):
        database.sql("UPDATE t SET n = n + 1")
        pipeline.publish()
        time.sleep(0.5)  # the batch is in flight
        pipeline.topics.make_anew(f"{pipeline.name}.t")
        time.sleep(14)  # the applier has asked for long enough for what is no more
        stop(applier)
    assert re.search("without the outcome of a batch in flight|"
                     "without waiting any longer for what held it up", applier.log())  # it, or Redis's answer to a claim


def test_terminated_while_starting(pipeline, database):
    load.create(database, 10)
    for delay_ms in (0, 5, 20, 50, 100, 200):
        started = [pipeline.start_publisher(), *map(pipeline.start_applier, APPLIERS)]
        time.sleep(0.02 + delay_ms / 1000)
        for process in started:
            if process.alive():
                process.process.terminate()
        for process in started:
            assert process.wait(10) in (0, -15, 69), process.log()
    pipeline.converge()
    assert_each_change_once(pipeline)


def test_second_publisher_of_the_name(pipeline, database):
    """The second fences the first, which says so; together they publish each change once."""
    with Load(database):
        first = pipeline.start_publisher()
        wait.until(pipeline.checkpoint, "the first checkpoint")
        second = pipeline.start_publisher()
        expect(first, 77, patience_s=20)
        assert "another publisher" in first.log()
        time.sleep(0.5)
        second.check()
    stop(second)
    pipeline.publish()
    assert_each_change_once(pipeline)


@each_applier
def test_two_processes_share_the_partitions(pipeline, database, applier):
    """Each works on its part; when one is killed the other takes over what it had."""
    publisher = pipeline.start_publisher()
    with Load(database, pause_s=0.01):
        wait.until(lambda: f"{pipeline.name}.{pipeline.name}.t" in pipeline.topics.names(), "the topic")
        first, second = pipeline.start_applier(applier), pipeline.start_applier(applier)
        owners = wait.until(lambda: shared_owners(pipeline, applier), "two owners of partitions")
        assert owners == {first.process.pid, second.process.pid}
        first.kill()
        wait.until(lambda: owning_pids(pipeline, applier) == {second.process.pid}, "one owner",
                   patience_s=20)
    stop(publisher)
    pipeline.publish()
    wait.until(lambda: pipeline.is_equal(applier), f"{applier} to be equal")
    stop(second)
    assert_each_change_once(pipeline)


@each_applier
def test_two_processes_until_caught_up(pipeline, database, applier):
    """Each ends only when all is applied, also what the other one has, and one that was killed had."""
    load.create(database, 40)
    pipeline.publish()
    killed = pipeline.start_applier(applier)
    wait.until(lambda: owning_pids(pipeline, applier) == {killed.process.pid}, "its partitions")
    killed.kill()
    database.sql("UPDATE t SET n = n + 1")
    pipeline.publish()
    started = [pipeline.start_applier(applier, "--until-caught-up") for _ in range(2)]
    for process in started:
        expect(process, 0)
        pipeline.assert_equal(applier)


def owning_pids(pipeline, applier):
    """Processes that own a checkpoint in the target: an owner is HOST:PID:NUMBER."""
    return {int(place["owner"].split(":")[-2]) for place in pipeline.places(applier).values()
            if place["owner"]}


def shared_owners(pipeline, applier):
    pids = owning_pids(pipeline, applier)
    return pids if len(pids) == 2 else None
