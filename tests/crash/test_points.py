# SPDX-License-Identifier: Apache-2.0
"""Killed, or stopped until others have taken over, at each step between reading and committing: the points
of common/crash.h, all of them. What follows goes on, and each change is there once."""

import re
import signal
import time

import pymongo
import pytest
import redis

from tests.crash.cluster import Cluster
from tests.integration import load, wait
from tests.integration.load import assert_each_change_once
from tests.integration.pipeline import APPLIERS, expect, stop
from tests.integration.test_dead_letters import ids, letters, listed, mend, replay  # pylint: disable=unused-import
from tests.integration.test_guard import READ, history, small_batches
from tests.integration.test_rebuild import assert_nothing_beside, content, damage
from tests.integration.test_truncate import truncations
from tests.lib import programs

POINTS = re.findall(r"^ +X\((\w+)\)", (programs.ROOT / "common/crash.h").read_text(), re.M)
KILLED = -signal.SIGKILL
OF_PUBLISHER = [point for point in POINTS if point.startswith("publish_")]
SHARED = [point for point in POINTS if point.startswith("apply_")]
OF_TRUNCATION = [point for point in POINTS if point.startswith("truncate_")]
OF_LETTERS = [point for point in POINTS if point.startswith(("letter_", "replay_"))]
OF_REBUILD = [point for point in POINTS if point.startswith("rebuild_")]
OF_APPLIERS = [(point, applier) for point in POINTS for applier in APPLIERS
               if point.startswith(("apply_", applier + "_"))]
# A point of the core is met with each applier in turn; with the other one too where time does not matter.
LONG = {(point, APPLIERS[number % 2]) for number, point in enumerate(SHARED)}
# In the middle of the work; with a transaction open, where the target has such.
IN_FILL = {"mongodb": "mongodb_committed:2", "redis": "redis_executed:2"}
LEFT_OPEN = {**IN_FILL, "mongodb": "mongodb_written"}
# Passed once or a few times in a life; the others are met for the second time, in the middle of the work.
ONCE = {"publish_fenced_older", "publish_started", "publish_topic_created", "apply_group_told"}
# Of each commit: before the first with changes come the mark of the start and the checkpoint of the start.
OF_COMMIT = ("publish_transaction_begun", "publish_checkpoint_sent", "publish_all_acknowledged")
ROWS, ROUNDS = 20, 3
NEWER_ROWS, NEWER, NEWER_MOST_S = 2000, 100_000, 5


@pytest.fixture(autouse=True)
def crash_build(monkeypatch, request):
    """The programs that have the points; a dead member of a group is missed soon."""
    monkeypatch.setenv("BUILD", "build/crash")
    if "pipeline" in request.fixturenames:
        request.getfixturevalue("pipeline").options["kafka"].update(
            {"session.timeout.ms": 1200, "heartbeat.interval.ms": 300})


def test_the_table_is_whole():
    """No point is in the code but not in the table, or the other way round."""
    sources = [path for folder in ("publisher", "appliers") for path in (programs.ROOT / folder).rglob("*.c")]
    used = re.findall(r"CRASH_POINT\((\w+)\)", "".join(path.read_text() for path in sources))
    assert sorted(set(used)) == sorted(POINTS)
    reached = {*OF_PUBLISHER, *(point for point, _ in OF_APPLIERS), *OF_TRUNCATION, *OF_LETTERS, *OF_REBUILD}
    assert reached == set(POINTS)


def at(variable, point):
    nth = 1 if point in ONCE else 3 if point in OF_COMMIT else 2
    return {variable: f"{point}:{nth}"}


def write(database):
    """A first transaction of many rows, then small ones; two changes of a key."""
    load.create(database, ROWS)
    for _ in range(ROUNDS):
        database.sql("UPDATE t SET n = n + 1")


@pytest.mark.parametrize("point", OF_PUBLISHER)
def test_publisher_killed(pipeline, database, point):
    pipeline.options["publish"]["transaction_bytes"] = "1KiB"
    write(database)
    expect(pipeline.start_publisher("--until-caught-up", environment=at("TAILRACE_CRASH_AT", point)), KILLED)
    pipeline.publish()
    assert_each_change_once(pipeline)
    database.sql("UPDATE t SET n = n + 1", "UPDATE t SET id = id + 1000", "DELETE FROM t WHERE id % 3 = 1")
    pipeline.converge()


@pytest.mark.parametrize("point", OF_COMMIT)
def test_publisher_killed_while_it_marks_its_start(pipeline, database, point):
    write(database)
    pipeline.publish()
    database.sql("UPDATE t SET n = n + 1")
    expect(pipeline.start_publisher("--until-caught-up", environment={"TAILRACE_CRASH_AT": point}), KILLED)
    pipeline.publish()
    assert_each_change_once(pipeline)


@pytest.mark.parametrize("point, applier", [pytest.param(*case, marks=pytest.mark.long if case in LONG else ())
                                            for case in OF_APPLIERS])
def test_applier_killed(pipeline, database, point, applier):
    pipeline.options["apply"].update(batch_records=3)
    write(database)
    pipeline.publish()
    expect(pipeline.start_applier(applier, environment=at("TAILRACE_CRASH_AT", point)), KILLED)
    pipeline.options["apply"].update(batch_records=1000)
    database.sql("UPDATE t SET n = n + 1 WHERE id % 2 = 1", "DELETE FROM t WHERE id % 3 = 1")
    pipeline.publish()
    pipeline.apply(applier)
    pipeline.assert_equal(applier)


# --- stopped for longer than the group's session, and awakened when another one has gone on --------------

STOPPED = [(point, applier) for point, applier in OF_APPLIERS
           if point in ("mongodb_written", "redis_checked", "redis_sent")]


@pytest.mark.parametrize("point, applier", STOPPED)
def test_applier_stopped_and_replaced(pipeline, database, point, applier):
    """What it still holds in its hands is old by now: none of it may be written."""
    pipeline.options["apply"].update(batch_records=3)
    write(database)
    pipeline.publish()
    first = pipeline.start_applier(applier, environment=at("TAILRACE_STOP_AT", point))
    wait.until(lambda: is_stopped(first), "SIGSTOP", pause_s=0.02)
    database.sql("UPDATE t SET n = n + 1", "DELETE FROM t WHERE id % 3 = 1")
    pipeline.publish()
    pipeline.apply(applier)
    pipeline.assert_equal(applier)
    first.process.send_signal(signal.SIGCONT)
    time.sleep(1)
    pipeline.assert_equal(applier)
    first.check()
    stop(first)
    pipeline.assert_equal(applier)


@pytest.mark.parametrize("point", ["publish_change_sent", "publish_all_acknowledged"])
def test_publisher_stopped_and_replaced(pipeline, database, point):
    """What it has sent and not committed is never seen."""
    write(database)
    first = pipeline.start_publisher(environment=at("TAILRACE_STOP_AT", point))
    wait.until(lambda: is_stopped(first), "SIGSTOP", pause_s=0.02)
    pipeline.publish()
    first.process.send_signal(signal.SIGCONT)
    expect(first, 77)
    pipeline.publish()
    assert_each_change_once(pipeline)


def test_caught_up_is_what_is_committed(pipeline, database):
    """All was read at once, but Kafka takes it later: --until-caught-up waits for that."""
    pipeline.options["kafka"].update({"transaction.timeout.ms": 1500, "message.timeout.ms": 1500,
                                      "socket.timeout.ms": 1500})
    pipeline.options["publish"]["transaction_time"] = "1s"
    database.sql("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    pipeline.publish()
    database.sql("INSERT INTO t VALUES (2)")
    with Cluster("kafka") as cluster:
        started = pipeline.start_publisher("--until-caught-up",
                                           environment={"TAILRACE_STOP_AT": "publish_commit_due:2"})
        wait.until(lambda: is_stopped(started), "SIGSTOP", pause_s=0.02)
        assert "caught up" in started.log()
        for name in ("kafka-a", "kafka-b"):
            cluster.nodes[name].stop()
        started.process.send_signal(signal.SIGCONT)
        started.wait_for("session ended, trying again")
        for name in ("kafka-a", "kafka-b"):
            cluster.nodes[name].go_on()
        expect(started, 0, patience_s=60)
    assert [change["after"]["id"] for change in pipeline.topics.changes(f"{pipeline.name}.t")] == [1, 2]


def test_two_publishers_started_at_once(pipeline, database):
    """Each takes over one of the two transactional.ids last, so that both are fenced: the one that marked its start
    last goes on."""
    write(database)
    pipeline.publish()
    database.sql("UPDATE t SET n = n + 1")
    first = pipeline.start_publisher("--until-caught-up", environment={"TAILRACE_STOP_AT": "publish_lane_taken"})
    wait.until(lambda: is_stopped(first), "SIGSTOP", pause_s=0.02)
    second = pipeline.start_publisher("--until-caught-up", environment={"TAILRACE_STOP_AT": "publish_commit_due"})
    wait.until(lambda: is_stopped(second), "SIGSTOP", pause_s=0.02)
    first.process.send_signal(signal.SIGCONT)
    expect(first, 77)
    second.process.send_signal(signal.SIGCONT)
    expect(second, 0)
    assert "another publisher" in first.log() and "session ended, trying again" in second.log()
    assert_each_change_once(pipeline)
    pipeline.converge()


def is_stopped(program):
    with open(f"/proc/{program.process.pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(") ")[-1].startswith("T")


def test_newer_keys_hold_nobody_up(pipeline, database):
    """What others wrote since a MongoDB transaction began, it may not see. With updates that make their
    document, mongod would walk over all of it for each row: for a quarter of a minute here."""
    pipeline.options["apply"].update(workers=1)
    load.create(database, NEWER_ROWS)
    pipeline.publish()
    pipeline.mongodb.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=60)
    started = pipeline.start_applier("mongodb", environment=at("TAILRACE_STOP_AT", "mongodb_checkpoint_moved"))
    wait.until(lambda: is_stopped(started), "SIGSTOP", pause_s=0.02)
    documents = pipeline.documents("t")
    documents.insert_many([{"_id": NEWER_ROWS + number} for number in range(NEWER)], ordered=False)
    begin = time.monotonic()
    started.process.send_signal(signal.SIGCONT)
    wait.until(lambda: documents.count_documents({"n": {"$exists": True}}) == NEWER_ROWS, "all rows")
    assert time.monotonic() - begin < NEWER_MOST_S
    stop(started)


# --- truncations, and what a target refuses --------------------------------------------------------------


def test_publisher_killed_in_a_truncation(pipeline, database):
    """Between the records of its partitions: all of them come once, or none."""
    load.create(database, 3)
    pipeline.publish()
    database.sql("TRUNCATE TABLE t", "INSERT INTO t VALUES (1, 0, 'new')")
    expect(pipeline.start_publisher("--until-caught-up",
                                    environment=at("TAILRACE_CRASH_AT", "publish_message_sent")), KILLED)
    pipeline.converge()
    sent = [record.partition for record in truncations(pipeline)]
    assert sorted(sent) == list(range(len(sent))) and len(sent) > 1


@pytest.mark.parametrize("applier", APPLIERS)
def test_truncation_killed(pipeline, database, applier):
    """In one partition after the other; rows of before and of behind it in each."""
    pipeline.options["apply"]["workers"] = 1
    load.create(database, 3 * ROWS)
    pipeline.publish()
    pipeline.apply(applier)
    database.sql("TRUNCATE TABLE t", "INSERT INTO t VALUES (1, 5, 'new'), (2, 5, 'new')",
                 "UPDATE t SET n = n + 1")
    pipeline.publish()
    for nth, point in enumerate(OF_TRUNCATION, 1):
        expect(pipeline.start_applier(applier, environment={"TAILRACE_CRASH_AT": f"{point}:{nth}"}), KILLED)
    pipeline.apply(applier)
    pipeline.assert_equal(applier)


def test_letters_killed(letters, database):
    """What a validator does not let in becomes a letter, once; it is replayed or made void, once."""
    pipeline = letters
    pipeline.options["kafka"].update({"session.timeout.ms": 1200, "heartbeat.interval.ms": 300})
    database.sql("INSERT INTO t VALUES (1, 'bad', 1, NULL), (2, 'good', 1, NULL), (3, 'bad', 1, NULL)")
    pipeline.publish()
    for point in ("letter_sent", "letter_kept"):
        expect(pipeline.start_applier("mongodb", environment={"TAILRACE_CRASH_AT": point}), KILLED)
        assert pipeline.documents("t").count_documents({}) == 0
    pipeline.apply("mongodb")
    assert ids(listed(pipeline, state="open")) == [1, 3]
    database.sql("UPDATE t SET note = 'good' WHERE id = 3", "INSERT INTO t VALUES (4, 'bad', 1, NULL)")
    pipeline.publish()
    expect(pipeline.start_applier("mongodb", environment={"TAILRACE_CRASH_AT": "letter_superseded"}), KILLED)
    pipeline.apply("mongodb")
    mend(pipeline)
    for point in ("replay_judged", "replay_applied", "replay_closed"):
        expect(pipeline.start("tailrace-apply-mongodb", "dead-letters", "replay", "--all", "--yes",
                              environment={"TAILRACE_CRASH_AT": point}), KILLED)
    replay(pipeline)
    assert {item["key"]["id"]: item["state"] for item in listed(pipeline)} == {
        1: "replayed", 3: "superseded", 4: "replayed"}
    pipeline.assert_equal("mongodb")


def reset(pipeline, applier, *what, point=None):
    """Once no killed one counts as running any more."""
    while True:
        started = pipeline.start(f"tailrace-apply-{applier}", "offsets", "reset", *what, "--yes",
                                 environment=point and {"TAILRACE_CRASH_AT": point})
        if started.wait(30) != 77 or not re.search("a rebuild runs|that was killed", started.log()):
            return expect(started, KILLED if point else 0)
        time.sleep(0.2)


@pytest.mark.parametrize("applier", APPLIERS)
def test_reset_after_a_kill(pipeline, database, applier):
    """What the killed process left open in the target is not in the way."""
    small_batches(pipeline)
    history(database)
    pipeline.publish()
    expect(pipeline.start_applier(applier, environment={"TAILRACE_CRASH_AT": LEFT_OPEN[applier]}), KILLED)
    reset(pipeline, applier, "--to", "earliest")
    pipeline.apply(applier)
    pipeline.assert_equal(applier)


# --- a rebuild, killed at one step after the other, and the target with it ------------------------------

FENCED = ("rebuild_fenced", "rebuild_mongodb_", "rebuild_redis_", "rebuild_swapped")


def assert_each_is_old_or_new(applier, found, old, new):
    """A collection as a whole, a Redis key by itself."""
    if applier == "mongodb":
        for table in ("t", "u"):
            parts = [{key: value for key, value in content.items() if key[0] == table}
                     for content in (found, old, new)]
            assert parts[0] in parts[1:]
    else:
        assert all(found.get(key) in (old.get(key), new.get(key)) for key in {**found, **old, **new})


@pytest.mark.parametrize("applier", APPLIERS)
def test_rebuild_killed(pipeline, database, applier):
    small_batches(pipeline)
    history(database)
    pipeline.publish()
    pipeline.apply(applier)
    expected = content(pipeline, applier)
    damage(pipeline, applier)
    old = READ[applier](pipeline, "t", "u")
    reset(pipeline, applier, "--rebuild", point=LEFT_OPEN[applier])
    reset(pipeline, applier, "--discard", point="rebuild_discarding")

    node = Cluster(applier).nodes[applier]
    points = [point for point in OF_REBUILD if point != "rebuild_discarding"
              and point.split("_")[1] not in set(APPLIERS) - {applier}]
    for point in [points[0], IN_FILL[applier], *points[1:]]:
        reset(pipeline, applier, "--rebuild", point=point)
        assert_each_is_old_or_new(applier, READ[applier](pipeline, "t", "u"), old, expected[0])
        if point.startswith(FENCED):
            refused = expect(pipeline.start_applier(applier, "--until-caught-up"), 77)
            assert f"offsets reset apply {applier} --rebuild" in refused.log()
            plain = pipeline.offsets("reset", "apply", applier, "--to", "earliest", "--yes", code=77)
            assert f"offsets reset apply {applier} --rebuild" in plain
        if point.endswith("_renamed"):
            node.kill()
            node.start()
            wait.until(lambda: is_up(pipeline, applier), "the target", pause_s=0.2)
    assert content(pipeline, applier) == expected
    assert_nothing_beside(pipeline, applier)
    database.sql("UPDATE t SET n = n + 1", "DELETE FROM u WHERE n = 5")
    pipeline.publish()
    pipeline.apply(applier)
    pipeline.assert_equal(applier)


def is_up(pipeline, applier):
    try:
        return pipeline.redis.ping() if applier == "redis" else \
            pipeline.mongodb.admin.command("hello")["isWritablePrimary"]
    except (pymongo.errors.PyMongoError, redis.exceptions.RedisError):
        return False
